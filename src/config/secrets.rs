//! What of a file no message may show: the values of `environment`. Found by the looks of the text alone, so that
//! they are found in a file with syntax errors too; in doubt it is a secret.

use std::ops::Range;

/// A statement, or part of one, that sets variables.
#[derive(Debug, PartialEq)]
pub(super) struct Secret {
    /// Its bytes.
    pub span: Range<usize>,
    /// Up to here, on its first line, it may be shown.
    pub shown: usize,
}

/// Finds the statements that set variables: those below the header `[environment]` or `[environment.NAME]`, and
/// those whose key begins with `environment`.
pub(super) fn find(text: &str) -> Vec<Secret> {
    let mut secrets: Vec<Secret> = Vec::new();
    let mut state = State::Other;
    let mut at = 0;
    while at < text.len() {
        let line = line_at(text, at);
        let end_of_line = at.saturating_add(line.len());
        if let Some(name) = header(line) {
            state = if is_environment(name) { State::Section } else { State::Other };
            at = end_of_line.saturating_add(1);
            continue;
        }
        let own = is_environment(line.trim_start());
        if state == State::Other && !own {
            // A string or an array over several lines may hold what looks like a statement of `environment`, which
            // then is taken for one.
            at = end_of_line.saturating_add(1);
            continue;
        }
        let (end, whole) = statement(text, at);
        let shown = match state {
            State::Broken => at,
            _ => key_length(line).map_or(at, |length| at.saturating_add(length)),
        };
        secrets.push(Secret { span: at..end, shown });
        // After a broken statement its value may go on where the next one should begin.
        if !whole {
            state = State::Broken;
        }
        at = end.saturating_add(1);
    }
    secrets
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// Statements of other tables.
    Other,
    /// Below a header of `environment`.
    Section,
    /// After a statement of `environment` that is not right, until the next header.
    Broken,
}

fn line_at(text: &str, at: usize) -> &str {
    text.get(at..).unwrap_or_default().split('\n').next().unwrap_or_default()
}

/// The name in a line that is a header and nothing else.
fn header(line: &str) -> Option<&str> {
    let line = line.trim();
    let (name, after) = line.strip_prefix('[')?.rsplit_once(']').unwrap_or_default();
    let after = after.trim_start();
    let name = name.trim_start_matches('[').trim_end_matches(']').trim();
    let plain = |c: char| c.is_alphanumeric() || "_-. \t\"'@".contains(c);
    let right = !name.is_empty() && name.chars().all(plain);
    (right && (after.is_empty() || after.starts_with('#'))).then_some(name)
}

/// Whether a key, or what begins with one, is `environment` or something in it.
fn is_environment(text: &str) -> bool {
    let rest = text.trim_start_matches(['"', '\'']).strip_prefix("environment");
    rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-')))
}

/// The length of a line up to and with the `=` after its key.
fn key_length(line: &str) -> Option<usize> {
    let from = match line.trim_start().chars().next() {
        // A key in quotes may hold an equals sign, if it is closed and really the key.
        Some(quote @ ('"' | '\'')) => {
            let open = line.find(quote)?.saturating_add(1);
            let close = open.saturating_add(line.get(open..)?.find(quote)?).saturating_add(1);
            let is_key = line.get(close..)?.trim_start().starts_with(['=', '.']);
            if is_key { close } else { 0 }
        }
        _ => 0,
    };
    Some(from.saturating_add(line.get(from..)?.find('=')?).saturating_add(1))
}

