//! Bytes as they come from a pipe, cut into lines.

#![forbid(unsafe_code)]

use super::record::Part;
use crate::sys::bytes;

/// The longest line that is kept whole, in bytes without its newline. A longer one is split.
pub const LIMIT: usize = 64 * 1024;

/// The lines of one stream. It keeps what has come of a line that has not ended.
#[derive(Debug, Default)]
pub struct Splitter {
    /// The beginning of a line, or of the rest of one.
    begun: Vec<u8>,
    /// A part of this line was delivered already.
    is_split: bool,
}

impl Splitter {
    /// Takes bytes, and delivers each line that they end, in order.
    pub fn push(&mut self, bytes: &[u8], deliver: &mut dyn FnMut(&[u8], Part)) {
        let mut rest = bytes;
        while let Some((line, after)) = bytes::find(b'\n', rest).and_then(|at| rest.split_at_checked(at)) {
            rest = after.get(1..).unwrap_or_default();
            let line = self.shorten(line, deliver);
            let part = if std::mem::take(&mut self.is_split) { Part::Last } else { Part::Whole };
            if self.begun.is_empty() {
                deliver(line, part);
            } else {
                self.begun.extend_from_slice(line);
                // A quiet stream keeps no room.
                deliver(&std::mem::take(&mut self.begun), part);
            }
        }
        let rest = self.shorten(rest, deliver);
        self.begun.extend_from_slice(rest);
    }

    /// Nothing more comes of this line: delivers what there is of it.
    pub fn end(&mut self, deliver: &mut dyn FnMut(&[u8], Part)) {
        let begun = std::mem::take(&mut self.begun);
        let part = if std::mem::take(&mut self.is_split) { Part::LastUnended } else { Part::Unended };
        if !begun.is_empty() {
            deliver(&begun, part);
        }
    }

    /// Whether a line has begun and not ended.
    pub fn is_in_line(&self) -> bool {
        self.is_split || !self.begun.is_empty()
    }

    /// Delivers parts of a line until it fits with what was kept of it. Returns the rest.
    fn shorten<'a>(&mut self, line: &'a [u8], deliver: &mut dyn FnMut(&[u8], Part)) -> &'a [u8] {
        let mut line = line;
        while self.begun.len().saturating_add(line.len()) > LIMIT {
            let part = if std::mem::replace(&mut self.is_split, true) { Part::Middle } else { Part::First };
            let room = LIMIT.saturating_sub(self.begun.len());
            let (piece, rest) = line.split_at_checked(room).unwrap_or((line, &[]));
            line = rest;
            if self.begun.is_empty() {
                let end = last_boundary(piece);
                let (piece, kept) = piece.split_at_checked(end).unwrap_or((piece, &[]));
                deliver(piece, part);
                self.begun.extend_from_slice(kept);
            } else {
                self.begun.extend_from_slice(piece);
                let kept = self.begun.split_off(last_boundary(&self.begun));
                deliver(&self.begun, part);
                self.begun = kept;
            }
        }
        line
    }
}

