//! One service while `lint` looks at it: which keys are written and where, and the warnings about it.

use super::shell::base;
use crate::config::read::draft::Draft;
use crate::config::text::diagnostic::{Diagnostic, MOST_MISTAKES};
use crate::config::text::excerpt::quote;
use crate::config::text::source::Source;
use crate::config::text::syntax::{self, Value};
use crate::model::Service;
use std::ffi::OsString;
use std::ops::Range;
use std::time::Duration;
use toml::de::DeTable;

/// What the warnings need to know of the world that the services are to run in.
#[derive(Clone, Debug)]
pub struct World {
    /// How long the whole stop may take.
    pub stop_timeout: Duration,
    /// The `PATH` of rinit, where programs are to be looked for: the services are to run on this very machine.
    pub programs: Option<OsString>,
    /// rinit is root here, so that owners and groups of files are those that count.
    pub is_root: bool,
}

/// One service while it is looked at.
pub(super) struct Subject<'a> {
    /// It.
    pub draft: &'a Draft,
    /// The keys of its file, where that is TOML.
    pub table: Option<DeTable<'a>>,
    /// The warnings about it so far.
    pub warnings: Vec<Diagnostic>,
}

/// Which part of a key's line is meant.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Part {
    Key,
    Value,
}

impl<'a> Subject<'a> {
    pub fn new(draft: &'a Draft) -> Subject<'a> {
        let table = draft.source.as_ref().map(|source| syntax::parse(source).table);
        Subject { draft, table, warnings: Vec::new() }
    }

    /// Whether a key is written, as `healthcheck.interval`.
    pub fn is_written(&self, key: &str) -> bool {
        self.draft.service.origin.as_ref().is_some_and(|origin| origin.lines.contains_key(key))
    }

    /// A word of the command in quotes, as `quote_of`.
    pub fn quote(&self, word: &str) -> String {
        self.quote_of("command", &self.draft.service.exec.command, word)
    }

    /// A word of a key's command in quotes. Where `${NAME}` was put into the command, what is written at that place is
    /// shown: the word may be secret.
    pub fn quote_of(&self, key: &str, command: &[OsString], word: &str) -> String {
        let Some(text) = self.draft.service.source_text(key) else { return quote(word) };
        let is_same = |other: &str| other == word || base(other) == word;
        let place = command.iter().position(|other| other.to_str().is_some_and(is_same));
        // What was put in may have become several words: then only those before it are at their place.
        let is_aligned = |at: &usize| {
            text.len() == command.len() || text.iter().take(at.saturating_add(1)).all(|it| !it.contains("${"))
        };
        let written = place.filter(is_aligned).and_then(|at| text.get(at));
        match written {
            Some(written) if written.contains("${") => quote(written),
            Some(written) if is_same(written) => quote(word),
            // In a line of a shell, or moved by what was put in.
            Some(_) | None => {
                let is_outside = |c: char| !(c.is_alphanumeric() || "/._-+$".contains(c));
                let is_written = text.iter().any(|line| line.split(is_outside).any(is_same));
                if is_written { quote(word) } else { quote("…") }
            }
        }
    }

    /// Warns of the value of a key.
    pub fn warn(&mut self, code: &'static str, path: &[&str], message: &str, help: &str) {
        self.warn_part(code, path, Part::Value, message, help);
    }

    /// Warns of a key or its value.
    pub fn warn_part(&mut self, code: &'static str, path: &[&str], part: Part, message: &str, help: &str) {
        let place = self.table.as_ref().and_then(|table| find(table, path)).map(|(key, value)| match part {
            Part::Key => key,
            Part::Value => value.span(),
        });
        self.warn_at(code, place, message, help);
    }

    /// Warns of a place, or of the whole file where there is none.
    pub fn warn_at(&mut self, code: &'static str, place: Option<Range<usize>>, message: &str, help: &str) {
        if self.warnings.len() < MOST_MISTAKES {
            let Draft { service, source, .. } = self.draft;
            self.warnings.extend(warning(service, source.as_ref(), code, place, message, help));
        }
    }
}

/// A warning about a service; `None` for COMMAND, which has no file.
pub(super) fn warning(
    service: &Service,
    file: Option<&Source>,
    code: &'static str,
    place: Option<Range<usize>>,
    message: &str,
    help: &str,
) -> Option<Diagnostic> {
    let help = Some(help.to_owned()).filter(|help| !help.is_empty());
    let warning = match (file, place) {
        (Some(source), Some(place)) => source.mistake(&place, message, help),
        _ => Diagnostic::of_file(&service.origin.as_ref()?.file, message.to_owned(), help),
    };
    Some(warning.into_warning(code))
}

/// A key with its place, and its value; `path` leads to it through tables.
pub(super) fn find<'t, 's>(table: &'t DeTable<'s>, path: &[&str]) -> Option<(Range<usize>, &'t Value<'s>)> {
    let (name, above) = path.split_last()?;
    let mut table = table;
    for name in above {
        table = entry(table, name)?.1.get_ref().as_table()?;
    }
    entry(table, name)
}

fn entry<'t, 's>(table: &'t DeTable<'s>, name: &str) -> Option<(Range<usize>, &'t Value<'s>)> {
    table.iter().find(|(key, _)| key.get_ref() == name).map(|(key, value)| (key.span(), value))
}
