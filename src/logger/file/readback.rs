//! Reading what was written to log files: that of now and the rotated ones, the oldest line first.

#![forbid(unsafe_code)]

use super::chain::Chain;
use super::{gzip, place};
use crate::model::log_files::LogFiles;
use crate::model::{Driver, Logging};
use serde::Deserialize;
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::SystemTime;

/// No line that was written is longer, with what stands before it and with everything in it escaped.
const LONGEST: u64 = 1 << 20;

/// What is in the lines of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Objects of `json-file`.
    Json,
    /// Lines after the time of their arrival.
    Stamped,
    /// Lines alone.
    Plain,
}

impl Form {
    /// That of a service that logs to a file.
    pub fn of(logging: &Logging) -> Form {
        match logging.driver {
            Driver::JsonFile => Form::Json,
            _ if logging.is_on("timestamps") => Form::Stamped,
            _ => Form::Plain,
        }
    }
}

/// The files of a service, open. What is written to them later is not read.
pub struct Readback {
    /// The newest first.
    files: Vec<Part>,
    form: Form,
}

struct Part {
    file: File,
    size: u64,
    is_compressed: bool,
}

/// A line that was read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// `None`: the file does not say so.
    pub time: Option<SystemTime>,
    /// It was written to standard error. Where the file does not say so: no.
    pub is_stderr: bool,
    /// The next line goes on with it.
    pub is_partial: bool,
    /// What was written.
    pub log: Cow<'a, [u8]>,
}

impl Readback {
    /// Opens the newest of them, at most so many.
    pub fn open(files: &LogFiles, form: Form, most: usize) -> Readback {
        let chain = Chain::new(&files.path, files.max_file);
        let mut found: Vec<Part> = open(chain.path(), false).into_iter().collect();
        for number in chain.numbers() {
            if found.len() >= most {
                break;
            }
            let part = open(&chain.plain(number), false).or_else(|| open(&chain.compressed(number), true));
            found.extend(part);
        }
        Readback { files: found, form }
    }

    /// How many files there are.
    pub fn count(&self) -> usize {
        self.files.len()
    }

    /// Their descriptors.
    pub fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        self.files.iter().map(|part| part.file.as_raw_fd())
    }

    /// All lines, each without its newline.
    pub fn lines(&self) -> Lines<'_> {
        Lines { rest: self.files.iter().rev(), reader: None }
    }

    /// What is in a line.
    pub fn parse<'a>(&self, line: &'a [u8]) -> Line<'a> {
        let parsed = match self.form {
            Form::Json => object(line),
            Form::Stamped => stamped(line),
            Form::Plain => None,
        };
        // What is in no form is shown as it is.
        parsed.unwrap_or(Line { time: None, is_stderr: false, is_partial: false, log: Cow::Borrowed(line) })
    }
}

fn open(path: &Path, is_compressed: bool) -> Option<Part> {
    let file = place::read(path).ok()?;
    let size = file.metadata().ok()?.len();
    Some(Part { file, size, is_compressed })
}

/// Lines, one after the other.
pub struct Lines<'a> {
    rest: std::iter::Rev<std::slice::Iter<'a, Part>>,
    reader: Option<BufReader<Box<dyn Read + 'a>>>,
}

impl Lines<'_> {
    /// Puts the next line into `line`, in place of what is in it. Whether there was one. The rest of a file that cannot be
    /// read is left out.
    pub fn read(&mut self, line: &mut Vec<u8>) -> bool {
        loop {
            line.clear();
            if let Some(reader) = &mut self.reader {
                match reader.take(LONGEST).read_until(b'\n', line) {
                    Ok(1..) => {
                        line.pop_if(|last| *last == b'\n');
                        return true;
                    }
                    Ok(0) | Err(_) => self.reader = None,
                }
            }
            let Some(part) = self.rest.next() else { return false };
            let plain = Slice { file: &part.file, at: 0, end: part.size };
            let reader: Option<Box<dyn Read>> = match part.is_compressed {
                true => gzip::Reader::new(BufReader::new(plain)).ok().map(|it| Box::new(it) as Box<dyn Read>),
                false => Some(Box::new(plain)),
            };
            self.reader = reader.map(|reader| BufReader::with_capacity(64 * 1024, reader));
        }
    }

    /// How many there are.
    pub fn count(mut self) -> u64 {
        let (mut line, mut count) = (Vec::new(), 0_u64);
        while self.read(&mut line) {
            count = count.saturating_add(1);
        }
        count
    }
}

