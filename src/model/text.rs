//! Text from programs and servers, made fit for terminals and logs.

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

/// Control characters, and those that change the direction of the text around them.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// An error's cause without the number that the standard library adds to it.
pub fn cause(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error").map_or(text.as_str(), |(before, _)| before).to_owned()
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
}