/// Where the last character of UTF-8 ends that is there whole: a character is not cut in two. In other bytes, their
/// end.
pub fn last_boundary(bytes: &[u8]) -> usize {
    let begin = bytes.iter().rev().take(4).position(|byte| byte & 0b1100_0000 != 0b1000_0000);
    let Some(begin) = begin.map(|back| bytes.len().saturating_sub(back).saturating_sub(1)) else {
        return bytes.len();
    };
    let length = match bytes.get(begin) {
        Some(0b1100_0000..=0b1101_1111) => 2,
        Some(0b1110_0000..=0b1110_1111) => 3,
        Some(0b1111_0000..=0b1111_0111) => 4,
        _ => 1,
    };
    if bytes.len().saturating_sub(begin) < length { begin } else { bytes.len() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Parts = Vec<(Vec<u8>, Part)>;

    fn split(pieces: &[&[u8]]) -> Parts {
        let (mut splitter, mut found) = (Splitter::default(), Parts::new());
        let mut deliver = |line: &[u8], part| found.push((line.to_vec(), part));
        pieces.iter().for_each(|piece| splitter.push(piece, &mut deliver));
        splitter.end(&mut deliver);
        assert!(!splitter.is_in_line());
        found
    }

    /// What was written, out of the parts: with a newline after each line.
    fn joined(parts: &Parts) -> Vec<u8> {
        let newline = |part: &Part| if part.goes_on() { &b""[..] } else { b"\n" };
        parts.iter().flat_map(|(line, part)| [line, newline(part)].concat()).collect()
    }

    fn whole(lines: &[&str]) -> Parts {
        lines.iter().map(|line| (line.as_bytes().to_vec(), Part::Whole)).collect()
    }

    #[test]
    fn lines_are_whole_wherever_they_are_cut() {
        assert_eq!(split(&[b"one\ntwo\n"]), whole(&["one", "two"]));
        assert_eq!(split(&[b"o", b"n", b"e\nt", b"", b"wo", b"\n", b"\n"]), whole(&["one", "two", ""]));
        assert_eq!(split(&[b"a\r\n"]), whole(&["a\r"]));
        assert_eq!(split(&[]), whole(&[]));
    }

    #[test]
    fn the_last_line_needs_no_newline() {
        let last = (b"last words".to_vec(), Part::Unended);
        assert_eq!(split(&[b"one\nlast", b" words"]), [whole(&["one"]), vec![last]].concat());
    }

    #[test]
    fn long_lines_are_split_and_marked() {
        let line = |length: usize| vec![b'x'; length];
        let ended = |length: usize| [line(length), b"\n".to_vec()].concat();
        assert_eq!(split(&[&ended(LIMIT)]), [(line(LIMIT), Part::Whole)]);
        for cut in [0, 1, LIMIT, LIMIT + 1] {
            let bytes = ended(LIMIT + 1);
            let (one, two) = bytes.split_at(cut);
            assert_eq!(split(&[one, two]), [(line(LIMIT), Part::First), (line(1), Part::Last)], "{cut}");
        }
        let long = split(&[&line(3 * LIMIT)]);
        assert_eq!(
            long.iter().map(|(_, part)| *part).collect::<Vec<_>>(),
            [Part::First, Part::Middle, Part::LastUnended]
        );
        // The mark is of this line alone.
        assert_eq!(split(&[&ended(LIMIT + 1), b"y\n"])[2], (b"y".to_vec(), Part::Whole));
    }

    #[test]
    fn no_character_is_cut_in_two() {
        for character in ["é", "€", "🦀"] {
            for before in 0..5 {
                let text = "x".repeat(before) + &character.repeat(LIMIT / 2);
                for (line, _) in split(&[text.as_bytes()]) {
                    assert!(std::str::from_utf8(&line).is_ok(), "{character} after {before}");
                }
            }
        }
        // What is no UTF-8 is cut at the limit, and lasts no longer than that.
        for byte in [0x80_u8, 0xbf, 0xff, 0xf0] {
            let bytes = vec![byte; 3 * LIMIT];
            let parts = split(&[&bytes]);
            assert!(
                parts.iter().all(|(line, _)| (LIMIT - 3..=LIMIT).contains(&line.len()) || line.len() < 9)
            );
            assert_eq!(joined(&parts), [bytes, b"\n".to_vec()].concat());
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_added_or_moved(
            pieces in proptest::collection::vec(
                (proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..20), 1..9000_usize), 0..30)
        ) {
            let pieces: Vec<Vec<u8>> = pieces.into_iter().map(|(bytes, times)| match times {
                // Now and then much without a newline.
                8000.. => bytes.iter().map(|byte| byte | 1).cycle().take(if bytes.is_empty() { 0 } else { times }).collect(),
                _ => bytes,
            }).collect();
            let written = pieces.concat();
            let slices: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let parts = split(&slices);
            let mut expected = written.clone();
            if !expected.is_empty() && !expected.ends_with(b"\n") {
                expected.push(b'\n');
            }
            prop_assert_eq!(joined(&parts), expected);
            for (line, _) in &parts {
                prop_assert!(line.len() <= LIMIT && !line.contains(&b'\n'));
            }
        }
    }
}
