//! How a record looks on the console.

#![forbid(unsafe_code)]

use crate::logger::encode::Encode;
use crate::logger::record::Record;
use serde::Serialize;
use std::borrow::Cow;
use std::cell::Cell;
use std::rc::Rc;
use std::time::SystemTime;

/// How a record looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// A line for people: `web  | line`.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Colours that names take in turn, as `docker compose logs` gives them.
const COLOURS: [&str; 10] = ["36", "33", "32", "35", "34", "36;1", "33;1", "32;1", "35;1", "34;1"];

/// What the names of all services have in common: how wide they are, and which colour is next.
#[derive(Clone, Debug, Default)]
pub struct Palette {
    width: Rc<Cell<usize>>,
    given: Rc<Cell<usize>>,
    is_coloured: bool,
}

impl Palette {
    /// Coloured, or not.
    pub fn new(is_coloured: bool) -> Palette {
        Palette { is_coloured, ..Palette::default() }
    }

    /// Makes room for a name.
    pub fn widen(&self, name: &str) {
        self.width.set(self.width.get().max(name.len()));
    }

    fn next_colour(&self) -> Option<&'static str> {
        let given = self.given.replace(self.given.get().wrapping_add(1));
        let number = given.checked_rem(COLOURS.len()).unwrap_or_default();
        COLOURS.get(number).copied().filter(|_| self.is_coloured)
    }
}

/// `web  | line`, and `web  + line` for what continues a line that was too long.
#[derive(Debug)]
pub struct Text {
    palette: Palette,
    colour: Option<&'static str>,
    timestamps: bool,
}

impl Text {
    /// For a service of this name.
    pub fn new(palette: &Palette, name: &str, timestamps: bool) -> Text {
        palette.widen(name);
        Text { palette: palette.clone(), colour: palette.next_colour(), timestamps }
    }

    /// With the time from now on, or without it.
    pub fn show_time(&mut self, shown: bool) {
        self.timestamps = shown;
    }
}

impl Encode for Text {
    fn encode(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        if let Some(colour) = self.colour {
            out.extend_from_slice(b"\x1b[");
            out.extend_from_slice(colour.as_bytes());
            out.push(b'm');
        }
        out.extend_from_slice(record.service.as_bytes());
        let blanks = self.palette.width.get().saturating_sub(record.service.len());
        out.extend(std::iter::repeat_n(b' ', blanks));
        out.extend_from_slice(if record.part.continues() { b"  +" } else { b"  |" });
        if self.colour.is_some() {
            out.extend_from_slice(b"\x1b[0m");
        }
        out.push(b' ');
        if self.timestamps {
            out.extend_from_slice(time(record.time).as_bytes());
            out.push(b' ');
        }
        out.extend_from_slice(record.line);
        out.push(b'\n');
    }
}

/// `{"time":...,"service":...,"stream":...,"log":...}`, with `"partial":true` where the line goes on in the next record.
#[derive(Debug, Default)]
pub struct Json;

#[derive(Serialize)]
struct Fields<'a> {
    time: String,
    service: &'a str,
    stream: &'static str,
    log: Cow<'a, str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    partial: bool,
}

impl Encode for Json {
    fn encode(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        object(record, time(record.time), out);
        out.push(b'\n');
    }
}

/// The same without the newline. `time` is empty where it is not known.
pub fn object(record: &Record<'_>, time: String, out: &mut Vec<u8>) {
    let fields = Fields {
        time,
        service: record.service,
        stream: record.stream.as_str(),
        log: String::from_utf8_lossy(record.line),
        partial: record.part.goes_on(),
    };
    // Writing to memory cannot fail.
    let _ = serde_json::to_writer(&mut *out, &fields);
}

/// As Docker writes it: RFC 3339 with nanoseconds.
pub fn time(time: SystemTime) -> String {
    humantime::format_rfc3339_nanos(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logger::record::{Part, Stream};
    use proptest::prelude::*;
    use std::time::Duration;

    fn record<'a>(service: &'a str, line: &'a [u8], part: Part) -> Record<'a> {
        let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_795_276_429_000_000_561);
        Record { time, service, stream: Stream::Stderr, line, part }
    }

    fn encoded(encode: &mut dyn Encode, record: &Record<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        encode.encode(record, &mut out);
        out
    }

    fn text(encode: &mut dyn Encode, record: &Record<'_>) -> String {
        String::from_utf8(encoded(encode, record)).unwrap()
    }

    #[test]
    fn names_stand_in_a_column() {
        let palette = Palette::new(false);
        let (mut web, mut database) =
            (Text::new(&palette, "web", false), Text::new(&palette, "database", true));
        assert_eq!(text(&mut web, &record("web", b"hello", Part::Whole)), "web       | hello\n");
        assert_eq!(text(&mut web, &record("web", b"more", Part::Last)), "web       + more\n");
        assert_eq!(
            text(&mut database, &record("database", b"", Part::First)),
            "database  | 2026-11-21T15:53:49.000000561Z \n"
        );
        assert_eq!(encoded(&mut web, &record("web", b"\xff\x00", Part::Whole)), b"web       | \xff\x00\n");
    }

    #[test]
    fn services_differ_in_colour() {
        let palette = Palette::new(true);
        let mut seen = Vec::new();
        for name in ["a", "b"] {
            seen.push(text(&mut Text::new(&palette, name, false), &record(name, b"x", Part::Whole)));
        }
        assert_eq!(seen, ["\x1b[36ma  |\x1b[0m x\n", "\x1b[33mb  |\x1b[0m x\n"]);
    }

    #[test]
    fn json_has_four_fields_and_a_mark() {
        assert_eq!(
            text(&mut Json, &record("web", b"a \"b\" \xff\t", Part::Whole)),
            "{\"time\":\"2026-11-21T15:53:49.000000561Z\",\"service\":\"web\",\"stream\":\"stderr\",\
             \"log\":\"a \\\"b\\\" \u{fffd}\\t\"}\n"
        );
        for (part, marked) in [(Part::First, true), (Part::Middle, true), (Part::Last, false)] {
            let line = text(&mut Json, &record("web", b"x", part));
            assert_eq!(line.ends_with(",\"partial\":true}\n"), marked, "{line}");
        }
    }

    proptest! {
        #[test]
        fn json_says_what_was_written(line in ".*") {
            let line = line.replace('\n', " ");
            let json = text(&mut Json, &record("web", line.as_bytes(), Part::Whole));
            prop_assert_eq!(json.matches('\n').count(), 1);
            let read: serde_json::Value = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(read["log"].as_str(), Some(line.as_str()));
        }

        #[test]
        fn a_line_is_one_line(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let line: Vec<u8> = line.into_iter().filter(|byte| *byte != b'\n').collect();
            let palette = Palette::new(false);
            let of_text = encoded(&mut Text::new(&palette, "web", false), &record("web", &line, Part::Whole));
            prop_assert_eq!(&of_text, &[&b"web  | "[..], &line, b"\n"].concat());
            let of_json = encoded(&mut Json, &record("web", &line, Part::Whole));
            prop_assert_eq!(of_json.iter().filter(|byte| **byte == b'\n').count(), 1);
        }
    }
}
