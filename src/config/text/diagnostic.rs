//! A mistake in the configuration, or a warning, and how it is shown.

use super::excerpt::Excerpt;
use crate::model::text::escaped;
use std::cmp::Ordering;
use std::fmt;
use std::path::PathBuf;

/// More mistakes in one file are counted and not shown, nor is time spent on them.
pub(crate) const MOST_MISTAKES: usize = 100;

/// One mistake or warning. `Display` shows it like a compiler does, without a newline at the end:
///
/// ```text
/// services.d/web.toml:3:1: error: unknown key "comand"
///   3 | comand = …
///     | ^^^^^^ did you mean "command"?
/// ```
///
/// Nothing of the file reaches the terminal as a control character, and no value that may be secret (`secrets`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file, or the directory, as the user named it.
    pub file: PathBuf,
    /// Where in the file; `None` if it concerns the whole of it.
    pub place: Option<Place>,
    /// What is wrong.
    pub message: String,
    /// What would be right, where that is known.
    pub help: Option<String>,
    /// The code of a warning; `None`: it is a mistake.
    pub warning: Option<&'static str>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// How many characters of that line are meant; at least 1.
    pub width: u32,
    pub(crate) excerpt: Option<Excerpt>,
}

impl Diagnostic {
    /// A mistake that concerns a file or directory as a whole.
    pub(crate) fn of_file(file: impl Into<PathBuf>, message: String, help: Option<String>) -> Diagnostic {
        Diagnostic { file: file.into(), place: None, message, help, warning: None }
    }

    /// As a warning with this code.
    pub(crate) fn into_warning(mut self, code: &'static str) -> Diagnostic {
        self.warning = Some(code);
        self
    }

    /// `error` or `warning`.
    pub fn severity(&self) -> &'static str {
        if self.warning.is_some() { "warning" } else { "error" }
    }

    /// Without the line of the file, where that may hold a secret.
    pub(crate) fn without_excerpt(mut self) -> Diagnostic {
        if let Some(place) = &mut self.place {
            place.excerpt = None;
        }
        self
    }

    fn key(&self) -> (&PathBuf, Option<(u32, u32)>, &str) {
        (&self.file, self.place.as_ref().map(|p| (p.line, p.column)), &self.message)
    }
}

impl Ord for Diagnostic {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Diagnostic {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = escaped(&self.message);
        let help = escaped(self.help.as_deref().unwrap_or_default());
        f.write_str(&escaped(&self.file.to_string_lossy()))?;
        if let Some(place) = &self.place {
            write!(f, ":{}:{}", place.line, place.column)?;
        }
        write!(f, ": {}: {message}", self.severity())?;
        if let Some(code) = self.warning {
            write!(f, " [{code}]")?;
        }
        let Some(place) = &self.place else { return after_message(f, &help) };
        let Some(excerpt) = &place.excerpt else {
            return after_message(f, &help);
        };
        let number = place.line.to_string();
        let gutter = number.len().max(3);
        let carets = "^".repeat(excerpt.carets);
        write!(f, "\n{number:>3} | {}\n", excerpt.text)?;
        write!(f, "{:gutter$} | {:indent$}{carets}", "", "", indent = excerpt.indent)?;
        if help.is_empty() { Ok(()) } else { write!(f, " {help}") }
    }
}

/// The help of a mistake that is shown without its line.
fn after_message(f: &mut fmt::Formatter<'_>, help: &str) -> fmt::Result {
    if help.is_empty() { Ok(()) } else { write!(f, "\n    = {help}") }
}

#[cfg(test)]
mod tests {
    use crate::config::secrets;
    use crate::config::text::source::Source;

    #[test]
    fn it_looks_like_a_compiler_s() {
        let source = Source::new("services.d/web.toml", "\n\ncomand = [\"nginx\"]\n", secrets::find);
        let found =
            source.mistake(&(2..8), "unknown key \"comand\"", Some("did you mean \"command\"?".into()));
        let expected = "services.d/web.toml:3:1: error: unknown key \"comand\"
  3 | comand = …
    | ^^^^^^ did you mean \"command\"?";
        assert_eq!(found.to_string(), expected);
    }

    #[test]
    fn large_line_numbers_keep_the_caret_in_place() {
        let source = Source::new("x", &format!("{}nice", "\n".repeat(12_344)), secrets::find);
        let shown = source.mistake(&(12_348..12_348), "m", None).to_string();
        assert_eq!(shown, "x:12345:5: error: m\n12345 | nice\n      |     ^");
    }

    #[test]
    fn control_characters_are_not_passed_on() {
        let source = Source::new("x\u{1b}[2J", "\u{1b}[31m = \u{9b}\u{202e}\n", secrets::find);
        let shown = source.mistake(&(0..1), "bad\nword \u{7}", Some("\r".into())).to_string();
        assert!(shown.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{shown:?}");
        assert_eq!(shown.lines().count(), 3);
    }
}
