//! TOML text into tables, with its syntax errors as mistakes.

use super::diagnostic::{Diagnostic, MOST_MISTAKES};
use super::excerpt::quote;
use super::source::Source;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// A value with its place.
pub(crate) type Value<'v> = Spanned<DeValue<'v>>;

/// A table's entries as they stand in the file; the table itself has them by name.
pub(crate) fn in_written_order<'t, 'v>(
    table: &'t DeTable<'v>,
) -> Vec<(&'t Spanned<DeString<'v>>, &'t Value<'v>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// What could be read of a file.
pub(crate) struct Parsed<'s> {
    /// Its keys and values, as far as they could be made out.
    pub table: DeTable<'s>,
    /// Syntax errors, at most one for a line.
    pub mistakes: Vec<Diagnostic>,
    /// How many there are beyond those.
    pub untold: usize,
    /// Where values are not to be trusted, because of a syntax error on their line or in them.
    pub spoilt: Vec<Range<usize>>,
}

/// Parses the whole file; what stands on other lines than the errors is read nevertheless.
pub(crate) fn parse(source: &Source) -> Parsed<'_> {
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    let table = table.into_inner();
    let mut parsed = Parsed { table, mistakes: Vec::new(), untold: 0, spoilt: Vec::new() };
    let mut errors: Vec<(Range<usize>, &str)> =
        errors.iter().map(|error| (error.span().unwrap_or(0..0), error.message())).collect();
    // A bracket or a string that is never closed swallows the rest of the file: only that is worth saying.
    // Of the errors behind the text, blanks alone, a few are enough to find it.
    let end = source.text.trim_end().len();
    while let Some(open) = (errors.iter().filter(|(span, _)| span.start >= end).take(MOST_MISTAKES))
        .find_map(|(span, _)| unclosed(source, &parsed, end, span))
    {
        parsed.mistakes.push(unclosed_mistake(source, open.start));
        errors.retain(|(span, _)| span.start < open.start);
        parsed.spoilt.push(open);
    }
    for (span, message) in errors {
        if parsed.mistakes.len() >= MOST_MISTAKES {
            // Such a file is no TOML: nothing in it is worth a word.
            parsed.untold = parsed.untold.saturating_add(1);
            continue;
        }
        let line = source.line_range(span.start);
        if parsed.spoilt.iter().any(|spoilt| spoilt.contains(&line.start)) {
            continue;
        }
        let word = source.text.get(span.clone()).unwrap_or_default();
        let (message, help) = reword(message, word, source.is_secret(&span));
        parsed.mistakes.push(source.mistake(&span, &message, help));
        // The line's end is included, so that an empty line is spoilt as well.
        parsed.spoilt.push(line.start..line.end.saturating_add(1));
        parsed.spoilt.extend(enclosing(&parsed.table, span.start));
    }
    parsed
}

/// The value that an error at or behind the end of the text belongs to, if it begins on an earlier line.
fn unclosed(source: &Source, parsed: &Parsed<'_>, end: usize, error: &Range<usize>) -> Option<Range<usize>> {
    let value = enclosing(&parsed.table, end)?;
    let known = parsed.spoilt.iter().any(|spoilt| spoilt.start == value.start);
    let earlier = source.line_of(value.start) < source.line_of(error.start);
    (earlier && !known).then_some(value.start..source.text.len().saturating_add(1))
}

fn unclosed_mistake(source: &Source, start: usize) -> Diagnostic {
    let rest = source.text.get(start..).unwrap_or_default();
    let (width, message) = match rest.chars().next() {
        Some('[') => (1, "this array is not closed: a \"]\" is missing"),
        Some('{') => (1, "this table is not closed: a \"}\" is missing"),
        _ => (3, "this string is not closed: three quotes are missing"),
    };
    source.mistake(&(start..start.saturating_add(width)), message, None)
}

/// The outermost value, other than a table with a header, that a byte is in.
fn enclosing(table: &DeTable<'_>, at: usize) -> Option<Range<usize>> {
    let mut tables = vec![table];
    while let Some(table) = tables.pop() {
        for value in table.values() {
            let span = value.span();
            if span.start <= at && at <= span.end {
                return Some(span);
            }
            match value.get_ref() {
                DeValue::Table(inner) => tables.push(inner),
                DeValue::Array(array) => tables.extend(array.iter().filter_map(|v| v.get_ref().as_table())),
                _ => {}
            }
        }
    }
    None
}

