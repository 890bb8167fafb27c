//! `rinit check`: are the service definitions right and wise, and in what order would they start and stop?

#![forbid(unsafe_code)]

mod order;
mod report;

use super::init;
use super::output::{self, json, show};
use super::parse::Words;
use super::table::{self, Opt};
use super::values::{self, SERVICES_DIR};
use crate::config::lint::World;
use crate::config::{self, Sources, schema, write};
use crate::model::exit::{DONE, NOT_DONE};
use crate::model::log_files;
use crate::model::text::escaped;
use crate::sys::process;
use report::Report;
use std::path::PathBuf;

pub(super) fn run(words: &Words) -> Result<u8, String> {
    let named = !words.operands.is_empty() || words.rest.is_some();
    if words.has(Opt::Schema) {
        return match named || words.options.len() > 1 {
            true => Err("--schema stands alone".to_owned()),
            false => Ok(show(&schema::service())),
        };
    }
    let stop_timeout = values::read(words, &values::env, &table::STOP_TIMEOUT, values::read_duration)?;
    let dirs = dirs(words)?;
    // The directories that the init here would read: then its programs are to be here as well.
    let is_here = !named && !words.has(Opt::Services);
    let world = World {
        stop_timeout: stop_timeout.unwrap_or(init::STOP_TIMEOUT),
        programs: std::env::var_os("PATH").filter(|_| is_here),
        is_root: process::user_id() == 0,
    };
    let sources = Sources {
        dirs,
        command: Vec::new(),
        environment: std::env::vars_os().collect(),
        style: values::style(words, &values::env)?,
        root: PathBuf::from("/"),
    };
    if words.has(Opt::Toml) {
        return toml(&sources);
    }
    let checked = config::check(&sources, &world);
    let mut report = Report::new(&checked);
    // What services take over by default may not go together with what they set.
    let default = values::logging(words, &values::env)?;
    report.refused =
        checked.config.as_ref().and_then(|config| log_files::check(&config.services, default.as_ref()).err());
    if words.has(Opt::Strict) {
        report.be_strict();
    }
    let is_shown = if words.has(Opt::Json) {
        output::out(&json(&report))
    } else {
        output::err(&report::findings(&checked));
        checked.config.as_ref().is_none_or(|config| output::out(&report::summary(config, &report)))
    };
    if let Some(refused) = report.refused.as_ref().filter(|_| !words.has(Opt::Json)) {
        output::err(&format!("{refused}\n"));
    }
    let is_well = report.errors == 0 && report.refused.is_none();
    Ok(if is_well && is_shown { DONE } else { NOT_DONE })
}

/// Prints what directories define as TOML files.
fn toml(sources: &Sources) -> Result<u8, String> {
    let config = match config::load(sources) {
        Ok(config) => config,
        Err(found) => {
            found.iter().for_each(|mistake| output::err(&format!("{mistake}\n\n")));
            return Ok(NOT_DONE);
        }
    };
    for note in &config.notes {
        output::err(&format!("note: {}\n", escaped(note)));
    }
    Ok(show(&write::files(&config)?))
}

/// The directories to look at: those named, or those that the init would read.
fn dirs(words: &Words) -> Result<Vec<PathBuf>, String> {
    let named: Vec<PathBuf> =
        words.operands.iter().chain(words.rest.iter().flatten()).map(PathBuf::from).collect();
    if !named.is_empty() {
        return match words.has(Opt::Services) {
            true => Err("give the directories either as DIR or with --services, not both".to_owned()),
            false => Ok(named),
        };
    }
    let dirs = values::services(words, &values::env, values::default_services());
    if dirs.is_empty() {
        return Err(format!("there is nothing to check: give a DIR; {SERVICES_DIR} is not there"));
    }
    Ok(dirs)
}
