//! Reads log files for somebody who asks for logs, in a child: that may take long, and the logger goes on meanwhile.
//!
//! The files are opened before, so rotating goes on as well. The child sends the lines of all services by their time, and
//! ends. What is written since then is sent by the logger after that.

#![forbid(unsafe_code)]

use super::console::{self, object};
use super::file::readback::{Lines, Readback};
use super::history::Kept;
use super::record::{Part, Record, Stream};
use crate::model::Signal;
use crate::sys::{child_task, poll, process, socket};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::time::SystemTime;

/// So much is sent at once.
const PIECE: usize = 64 * 1024;

/// What there is of one service.
pub struct Past<'a> {
    pub service: &'a str,
    pub lines: Kind<'a>,
}

/// Where it is.
pub enum Kind<'a> {
    /// Here, and chosen already.
    Memory(Vec<Kept<'a>>),
    Files(Readback),
}

/// Which lines of files are meant.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// Not older. A line that has no time is older than that.
    pub since: Option<SystemTime>,
    /// Older.
    pub until: Option<SystemTime>,
    /// The last so many of each service.
    pub tail: Option<u64>,
}

/// Begins to send these to a client, after `first`. Returns the child.
///
/// # Errors
/// There is no room for a process.
pub fn start(first: &[u8], all: &[Past<'_>], wanted: Wanted, client: &UnixStream) -> io::Result<i32> {
    let files = all.iter().filter_map(|past| match &past.lines {
        Kind::Files(files) => Some(files),
        Kind::Memory(_) => None,
    });
    let mut kept: Vec<i32> = files.flat_map(Readback::descriptors).collect();
    kept.push(client.as_raw_fd());
    let aside = child_task::run_with(&kept, || {
        // It would go on for nobody.
        process::set_parent_death_signal(Signal::KILL)?;
        let mut out = Out { client, bytes: first.to_vec() };
        merge(all, wanted, &mut |object| {
            out.bytes.extend_from_slice(b"{\"v\":1,\"ok\":true,\"log\":");
            out.bytes.extend_from_slice(object);
            out.bytes.extend_from_slice(b"}\n");
            if out.bytes.len() < PIECE { Ok(()) } else { out.send() }
        })?;
        out.send()
    })?;
    Ok(aside.pid)
}

struct Out<'a> {
    client: &'a UnixStream,
    bytes: Vec<u8>,
}

impl Out<'_> {
    /// Waits for whoever reads: here that holds up nobody else.
    fn send(&mut self) -> io::Result<()> {
        let mut rest = self.bytes.as_slice();
        while !rest.is_empty() {
            match socket::send(self.client, rest) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    poll::either(None, Some(self.client.as_fd()), None)?;
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.bytes.clear();
        Ok(())
    }
}

/// The next line of one service, as JSON.
struct Head {
    time: SystemTime,
    object: Vec<u8>,
}

enum Source<'a> {
    Memory(std::slice::Iter<'a, Kept<'a>>),
    Files { files: &'a Readback, lines: Lines<'a>, buffer: Vec<u8> },
}

/// The lines of a service that are yet to be sent.
struct Rest<'a> {
    service: &'a str,
    source: Source<'a>,
    wanted: Wanted,
    /// A line that has no time comes right after the one before it.
    last: SystemTime,
}

/// All lines by their time. Those of one service stay in their order.
fn merge(all: &[Past<'_>], wanted: Wanted, send: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut rests: Vec<Rest<'_>> = all.iter().map(|past| Rest::new(past, wanted)).collect();
    let mut heads: Vec<Option<Head>> = rests.iter_mut().map(Rest::next).collect();
    loop {
        let times = heads.iter().enumerate().filter_map(|(at, head)| Some((head.as_ref()?.time, at)));
        let Some((_, first)) = times.min() else { return Ok(()) };
        if let (Some(head), Some(rest)) = (heads.get_mut(first), rests.get_mut(first)) {
            if let Some(head) = head.take() {
                send(&head.object)?;
            }
            *head = rest.next();
        }
    }
}

impl<'a> Rest<'a> {
    fn new(past: &'a Past<'_>, wanted: Wanted) -> Rest<'a> {
        let source = match &past.lines {
            Kind::Memory(kept) => Source::Memory(kept.iter()),
            Kind::Files(files) => Source::Files { files, lines: files.lines(), buffer: Vec::new() },
        };
        let last = SystemTime::UNIX_EPOCH;
        let mut rest = Rest { service: past.service, source, wanted, last };
        if let (Some(tail), Kind::Files(files)) = (wanted.tail, &past.lines) {
            let count = match wanted {
                Wanted { since: None, until: None, .. } => files.lines().count(),
                _ => Rest::new(past, Wanted { tail: None, ..wanted }).count(),
            };
            (0..count.saturating_sub(tail)).for_each(|_| rest.skip());
        }
        rest
    }

    fn count(mut self) -> u64 {
        let mut count = 0_u64;
        while self.next().is_some() {
            count = count.saturating_add(1);
        }
        count
    }

    fn skip(&mut self) {
        match &mut self.source {
            Source::Files { lines, buffer, .. } if self.wanted.since.or(self.wanted.until).is_none() => {
                lines.read(buffer);
            }
            Source::Files { .. } | Source::Memory(_) => _ = self.next(),
        }
    }

    fn next(&mut self) -> Option<Head> {
        let service = self.service;
        let (files, lines, buffer) = match &mut self.source {
            Source::Memory(kept) => {
                let kept = kept.next()?;
                let (Kept { stream, part, line, .. }, time) = (*kept, kept.time());
                return Some(head(time, Some(time), &Record { time, service, stream, line, part }));
            }
            Source::Files { files, lines, buffer } => (files, lines, buffer),
        };
        while lines.read(buffer) {
            let line = files.parse(buffer);
            let is_meant = self.wanted.since.is_none_or(|since| line.time.is_some_and(|time| time >= since))
                && self.wanted.until.is_none_or(|until| line.time.is_none_or(|time| time < until));
            if !is_meant {
                continue;
            }
            self.last = line.time.unwrap_or(self.last);
            let stream = if line.is_stderr { Stream::Stderr } else { Stream::Stdout };
            let part = if line.is_partial { Part::First } else { Part::Whole };
            let record = Record { time: self.last, service, stream, line: &line.log, part };
            return Some(head(self.last, line.time, &record));
        }
        None
    }
}

fn head(time: SystemTime, shown: Option<SystemTime>, record: &Record<'_>) -> Head {
    let mut bytes = Vec::new();
    object(record, shown.map(console::time).unwrap_or_default(), &mut bytes);
    Head { time, object: bytes }
}
