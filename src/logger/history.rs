//! The last records of a service, for `rinit logs`.

#![forbid(unsafe_code)]

use super::record::{Part, Record, Stream};
use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

/// How much is kept of each service, in bytes, with what each record needs beside its line.
pub const LIMIT: usize = 64 * 1024;

/// What stands before each line: its length, its time, its stream and its part.
const HEAD: usize = 4 + 8 + 2;

/// Records in one ring of bytes: most lines are short, and each costs no allocation.
#[derive(Debug, Default)]
pub struct History {
    bytes: VecDeque<u8>,
}

/// A record that was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept<'a> {
    /// Nanoseconds since 1970.
    pub nanos: u64,
    pub stream: Stream,
    pub part: Part,
    pub line: &'a [u8],
}

impl Kept<'_> {
    /// When it was read.
    pub fn time(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(self.nanos)).unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

/// Nanoseconds since 1970, to the year 2554.
pub fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

impl History {
    /// Keeps a record. The oldest go.
    pub fn push(&mut self, record: &Record<'_>) {
        let size = record.line.len().saturating_add(HEAD);
        while !self.bytes.is_empty() && self.bytes.len().saturating_add(size) > LIMIT.max(size) {
            self.drop_first();
        }
        self.bytes.extend(u32::try_from(record.line.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.bytes.extend(nanos(record.time).to_le_bytes());
        self.bytes.extend([stream_byte(record.stream), part_byte(record.part)]);
        self.bytes.extend(record.line);
    }

    /// All of them, the oldest first.
    pub fn records(&mut self) -> Vec<Kept<'_>> {
        let mut rest: &[u8] = self.bytes.make_contiguous();
        let mut found = Vec::new();
        while let Some((kept, after)) = first(rest) {
            found.push(kept);
            rest = after;
        }
        found
    }

    fn drop_first(&mut self) {
        let mut length = [0; 4];
        length.iter_mut().zip(&self.bytes).for_each(|(to, from)| *to = *from);
        let line = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        let size = line.saturating_add(HEAD).min(self.bytes.len());
        self.bytes.drain(..size);
    }
}

fn first(bytes: &[u8]) -> Option<(Kept<'_>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (nanos, rest) = rest.split_first_chunk::<8>()?;
    let ([stream, part], rest) = rest.split_first_chunk::<2>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (line, rest) = rest.split_at_checked(length)?;
    let stream = if *stream == 0 { Stream::Stdout } else { Stream::Stderr };
    let part = match part {
        0 => Part::Whole,
        1 => Part::First,
        2 => Part::Middle,
        3 => Part::Last,
        4 => Part::Unended,
        _ => Part::LastUnended,
    };
    Some((Kept { nanos: u64::from_le_bytes(*nanos), stream, part, line }, rest))
}

fn stream_byte(stream: Stream) -> u8 {
    match stream {
        Stream::Stdout => 0,
        Stream::Stderr => 1,
    }
}

fn part_byte(part: Part) -> u8 {
    match part {
        Part::Whole => 0,
        Part::First => 1,
        Part::Middle => 2,
        Part::Last => 3,
        Part::Unended => 4,
        Part::LastUnended => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::super::split;
    use super::*;

    fn record(number: u64, line: &[u8], part: Part) -> Record<'_> {
        let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(number);
        Record { time, service: "web", stream: Stream::Stderr, line, part }
    }

    #[test]
    fn the_last_records_are_kept_as_they_were() {
        let mut history = History::default();
        assert!(history.records().is_empty());
        let parts = [Part::Whole, Part::First, Part::Middle, Part::Last, Part::Unended, Part::LastUnended];
        for number in 0..10_000_u64 {
            let line = number.to_string().repeat(3);
            history.push(&record(number, line.as_bytes(), parts[usize::try_from(number % 6).unwrap()]));
            assert!(history.bytes.len() <= LIMIT);
        }
        let kept = history.records();
        assert!(kept.len() > 2000);
        for (kept, number) in kept.iter().rev().zip((0..10_000_u64).rev()) {
            let part = parts[usize::try_from(number % 6).unwrap()];
            let line = number.to_string().repeat(3);
            assert_eq!(*kept, Kept { nanos: number, stream: Stream::Stderr, part, line: line.as_bytes() });
            assert_eq!(nanos(kept.time()), number);
        }
    }

    #[test]
    fn the_longest_line_has_room() {
        let mut history = History::default();
        history.push(&record(1, b"short", Part::Whole));
        history.push(&record(2, &vec![b'x'; split::LIMIT], Part::First));
        assert_eq!(history.records().len(), 1);
        history.push(&record(3, b"", Part::Last));
        assert_eq!(history.records()[0].line, b"");
    }
}
