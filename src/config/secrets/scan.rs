//! Goes through TOML text that may be broken, and notes what of it may be shown.

use super::harmless::{is_like_known, sight};
use crate::config::keys::Sight;
use std::ops::Range;

/// Maximum depth of arrays and tables within one another; what is deeper counts as broken.
const DEEPEST: u32 = 16;

/// A place in a text, and what before it may be shown.
pub(super) struct Scan<'t> {
    text: &'t str,
    /// The next byte.
    pub at: usize,
    /// What may be shown, in order.
    pub shown: Vec<Range<usize>>,
    /// Something in the text is broken.
    pub is_damaged: bool,
    /// The text is known to be broken, so that less is shown.
    pub in_damage: bool,
    depth: u32,
}

impl<'t> Scan<'t> {
    pub fn new(text: &'t str, in_damage: bool) -> Scan<'t> {
        Scan { text, at: 0, shown: Vec::new(), is_damaged: false, in_damage, depth: 0 }
    }

    pub fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub fn next(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub fn is_at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    /// Goes on, and shows nothing.
    pub fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    /// Goes on, and shows what is passed or not.
    pub fn advance(&mut self, bytes: usize, is_shown: bool) {
        let start = self.at;
        self.skip(bytes);
        if is_shown {
            self.show(start..self.at);
        }
    }

    /// Shows these bytes, which come after all that is shown so far.
    pub fn show(&mut self, range: Range<usize>) {
        match self.shown.last_mut() {
            Some(last) if last.end >= range.start => last.end = last.end.max(range.end),
            _ if range.start < range.end => self.shown.push(range),
            _ => {}
        }
    }

    /// Shows a key, up to an equals sign in it: a quoted key may be a NAME=VALUE in the wrong place.
    pub fn show_key(&mut self, range: Range<usize>) {
        let text = self.text.get(range.clone()).unwrap_or_default();
        let length = text.find('=').unwrap_or(text.len());
        self.show(range.start..range.start.saturating_add(length));
    }

    /// Spaces, tabs and carriage returns.
    pub fn blanks(&mut self, is_shown: bool) {
        let rest = self.rest();
        let length = rest.len().saturating_sub(rest.trim_start_matches([' ', '\t', '\r']).len());
        self.advance(length, is_shown);
    }

    /// To the beginning of the next line.
    pub fn skip_line(&mut self) {
        let rest = self.rest();
        match rest.find('\n') {
            Some(length) => {
                self.skip(length);
                self.advance(1, true);
            }
            None => self.skip(rest.len()),
        }
    }

    /// Blanks, ends of lines and comments.
    fn space(&mut self, is_shown: bool) {
        loop {
            self.blanks(is_shown);
            match self.next() {
                Some('\n') => self.advance(1, is_shown),
                Some('#') => self.skip_line(),
                _ => return,
            }
        }
    }

    /// A key with all its parts, and the blanks after it; nothing of it is shown yet.
    pub fn key(&mut self) -> Option<Vec<String>> {
        let mut parts = Vec::new();
        loop {
            self.blanks(false);
            parts.push(self.key_part()?);
            self.blanks(false);
            if self.next() != Some('.') {
                return Some(parts);
            }
            self.skip(1);
        }
    }

    fn key_part(&mut self) -> Option<String> {
        let rest = self.rest();
        match rest.chars().next()? {
            quote @ ('"' | '\'') => {
                let (length, closed) = one_line_string(rest, quote);
                let inner = rest.get(1..length.checked_sub(1)?).filter(|_| closed)?;
                self.skip(length);
                Some(if quote == '"' { unescaped(inner) } else { inner.to_owned() })
            }
            _ => {
                let other = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-');
                let name = rest.get(..rest.find(other).unwrap_or(rest.len()))?;
                self.skip(name.len());
                Some(name.to_owned()).filter(|name| !name.is_empty())
            }
        }
    }

    /// A value, and how much of it is shown; `path` names its key, `None` where that is unknown. Whether it is right.
    pub fn value(&mut self, path: Option<&[String]>, sight: Sight) -> bool {
        self.depth = self.depth.saturating_add(1);
        let is_right = self.depth <= DEEPEST
            && match self.next() {
                Some('[') => self.array(path, sight),
                Some('{') => self.table(path, sight),
                Some(quote @ ('"' | '\'')) => self.string(quote, sight),
                _ => self.bare(sight),
            };
        self.depth = self.depth.saturating_sub(1);
        is_right
    }

    fn array(&mut self, path: Option<&[String]>, sight: Sight) -> bool {
        let is_shown = sight != Sight::Hidden;
        self.advance(1, is_shown);
        loop {
            self.space(is_shown);
            if self.next() == Some(']') {
                self.advance(1, is_shown);
                return true;
            }
            if !self.value(path, sight) {
                return false;
            }
            self.space(is_shown);
            match self.next() {
                Some(',') => self.advance(1, is_shown),
                Some(']') => {}
                _ => return false,
            }
        }
    }

    /// A table in braces: each key in it is harmless or not.
    fn table(&mut self, path: Option<&[String]>, of_table: Sight) -> bool {
        // Of the tables that are known only `healthcheck` holds both.
        let is_open = of_table != Sight::Hidden || path.is_some_and(|path| path.iter().eq(["healthcheck"]));
        self.advance(1, is_open);
        loop {
            self.space(is_open);
            if self.next() == Some('}') {
                self.advance(1, is_open);
                return true;
            }
            let start = self.at;
            let Some(name) = self.key() else { return false };
            let path = path.map(|path| [path, &name].concat());
            if is_open && (!self.in_damage || path.as_ref().is_some_and(|path| is_like_known(path))) {
                self.show_key(start..self.at);
            }
            if self.next() != Some('=') {
                return false;
            }
            self.advance(1, is_open);
            self.blanks(is_open);
            let of_value = path.as_deref().filter(|_| is_open).map_or(Sight::Hidden, sight);
            if !self.value(path.as_deref(), of_value) {
                return false;
            }
            self.space(is_open);
            match self.next() {
                Some(',') => self.advance(1, is_open),
                Some('}') => {}
                _ => return false,
            }
        }
    }

    fn string(&mut self, quote: char, sight: Sight) -> bool {
        let rest = self.rest();
        let three = String::from(quote).repeat(3);
        let (open, (length, closed)) = match rest.starts_with(&three) {
            true => (3, long_string(rest, quote, &three)),
            false => (1, one_line_string(rest, quote)),
        };
        let inner = rest.get(open..length.saturating_sub(open)).unwrap_or_default();
        let up_to = |ends: &[char]| inner.find(ends).map_or(length, |end| open.saturating_add(end));
        let shown = match (sight, closed) {
            (Sight::Hidden, _) => 0,
            (Sight::Words, _) if !closed || !sight.shows_word(inner) => 0,
            // What is not closed has swallowed what comes after it.
            (_, false) => open,
            // In a broken file quotes may have changed their sides, so it is shown up to the next one alone.
            (Sight::Name, true) => {
                up_to(if self.in_damage { &['=', ':', '"', '\'', '\n'] } else { &['=', ':'] })
            }
            (_, true) if self.in_damage => up_to(&['"', '\'', '\n']),
            (_, true) => length,
        };
        let end = self.at.saturating_add(length);
        // A string in three quotes may have swallowed statements: of its later lines less is shown.
        let first = rest.get(..shown).and_then(|shown| shown.find('\n'));
        let first = first.map_or(shown, |end| end.saturating_add(1));
        self.advance(first, true);
        let close = if shown == length { open } else { 0 };
        let later = rest.get(first..shown.saturating_sub(close)).unwrap_or_default();
        for line in later.split_inclusive('\n') {
            let length = line.find(['=', '"', '\'']).unwrap_or(line.len());
            self.advance(length, true);
            self.skip(line.len().saturating_sub(length));
        }
        if first < shown {
            self.advance(close, true);
        }
        self.at = end;
        closed
    }

    /// Numbers, booleans, dates, and words that should stand in quotes.
    fn bare(&mut self, sight: Sight) -> bool {
        let rest = self.rest();
        let end = |c: char| c.is_whitespace() || "[]{},#\"'=".contains(c);
        let word = rest.get(..rest.find(end).unwrap_or(rest.len())).unwrap_or_default();
        let is_shown = match sight {
            Sight::Hidden => false,
            Sight::Words => matches!(word, "true" | "false"),
            Sight::Name | Sight::Whole => true,
        };
        self.advance(word.len(), is_shown);
        let is_value = word.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'))
            || matches!(word, "true" | "false" | "inf" | "nan");
        self.is_damaged = self.is_damaged || !is_value;
        !word.is_empty()
    }
}

/// The length of a string that one line holds, and whether it is closed.
fn one_line_string(text: &str, quote: char) -> (usize, bool) {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\n' => return (at, false),
            _ if is_escaped => is_escaped = false,
            '\\' if quote == '"' => is_escaped = true,
            c if c == quote => return (at.saturating_add(1), true),
            _ => {}
        }
    }
    (text.len(), false)
}

