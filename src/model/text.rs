//! Text from programs and servers, made fit for terminals and logs.

use std::borrow::Cow;

/// At most `limit` bytes as text without control characters other than line ends: it goes to terminals and logs.
pub fn printable(bytes: &[u8], limit: usize) -> String {
    let cut = bytes.get(..limit).unwrap_or(bytes);
    let text = String::from_utf8_lossy(cut);
    // Half a character at the cut is no news.
    let text =
        if cut.len() < bytes.len() { text.trim_end_matches(char::REPLACEMENT_CHARACTER) } else { &text };
    let shown = text.trim_end().chars().filter(|c| *c != '\r');
    shown.map(|c| if c != '\n' && is_control(c) { ' ' } else { c }).collect()
}

/// The text with control characters, and those that change the direction of text or are not seen, as escapes such as
/// `\n` and `\u{202e}`: so a word of the user's is repeated in a message.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let mut done = String::with_capacity(text.len());
    for c in text.chars() {
        if is_control(c) { done.extend(c.escape_default()) } else { done.push(c) }
    }
    Cow::Owned(done)
}

/// The text with the same escapes, but for the ends of its lines.
pub fn escaped_lines(text: &str) -> Cow<'_, str> {
    match text.contains(|c| c != '\n' && is_control(c)) {
        true => Cow::Owned(text.split('\n').map(escaped).collect::<Vec<_>>().join("\n")),
        false => Cow::Borrowed(text),
    }
}

/// Control characters, and those that change the direction of the text around them or are not seen.
pub fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// An error's cause without the number that the standard library adds to it.
pub fn cause(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error").map_or(text.as_str(), |(before, _)| before).to_owned()
}

/// Names as a list, with those marked that are not defined any more.
pub fn names(all: &[String], is_defined: &dyn Fn(&str) -> bool) -> String {
    let mark = |name: &String| if is_defined(name) { "" } else { " (no longer defined)" };
    all.iter().map(|name| format!("{name}{}", mark(name))).collect::<Vec<_>>().join(", ")
}

/// The text in lines of at most `width` characters, broken at spaces. A longer word has a line of its own.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let length = word.chars().count();
        match lines.last_mut() {
            Some(line) if line.chars().count().saturating_add(length) < width => line.extend([" ", word]),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_printable() {
        assert_eq!(printable(b"a\tb\r\nc\0d\n\n", 100), "a b\nc d");
        assert_eq!(printable("x\u{202e}y\u{9b}z".as_bytes(), 100), "x y z");
        assert_eq!(printable("ééé".as_bytes(), 3), "é");
        assert_eq!(printable(b"", 3), "");
    }

    #[test]
    fn long_text_is_wrapped_at_spaces() {
        assert_eq!(wrapped("a bc def", 20), ["a bc def"]);
        assert_eq!(wrapped("a bc def", 5), ["a bc", "def"]);
        assert_eq!(wrapped("a bc def", 4), ["a bc", "def"]);
        assert_eq!(wrapped("abcdef g", 3), ["abcdef", "g"]);
        assert_eq!(wrapped("", 3), [""]);
    }

    #[test]
    fn what_is_repeated_is_escaped() {
        assert_eq!(escaped("a\u{1b}[2J\r\n\u{202e}é\u{9b}"), "a\\u{1b}[2J\\r\\n\\u{202e}é\\u{9b}");
        assert!(matches!(escaped("日本 \\n"), Cow::Borrowed("日本 \\n")));
        assert_eq!(escaped_lines("a\n\u{7}b\n"), "a\n\\u{7}b\n");
        assert!(matches!(escaped_lines("a\nb"), Cow::Borrowed(_)));
    }
}
