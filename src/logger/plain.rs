//! The driver `file`: lines as they are, if wanted with the time of their arrival.

#![forbid(unsafe_code)]

use super::console::time;
use super::encode::Encode;
use super::record::Record;

/// A line a record.
#[derive(Debug)]
pub struct Plain {
    /// With the time.
    pub timestamps: bool,
}

impl Encode for Plain {
    fn encode(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        if self.timestamps {
            out.extend_from_slice(time(record.time).as_bytes());
            out.push(b' ');
        }
        out.extend_from_slice(record.line);
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::{Part, Stream};
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn lines_are_as_they_are() {
        let record = |line| Record {
            time: SystemTime::UNIX_EPOCH,
            service: "web",
            stream: Stream::Stdout,
            line,
            part: Part::Unended,
        };
        let mut out = Vec::new();
        Plain { timestamps: false }.encode(&record(b"\xff\0 <x>\r"), &mut out);
        Plain { timestamps: true }.encode(&record(b"y"), &mut out);
        assert_eq!(out, b"\xff\0 <x>\r\n1970-01-01T00:00:00.000000000Z y\n");
    }
}
