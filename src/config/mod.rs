//! Reads service definitions (TOML files, and directories of s6, s6-rc and runit) into the model. Every mistake of
//! every file is collected, with its line and column, before anything is started.
//!
//! `definition` reads one file: found by `files`, parsed by `text::syntax`, and taken apart by `read::reader`, which hands
//! each key's value to the function that the table in `keys` names. That puts it into a `read::draft::Draft`. A directory
//! goes through `tree` instead. Then come `set` (what the services say of each other) and `main_service`.
//! `secrets` tells what of a file a message may show, `lint` has the warnings of `rinit check`, `schema` what the table of
//! keys says to editors.

#![forbid(unsafe_code)]

mod definition;
mod files;
pub mod keys;
pub mod lint;
mod log_paths;
mod main_service;
mod read;
pub mod schema;
mod secrets;
mod set;
mod source_text;
mod text;
mod tree;
pub mod wire;
pub mod write;

pub use text::diagnostic::{Diagnostic, Place};
pub use tree::Style;

use crate::model::Service;
use files::{Definition, Found};
use keys::streams;
use read::draft::Draft;
use read::interpolate::Variables;
use read::reader::ReadContext;
use read::users::Accounts;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use text::source::Source;

/// What a configuration is read from.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Directories of definitions. The same name in a later one replaces the earlier definition whole.
    pub dirs: Vec<PathBuf>,
    /// COMMAND of the command line, which becomes the service `main`; may be empty.
    pub command: Vec<OsString>,
    /// rinit's own environment, which `${NAME}` is looked up in.
    pub environment: Vec<(OsString, OsString)>,
    /// Whose service directories these are, where nothing in them says so.
    pub style: Option<Style>,
    /// Where `etc/passwd` and `etc/group` are, `/` but in tests.
    pub root: PathBuf,
}

/// A configuration without a mistake.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The services, sorted by name. Every name in a `depends_on` is among them, and there is no cycle.
    pub services: Vec<Service>,
    /// Names that stand for several services, each with theirs: the bundles of s6-rc, those in them taken apart.
    pub groups: BTreeMap<String, Vec<String>>,
    /// What became of each directory that defines something.
    pub directories: BTreeMap<String, String>,
    /// What the user may want to know and is no mistake; one line each.
    pub notes: Vec<String>,
}

/// What `rinit check` finds.
#[derive(Debug)]
pub struct Checked {
    /// The configuration, where nothing is wrong with it.
    pub config: Option<Config>,
    /// All mistakes and warnings, sorted by file, line and column.
    pub found: Vec<Diagnostic>,
}

/// Reads all definitions.
///
/// # Errors
/// All mistakes that there are, sorted by file, line and column. Files that a later directory replaces are not
/// looked at. The cause of a mistake is shown once: what only follows from it is left out.
pub fn load(sources: &Sources) -> Result<Config, Vec<Diagnostic>> {
    if sources.dirs.is_empty() {
        return Ok(command_alone(&sources.command));
    }
    let read = read_all(sources, For::Init);
    if read.mistakes.is_empty() { Ok(finish(read).0) } else { Err(read.mistakes) }
}

/// Where nothing is defined there is nothing to read, and COMMAND need not wait for it.
fn command_alone(command: &[OsString]) -> Config {
    let mut drafts = BTreeMap::new();
    let notes = main_service::set_command(&mut drafts, command);
    let services = drafts.values_mut().map(|draft| draft.finish().clone()).collect();
    Config { services, groups: BTreeMap::new(), directories: BTreeMap::new(), notes }
}

/// Reads all definitions and looks for what is valid and unwise as well. Nothing of that is needed to run them.
pub fn check(sources: &Sources, world: &lint::World) -> Checked {
    let mut read = read_all(sources, For::Check { is_elsewhere: world.programs.is_none() });
    let mut found = std::mem::take(&mut read.mistakes);
    let is_right = found.iter().all(|found| found.warning.is_some());
    found.extend(lint::all(&read.drafts, &sources.dirs, &sources.root, world));
    let config = is_right.then(|| {
        let (config, files) = finish(read);
        found.extend(lint::together(&config.services, &files, world));
        config
    });
    found.sort();
    Checked { config, found }
}

/// All definitions as they were read.
struct Read {
    drafts: BTreeMap<String, Draft>,
    groups: BTreeMap<String, Vec<String>>,
    directories: BTreeMap<String, String>,
    /// Sorted; with warnings of what may be right elsewhere.
    mistakes: Vec<Diagnostic>,
    notes: Vec<String>,
}

/// Who reads definitions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    /// The init, or whoever prints what it would read.
    Init,
    /// `rinit check`. `is_elsewhere`: the definitions are for an image, and this is not it.
    Check { is_elsewhere: bool },
}

fn read_all(sources: &Sources, reader: For) -> Read {
    let found = files::find(&sources.dirs, &sources.environment);
    let outside = ReadContext {
        accounts: Accounts::new(&sources.root),
        variables: Variables::new(&sources.environment),
        is_elsewhere: reader == For::Check { is_elsewhere: true },
    };
    let mut mistakes = Vec::new();
    let mut drafts: BTreeMap<String, Draft> = BTreeMap::new();
    for (name, definition) in &found.definitions {
        let Definition::Toml(path) = definition else { continue };
        let (draft, of_file) = definition::read(name, path, &outside);
        mistakes.extend(of_file);
        drafts.insert(name.clone(), draft);
    }
    let mut trees = read_trees(sources, &found, reader != For::Init);
    let groups = tree::link(&mut drafts, &mut trees, &found);
    let tree::Told { mistakes: of_trees, mut notes, directories } = trees.finish(&sources.dirs);
    mistakes.extend(of_trees);
    notes.extend(main_service::set_command(&mut drafts, &sources.command));
    mistakes.extend(set::check(&drafts, &found));
    mistakes.extend(log_paths::check(&drafts));
    mistakes.extend(found.mistakes);
    mistakes.sort();
    // Two services may name the same bad env_file.
    mistakes.dedup();
    Read { drafts, groups, directories, mistakes, notes }
}

/// The configuration out of definitions without a mistake, and the file of each service.
fn finish(read: Read) -> (Config, Vec<Option<Source>>) {
    let Read { mut drafts, groups, directories, mut notes, .. } = read;
    notes.extend(set::leave_out_missing(&mut drafts));
    // What stays for as long as rinit runs is copied while all is there that was read, and so lies behind it: when that
    // goes, it leaves no holes that would cost a page each.
    let mut services: Vec<Service> = Vec::with_capacity(drafts.len());
    for draft in drafts.values_mut() {
        let mut service = draft.finish().anew();
        service.share(&services);
        services.push(service);
    }
    let files = drafts.into_values().map(|draft| draft.source).collect();
    streams::link(&mut services);
    main_service::wait_for_others(&mut services);
    (Config { services, groups, directories, notes }, files)
}

fn read_trees(sources: &Sources, found: &Found, finds_tools: bool) -> tree::Trees {
    let path = sources.environment.iter().find(|(name, _)| name == "PATH");
    let outside = tree::Outside {
        style: sources.style,
        root: &sources.root,
        path: path.map_or(OsStr::new(""), |(_, value)| value),
        finds_tools,
    };
    tree::read(&sources.dirs, found, &outside)
}
