//! Services that log to the same file: they would rotate it away from each other.

use super::read::draft::Draft;
use super::text::diagnostic::Diagnostic;
use crate::model::log_files::LogFiles;
use std::collections::BTreeMap;

/// Checks the log files that definitions name.
pub(super) fn check(drafts: &BTreeMap<String, Draft>) -> Vec<Diagnostic> {
    let mut paths: BTreeMap<String, &str> = BTreeMap::new();
    let mut mistakes = Vec::new();
    for (name, draft) in drafts {
        let logging = draft.service.logging.as_deref();
        let Some(files) = logging.and_then(|logging| LogFiles::of(logging, name)) else { continue };
        match (paths.get(&files.path), &draft.source) {
            (Some(other), Some(source)) => {
                let message = format!("{other} logs to the same file");
                let help = "give each service its own, as in path = \"/logs/{{.Name}}.log\"".to_owned();
                mistakes.push(source.mistake(&draft.logging.place, &message, Some(help)));
            }
            (Some(_), None) => {}
            (None, _) => _ = paths.insert(files.path, name),
        }
    }
    mistakes
}
