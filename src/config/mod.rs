//! Reads service definitions (TOML files) into the model. Every mistake of every file is collected, with its
//! line and column, before anything is started.
//!
//! One file goes through `files` (found and read), `syntax` (TOML), `reader` with the table in `keys` (each key's
//! value into a `Draft`), and then through `set` (what the services say of each other) and `main_service`.

#![forbid(unsafe_code)]

mod definition;
mod depends;
mod diagnostic;
mod env_file;
mod environment;
mod excerpt;
mod files;
mod health;
mod interpolate;
pub mod keys;
mod main_service;
mod process;
mod reader;
mod readiness;
mod secrets;
mod service;
mod set;
mod source;
mod syntax;
mod ulimits;
mod users;
mod values;

pub use diagnostic::{Diagnostic, Place};

use crate::model::Service;
use definition::Draft;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// What a configuration is read from.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Directories of definitions. The same name in a later one replaces the earlier definition whole.
    pub dirs: Vec<PathBuf>,
    /// COMMAND of the command line, which becomes the service `main`; may be empty.
    pub command: Vec<OsString>,
    /// rinit's own environment, which `${NAME}` is looked up in.
    pub environment: Vec<(OsString, OsString)>,
    /// Where `etc/passwd` and `etc/group` are, `/` but in tests.
    pub root: PathBuf,
}

/// A configuration without a mistake.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The services, sorted by name. Every name in a `depends_on` is among them, and there is no cycle.
    pub services: Vec<Service>,
    /// What the user may want to know and is no mistake; one line each.
    pub notes: Vec<String>,
}

/// Reads all definitions.
///
/// # Errors
/// All mistakes that there are, sorted by file, line and column. Files that a later directory replaces are not
/// looked at. The cause of a mistake is shown once: what only follows from it is left out.
pub fn load(sources: &Sources) -> Result<Config, Vec<Diagnostic>> {
    let found = files::find(&sources.dirs);
    let outside = reader::Surroundings {
        accounts: users::Accounts::new(&sources.root),
        variables: interpolate::Variables::new(&sources.environment),
    };
    let mut mistakes = Vec::new();
    let mut drafts: BTreeMap<String, Draft> = BTreeMap::new();
    for (name, path) in &found.definitions {
        let (draft, of_file) = definition::read(name, path, &outside);
        mistakes.extend(of_file);
        drafts.insert(name.clone(), draft);
    }
    let mut notes = main_service::set_command(&mut drafts, &sources.command);
    mistakes.extend(set::check(&drafts, &found));
    mistakes.extend(found.mistakes);
    if !mistakes.is_empty() {
        mistakes.sort();
        // Two services may name the same bad env_file.
        mistakes.dedup();
        return Err(mistakes);
    }
    notes.extend(set::leave_out_missing(&mut drafts));
    let mut services: Vec<Service> = drafts.into_values().map(Draft::into_service).collect();
    main_service::wait_for_others(&mut services);
    Ok(Config { services, notes })
}
