//! Reading the definitions again, in a child: a definition on a mount that hangs, a huge one, or a fault in the parser
//! neither blocks nor ends PID 1, and what reading needs of memory is gone with the child.
//!
//! The child is rinit's own program. It writes what it has read to a pipe, as `config::wire` has it, and ends. It is the
//! first that the kernel kills when memory runs out. There is one at a time; what is asked for meanwhile is read for
//! anew when it has ended. One that cannot even be killed, because the kernel waits for a dead server, is left behind, and
//! nothing is read until it is gone.

use super::executor::Executor;
use super::launch;
use crate::config::wire::{self, Mistakes};
use crate::config::{self, Sources, Style};
use crate::model::text::cause;
use crate::model::{Signal, duration};
use crate::supervisor::Time;
use crate::sys::io::read;
use crate::sys::poll::{Interest, Poller};
use crate::sys::process::{self, Status};
use crate::sys::spawn;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

/// What the child is called, its argument 0.
pub const NAME: &str = "rinit-reader";

/// The token of its pipe.
pub const READING: u64 = 8;

/// How long it may take.
const LIMIT: Duration = Duration::from_secs(10);

/// What is read of it at a time, and how often for one wake-up.
const PIECE: usize = 16 * 1024;
const PIECES_A_TURN: usize = 16;

/// The child that reads, if there is one.
#[derive(Default)]
pub struct Reader {
    reading: Option<Reading>,
    /// One that was killed and has not ended.
    left_behind: Option<i32>,
}

struct Reading {
    pid: i32,
    /// `None`: everything is read.
    pipe: Option<OwnedFd>,
    /// Tells whether it could be executed.
    set_up: OwnedFd,
    bytes: Vec<u8>,
    deadline: Time,
    status: Option<Status>,
}

/// What a reading has come to. `Err`: why there is nothing.
pub type Outcome = Result<wire::Read, String>;

impl Reader {
    /// Whether a child is reading.
    pub fn is_busy(&self) -> bool {
        self.reading.is_some()
    }

    /// Whether this is the child, or the one left behind.
    pub fn is_child(&self, pid: i32) -> bool {
        self.left_behind == Some(pid) || self.reading.as_ref().is_some_and(|reading| reading.pid == pid)
    }

    /// When it has to be done.
    pub fn deadline(&self) -> Option<Time> {
        self.reading.as_ref().map(|reading| reading.deadline)
    }

    /// The child has written something.
    pub fn read(&mut self, poller: &Poller) {
        if let Some(reading) = &mut self.reading {
            reading.read(poller, PIECES_A_TURN);
        }
    }

    /// A process was reaped. Whether it was the child.
    pub fn reaped(&mut self, poller: &Poller, pid: i32, status: Status) -> bool {
        if self.left_behind == Some(pid) {
            self.left_behind = None;
            return true;
        }
        let Some(reading) = self.reading.as_mut().filter(|reading| reading.pid == pid) else { return false };
        reading.status = Some(status);
        // What it has left in the pipe is all that there will be.
        reading.read(poller, usize::MAX);
        reading.close(poller);
        true
    }

    /// What has come of it, once it has ended or its time is over.
    pub fn outcome(&mut self, poller: &Poller, now: Time) -> Option<Outcome> {
        let reading = self.reading.as_ref()?;
        let outcome = match reading.status {
            Some(status) => reading.result(status),
            None if reading.bytes.len() > wire::LARGEST => Err(too_large()),
            None if reading.deadline <= now => Err(format!(
                "cannot read the definitions within {}: a file or a mount does not answer",
                duration::format(LIMIT)
            )),
            None => return None,
        };
        self.cancel(poller);
        Some(outcome)
    }

    /// Ends it. Nothing comes of it any more.
    pub fn cancel(&mut self, poller: &Poller) {
        let Some(mut reading) = self.reading.take() else { return };
        reading.close(poller);
        if reading.status.is_none() {
            let _ = process::kill(reading.pid, Signal::KILL);
            self.left_behind = Some(reading.pid);
        }
    }
}

impl Reading {
    fn read(&mut self, poller: &Poller, most: usize) {
        let mut buffer = [0_u8; PIECE];
        for _ in 0..most {
            let Some(pipe) = &self.pipe else { return };
            match read(pipe.as_fd(), &mut buffer) {
                Ok(count) if count > 0 && self.bytes.len() <= wire::LARGEST => {
                    self.bytes.extend(buffer.iter().take(count));
                }
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => return,
                Ok(_) | Err(_) => return self.close(poller),
            }
        }
    }

    fn close(&mut self, poller: &Poller) {
        if let Some(pipe) = self.pipe.take() {
            let _ = poller.remove(pipe.as_fd());
        }
    }

