//! Who may change definitions, and with them what rinit runs, often as root.

use super::subject::World;
use crate::config::read::draft::Draft;
use crate::config::text::diagnostic::Diagnostic;
use crate::sys::process;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A directory that is warned of stands for the files in it.
pub(super) fn look(drafts: &BTreeMap<String, Draft>, dirs: &[PathBuf], world: &World) -> Vec<Diagnostic> {
    let mut warnings: Vec<Diagnostic> = Vec::new();
    let mut told: Vec<&Path> = Vec::new();
    for dir in dirs {
        if let Some(warning) = of_path(dir, drafts, world) {
            told.push(dir);
            warnings.push(warning);
        }
    }
    let files = drafts.values().filter_map(|draft| Some(draft.service.origin.as_ref()?.file.as_path()));
    for file in files.filter(|file| !told.iter().any(|dir| file.starts_with(dir))) {
        warnings.extend(of_path(file, drafts, world));
    }
    warnings
}

fn of_path(path: &Path, drafts: &BTreeMap<String, Draft>, world: &World) -> Option<Diagnostic> {
    // The mode of what is mounted read-only lets nobody write: a ConfigMap of Kubernetes' is 0777.
    if process::is_read_only(path) {
        return None;
    }
    let metadata = fs::metadata(path).ok()?;
    let what = if metadata.is_dir() { "directory" } else { "file" };
    let (code, message, help) = if metadata.mode() & 0o002 != 0 {
        let message =
            format!("everybody may write to this {what}: whoever can write here decides what rinit runs");
        ("world-writable", message, "chmod o-w")
    } else {
        let name = world.is_root.then(|| writer(&metadata, drafts)).flatten()?;
        let message =
            format!("the user of {name} may write to this {what}, and so decides what rinit runs as root");
        ("service-writes-definitions", message, "chown root:root")
    };
    let help = format!("{help} {}", path.display());
    Some(Diagnostic::of_file(path, message, Some(help)).into_warning(code))
}

/// A service whose user, other than root, may write there.
fn writer<'a>(metadata: &fs::Metadata, drafts: &'a BTreeMap<String, Draft>) -> Option<&'a str> {
    let by_owner = metadata.mode() & 0o200 != 0;
    let by_group = metadata.mode() & 0o020 != 0;
    let may = |draft: &&Draft| {
        draft.service.exec.context.user.as_ref().is_some_and(|user| {
            let in_group = user
                .groups
                .iter()
                .chain(&draft.service.exec.context.group_add)
                .any(|id| *id == metadata.gid());
            user.uid != 0
                && (by_owner && user.uid == metadata.uid() || by_group && metadata.gid() != 0 && in_group)
        })
    };
    drafts.values().find(may).map(|draft| draft.service.name.as_str())
}
