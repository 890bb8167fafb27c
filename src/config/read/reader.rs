//! Goes through the keys of one file and hands each to the function that the table of keys names.

use super::draft::Draft;
use super::interpolate::{Budget, Variables};
use super::setting::{Setting, Sight};
use super::users::Accounts;
use crate::config::text::diagnostic::{Diagnostic, MOST_MISTAKES};
use crate::config::text::excerpt::quote;
use crate::config::text::source::Source;
use crate::config::text::syntax::{Parsed, Value, in_written_order};
use crate::model::{KeyLines, Service, suggest};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeString, DeTable};

/// One key of a definition.
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value is.
    pub kind: &'static str,
    /// What holds without it; empty where nothing does.
    pub default: &'static str,
    /// What it means, in one line.
    pub meaning: &'static str,
    /// An example, in TOML.
    pub example: &'static str,
    /// The keys of its table, where it is one.
    pub keys: &'static [Key],
    /// How much of its value a message may show.
    pub sight: Sight,
    /// Its value in a service; `None` where that is the default.
    pub value: fn(&Service) -> Option<Setting<'_>>,
    /// Reads a value into a draft.
    pub(crate) read: fn(&mut Reader<'_>, &Value<'_>, &mut Draft),
}

/// The code of the warning about a variable without a value.
pub(crate) const VARIABLE_NOT_SET: &str = "variable-not-set";

/// What the reader needs beside the file, the same for all files.
pub(crate) struct ReadContext {
    /// Who is who.
    pub accounts: Accounts,
    /// What `${NAME}` stands for.
    pub variables: Variables,
    /// The services are to run in an image, and this is not it.
    pub is_elsewhere: bool,
}

/// Maximum number of keys that a help lists. A service has more of them.
const MOST_NAMES: usize = 20;

/// The message with what stands in quotes cut out.
fn without_quotes(message: &str) -> String {
    match (message.find('"'), message.rfind('"')) {
        (Some(first), Some(last)) if first < last => {
            let (before, after) = (message.get(..=first), message.get(last..));
            format!("{}…{}", before.unwrap_or_default(), after.unwrap_or_default())
        }
        _ => message.to_owned(),
    }
}

/// Reads one file.
pub(crate) struct Reader<'a> {
    /// The file.
    pub source: &'a Source,
    /// What lies outside of it.
    pub outside: &'a ReadContext,
    /// The keys of a service.
    known: &'static [Key],
    /// Where a mistake would only follow from a syntax error.
    spoilt: Vec<Range<usize>>,
    mistakes: Vec<Diagnostic>,
    untold: usize,
    /// How many of the mistakes are warnings.
    warnings: usize,
    /// Warnings beyond the limit, and the code of the last one.
    untold_warnings: Option<(usize, &'static str)>,
    /// Known keys that unknown ones were likely meant to be: that they are missing is no second mistake.
    misspelt: Vec<&'static str>,
    /// Line of each known key; keys of tables as `healthcheck.test`.
    pub lines: KeyLines,
    /// The values that variables were put into, which no message may repeat.
    pub(crate) put_in: Vec<Range<usize>>,
    /// How much putting variables in may still make.
    pub(crate) budget: Budget,
}

impl<'a> Reader<'a> {
    /// A reader that begins with the syntax errors of the file and the places that they spoil.
    pub fn new(
        source: &'a Source,
        outside: &'a ReadContext,
        known: &'static [Key],
        parsed: &mut Parsed<'_>,
    ) -> Self {
        Reader {
            source,
            outside,
            known,
            spoilt: std::mem::take(&mut parsed.spoilt),
            mistakes: std::mem::take(&mut parsed.mistakes),
            untold: parsed.untold,
            warnings: 0,
            untold_warnings: None,
            misspelt: Vec::new(),
            lines: KeyLines::default(),
            put_in: Vec::new(),
            budget: Budget::default(),
        }
    }

    /// Adds a mistake at a place, unless a syntax error is the cause of it.
    pub fn report(&mut self, span: &Range<usize>, message: &str, help: Option<String>) {
        if self.is_spoilt(span) {
            return;
        }
        // A mistake beyond the limit is not even made: each costs the length of its line.
        if self.is_full() {
            self.untold = self.untold.saturating_add(1);
        } else if self.put_in.iter().any(|value| value.start < span.end && span.start < value.end) {
            self.add(self.source.mistake(span, &without_quotes(message), help));
        } else {
            self.add(self.source.mistake(span, message, help));
        }
    }

    /// Adds what is a mistake here and may be right in the image, where that is elsewhere: then it is a warning.
    pub fn report_of_image(
        &mut self,
        span: &Range<usize>,
        code: &'static str,
        message: &str,
        help: Option<String>,
    ) {
        if !self.outside.is_elsewhere {
            return self.report(span, message, help);
        }
        if self.warnings >= MOST_MISTAKES || self.is_full() {
            let (untold, _) = self.untold_warnings.unwrap_or_default();
            self.untold_warnings = Some((untold.saturating_add(1), code));
            return;
        }
        let before = self.mistakes.len();
        self.report(span, message, help);
        if self.mistakes.len() > before {
            let mistake = self.mistakes.pop();
            self.mistakes.extend(mistake.map(|mistake| mistake.into_warning(code)));
            self.warnings = self.warnings.saturating_add(1);
        }
    }