/// The end of the statement that begins at a byte, and whether it looks right: with a key, a value, and all that it
/// opens closed.
fn statement(text: &str, start: usize) -> (usize, bool) {
    let line = line_at(text, start);
    let end_of_line = start.saturating_add(line.len());
    if line.trim_start().is_empty() || line.trim_start().starts_with('#') {
        return (end_of_line, true);
    }
    let Some(value) = key_length(line).and_then(|length| line.get(length..)) else {
        return (end_of_line, false);
    };
    if value.trim().is_empty() || value.trim_start().starts_with('#') {
        return (end_of_line, false);
    }
    let mut at = end_of_line.saturating_sub(value.len());
    let mut depth = 0_usize;
    let mut whole = true;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let step = match rest.chars().next() {
            Some('\n') if depth == 0 => return (at, whole),
            Some('#') => line_at(text, at).len(),
            Some('[' | '{') => {
                depth = depth.saturating_add(1);
                1
            }
            Some(']' | '}') => {
                whole = whole && depth > 0;
                depth = depth.saturating_sub(1);
                1
            }
            Some('"' | '\'') => {
                let (length, closed) = string(rest);
                whole = whole && closed;
                length
            }
            next => next.map_or(1, char::len_utf8),
        };
        at = at.saturating_add(step);
    }
    (text.len(), whole && depth == 0)
}

/// The length of the string that a text begins with, and whether it is closed.
fn string(text: &str) -> (usize, bool) {
    let quote = text.get(..1).unwrap_or_default();
    let three = quote.repeat(3);
    let (delimiter, several_lines) =
        if text.starts_with(&three) { (three.as_str(), true) } else { (quote, false) };
    let mut at = delimiter.len();
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(delimiter) {
            // Up to two more quotes belong to the string.
            let more = rest.len().saturating_sub(rest.trim_start_matches(quote).len());
            let length = if several_lines { more.min(5) } else { 1 };
            return (at.saturating_add(length), true);
        }
        let step = match rest.chars().next() {
            Some('\n') if !several_lines => return (at, false),
            Some('\\') if quote == "\"" && !rest.starts_with("\\\n") => {
                rest.chars().take(2).map(char::len_utf8).fold(0, usize::saturating_add)
            }
            next => next.map_or(1, char::len_utf8),
        };
        at = at.saturating_add(step);
    }
    (text.len(), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text with everything that is secret as dots.
    fn masked(text: &str) -> String {
        let secrets = find(text);
        let hidden = |at: usize| secrets.iter().any(|s| s.shown <= at && at < s.span.end);
        text.char_indices().map(|(at, c)| if c != '\n' && hidden(at) { '.' } else { c }).collect()
    }

    #[test]
    fn values_are_found_in_every_form() {
        for (text, expected) in [
            (
                "a = 1\n[environment]\nA = \"x\"\n\nB=2 # c\n[x]\nc = 3",
                "a = 1\n[environment]\nA =....\n\nB=.....\n[x]\nc = 3",
            ),
            ("environment.A = 'x'\nb = 1", "environment.A =....\nb = 1"),
            ("\"environment\" = {A=1}\nb = 1", "\"environment\" =......\nb = 1"),
            ("environment = [\n\"A=x\",\n]\nb = 1", "environment =..\n......\n.\nb = 1"),
            (
                "environment.A = \"\"\"\nx = 1\n[x]\n\"\"\"\nb = 1",
                "environment.A =....\n.....\n...\n...\nb = 1",
            ),
            ("[ environment.A ] # c\nfile = 1", "[ environment.A ] # c\nfile =.."),
            ("[environment]\n\"A=B\" = 1", "[environment]\n\"A=B\" =.."),
            ("[environment]\n[x", "[environment]\n.."),
            ("environments = 1", "environments = 1"),
            ("[healthcheck]\nenvironment.A = 1", "[healthcheck]\nenvironment.A =.."),
        ] {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn after_a_broken_statement_all_is_secret() {
        for (text, expected) in [
            (
                "[environment]\nA = \"x\nSGVsbG8=\n\"\nB = 1\n[x]\nc = 1",
                "[environment]\nA =...\n........\n.\n.....\n[x]\nc = 1",
            ),
            ("environment.A =\nx = y\n", "environment.A =\n.....\n"),
            ("environment = [\n\"A=x\",\nb = 1", "environment =..\n......\n....."),
            ("command = [\"x\"\n[environment]\nA = 1", "command = [\"x\"\n[environment]\nA =.."),
            ("[environment]\nA\nB = 1", "[environment]\n.\n....."),
        ] {
            assert_eq!(masked(text), expected);
        }
    }
}