/// The length of a string in three quotes, and whether it is closed.
fn long_string(text: &str, quote: char, three: &str) -> (usize, bool) {
    let mut at = 3;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(three) {
            // Up to two more quotes belong to the string.
            let more = rest.len().saturating_sub(rest.trim_start_matches(quote).len());
            return (at.saturating_add(more.min(5)), true);
        }
        let step = if quote == '"' && rest.starts_with('\\') { 2 } else { 1 };
        at = at.saturating_add(rest.chars().take(step).map(char::len_utf8).fold(0, usize::saturating_add));
    }
    (text.len(), false)
}

/// The inside of a basic string without its escapes. Only letters that are written as numbers matter here.
fn unescaped(text: &str) -> String {
    let mut done = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        done.push_str(before);
        let end = match after.chars().next() {
            Some('u') => 5,
            Some('U') => 9,
            Some('x') => 3,
            _ => 0,
        };
        let code = after.get(1..end).and_then(|hex| u32::from_str_radix(hex, 16).ok());
        let (c, end) = match code.and_then(char::from_u32) {
            Some(c) => (Some(c), end),
            None => (after.chars().next(), after.chars().next().map_or(0, char::len_utf8)),
        };
        done.extend(c);
        rest = after.get(end..).unwrap_or_default();
    }
    done.push_str(rest);
    done
}
