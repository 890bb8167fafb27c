//! One line of a file made fit for a terminal, with the place that is meant.

use crate::model::text::{escaped, is_control};

/// The widest excerpt, in terminal columns; longer lines are cut around the place.
const WIDEST: usize = 120;
/// How much of a cut line is shown before the place.
const BEFORE: usize = 40;
/// The longest word of the user's that a message repeats, in characters.
const LONGEST_QUOTE: usize = 60;

/// A line as shown, and where the carets go under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Excerpt {
    /// The line: no control characters, tabs as spaces.
    pub text: String,
    /// Columns before the first caret.
    pub indent: usize,
    /// Number of carets.
    pub carets: usize,
}

impl Excerpt {
    /// Of `line`, with `width` characters marked from character `start` on (from 0).
    pub fn new(line: &str, start: usize, width: usize) -> Excerpt {
        let total: usize = line.chars().map(|c| columns(c).max(1)).fold(0, usize::saturating_add);
        let skip = if total > WIDEST { start.saturating_sub(BEFORE) } else { 0 };
        let end = start.saturating_add(width);
        let mut excerpt = Excerpt { text: String::new(), indent: 0, carets: 0 };
        let mut used = 0_usize;
        if skip > 0 {
            excerpt.text.push('…');
            excerpt.indent = 1;
        }
        for (at, c) in line.chars().enumerate().skip(skip) {
            // A character without a width counts as well, or a line of them would have no end.
            used = used.saturating_add(columns(c).max(1));
            if used > WIDEST {
                excerpt.text.push('…');
                break;
            }
            match c {
                '\t' => excerpt.text.push_str("    "),
                c => excerpt.text.push(shown(c)),
            }
            if at < start {
                excerpt.indent = excerpt.indent.saturating_add(columns(c));
            } else if at < end {
                excerpt.carets = excerpt.carets.saturating_add(columns(c));
            }
        }
        excerpt.carets = excerpt.carets.max(1);
        excerpt
    }
}

/// A word of the user's for a message: in quotes, escaped, not too long. Of several lines only the first is repeated: the
/// others may be statements that an open quote has swallowed.
pub(crate) fn quote(word: &str) -> String {
    let mut text = String::from("\"");
    let cut: String = word.chars().take_while(|c| *c != '\n').take(LONGEST_QUOTE).collect();
    text.push_str(&escaped(&cut));
    if cut.len() < word.len() {
        text.push('…');
    }
    text.push('"');
    text
}

/// In the line of a file each character takes the place of one, for the carets.
fn shown(c: char) -> char {
    if is_control(c) { char::REPLACEMENT_CHARACTER } else { c }
}

/// Columns that a character takes on a terminal. Rough: the carets are for people, and this need not be a Unicode
/// library.
fn columns(c: char) -> usize {
    match c {
        '\t' => 4,
        '\0'..='\u{2ff}' => 1,
        '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' => 0,
        '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}' => 0,
        '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{303e}' | '\u{3041}'..='\u{a4cf}' => 2,
        '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' => 2,
        '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}' => 2,
        '\u{1f300}'..='\u{1f64f}' | '\u{1f680}'..='\u{1f6ff}' | '\u{1f900}'..='\u{1f9ff}' => 2,
        '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The excerpt with the carets under it.
    fn lines(line: &str, start: usize, width: usize) -> [String; 2] {
        let excerpt = Excerpt::new(line, start, width);
        [excerpt.text, format!("{}{}", " ".repeat(excerpt.indent), "^".repeat(excerpt.carets))]
    }

    #[test]
    fn tabs_and_wide_characters_keep_the_caret_in_place() {
        assert_eq!(lines("\ta = b", 5, 1), ["    a = b", "        ^"]);
        assert_eq!(lines("日本 = x", 5, 1), ["日本 = x", "       ^"]);
        assert_eq!(lines("日本 = x", 0, 2), ["日本 = x", "^^^^"]);
        assert_eq!(lines("e\u{301} = x", 5, 1), ["e\u{301} = x", "    ^"]);
    }

    #[test]
    fn the_end_of_a_line_can_be_meant() {
        assert_eq!(lines("a =", 3, 0), ["a =", "   ^"]);
        assert_eq!(lines("", 0, 5), ["", "^"]);
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let long = "x".repeat(500) + "Y" + &"z".repeat(1_000_000);
        let [text, carets] = lines(&long, 500, 1);
        assert!(text.starts_with("…xxx") && text.ends_with("zzz…"));
        assert_eq!(text.chars().count(), WIDEST + 2);
        assert_eq!(text.chars().nth(carets.chars().count() - 1), Some('Y'));
        let [text, carets] = lines(&long, 0, 1_000);
        assert!(text.starts_with("xxx") && text.ends_with('…'));
        assert_eq!(carets.len(), WIDEST);
    }

    #[test]
    fn words_are_quoted_short_and_clean() {
        assert_eq!(quote("a\u{1b}b"), "\"a\\u{1b}b\"");
        assert_eq!(quote(&"x".repeat(99)), format!("\"{}…\"", "x".repeat(60)));
        assert_eq!(quote("a\nb"), "\"a…\"");
    }
}
