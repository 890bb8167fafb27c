//! Finds the definitions in directories and reads files, never more than is reasonable and never a pipe.

use super::diagnostic::Diagnostic;
use super::excerpt::quote;
use crate::model::suggest;
use crate::model::text::cause;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The largest file that is read, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// What the directories hold.
pub(super) struct Found {
    /// The file that counts for each name.
    pub definitions: BTreeMap<String, PathBuf>,
    /// Names that something unusable stands for: that they are not defined is no second mistake.
    pub unusable: BTreeSet<String>,
    /// Whether all directories could be read.
    pub complete: bool,
    /// Entries that are no definitions, and directories that cannot be read.
    pub mistakes: Vec<Diagnostic>,
}

/// Looks through the directories, in their order.
pub(super) fn find(dirs: &[PathBuf]) -> Found {
    let mut found = Found {
        definitions: BTreeMap::new(),
        unusable: BTreeSet::new(),
        complete: true,
        mistakes: Vec::new(),
    };
    for dir in dirs {
        if let Err(error) = list(dir, &mut found) {
            found.complete = false;
            let message = format!("cannot read directory {}: {}", dir.display(), cause(&error));
            found.mistakes.push(Diagnostic::of_file(dir, message, None));
        }
    }
    found
}

fn list(dir: &Path, found: &mut Found) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if file_name.starts_with('.') || file_name == "README" || file_name == "README.md" {
            continue;
        }
        match definition_name(&path, &file_name) {
            Ok(name) => {
                found.definitions.insert(name, path);
            }
            Err((message, help)) => {
                let name = file_name.split_once('.').map_or(file_name.as_str(), |(stem, _)| stem);
                found.unusable.insert(name.to_owned());
                found.unusable.insert(file_name);
                found.mistakes.push(Diagnostic::of_file(path, message, help));
            }
        }
    }
    Ok(())
}

/// The service that an entry of a directory defines, or what is wrong with the entry.
fn definition_name(path: &Path, file_name: &str) -> Result<String, (String, Option<String>)> {
    if path.extension() != Some(OsStr::new("toml")) {
        if path.is_dir() {
            return Err(("service directories are not supported yet".into(), None));
        }
        let help = match file_name.rsplit_once('.') {
            Some((stem, end)) if suggest::nearest(end, &["toml"]).is_some() => {
                format!("did you mean {}?", quote(&format!("{stem}.toml")))
            }
            _ => "only NAME.toml, README and names that begin with a dot may be here".into(),
        };
        return Err(("not a service definition".into(), Some(help)));
    }
    let name = file_name.strip_suffix(".toml").unwrap_or_default();
    match name.chars().find(|c| !is_name_character(*c)) {
        // What was not UTF-8 is a replacement character here, and refused as well.
        Some(bad) => {
            let message = format!("a service's name must not contain {}", quote(&bad.to_string()));
            Err((message, Some("letters, digits and . _ - @ are allowed".into())))
        }
        None => Ok(name.to_owned()),
    }
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@')
}

/// Reads a regular file (or a link to one) of at most 1 MiB.
///
/// # Errors
/// Why it cannot be read, as the end of a sentence.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    // Looked at before it is opened: opening a pipe would wait for a writer.
    let metadata = fs::metadata(path).map_err(|error| cause(&error))?;
    if metadata.is_dir() {
        return Err("it is a directory".into());
    }
    if !metadata.is_file() {
        return Err("it is not a regular file".into());
    }
    let mut bytes = Vec::new();
    // What looks like a file may still make its reader wait: /proc/kmsg does.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path);
    let file = file.map_err(|error| cause(&error))?;
    file.take(LARGEST.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| cause(&error))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LARGEST {
        return Err("it is larger than 1 MiB".into());
    }
    Ok(bytes)
}
