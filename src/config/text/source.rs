//! The text of one file, with the way from byte offsets to lines and columns.

use super::diagnostic::{Diagnostic, Place};
use super::excerpt::{Excerpt, quote};
use super::shown::Shown;
use std::cell::OnceCell;
use std::ops::Range;
use std::path::PathBuf;

/// A file that was read.
#[derive(Debug)]
pub(crate) struct Source {
    /// The name as the user would write it.
    pub path: PathBuf,
    /// All of its text, without a byte order mark.
    pub text: String,
    /// The byte at which each line begins.
    line_starts: Vec<usize>,
    /// What of it may be shown; found for the first message about it.
    shown: OnceCell<Shown>,
    /// What finds it.
    find: fn(&str) -> Shown,
}

impl Source {
    /// A text, and what finds what of it may be shown.
    pub fn new(path: impl Into<PathBuf>, text: &str, find: fn(&str) -> Shown) -> Source {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        let after_newlines = text.match_indices('\n').map(|(at, _)| at.saturating_add(1));
        let line_starts = std::iter::once(0).chain(after_newlines).collect();
        Source { path: path.into(), text, line_starts, shown: OnceCell::new(), find }
    }

    /// Reads bytes that should be UTF-8.
    ///
    /// # Errors
    /// The mistake that names the place of the first byte that is not.
    pub fn from_bytes(
        path: impl Into<PathBuf>,
        bytes: &[u8],
        find: fn(&str) -> Shown,
    ) -> Result<Source, Box<Diagnostic>> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Source::new(path, text, find)),
            Err(error) => {
                let source = Source::new(path, &String::from_utf8_lossy(bytes), find);
                // A byte order mark before it is no part of the text any more.
                let mark = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
                let at = error.valid_up_to().saturating_sub(mark);
                let message = "this byte is not UTF-8";
                let help = Some("save the file as UTF-8".into());
                Err(Box::new(source.mistake(&(at..at.saturating_add(1)), message, help)))
            }
        }
    }

    /// The line that a byte is in, from 1.
    pub fn line_of(&self, at: usize) -> u32 {
        u32::try_from(self.line_starts.partition_point(|start| *start <= at)).unwrap_or(u32::MAX)
    }

    /// The bytes of the line that a byte is in, without its end.
    pub fn line_range(&self, at: usize) -> Range<usize> {
        let index = self.line_starts.partition_point(|start| *start <= at);
        let start = self.line_starts.get(index.saturating_sub(1)).copied().unwrap_or(0);
        let end = self.line_starts.get(index).map_or(self.text.len(), |next| next.saturating_sub(1));
        start..end.max(start)
    }

    /// Whether these bytes hold what no message may repeat.
    pub fn is_secret(&self, span: &Range<usize>) -> bool {
        self.shown().end_of(span.start) < span.end
    }

    /// Whether the text looks broken, so that what seems to be a name may be a value.
    pub fn is_damaged(&self) -> bool {
        self.shown().is_damaged()
    }

    /// A word at these bytes in quotes, for a message; the word itself only where it may be repeated.
    pub fn quote(&self, span: &Range<usize>, word: &str) -> String {
        if self.is_secret(span) { quote("…") } else { quote(word) }
    }

    fn shown(&self) -> &Shown {
        self.shown.get_or_init(|| (self.find)(&self.text))
    }

    /// Where a line has to be cut, for what follows may be secret.
    fn shown_end(&self, line: &Range<usize>) -> Option<usize> {
        let end = self.shown().end_of(line.start);
        let is_blank = |end| self.text.get(line.start..end).is_none_or(|text| text.trim().is_empty());
        (end < line.end).then(|| if is_blank(end) { line.start } else { end })
    }

    /// A mistake at these bytes; where they go over several lines, what is on the first is marked. A line is cut
    /// before a value that may be secret.
    pub fn mistake(&self, span: &Range<usize>, message: &str, help: Option<String>) -> Diagnostic {
        let at = self.boundary(span.start);
        let line = self.line_range(at);
        let text = self.text.get(line.clone()).unwrap_or_default();
        let text = text.strip_suffix('\r').unwrap_or(text);
        let before = self.text.get(line.start..at).unwrap_or_default().chars().count();
        let marked = self.text.get(at..self.boundary(span.end.min(line.end))).unwrap_or_default();
        let width = marked.trim_end_matches('\r').chars().count().max(1);
        let excerpt = match self.shown_end(&line) {
            None => Excerpt::new(text, before, width),
            Some(end) => {
                let shown = self.text.get(line.start..self.boundary(end)).unwrap_or_default();
                let shown = match shown {
                    "" => "…".to_owned(),
                    shown if shown.ends_with(' ') => format!("{shown}…"),
                    shown => format!("{shown} …"),
                };
                // No further than the mark of the cut, which is last.
                let start = before.min(shown.chars().count().saturating_sub(1));
                let left = shown.chars().count().saturating_sub(start).max(1);
                Excerpt::new(&shown, start, width.min(left))
            }
        };
        let place = Place {
            line: self.line_of(at),
            column: u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1),
            width: u32::try_from(width).unwrap_or(u32::MAX),
            excerpt: Some(excerpt),
        };
        Diagnostic {
            file: self.path.clone(),
            place: Some(place),
            message: message.to_owned(),
            help,
            warning: None,
        }
    }

    /// The nearest character boundary at or before a byte, inside of the text.
    fn boundary(&self, at: usize) -> usize {
        self.text.floor_char_boundary(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(source: &Source, span: Range<usize>) -> (u32, u32, u32) {
        let place = source.mistake(&span, "", None).place.unwrap();
        (place.line, place.column, place.width)
    }

    #[test]
    fn columns_are_characters() {
        let source = Source::new("x", "ab\r\nä日x\n", Shown::nothing);
        assert_eq!(place(&source, 0..1), (1, 1, 1));
        assert_eq!(place(&source, 1..9), (1, 2, 1));
        assert_eq!(place(&source, 4..6), (2, 1, 1));
        assert_eq!(place(&source, 9..10), (2, 3, 1));
        assert_eq!(place(&source, 11..11), (3, 1, 1));
        assert_eq!(place(&source, 900..1000), (3, 1, 1));
    }

    #[test]
    fn a_byte_order_mark_is_no_column() {
        let source = Source::new("x", "\u{feff}ab", Shown::nothing);
        assert_eq!(place(&source, 1..2), (1, 2, 1));
        let mistake = Source::from_bytes("x", b"\xef\xbb\xbfa\nbc\xff", Shown::nothing).unwrap_err();
        let place = mistake.place.unwrap();
        assert_eq!((place.line, place.column), (2, 3));
    }
}