    fn result(&self, status: Status) -> Outcome {
        let how = match status {
            Status::Code(0) => return wire::decode(&self.bytes).ok_or_else(incomplete),
            Status::Code(code) => match spawn::read_outcome(self.set_up.as_fd()) {
                spawn::Outcome::Failed(_, error) => format!("could not be made: {}", cause(&error)),
                spawn::Outcome::Pending | spawn::Outcome::Executed => format!("exited with code {code}"),
            },
            Status::Signal(number) => match Signal::new(number) {
                Some(signal) => format!("was killed by {signal}"),
                None => format!("was killed by signal {number}"),
            },
        };
        Err(format!("cannot read the definitions: the process that reads them {how}"))
    }
}

fn incomplete() -> String {
    "cannot read the definitions: the process that reads them has sent something else".to_owned()
}

fn too_large() -> String {
    format!("the definitions take more than {} MiB", wire::LARGEST / (1024 * 1024))
}

impl Executor {
    /// The child has written something.
    pub fn read_definitions(&mut self) {
        self.reader.read(&self.poller);
    }

    /// Has the definitions read. Without a way to do so, what stands in it.
    pub fn begin_reading(&mut self, now: Time, sources: &[OsString]) -> Result<(), String> {
        if let Some(pid) = self.reader.left_behind {
            return Err(format!(
                "process {pid}, which read the definitions before, does not end: try again later"
            ));
        }
        let begun = spawn::output_pipe().and_then(|(pipe, writer)| {
            let mut spec = self.surroundings.own(sources);
            spec.streams = [None, Some(writer.as_raw_fd()), None];
            let spawned = spawn::spawn(&spec, None)?;
            Ok((spawned, pipe))
        });
        let (spawn::Spawned { pid, status: set_up, .. }, pipe) =
            begun.map_err(|e| format!("cannot read the definitions: {}", launch::fork_error(&e).message))?;
        if let Err(e) = self.poller.add(pipe.as_fd(), READING, Interest::Read) {
            log::debug!("cannot watch process {pid}: {e}");
        }
        let deadline = now.saturating_add(LIMIT);
        let (pipe, bytes) = (Some(pipe), Vec::new());
        self.reader.reading = Some(Reading { pid, pipe, set_up, bytes, deadline, status: None });
        Ok(())
    }
}

/// What is read, as the arguments of the child.
pub fn arguments(dirs: &[PathBuf], style: Option<Style>, command: &[OsString]) -> Vec<OsString> {
    let style = match style {
        None => "",
        Some(Style::S6) => "s6",
        Some(Style::Runit) => "runit",
    };
    let mut arguments = vec![NAME.into(), style.into(), dirs.len().to_string().into()];
    arguments.extend(dirs.iter().map(OsString::from));
    arguments.extend(command.iter().cloned());
    arguments
}

fn sources(arguments: &[OsString]) -> Option<Sources> {
    let [style, count, rest @ ..] = arguments else { return None };
    let style = match style.as_bytes() {
        b"" => None,
        b"s6" => Some(Style::S6),
        b"runit" => Some(Style::Runit),
        _ => return None,
    };
    let count: usize = count.to_str()?.parse().ok()?;
    let (dirs, command) = rest.split_at_checked(count)?;
    let environment = if dirs.is_empty() { Vec::new() } else { std::env::vars_os().collect() };
    let dirs = dirs.iter().map(PathBuf::from).collect();
    Some(Sources { dirs, command: command.to_vec(), environment, style, root: "/".into() })
}

/// What the child does: reads, writes what it has read to its standard output, and returns its exit status. Its arguments
/// come without its name.
pub fn child(arguments: &[OsString]) -> u8 {
    // Whatever has to go when memory runs out, this goes first. Where that cannot be said it is read all the same.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    let Some(sources) = sources(arguments) else {
        let _ = writeln!(std::io::stderr(), "{NAME}: rinit itself starts this, to read definitions");
        return super::EXIT_OWN_FAILURE;
    };
    let read = config::load(&sources).map_err(|mistakes| Mistakes::new(&mistakes));
    let mut bytes = wire::encode(&read);
    if bytes.len() > wire::LARGEST {
        bytes = wire::encode(&Err(Mistakes { count: 1, text: too_large() }));
    }
    match std::io::stdout().write_all(&bytes) {
        Ok(()) => 0,
        Err(_) => super::EXIT_OWN_FAILURE,
    }
}

/// Whether a program called so is the child.
pub fn is_reader(name: &OsStr) -> bool {
    name == NAME
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_child_is_told_what_to_read() {
        let dirs = [PathBuf::from("/a b"), PathBuf::from("/c")];
        let command = ["x".into(), "--".into()];
        let words = arguments(&dirs, Some(Style::Runit), &command);
        assert_eq!(words[0], NAME);
        let read = sources(&words[1..]).unwrap();
        assert_eq!((read.dirs.as_slice(), read.command.as_slice()), (&dirs[..], &command[..]));
        assert_eq!(read.style, Some(Style::Runit));
        for wrong in [&["", "3", "a"][..], &["x", "0"], &[""], &["", "-1"], &[]] {
            let wrong: Vec<OsString> = wrong.iter().map(OsString::from).collect();
            assert!(sources(&wrong).is_none(), "{wrong:?}");
        }
    }
}