    /// Adds a mistake in a value that may be secret: what its message has in quotes is left out.
    pub fn report_secret(&mut self, span: &Range<usize>, message: &str) {
        self.report(span, &without_quotes(message), None);
    }

    /// Adds a mistake wherever it is.
    pub fn add(&mut self, mistake: Diagnostic) {
        if self.is_full() {
            self.untold = self.untold.saturating_add(1);
        } else {
            self.mistakes.push(mistake);
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.mistakes.len().saturating_sub(self.warnings) >= MOST_MISTAKES
    }

    /// The number of mistakes so far.
    pub fn count(&self) -> usize {
        self.mistakes.len().saturating_add(self.untold)
    }

    /// Whether an unknown key was likely meant to be this one.
    pub fn is_misspelt(&self, name: &str) -> bool {
        self.misspelt.contains(&name)
    }

    /// All mistakes.
    pub fn into_mistakes(mut self) -> Vec<Diagnostic> {
        if self.untold > 0 {
            let message = format!("{} more mistakes are not shown", self.untold);
            self.mistakes.push(Diagnostic::of_file(&self.source.path, message, None));
        }
        if let Some((untold, code)) = self.untold_warnings {
            let message = format!("{untold} more warnings are not shown");
            let note = Diagnostic::of_file(&self.source.path, message, None);
            self.mistakes.push(note.into_warning(code));
        }
        self.mistakes
    }

    /// The path of a table whose name is the user's, with a dot: as it is written where it may be repeated.
    pub fn path_of(&self, owner: &str, name: &Spanned<DeString<'_>>) -> String {
        let is_secret = self.source.is_secret(&name.span());
        format!("{owner}.{}.", if is_secret { "…" } else { name.get_ref() })
    }

    /// Reads the keys of a table, in the order written. `path` is the table's own name and a dot, or empty.
    pub fn table(&mut self, path: &str, table: &DeTable<'_>, known: &'static [Key], draft: &mut Draft) {
        for (key, value) in in_written_order(table) {
            let name: &str = key.get_ref();
            let Some(found) = known.iter().find(|known| known.name == name) else {
                self.unknown_key(path, key, value, known);
                continue;
            };
            let line = self.source.line_of(key.span().start);
            match path {
                "" => self.lines.insert(found.name, line),
                _ => self.lines.insert(format!("{path}{name}"), line),
            }
            if !self.is_spoilt(&value.span()) {
                (found.read)(self, value, draft);
            }
        }
    }

    /// A value that a syntax error has left nothing of stands at 0..0.
    fn is_spoilt(&self, span: &Range<usize>) -> bool {
        !self.spoilt.is_empty()
            && (span.end == 0 || self.spoilt.iter().any(|spoilt| spoilt.contains(&span.start)))
    }

    /// The table that a key belongs into: empty for the service itself.
    fn owner(&self, name: &str) -> Option<&'static str> {
        let has = |keys: &[Key]| keys.iter().any(|key| key.name == name);
        if has(self.known) {
            return Some("");
        }
        self.known.iter().find(|key| has(key.keys)).map(|key| key.name)
    }

    /// Whether it is a table that the keys of a service were written into, as in `[service]` or `[services.web]`. That the
    /// command is missing is no second mistake then.
    fn is_needless_table(&mut self, name: &str, value: &Value<'_>) -> bool {
        let holds_command = |table: &DeTable<'_>| table.contains_key("command");
        let holds = value.get_ref().as_table().is_some_and(|table| {
            let mut inner = table.values().filter_map(|value| value.get_ref().as_table());
            holds_command(table) || inner.any(holds_command)
        });
        if holds {
            self.misspelt.push("command");
        }
        holds || matches!(name, "service" | "Service")
    }

    fn unknown_key(
        &mut self,
        path: &str,
        key: &Spanned<DeString<'_>>,
        value: &Value<'_>,
        known: &'static [Key],
    ) {
        let (name, span): (&str, _) = (key.get_ref(), &key.span());
        if self.is_full() {
            return self.report(span, "", None);
        }
        let names: Vec<&'static str> = known.iter().map(|key| key.name).collect();
        let table = path.trim_end_matches('.');
        // In a broken file it may be a piece of a value.
        let mut message = match self.source.is_secret(span) {
            true => "unknown key".to_owned(),
            false => format!("unknown key {}", quote(name)),
        };
        if !table.is_empty() {
            message.push_str(" in ");
            message.push_str(table);
        }
        let help = if let Some(near) = suggest::nearest(name, &names) {
            self.misspelt.push(near);
            format!("did you mean \"{near}\"?")
        } else if path.is_empty() && self.is_needless_table(name, value) {
            "keys stand at the top: remove this heading".to_owned()
        } else if let Some(owner) = self.owner(name).filter(|_| path.matches('.').count() < 2) {
            match owner {
                "" => format!("\"{name}\" is a key of the service: write it above the first [table]"),
                owner => format!("\"{name}\" is a key of {owner}"),
            }
        } else {
            match names.len() <= MOST_NAMES {
                true => format!("known keys: {}", names.join(", ")),
                false => "\"rinit check --schema\" and docs/services.md list the keys".to_owned(),
            }
        };
        self.report(span, &message, Some(help));
    }
}
