//! What the directories of all trees hold, before it is put together.

use super::raw::{Named, Report};
use super::style::Style;
use crate::config::read::draft::Draft;
use crate::config::text::diagnostic::Diagnostic;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Where execline is, beside what PATH says: where s6-overlay and the distributions put it.
const PROGRAM_DIRS: [&str; 3] = ["/command", "/usr/bin", "/bin"];

/// What trees are read with.
pub(crate) struct Outside<'a> {
    /// What the user says where nothing else does.
    pub style: Option<Style>,
    /// Where the image is.
    pub root: &'a Path,
    /// PATH of rinit's environment.
    pub path: &'a OsStr,
    /// Whether to look for tools of other supervisors in scripts.
    pub finds_tools: bool,
}

impl Outside<'_> {
    /// Where the interpreter of execline is, if the image has it.
    pub fn execlineb(&self) -> Option<PathBuf> {
        let dirs = std::env::split_paths(self.path).chain(PROGRAM_DIRS.map(PathBuf::from));
        dirs.filter(|dir| dir.is_absolute()).map(|dir| dir.join("execlineb")).find(|path| {
            let in_image = path.strip_prefix("/").map(|below| self.root.join(below));
            in_image.is_ok_and(|path| path.is_file())
        })
    }
}

/// A name for several services.
#[derive(Debug)]
pub(super) struct Bundle {
    /// Its directory.
    pub path: PathBuf,
    /// What it stands for.
    pub contents: Vec<Named>,
}

/// How a service of s6-rc stands in a pipeline.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    /// Who reads what it writes.
    pub produces_for: Option<Named>,
    /// Whose output it reads.
    pub consumes: Vec<Named>,
    /// The name of the whole pipeline.
    pub pipeline: Option<Named>,
}

/// What the directories hold, before it is put together.
#[derive(Default)]
pub(crate) struct Trees {
    /// The services.
    pub drafts: BTreeMap<String, Draft>,
    pub(super) bundles: BTreeMap<String, Bundle>,
    pub(super) pipes: BTreeMap<String, Pipe>,
    /// Those of s6-rc, which start only if something asks for them.
    pub(super) sources: BTreeSet<String>,
    /// What became of each directory.
    pub directories: BTreeMap<String, String>,
    pub(super) report: Report,
}

/// What there is to say of the trees when all is read.
pub(crate) struct Told {
    pub mistakes: Vec<Diagnostic>,
    pub notes: Vec<String>,
    pub directories: BTreeMap<String, String>,
}

impl Trees {
    /// What there is to say of them.
    pub fn finish(self, dirs: &[PathBuf]) -> Told {
        let first = dirs.first().map_or(Path::new("."), PathBuf::as_path);
        let (mistakes, notes) = self.report.finish(first);
        Told { mistakes, notes, directories: self.directories }
    }
}
