//! What lies in a directory of a tree: its names, the small files in it, and whether a program can be executed. All of
//! it is looked at before it is opened, and nothing is read past a bound.

use crate::config::files;
use crate::config::text::diagnostic::{Diagnostic, MOST_MISTAKES};
use crate::config::text::excerpt::quote;
use crate::model::ordered;
use crate::model::text::cause;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The largest file that is read whole, in bytes.
const LARGEST: u64 = 64 * 1024;
/// Bytes read of a program. The kernel reads no more of its first line either.
const HEAD: u64 = 256;

/// Mistakes and notes, while trees are read.
#[derive(Default)]
pub(super) struct Report {
    mistakes: Vec<Diagnostic>,
    untold: usize,
    notes: Vec<String>,
    /// Whether to look for tools of other supervisors in scripts.
    pub finds_tools: bool,
}

impl Report {
    /// A mistake of a file or directory, and what mends it.
    pub fn mistake(&mut self, path: impl Into<PathBuf>, message: impl Into<String>, help: Option<String>) {
        self.add(Some(Diagnostic::of_file(path, message.into(), help)));
    }

    /// A mistake that has its place.
    pub fn add(&mut self, mistake: Option<Diagnostic>) {
        if let Some(mistake) = mistake {
            if self.mistakes.len() >= MOST_MISTAKES {
                self.untold = self.untold.saturating_add(1);
            } else {
                self.mistakes.push(mistake);
            }
        }
    }

    /// Something that is no mistake and may surprise.
    pub fn note(&mut self, path: &Path, message: &str) {
        if self.notes.len() < MOST_MISTAKES {
            self.notes.push(format!("{}: {message}", path.display()));
        }
    }

    /// How many mistakes there are so far.
    pub fn count(&self) -> usize {
        self.mistakes.len().saturating_add(self.untold)
    }

    /// All of it: the mistakes and the notes.
    pub fn finish(mut self, tree: &Path) -> (Vec<Diagnostic>, Vec<String>) {
        if self.untold > 0 {
            let message = format!("{} more mistakes are not shown", self.untold);
            self.mistakes.push(Diagnostic::of_file(tree, message, None));
        }
        (self.mistakes, self.notes)
    }
}

/// A name that a definition uses, and the file that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub name: String,
    pub path: PathBuf,
}

/// A directory.
#[derive(Debug)]
pub(super) struct Dir {
    pub path: PathBuf,
    /// What is in it, names that begin with a dot left out.
    names: BTreeSet<String>,
}

impl Dir {
    /// Lists a directory.
    pub fn open(path: &Path, report: &mut Report) -> Option<Dir> {
        match files::names(path) {
            Ok(names) => Some(Dir { path: path.to_owned(), names: ordered::set(names) }),
            Err(reason) => {
                let help = Some("make a directory of it that can be read, or remove it".to_owned());
                report.mistake(path, format!("cannot read the directory: {reason}"), help);
                None
            }
        }
    }

    /// Whether it has something of that name.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// What is in it, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The path of something in it.
    pub fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A command that mends something in it, with the path in it.
    pub fn remedy(&self, command: &str, name: &str) -> Option<String> {
        Some(format!("{command} {}", self.at(name).display()))
    }

    /// The bytes of a small file; `None` without it, or with a mistake.
    pub fn bytes(&self, name: &str, report: &mut Report) -> Option<Vec<u8>> {
        if !self.has(name) {
            return None;
        }
        match files::read_at_most(&self.at(name), LARGEST) {
            Ok(bytes) => Some(bytes),
            Err(reason) => {
                let help = Some("make a small text file of it, or remove it".to_owned());
                report.mistake(self.at(name), format!("cannot read the file: {reason}"), help);
                None
            }
        }
    }

    /// The text of a small file.
    pub fn text(&self, name: &str, report: &mut Report) -> Option<String> {
        let text = String::from_utf8(self.bytes(name, report)?);
        if text.is_err() {
            let help = Some("save the file as UTF-8".to_owned());
            report.mistake(self.at(name), "it is not UTF-8 text", help);
        }
        text.ok()
    }

    /// The one word that a file holds. `wanted` says what it should be.
    pub fn word(&self, name: &str, wanted: &str, report: &mut Report) -> Option<String> {
        let text = self.text(name, report)?;
        let mut words = text.split_ascii_whitespace();
        match (words.next(), words.next()) {
            (Some(word), None) => Some(word.to_owned()),
            (found, _) => {
                let found = if found.is_none() { "it is empty" } else { "it has several words" };
                let help = Some("write it into the file, and nothing else".to_owned());
                report.mistake(self.at(name), format!("expected {wanted}, but {found}"), help);
                None
            }
        }
    }

