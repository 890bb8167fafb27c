//! Finds the definitions in directories and reads files, never more than is reasonable and never a pipe.

use super::text::diagnostic::Diagnostic;
use super::text::excerpt::quote;
use crate::model::suggest;
use crate::model::text::cause;
use nix::fcntl::OFlag;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The largest file that is read, but for definitions, in bytes.
const LARGEST: u64 = 1024 * 1024;
/// The largest definition. PID 1 parses them all when it starts, and the worst TOML takes a microsecond a byte.
pub(super) const LARGEST_DEFINITION: u64 = 64 * 1024;
/// The most entries that a directory may have. Ten times as many services as any init runs would still be fewer.
const MOST_ENTRIES: usize = 5000;

/// Where a service is defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Definition {
    /// A TOML file.
    Toml(PathBuf),
    /// A directory in the manner of s6 or runit, in the tree of that number.
    Dir(PathBuf, usize),
}

impl Definition {
    /// The file or the directory.
    pub fn path(&self) -> &Path {
        match self {
            Definition::Toml(path) | Definition::Dir(path, _) => path,
        }
    }
}

/// What the directories hold.
pub(super) struct Found {
    /// What counts for each name.
    pub definitions: BTreeMap<String, Definition>,
    /// Names that something unusable stands for: that they are not defined is no second mistake.
    pub unusable: BTreeSet<String>,
    /// Whether all directories could be read.
    pub complete: bool,
    /// Entries that are no definitions, and directories that cannot be read.
    pub mistakes: Vec<Diagnostic>,
}

/// The variable that names directories.
const VARIABLE: &str = "RINIT_SERVICES";

/// Looks through the directories, in their order. `environment`: to tell who has named one that is not there.
pub(super) fn find(dirs: &[PathBuf], environment: &[(OsString, OsString)]) -> Found {
    let variable = environment.iter().find(|(name, _)| name == VARIABLE).map(|(_, value)| value);
    let is_named =
        |dir: &PathBuf| variable.is_some_and(|value| std::env::split_paths(value).any(|path| path == *dir));
    let mut found = Found {
        definitions: BTreeMap::new(),
        unusable: BTreeSet::new(),
        complete: true,
        mistakes: Vec::new(),
    };
    for (number, dir) in dirs.iter().enumerate() {
        if let Err(reason) = list(dir, number, &mut found) {
            found.complete = false;
            let message = format!("cannot read directory {}: {reason}", dir.display());
            let named = is_named(dir).then(|| format!("{VARIABLE} names it"));
            found.mistakes.push(Diagnostic::of_file(dir, message, directory_of(dir).or(named)));
        }
    }
    found
}

/// What to name in place of a file.
fn directory_of(path: &Path) -> Option<String> {
    let dir = path.parent().filter(|_| path.is_file())?;
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    Some(format!("it is a file: name the directory that it is in, {}", dir.display()))
}

fn list(dir: &Path, number: usize, found: &mut Found) -> Result<(), String> {
    let mut here: BTreeMap<String, Definition> = BTreeMap::new();
    for path in entries(dir)? {
        let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if file_name == "README" || file_name == "README.md" {
            continue;
        }
        match definition(&path, &file_name, number) {
            Ok((name, definition)) => {
                if let Some(other) = here.get(&name) {
                    let message =
                        format!("{} is defined here as well: {}", quote(&name), other.path().display());
                    let help = Some("a name may stand once in a directory: remove or rename one".to_owned());
                    found.mistakes.push(Diagnostic::of_file(path, message, help));
                } else {
                    here.insert(name, definition);
                }
            }
            Err((message, help)) => {
                let name = file_name.split_once('.').map_or(file_name.as_str(), |(stem, _)| stem);
                found.unusable.insert(name.to_owned());
                found.unusable.insert(file_name);
                found.mistakes.push(Diagnostic::of_file(path, message, help));
            }
        }
    }
    found.definitions.extend(here);
    Ok(())
}

/// What is in a directory, sorted, dot files left out.
fn entries(dir: &Path) -> Result<Vec<PathBuf>, String> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(|error| cause(&error))? {
        let entry = entry.map_err(|error| cause(&error))?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if paths.len() >= MOST_ENTRIES {
            return Err(format!(
                "it has more than {MOST_ENTRIES} entries; spread them over several directories"
            ));
        }
        paths.push(entry.path());
    }
    paths.sort();
    Ok(paths)
}

/// The names in a directory, dot files left out.
///
/// # Errors
/// Why it cannot be read, as the end of a sentence.
pub(super) fn names(dir: &Path) -> Result<Vec<String>, String> {
    let name = |path: PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(entries(dir)?.into_iter().map(name).collect())
}

type Mistake = (String, Option<String>);

/// The service that an entry of a directory defines, or what is wrong with the entry.
fn definition(path: &Path, file_name: &str, number: usize) -> Result<(String, Definition), Mistake> {
    if path.extension() != Some(OsStr::new("toml")) {
        if path.is_dir() {
            let name = checked_name(file_name)?;
            return Ok((name, Definition::Dir(path.to_owned(), number)));
        }
        if let Ok(target) = fs::read_link(path)
            && !path.exists()
        {
            let message = format!("the link leads to {}, which is not there", target.display());
            return Err((message, Some("mend the link, or remove it".into())));
        }
        let help = match file_name.rsplit_once('.') {
            Some((stem, end)) if suggest::nearest(end, &["toml"]).is_some() => {
                format!("did you mean {}?", quote(&format!("{stem}.toml")))
            }
            _ => "only NAME.toml, directories, README and names that begin with a dot may be here".into(),
        };
        return Err(("not a service definition".into(), Some(help)));
    }
    let name = checked_name(file_name.strip_suffix(".toml").unwrap_or_default())?;
    Ok((name, Definition::Toml(path.to_owned())))
}

/// A name that a service may have.
///
/// # Errors
/// What is wrong with it, and what mends it.
pub(super) fn checked_name(name: &str) -> Result<String, Mistake> {
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
    read_at_most(path, LARGEST)
}

/// Reads a regular file (or a link to one) of at most `largest` bytes, which are whole KiB.
///
/// # Errors
/// Why it cannot be read, as the end of a sentence.
pub(super) fn read_at_most(path: &Path, largest: u64) -> Result<Vec<u8>, String> {
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
    let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path);
    let file = file.map_err(|error| cause(&error))?;
    file.take(largest.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| cause(&error))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > largest {
        return Err(match largest {
            LARGEST => "it is larger than 1 MiB".into(),
            _ => format!("it is larger than {} KiB", largest / 1024),
        });
    }
    Ok(bytes)
}