/// A syntax error in words that help. `word` is what stands there, and is repeated unless it may be a secret.
fn reword(message: &str, word: &str, is_secret: bool) -> (String, Option<String>) {
    let begins_like_a_word = word.starts_with(|c: char| c.is_ascii_alphabetic());
    let bare = message.starts_with("string values must be quoted")
        || message.starts_with("invalid float") && begins_like_a_word
        || message.starts_with("invalid boolean");
    match word {
        "" if bare => ("a value is missing".into(), None),
        "True" | "TRUE" if bare => {
            ("a boolean is written in small letters".into(), Some("write true".into()))
        }
        "False" | "FALSE" if bare => {
            ("a boolean is written in small letters".into(), Some("write false".into()))
        }
        _ if bare && is_secret => ("a string must be in quotes".into(), None),
        _ if bare => ("a string must be in quotes".into(), Some(format!("write {}", quote(word)))),
        _ if message.ends_with("string, expected `\"`") || message.ends_with("string, expected `'`") => {
            ("this string is not closed".into(), None)
        }
        _ if message.starts_with("invalid") && message.contains("visible characters") => {
            ("a control character is not possible here".into(), None)
        }
        _ if message.starts_with("missing escaped value") => {
            let help = "write two backslashes for one, or put the string in single quotes";
            ("this is no escape sequence".into(), Some(help.into()))
        }
        _ if message.starts_with("unexpected key or value") => {
            ("the line must end after the value".into(), None)
        }
        _ if message.starts_with("unexpected leading zero") => {
            let help = "write 0o before octal digits, or the number in quotes";
            ("a number must not begin with a zero".into(), Some(help.into()))
        }
        _ if message == "duplicate key" && is_secret => ("this key is written twice".into(), None),
        _ if message == "duplicate key" => (format!("{} is written twice", quote(word)), None),
        _ => (message.to_owned(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::secrets;

    /// Line, column and message of each error, and the keys that were read.
    fn parse_all(text: &str) -> (Vec<String>, Vec<String>) {
        let source = Source::new("x", text, secrets::find);
        let mut parsed = parse(&source);
        parsed.mistakes.sort();
        let shown = parsed.mistakes.iter().map(|m| {
            let place = m.place.as_ref().unwrap();
            format!("{}:{} {}", place.line, place.column, m.message)
        });
        let keys = parsed.table.keys().map(|key| key.get_ref().to_string()).collect();
        (shown.collect(), keys)
    }

    #[test]
    fn syntax_errors_are_collected_one_a_line() {
        let (shown, keys) = parse_all("a = nginx\nb = 1 c = 2\nd = \"x\ne = 1\n");
        assert_eq!(shown[0], "1:5 a string must be in quotes");
        assert_eq!(shown[1], "2:9 the line must end after the value");
        assert_eq!(shown[2], "3:7 this string is not closed");
        assert_eq!(shown.len(), 3);
        assert_eq!(keys, ["a", "b", "d", "e"]);
    }

    #[test]
    fn what_is_never_closed_is_shown_where_it_opens() {
        for (text, place) in [
            ("a = 1\nb = [\"x\",\nc = 2\nd = \"x\"\n", "2:5 this array"),
            ("a = 1\nb = [[1, 2], [3]\nc = 2\n\n", "2:5 this array"),
            ("a = 1\nb = {x = 1\nc = 2\n", "2:5 this table"),
            ("[t]\nb = \"\"\"x\ny\nc = 2\n", "2:5 this string"),
        ] {
            let (shown, _) = parse_all(text);
            assert_eq!(shown.len(), 1, "{shown:?}");
            assert!(shown[0].starts_with(place), "{shown:?}");
        }
    }

    #[test]
    fn missing_values_and_doubled_keys_are_named() {
        assert_eq!(parse_all("a =\nb = 1").0, ["1:4 a value is missing"]);
        assert_eq!(parse_all("a = 1\na = 2").0, ["2:1 \"a\" is written twice"]);
        assert_eq!(parse_all("a = True").0, ["1:5 a boolean is written in small letters"]);
    }

    /// Each error behind the text was compared with all of it: such a file took hours.
    #[test]
    fn a_file_of_carriage_returns_is_refused_like_any_other() {
        let (shown, _) = parse_all(&format!("a = [1,\n{}", "\r".repeat(100_000)));
        assert_eq!(shown, ["1:5 this array is not closed: a \"]\" is missing"]);
        let (shown, _) = parse_all(&"\r".repeat(100_000));
        assert_eq!(shown.len(), 1, "{shown:?}");
    }
}
