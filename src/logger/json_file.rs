//! The driver `json-file`: Docker's own format, byte for byte.
//!
//! `{"log":"hello\n","stream":"stdout","time":"2026-11-29T07:08:09.123456789Z"}`, one object a line. `log` ends with `\n`
//! where the line does. Docker writes a line of more than 16 KiB as several objects, of which only the last has the
//! `\n`. Characters that mean something in HTML are escaped, and every byte that is not UTF-8 becomes U+FFFD.
//!
//! One thing is different: Docker cuts a long line also within a character, and so loses it.

#![forbid(unsafe_code)]

use super::encode::Encode;
use super::record::Record;
use super::split::last_boundary;
use super::stamp::stamp;

/// Docker reads so many bytes at a time, and cuts a longer line there.
const PIECE: usize = 16 * 1024;

/// Docker's own format.
#[derive(Debug, Default)]
pub struct JsonFile;

impl Encode for JsonFile {
    fn encode(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let time = stamp(record.time);
        let mut object = |log: &[u8], end: &str| {
            out.extend_from_slice(b"{\"log\":\"");
            escape(log, out);
            out.extend_from_slice(end.as_bytes());
            out.extend_from_slice(b"\",\"stream\":\"");
            out.extend_from_slice(record.stream.as_str().as_bytes());
            out.extend_from_slice(b"\",\"time\":\"");
            out.extend_from_slice(time.as_bytes());
            out.extend_from_slice(b"\"}\n");
        };
        let mut rest = record.line;
        while let Some((piece, _)) = rest.split_at_checked(PIECE) {
            let (piece, after) = rest.split_at_checked(last_boundary(piece)).unwrap_or((rest, &[]));
            object(piece, "");
            rest = after;
        }
        match record.part.has_newline() {
            true => object(rest, "\\n"),
            false if rest.is_empty() => {}
            false => object(rest, ""),
        }
    }
}

fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    for chunk in bytes.utf8_chunks() {
        escape_text(chunk.valid().as_bytes(), out);
        for _ in chunk.invalid() {
            out.extend_from_slice(b"\\ufffd");
        }
    }
}

/// Escapes what Docker escapes, and copies what is between.
fn escape_text(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| is_special(*byte)) {
        let (plain, special) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        out.extend_from_slice(plain);
        rest = match special {
            // U+2028 and U+2029 end a line in JavaScript.
            [0xe2, 0x80, last @ (0xa8 | 0xa9), after @ ..] => {
                out.extend_from_slice(if *last == 0xa8 { b"\\u2028" } else { b"\\u2029" });
                after
            }
            [byte, after @ ..] => {
                escape_byte(*byte, out);
                after
            }
            [] => &[],
        };
    }
    out.extend_from_slice(rest);
}

fn is_special(byte: u8) -> bool {
    matches!(byte, ..0x20 | b'"' | b'\\' | b'<' | b'>' | b'&' | 0xe2)
}

fn escape_byte(byte: u8, out: &mut Vec<u8>) {
    match byte {
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        // The beginning of another character.
        0xe2 => out.push(byte),
        _ => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::{Part, Stream};
    use super::*;
    use proptest::prelude::*;
    use std::time::{Duration, SystemTime};

    fn encoded(line: &[u8], part: Part) -> String {
        let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_795_276_429_120_000_000);
        let mut out = Vec::new();
        JsonFile.encode(&Record { time, service: "web", stream: Stream::Stderr, line, part }, &mut out);
        String::from_utf8(out).unwrap()
    }

    const AFTER: &str = "\",\"stream\":\"stderr\",\"time\":\"2026-11-21T15:53:49.12Z\"}\n";

    #[test]
    fn a_line_is_an_object_as_docker_writes_it() {
        assert_eq!(encoded(b"hello", Part::Whole), format!("{{\"log\":\"hello\\n{AFTER}"));
        assert_eq!(encoded(b"", Part::Whole), format!("{{\"log\":\"\\n{AFTER}"));
        assert_eq!(encoded(b"begun", Part::Unended), format!("{{\"log\":\"begun{AFTER}"));
        assert_eq!(encoded(b"a", Part::First), format!("{{\"log\":\"a{AFTER}"));
        assert_eq!(encoded(b"z", Part::Last), format!("{{\"log\":\"z\\n{AFTER}"));
    }

    #[test]
    fn what_docker_escapes_is_escaped() {
        let line = "\"\\\r\t\0\u{1b}\u{7f}<b>&\u{2027}\u{2028}\u{2029}\u{202a}é🦀\u{fffd}".as_bytes();
        let expected = "\\\"\\\\\\r\\u0009\\u0000\\u001b\u{7f}\\u003cb\\u003e\\u0026\u{2027}\\u2028\\u2029\u{202a}é🦀\u{fffd}";
        assert_eq!(encoded(line, Part::Whole), format!("{{\"log\":\"{expected}\\n{AFTER}"));
        // One for each byte, also where a character was begun.
        let line = b"\xff\xe2\x82x\xf0\x9f\xa6\xed\xa0\x80\xc0\xaf";
        let expected = format!("{0}{0}{0}x{0}{0}{0}{0}{0}{0}{0}{0}", "\\ufffd");
        assert_eq!(encoded(line, Part::Whole), format!("{{\"log\":\"{expected}\\n{AFTER}"));
    }

    #[test]
    fn long_lines_are_cut_where_docker_cuts_them() {
        let lengths = |length: usize, part| -> Vec<(usize, bool)> {
            let text = encoded(&vec![b'x'; length], part);
            let objects = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
            let logs = objects.map(|object| object["log"].as_str().unwrap().to_owned());
            logs.map(|log| (log.trim_end().len(), log.ends_with('\n'))).collect()
        };
        assert_eq!(lengths(PIECE - 1, Part::Whole), [(PIECE - 1, true)]);
        assert_eq!(lengths(PIECE, Part::Whole), [(PIECE, false), (0, true)]);
        assert_eq!(lengths(2 * PIECE + 5, Part::Whole), [(PIECE, false), (PIECE, false), (5, true)]);
        assert_eq!(lengths(PIECE, Part::Unended), [(PIECE, false)]);
        // But no character is.
        let long = format!("x{}", "é".repeat(PIECE));
        assert!(!encoded(long.as_bytes(), Part::Whole).contains("fffd"));
    }

    proptest! {
        #[test]
        fn what_is_decoded_is_what_was_written(line in ".{0,200}", times in 1..400_usize) {
            let line = line.replace('\n', " ").repeat(times);
            let text = encoded(line.as_bytes(), Part::Whole);
            let objects = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
            let logs: String = objects.map(|object| object["log"].as_str().unwrap().to_owned()).collect();
            prop_assert_eq!(logs, line + "\n");
        }

        #[test]
        fn every_byte_gives_json(line in proptest::collection::vec(any::<u8>(), 0..300)) {
            let line: Vec<u8> = line.into_iter().filter(|byte| *byte != b'\n').collect();
            let text = encoded(&line, Part::Whole);
            prop_assert_eq!(text.matches('\n').count(), 1);
            let object: serde_json::Value = serde_json::from_str(&text).unwrap();
            let valid: usize = line.utf8_chunks().map(|chunk| chunk.valid().chars().count() + chunk.invalid().len()).sum();
            prop_assert_eq!(object["log"].as_str().unwrap().chars().count(), valid + 1);
        }
    }
}
