//! Service directories as s6, s6-rc, s6-overlay and runit have them, read into the model.
//!
//! `raw` reads files, `style` tells s6's from runit's, `longrun` and `source` read one directory each (`words` knows
//! execline's command lines), and `link` puts together what they say of each other: bundles, pipelines, and what starts
//! by itself.

mod contenv;
mod leftover;
mod link;
mod longrun;
mod raw;
mod source;
mod style;
mod trees;
mod words;

pub(super) use link::link;
pub use style::Style;
pub(super) use trees::{Outside, Told, Trees};

use super::files::{Definition, Found};
use super::read::draft::Draft;
use crate::model::{MAIN, Streams};
use raw::{Dir, Named, Report};
use source::Kind;
use std::path::{Path, PathBuf};
use style::Evidence;

/// A directory that has been listed.
struct Opened<'f> {
    name: &'f str,
    dir: Dir,
    kind: Kind,
    /// Whose it is, as far as it says so itself.
    own: Option<Style>,
    tree: usize,
}

/// Reads all directories among the definitions.
pub(super) fn read(dirs: &[PathBuf], found: &Found, outside: &Outside<'_>) -> Trees {
    let mut trees = Trees::default();
    trees.report.finds_tools = outside.finds_tools;
    let mut evidence: Vec<Evidence> = dirs
        .iter()
        .map(|dir| {
            let mut evidence = Evidence::default();
            evidence.add(dir.join(".s6-svscan").exists().then_some(Style::S6));
            evidence
        })
        .collect();
    let mut opened = Vec::new();
    for (name, definition) in &found.definitions {
        let Definition::Dir(path, tree) = definition else { continue };
        match open(name, path, *tree, &mut trees.report) {
            Some(directory) => {
                if let Some(evidence) = evidence.get_mut(*tree) {
                    evidence.add(directory.own);
                }
                opened.push(directory);
            }
            None => {
                // So that what depends on it is no second mistake.
                let mut draft = Draft::new(name);
                draft.flawed = true;
                trees.drafts.insert(name.clone(), draft);
            }
        }
    }
    for directory in opened {
        let evidence = evidence.get(directory.tree).copied().unwrap_or_default();
        trees.add(directory, evidence, found, outside);
    }
    trees
}

/// Lists a directory and finds out what it is.
fn open<'f>(name: &'f str, path: &Path, tree: usize, report: &mut Report) -> Option<Opened<'f>> {
    if name == MAIN {
        let message = "\"main\" is the name of the command that rinit is given";
        report.mistake(path, message, Some("give the directory another name".to_owned()));
        return None;
    }
    let dir = Dir::open(path, report)?;
    let kind = source::kind(&dir, report)?;
    let is_run = matches!(kind, Kind::Service | Kind::Longrun);
    let programs = ["run", "finish"].into_iter().filter(|name| is_run && dir.has(name));
    // What is wrong with `finish` is told where it is read.
    let interpreters: Vec<String> = programs
        .filter_map(|name| match name {
            "run" => dir.program(name, report),
            _ => dir.program(name, &mut Report::default()),
        })
        .collect();
    let own = style::of_dir(&dir, &interpreters);
    Some(Opened { name, dir, kind, own, tree })
}

impl Trees {
    fn add(&mut self, opened: Opened<'_>, evidence: Evidence, found: &Found, outside: &Outside<'_>) {
        let Opened { name, dir, kind, own, tree: _ } = opened;
        let report = &mut self.report;
        match kind {
            Kind::Service => {
                let decided = evidence.decide(own, outside.style);
                if decided.is_none() && dir.has("finish") {
                    let note =
                        "taken for one of s6: nothing says whether it is, or one of runit; --style says so";
                    report.note(&dir.path, note);
                }
                self.service(name, &dir, decided.unwrap_or(Style::S6), found);
            }
            Kind::Longrun => {
                let (draft, pipe) = source::longrun(name, &dir, report);
                self.directories.insert(name.to_owned(), "longrun of s6-rc".to_owned());
                self.drafts.insert(name.to_owned(), draft);
                self.pipes.insert(name.to_owned(), pipe);
                self.sources.insert(name.to_owned());
            }
            Kind::Oneshot => {
                let draft = source::oneshot(name, &dir, outside, report);
                self.directories.insert(name.to_owned(), "oneshot of s6-rc".to_owned());
                self.drafts.insert(name.to_owned(), draft);
                self.sources.insert(name.to_owned());
            }
            Kind::Bundle => {
                let bundle = source::bundle(&dir, report);
                self.directories.insert(name.to_owned(), "bundle of s6-rc".to_owned());
                self.bundles.insert(name.to_owned(), bundle);
            }
        }
    }

    /// A service directory, with its logger.
    fn service(&mut self, name: &str, dir: &Dir, style: Style, found: &Found) {
        let report = &mut self.report;
        let mut draft = longrun::read(name, name, dir, style, report);
        if dir.has("log")
            && let Some(log) = Dir::open(&dir.at("log"), report)
        {
            let log_name = format!("{name}-log");
            if let Some(other) = found.definitions.get(&log_name) {
                let message =
                    format!("this logger is called {log_name} here, and so is {}", other.path().display());
                report.mistake(&log.path, message, Some("rename one of them".to_owned()));
                draft.flawed = true;
            } else {
                if log.has("run") {
                    log.program("run", report);
                }
                let logger = longrun::read(&log_name, &format!("{name}/log"), &log, style, report);
                draft.service.exec.streams =
                    Some(Box::new(Streams { stdout: Some(log_name.clone()), ..Streams::default() }));
                self.directories.insert(log_name.clone(), format!("logger of {name}"));
                draft.depends_on.push(source::written(Named { name: log_name.clone(), path: log.path }));
                self.drafts.insert(log_name, logger);
            }
        }
        let what = match style {
            Style::S6 => "service directory of s6",
            Style::Runit => "service directory of runit",
        };
        self.directories.insert(name.to_owned(), what.to_owned());
        self.drafts.insert(name.to_owned(), draft);
    }
}
