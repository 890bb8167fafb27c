//! Looks for COMMAND's program before any service is started: a typing mistake must not run migrations first.

use super::not_started::NotStarted;
use crate::init::launch::{Launcher, Purpose, setup_error};
use crate::model::{MAIN, Service};
use crate::sys::spawn::Stage;
use std::path::Path;

/// Checks whether the program of `main` can be executed, as far as that is known beforehand.
///
/// # Errors
/// The program does not exist (status 127) or cannot be executed (status 126).
pub fn look(services: &[Service], launcher: &Launcher) -> Result<(), NotStarted> {
    let Some(main) = services.iter().find(|service| service.name == MAIN) else { return Ok(()) };
    // What else keeps it from starting is told when it is to start.
    let Ok(spec) = launcher.service(main) else { return Ok(()) };
    // rinit is still in the directory that it was started in.
    let dir = main.exec.working_dir.as_deref().unwrap_or(Path::new(""));
    spec.program.look(dir, spec.ids.is_some()).map_err(|error| {
        let error = setup_error(main, Purpose::Main, Stage::Execute, &error);
        NotStarted { message: format!("{MAIN}: {}", error.message), status: error.code }
    })
}
