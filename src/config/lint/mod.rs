//! What is valid and unwise: the warnings of `rinit check`. The init never comes here, so what they need beyond the
//! model, the places of values, is found by parsing each file once more.

mod command;
mod environment;
mod graces;
mod ownership;
mod privileges;
mod programs;
mod shell;
mod subject;
mod timing;

pub use subject::World;

use super::read::draft::Draft;
use super::text::diagnostic::Diagnostic;
use super::text::source::Source;
use crate::model::Service;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use subject::Subject;

/// The code of every warning. docs/check.md explains each.
pub const CODES: [&str; 21] = [
    "account-missing",
    "capability-missing",
    "dollar-not-replaced",
    "env-file-missing",
    "essential-restarts",
    "goes-to-background",
    "grace-over-timeout",
    "graces-over-timeout",
    "no-shell",
    "plain-secret",
    "program-missing",
    "restart-limit-unreachable",
    "service-writes-definitions",
    "shell-keeps-signal",
    "start-interval-unused",
    "start-period-too-short",
    "start-timeout-unused",
    "stop-signal-kill",
    "task-restarts",
    "variable-not-set",
    "world-writable",
];

/// All warnings about services without a mistake of their own. `root`: where programs are looked for.
pub(super) fn all(
    drafts: &BTreeMap<String, Draft>,
    dirs: &[PathBuf],
    root: &Path,
    world: &World,
) -> Vec<Diagnostic> {
    let mut warnings = ownership::look(drafts, dirs, world);
    for draft in drafts.values().filter(|draft| !draft.flawed) {
        let mut subject = Subject::new(draft);
        command::look(&mut subject);
        environment::look(&mut subject);
        timing::look(&mut subject, world);
        if let Some(path) = &world.programs {
            programs::look(&mut subject, root, path);
            privileges::look(&mut subject);
        }
        warnings.extend(subject.warnings);
    }
    warnings
}

/// What only a configuration without a mistake can be asked: what the services do together. `files` has the file of
/// each.
pub(super) fn together(services: &[Service], files: &[Option<Source>], world: &World) -> Vec<Diagnostic> {
    graces::look(services, files, world)
}