    /// The number that a file holds, up to `most`.
    pub fn number(&self, name: &str, wanted: &str, most: u32, report: &mut Report) -> Option<u32> {
        let word = self.word(name, wanted, report)?;
        // `parse` alone would take "+5".
        let number = word.parse().ok().filter(|number| *number <= most && !word.starts_with('+'));
        if number.is_none() {
            let message = format!("expected {wanted}, found {}", quote(&word));
            report.mistake(self.at(name), message, Some(format!("write a number from 0 to {most} into it")));
        }
        number
    }

    /// The names that `NAME.d` has files of, or that `NAME` has lines of.
    pub fn list(&self, name: &str, report: &mut Report) -> Vec<Named> {
        let dir_name = format!("{name}.d");
        if self.has(&dir_name) {
            if self.has(name) {
                report.note(&self.at(name), &format!("not used, because {dir_name} is there"));
            }
            let dir = Dir::open(&self.at(&dir_name), report);
            let names = dir.iter().flat_map(|dir| dir.names().map(|name| (name, dir.at(name))));
            return names.map(|(name, path)| Named { name: name.to_owned(), path }).collect();
        }
        self.lines(name, report)
    }

    /// The names in the lines of a file.
    pub fn lines(&self, name: &str, report: &mut Report) -> Vec<Named> {
        let text = self.text(name, report).unwrap_or_default();
        let mut found: Vec<Named> = Vec::new();
        let mut seen = BTreeSet::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if seen.insert(line) {
                found.push(Named { name: line.to_owned(), path: self.at(name) });
            }
        }
        found
    }

    /// Whether a program in it can be executed. What is wrong with it is reported, and whose interpreter it names is
    /// returned: the last part of the path after `#!`, empty for a binary.
    pub fn program(&self, name: &str, report: &mut Report) -> Option<String> {
        let (message, help) = match self.interpreter(name) {
            Ok(interpreter) => return Some(interpreter),
            Err(mistake) => mistake,
        };
        report.mistake(self.at(name), message, help);
        None
    }

    fn interpreter(&self, name: &str) -> Result<String, (String, Option<String>)> {
        let path = self.at(name);
        let metadata = fs::metadata(&path).map_err(|error| match fs::read_link(&path) {
            Ok(target) => (
                format!("the link leads to {}: {}", target.display(), cause(&error)),
                Some("mend the link, or remove it".to_owned()),
            ),
            Err(_) => (
                format!("cannot read the file: {}", cause(&error)),
                Some(format!("{name} has to be a program")),
            ),
        })?;
        if !metadata.is_file() {
            let what = if metadata.is_dir() { "it is a directory" } else { "it is not a regular file" };
            return Err((what.to_owned(), Some(format!("{name} has to be a program"))));
        }
        if metadata.len() == 0 {
            return Err(("it is empty".to_owned(), Some(format!("{name} has to be a program"))));
        }
        if metadata.permissions().mode() & 0o111 == 0 {
            return Err(("it is not executable".to_owned(), self.remedy("chmod +x", name)));
        }
        match head(&path) {
            Ok(head) => interpreter(&head).map_err(|(message, command)| {
                let help = command.and_then(|command| self.remedy(command, name));
                (message.to_owned(), help.or_else(|| Some("begin it with #!/bin/sh, say".to_owned())))
            }),
            // Executed it can be without being read.
            Err(_) => Ok(String::new()),
        }
    }
}

/// How a regular file begins.
///
/// # Errors
/// It cannot be opened or read.
pub(super) fn head(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD).read_to_end(&mut head)?;
    Ok(head)
}

/// What follows `#!` in the first line of a script; `None`: it is none.
pub(super) fn after_hash_bang(head: &[u8]) -> Option<&[u8]> {
    head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()
}

/// The program that the first line names, as the kernel reads it.
fn interpreter(head: &[u8]) -> Result<String, (&'static str, Option<&'static str>)> {
    let Some(line) = after_hash_bang(head) else {
        return match head {
            [0x7f, b'E', b'L', b'F', ..] => Ok(String::new()),
            _ => Err(("it is neither a script with #! in its first line nor a program", None)),
        };
    };
    if line.ends_with(b"\r") {
        let message = "its lines end as on Windows, so that the interpreter in its first line is not found";
        return Err((message, Some("sed -i 's/\\r$//'")));
    }
    let line = String::from_utf8_lossy(line);
    let mut words = line.split_ascii_whitespace();
    let Some(program) = words.next() else {
        return Err(("its first line names no interpreter after #!", None));
    };
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    match (name(program), words.find(|word| !word.starts_with('-'))) {
        (env, Some(program)) if env == "env" => Ok(name(program)),
        (name, _) => Ok(name),
    }
}
