//! The format of `env_file`, as Compose has it: `NAME=VALUE` lines, comments, quotes, an optional `export`.

use std::ops::Range;

/// Variables in the order written, and mistakes with their places.
pub(super) type Parsed = (Vec<(String, String)>, Vec<(Range<usize>, &'static str)>);

/// Parses a whole file. Without quotes a value ends at the end of its line or at a `#` after a blank; in quotes it
/// may go over several lines. In double quotes `\n`, `\r`, `\t`, `\"`, `\\` and `\$` are understood, in single
/// quotes `\'` alone.
pub(super) fn parse(text: &str) -> Parsed {
    let mut parsed: Parsed = (Vec::new(), Vec::new());
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let line = rest.split('\n').next().unwrap_or_default();
        let end_of_line = at.saturating_add(line.len());
        let statement = line.trim_start();
        let start = end_of_line.saturating_sub(statement.len());
        at = if statement.trim_end().is_empty() || statement.starts_with('#') {
            end_of_line
        } else {
            match assignment(text, start, end_of_line) {
                Ok((name, value, end)) => {
                    parsed.0.push((name, value));
                    end
                }
                Err((span, message, end)) => {
                    parsed.1.push((span, message));
                    end
                }
            }
        }
        .saturating_add(1);
    }
    parsed
}

type Mistake = (Range<usize>, &'static str, usize);

/// One assignment that begins at `start`; returns where its last line ends as well.
fn assignment(text: &str, start: usize, end: usize) -> Result<(String, String, usize), Mistake> {
    let line = text.get(start..end).unwrap_or_default().trim_end();
    let whole = start..start.saturating_add(line.len());
    let Some((name, value)) = line.split_once('=') else {
        return Err((whole, "expected NAME=VALUE", end));
    };
    let value_start = whole.end.saturating_sub(value.trim_start().len());
    let name = match name.strip_prefix("export") {
        Some(after) if after.starts_with([' ', '\t']) => after.trim(),
        _ => name.trim_end(),
    };
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || matches!(c, '\0' | '"' | '\'')) {
        let before = start..value_start;
        return Err((before, "this cannot be the name of a variable", end));
    }
    let value = value.trim_start();
    let (value, end) = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => quoted(text, value_start, quote, end)?,
        _ => (unquoted(value).to_owned(), end),
    };
    if value.contains('\0') {
        return Err((whole, "a NUL character is not possible here", end));
    }
    Ok((name.to_owned(), value, end))
}

/// Up to a comment: a `#` that begins the value or follows a blank.
fn unquoted(value: &str) -> &str {
    let comment = value
        .match_indices('#')
        .map(|(at, _)| value.get(..at).unwrap_or_default())
        .find(|before| before.is_empty() || before.ends_with([' ', '\t']));
    comment.unwrap_or(value).trim_end()
}

/// A value in quotes, and the end of the line that it ends on.
fn quoted(text: &str, start: usize, quote: char, line_end: usize) -> Result<(String, usize), Mistake> {
    let mut value = String::new();
    let mut chars = text.get(start..).unwrap_or_default().char_indices().skip(1);
    let close = loop {
        match chars.next() {
            Some((at, c)) if c == quote => break start.saturating_add(at).saturating_add(1),
            Some((_, '\\')) => match (quote, chars.next()) {
                ('"', Some((_, 'n'))) => value.push('\n'),
                ('"', Some((_, 'r'))) => value.push('\r'),
                ('"', Some((_, 't'))) => value.push('\t'),
                ('"', Some((_, c @ ('"' | '\\' | '$')))) | ('\'', Some((_, c @ '\''))) => value.push(c),
                (_, Some((_, c))) => value.extend(['\\', c]),
                (_, None) => value.push('\\'),
            },
            Some((_, c)) => value.push(c),
            // Where it was meant to end is not known, so nothing after it is read.
            None => {
                let span = start..start.saturating_add(1).max(line_end);
                return Err((span, "this quote is not closed", text.len()));
            }
        }
    };
    let after = text.get(close..).unwrap_or_default().split('\n').next().unwrap_or_default();
    let end = close.saturating_add(after.len());
    let rest = after.trim();
    if rest.is_empty() || rest.starts_with('#') {
        return Ok((value, end));
    }
    Err((close..end, "only a comment may follow the closing quote", end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let text = "# comment\n\nA=1\n  B = two words \nexport C=3\r\nD=\nE=a#b #c\nF=\"x\\ny \\\"q\\\" \\z\" # c\n\
                    G='it\\'s \\n $x'\nH=\"two\nlines\"\nI='a=b'\nexported=1\nJ=#none\nK=a=b";
        let (variables, mistakes) = parse(text);
        assert_eq!(mistakes, []);
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "3"),
            ("D", ""),
            ("E", "a#b"),
            ("F", "x\ny \"q\" \\z"),
            ("G", "it's \\n $x"),
            ("H", "two\nlines"),
            ("I", "a=b"),
            ("exported", "1"),
            ("J", ""),
            ("K", "a=b"),
        ];
        let variables: Vec<_> = variables.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(variables, expected);
    }

    #[test]
    fn mistakes_have_their_places_and_the_rest_is_read() {
        let (variables, mistakes) = parse("A\nB C=1\n=x\nD='x' y\nE=1\nF=\"x\nG=1\n");
        assert_eq!(variables, [("E".to_owned(), "1".to_owned())]);
        let places: Vec<_> = mistakes.iter().map(|(span, message)| (span.start, *message)).collect();
        let name = "this cannot be the name of a variable";
        let expected = [
            (0, "expected NAME=VALUE"),
            (2, name),
            (8, name),
            (16, "only a comment may follow the closing quote"),
            (25, "this quote is not closed"),
        ];
        assert_eq!(places, expected);
    }
}