/// The beginning of a file, with a place of its own in it.
struct Slice<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl Read for Slice<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let length = left.min(buffer.len());
        let count = self.file.read_at(buffer.get_mut(..length).unwrap_or_default(), self.at)?;
        self.at = self.at.saturating_add(u64::try_from(count).unwrap_or_default());
        Ok(count)
    }
}

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    log: Cow<'a, str>,
    #[serde(borrow)]
    stream: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
}

fn object(line: &[u8]) -> Option<Line<'_>> {
    let Object { log, stream, time } = serde_json::from_slice(line).ok()?;
    let time = humantime::parse_rfc3339(&time).ok()?;
    let is_partial = !log.ends_with('\n');
    let log = match log {
        // A newline would have been escaped, and the text not borrowed.
        Cow::Borrowed(log) => Cow::Borrowed(log.as_bytes()),
        Cow::Owned(mut log) => {
            log.truncate(log.trim_end_matches('\n').len().max(log.len().saturating_sub(1)));
            Cow::Owned(log.into_bytes())
        }
    };
    Some(Line { time: Some(time), is_stderr: stream == "stderr", is_partial, log })
}

fn stamped(line: &[u8]) -> Option<Line<'_>> {
    let end = line.iter().position(|byte| *byte == b' ')?;
    let (time, log) = line.split_at_checked(end)?;
    let time = humantime::parse_rfc3339(std::str::from_utf8(time).ok()?).ok()?;
    let log = Cow::Borrowed(log.get(1..).unwrap_or_default());
    Some(Line { time: Some(time), is_stderr: false, is_partial: false, log })
}

#[cfg(test)]
mod tests {
    use super::super::super::encode::Encode;
    use super::super::super::json_file::JsonFile;
    use super::super::super::plain::Plain;
    use super::super::super::record::{self, Record, Stream};
    use super::*;
    use std::fs;
    use std::time::Duration;

    fn files(dir: &Path) -> LogFiles {
        let path = dir.join("f").to_str().unwrap().to_owned();
        LogFiles { path, max_size: Some(1), max_file: 5, compress: true }
    }

    fn all(readback: &Readback) -> Vec<String> {
        let (mut lines, mut line, mut found) = (readback.lines(), Vec::new(), Vec::new());
        while lines.read(&mut line) {
            found.push(String::from_utf8(readback.parse(&line).log.into_owned()).unwrap());
        }
        assert_eq!(readback.lines().count(), found.len() as u64);
        found
    }

    #[test]
    fn all_files_are_read_the_oldest_first() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::write(path("f"), "seven\neight").unwrap();
        fs::write(path("f.1"), "five\nsix\n").unwrap();
        let mut compressed = Vec::new();
        gzip::compress(&mut &b"one\ntwo\n"[..], &mut compressed).unwrap();
        fs::write(path("f.4.gz"), &compressed).unwrap();
        fs::write(path("f.3.gz"), "damaged").unwrap();
        nix::unistd::mkfifo(&path("f.2"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let readback = Readback::open(&files(dir.path()), Form::Plain, 9);
        fs::write(path("f"), "seven\neight and more\n").unwrap();
        assert_eq!(all(&readback), ["one", "two", "five", "six", "seven", "eight"]);
        assert_eq!(all(&Readback::open(&files(dir.path()), Form::Plain, 2)).len(), 4);
        assert!(all(&Readback::open(&files(path("no").as_path()), Form::Plain, 9)).is_empty());
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_795_276_429_120_000_001);
        let part = record::Part::Whole;
        for (form, encode) in [
            (Form::Json, &mut JsonFile as &mut dyn Encode),
            (Form::Stamped, &mut Plain { timestamps: true }),
            (Form::Plain, &mut Plain { timestamps: false }),
        ] {
            for text in ["", "hello", "a \"b\" <c>\t"] {
                let record =
                    Record { time, service: "web", stream: Stream::Stderr, line: text.as_bytes(), part };
                let mut out = Vec::new();
                encode.encode(&record, &mut out);
                fs::write(dir.path().join("f"), &out).unwrap();
                let readback = Readback::open(&files(dir.path()), form, 9);
                let mut line = Vec::new();
                assert!(readback.lines().read(&mut line));
                let expected = Line {
                    time: (form != Form::Plain).then_some(time),
                    is_stderr: form == Form::Json,
                    is_partial: false,
                    log: Cow::Borrowed(text.as_bytes()),
                };
                assert_eq!(readback.parse(&line), expected);
                assert_eq!(readback.parse(b"no such form").log, &b"no such form"[..]);
            }
        }
    }
}
