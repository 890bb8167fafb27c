//! The format of `env_file`, as Compose has it: `NAME=VALUE` or `NAME: VALUE`, `NAME` alone, comments, quotes, an
//! optional `export`. docs/services.md has a table of what differs.

use std::ops::Range;

/// Variables in the order written, `None` for the value of rinit's own environment; and mistakes with their places.
pub(crate) type Parsed = (Vec<(String, Option<String>)>, Vec<(Range<usize>, &'static str)>);

const NO_NAME: &str = "this cannot be the name of a variable";
const NUL: &str = "a NUL character is not possible here";

/// Parses a whole file. Without quotes a value ends at the end of its line, or at a `#` after a space that is not its
/// first character; in quotes it may go over several lines.
pub(crate) fn parse(text: &str) -> Parsed {
    let mut parsed: Parsed = (Vec::new(), Vec::new());
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let line = rest.split('\n').next().unwrap_or_default();
        let end_of_line = at.saturating_add(line.len());
        let statement = line.trim_start();
        let start = end_of_line.saturating_sub(statement.len());
        at = if statement.is_empty() || statement.starts_with('#') {
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
fn assignment(text: &str, start: usize, end: usize) -> Result<(String, Option<String>, usize), Mistake> {
    let line = text.get(start..end).unwrap_or_default();
    let whole = start..start.saturating_add(line.trim_end().len());
    let (name, value) = match line.split_once(['=', ':']) {
        Some((name, value)) => (name, Some(value.trim_start())),
        None => (line, None),
    };
    let name = match name.strip_prefix("export") {
        Some(after) if after.starts_with(char::is_whitespace) => after.trim(),
        _ => name.trim_end(),
    };
    let value_start = end.saturating_sub(value.map_or(0, str::len));
    let plain = |c: char| c.is_alphanumeric() || "_.-[]".contains(c);
    if name.is_empty() || !name.chars().all(plain) {
        return Err((start..value_start.min(whole.end), NO_NAME, end));
    }
    let Some(value) = value else { return Ok((name.to_owned(), None, end)) };
    let (value, end) = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => quoted(text, value_start, quote, end)?,
        _ => (unquoted(value).to_owned(), end),
    };
    if value.contains('\0') {
        return Err((whole, NUL, end));
    }
    Ok((name.to_owned(), Some(value), end))
}

/// Up to a comment.
fn unquoted(value: &str) -> &str {
    value.split_once(" #").map_or(value, |(before, _)| before).trim_end()
}

/// A value in quotes, and the end of the line that it ends on.
fn quoted(text: &str, start: usize, quote: char, line_end: usize) -> Result<(String, usize), Mistake> {
    let mut value = String::new();
    let inner = start.saturating_add(1);
    let mut rest = text.get(inner..).unwrap_or_default();
    loop {
        let mut chars = rest.chars();
        match (chars.next(), chars.next()) {
            (Some(c), _) if c == quote => break,
            (Some('\\'), Some(c)) if c == quote => {
                value.push(c);
                rest = chars.as_str();
            }
            (Some('\\'), Some(next)) => {
                let (c, after) = match quote {
                    '"' => escape(next, chars.as_str()),
                    _ => (None, chars.as_str()),
                };
                match c {
                    Some(c) => value.push(c),
                    None => value.extend(['\\', next]),
                }
                rest = after;
            }
            (Some(c), _) => {
                value.push(c);
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
            }
            // Where it was meant to end is not known, so nothing after it is read.
            (None, _) => {
                let span = start..inner.max(line_end);
                return Err((span, "this quote is not closed", text.len()));
            }
        }
    }
    let after = rest.get(1..).unwrap_or_default();
    let close = text.len().saturating_sub(after.len());
    let after = after.split('\n').next().unwrap_or_default();
    let end = close.saturating_add(after.len());
    let rest = after.trim();
    if rest.is_empty() || rest.starts_with('#') {
        return Ok((value, end));
    }
    Err((close..end, "only a comment may follow the closing quote", end))
}

/// What a backslash with this character and some of what comes after it stands for, in double quotes; `None`: for itself.
/// And what comes then.
fn escape(next: char, after: &str) -> (Option<char>, &str) {
    let c = match next {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '\\' | '$' => next,
        // Three octal digits after the zero.
        '0' => {
            let digits = after.get(..3).filter(|digits| digits.bytes().all(|b| (b'0'..=b'7').contains(&b)));
            return match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
                Some(number) => (Some(char::from(number)), after.get(3..).unwrap_or_default()),
                None => (None, after),
            };
        }
        _ => return (None, after),
    };
    (Some(c), after)
}

/// The lines of a file with `format = "raw"`: everything after the `=` is the value.
pub(crate) fn parse_raw(text: &str) -> Parsed {
    let mut parsed: Parsed = (Vec::new(), Vec::new());
    let mut at: usize = 0;
    for line in text.split('\n') {
        let end = at.saturating_add(line.len());
        let line = line.strip_suffix('\r').unwrap_or(line);
        let statement = line.trim_start();
        let start = at.saturating_add(line.len().saturating_sub(statement.len()));
        at = end.saturating_add(1);
        if statement.is_empty() || statement.starts_with('#') {
            continue;
        }
        let (name, value) = match statement.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (statement, None),
        };
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == '\0') {
            parsed.1.push((start..start.saturating_add(name.len()), NO_NAME));
        } else if value.is_some_and(|value| value.contains('\0')) {
            parsed.1.push((start..start.saturating_add(statement.len()), NUL));
        } else {
            parsed.0.push((name.to_owned(), value.map(str::to_owned)));
        }
    }
    parsed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(parsed: &Parsed) -> Vec<(&str, Option<&str>)> {
        parsed.0.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect()
    }

    /// What compose-go's own tests of this format have, but for `$`.
    #[test]
    fn it_reads_what_compose_reads() {
        for (text, name, value) in [
            ("FOO=bar", "FOO", "bar"),
            ("FOO =bar", "FOO", "bar"),
            ("FOO= bar", "FOO", "bar"),
            ("FOO=", "FOO", ""),
            ("FOO = ", "FOO", ""),
            (r#"FOO="bar""#, "FOO", "bar"),
            ("FOO='bar'", "FOO", "bar"),
            (r#"FOO="escaped\"bar""#, "FOO", "escaped\"bar"),
            (r#"FOO="\"quoted\"""#, "FOO", "\"quoted\""),
            (r#"FOO="'d'""#, "FOO", "'d'"),
            ("OPTION_A: 1", "OPTION_A", "1"),
            ("OPTION_A: Foo=bar", "OPTION_A", "Foo=bar"),
            ("OPTION_A=1:B", "OPTION_A", "1:B"),
            ("export OPTION_A=2", "OPTION_A", "2"),
            (r"export OPTION_B='\n'", "OPTION_B", r"\n"),
            ("export exportFoo=2", "exportFoo", "2"),
            ("exportFOO=2", "exportFOO", "2"),
            ("export_FOO =2", "export_FOO", "2"),
            ("export.FOO= 2", "export.FOO", "2"),
            ("export\tOPTION_A=2", "OPTION_A", "2"),
            ("\texport OPTION_A=2", "OPTION_A", "2"),
            ("export OPTION_A=\"export A\"", "OPTION_A", "export A"),
            (r#"FOO="bar\nbaz""#, "FOO", "bar\nbaz"),
            (r"FOO=a\tb", "FOO", r"a\tb"),
            (r#"FOO="a\tb""#, "FOO", "a\tb"),
            (r#"KEY="Z\aZ\bZ\fZ\nZ\rZ\tZ\vZ\\Z\0123Z""#, "KEY", "Z\u{7}Z\u{8}Z\u{c}Z\nZ\rZ\tZ\u{b}Z\\ZSZ"),
            ("FOO.BAR=foobar", "FOO.BAR", "foobar"),
            ("FOO=foobar=", "FOO", "foobar="),
            ("FOO=bar ", "FOO", "bar"),
            ("FOO=bar # this is foo", "FOO", "bar"),
            ("FOO=bar #this is foo", "FOO", "bar"),
            ("FOO=bar #", "FOO", "bar"),
            ("FOO=123#not-an-inline-comment", "FOO", "123#not-an-inline-comment"),
            ("FOO=#v", "FOO", "#v"),
            ("FOO= #v", "FOO", "#v"),
            ("FOO=bar\t# no comment", "FOO", "bar\t# no comment"),
            ("FOO=\"bar#baz\"", "FOO", "bar#baz"),
            ("FOO=\"bar#baz\"#", "FOO", "bar#baz"),
            ("FOO=\"bar#baz\" # comment", "FOO", "bar#baz"),
            ("FOO='bar#baz' # comment", "FOO", "bar#baz"),
            (r#"FOO="bar\n\ b\az""#, "FOO", "bar\n\\ b\u{7}z"),
            (r#"FOO="bar\\\n\ b\az""#, "FOO", "bar\\\n\\ b\u{7}z"),
            (r#"FOO="bar\\r\ b\az""#, "FOO", "bar\\r\\ b\u{7}z"),
            (r#"FOO="bar\nbaz\\""#, "FOO", "bar\nbaz\\"),
            (" KEY =value", "KEY", "value"),
            (r#"KEY="\0123""#, "KEY", "S"),
            (r#"KEY="\0377""#, "KEY", "ÿ"),
            (r#"KEY="\012 \08 \0777 \c""#, "KEY", r"\012 \08 \0777 \c"),
            (r#"KEY="\x07\u12e4\U00101234""#, "KEY", r"\x07\u12e4\U00101234"),
            (r#"KEY="foo\$BAR""#, "KEY", "foo$BAR"),
            ("KEY='quote $FOO'", "KEY", "quote $FOO"),
            (r"KEY='Let\'s go!'", "KEY", "Let's go!"),
            (r"KEY='a\\b'", "KEY", r"a\\b"),
            ("KEY = 'first line\nsecond'", "KEY", "first line\nsecond"),
            ("a[1]=c", "a[1]", "c"),
            ("árvíztűrő-TÜKÖR=x", "árvíztűrő-TÜKÖR", "x"),
            ("456 = ABC", "456", "ABC"),
            ("KEY=value\r", "KEY", "value"),
        ] {
            let parsed = parse(text);
            assert_eq!((variables(&parsed), parsed.1.len()), (vec![(name, Some(value))], 0), "{text}");
        }
    }

    #[test]
    fn a_name_alone_is_taken_from_outside() {
        let parsed = parse("foo=bar\nOUTER\n  export INNER \nbar=baz\nLAST");
        let expected =
            [("foo", Some("bar")), ("OUTER", None), ("INNER", None), ("bar", Some("baz")), ("LAST", None)];
        assert_eq!((variables(&parsed), parsed.1.len()), (expected.to_vec(), 0));
    }

    #[test]
    fn mistakes_have_their_places_and_the_rest_is_read() {
        let parsed = parse("A b\nB C=1\n=x\nD='x' y\nE=1\nlol$wut\n%A=1\nF=\"x\nG=1\n");
        assert_eq!(variables(&parsed), [("E", Some("1"))]);
        let places: Vec<_> = parsed.1.iter().map(|(span, message)| (span.start, *message)).collect();
        let expected = [
            (0, NO_NAME),
            (4, NO_NAME),
            (10, NO_NAME),
            (18, "only a comment may follow the closing quote"),
            (25, NO_NAME),
            (33, NO_NAME),
            (40, "this quote is not closed"),
        ];
        assert_eq!(places, expected);
        for open in [r#"K=""#, r#"K="v\""#, r#"K="v'"#, "K='", r"K='v\'", r#"K='v""#] {
            assert_eq!(parse(open).1.len(), 1, "{open}");
        }
        assert_eq!(parse(r#"K="\0000""#).1[0].1, NUL);
    }

    #[test]
    fn raw_lines_are_taken_as_they_are() {
        let parsed = parse_raw("# c\n A=\"x\" # y \r\nB\n\nC= d\nE F=1\n=x\nG='\\n");
        let expected = [("A", Some("\"x\" # y ")), ("B", None), ("C", Some(" d")), ("G", Some("'\\n"))];
        assert_eq!(variables(&parsed), expected);
        assert_eq!(parsed.1, [(25..28, NO_NAME), (31..31, NO_NAME)]);
    }
}
