//! Reads the definitions again, in a child. A mount that hangs, a huge file or a fault in the parser can neither block
//! nor end PID 1, and the memory that reading needs is freed with the child.
//!
//! The child is rinit's own program. It writes its result to a pipe in the format of `config::wire` and ends. The kernel
//! kills it first when memory runs out. There is one child at a time. A reload that is requested meanwhile starts a new
//! reading when the child has ended. A child that SIGKILL does not end, because it waits in the kernel for a dead file
//! server, is left behind. No other reading starts until it is gone.

use crate::config::wire::{self, Mistakes};
use crate::config::{self, Sources, Style};
use crate::init::launch::{self, Launcher};
use crate::model::text::cause;
use crate::model::{Signal, duration, exit};
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

/// How long the next reading waits for the end of a child that was killed, before it is refused.
const KILLED_LIMIT: Duration = Duration::from_secs(1);

/// Maximum number of bytes per read, and of reads per wake-up.
const PIECE: usize = 16 * 1024;
const PIECES_A_TURN: usize = 16;

/// The child that reads, if there is one.
#[derive(Default)]
pub struct Reader {
    reading: Option<Reading>,
    /// One that was killed and has not ended.
    left_behind: Option<LeftBehind>,
}

struct LeftBehind {
    pid: i32,
    /// Until then its end is expected. `None`: no longer.
    expected: Option<Time>,
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

/// The result of a reading. `Err`: why there is none.
pub type Outcome = Result<wire::Read, String>;

impl Reader {
    /// Whether a child is reading, or is about to end because it was killed.
    pub fn is_busy(&self) -> bool {
        self.deadline().is_some()
    }

    /// Whether this is the child, or the one left behind.
    pub fn is_child(&self, pid: i32) -> bool {
        self.left_behind.as_ref().is_some_and(|left| left.pid == pid)
            || self.reading.as_ref().is_some_and(|reading| reading.pid == pid)
    }

    /// When it has to be done.
    pub fn deadline(&self) -> Option<Time> {
        let killed = self.left_behind.as_ref().and_then(|it| it.expected);
        self.reading.as_ref().map(|reading| reading.deadline).or(killed)
    }

    /// Nothing has run for this long, perhaps: the child has as much time left as it had before.
    pub fn overslept(&mut self, by: Duration) {
        if let Some(reading) = &mut self.reading {
            reading.deadline = reading.deadline.saturating_add(by);
        }
        if let Some(expected) = self.left_behind.as_mut().and_then(|left| left.expected.as_mut()) {
            *expected = expected.saturating_add(by);
        }
    }

    /// Time has passed: the end of a killed child may not be expected any more.
    pub fn pass(&mut self, now: Time) {
        if let Some(left) = &mut self.left_behind {
            left.expected.take_if(|expected| *expected <= now);
        }
    }

    /// The child has written something.
    pub fn read(&mut self, poller: &Poller) {
        if let Some(reading) = &mut self.reading {
            reading.read(poller, PIECES_A_TURN);
        }
    }

    /// A process was reaped. Whether it was the child.
    pub fn reaped(&mut self, poller: &Poller, pid: i32, status: Status) -> bool {
        if self.left_behind.take_if(|left| left.pid == pid).is_some() {
            return true;
        }
        let Some(reading) = self.reading.as_mut().filter(|reading| reading.pid == pid) else { return false };
        reading.status = Some(status);
        // What it has left in the pipe is all that there will be.
        reading.read(poller, usize::MAX);
        reading.close(poller);
        true
    }

    /// The result, once the child has ended or its time is over.
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
        self.cancel(poller, now);
        Some(outcome)
    }

    /// Ends the reading without a result.
    pub fn cancel(&mut self, poller: &Poller, now: Time) {
        let Some(mut reading) = self.reading.take() else { return };
        reading.close(poller);
        if reading.status.is_none() {
            let _ = process::kill(reading.pid, Signal::KILL);
            let expected = Some(now.saturating_add(KILLED_LIMIT));
            self.left_behind = Some(LeftBehind { pid: reading.pid, expected });
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
            Status::Code(code) => match spawn::read_report(self.set_up.as_fd()) {
                spawn::Outcome::Failed(_, error) => format!("could not be made: {}", cause(&error)),
                spawn::Outcome::Pending | spawn::Outcome::Executed | spawn::Outcome::NotExecuted => {
                    format!("exited with code {code}")
                }
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

impl Reader {
    /// Starts the child that reads the definitions.
    ///
    /// # Errors
    /// No pipe or process can be made, or the child of an earlier reading does not end.
    pub fn begin(
        &mut self,
        poller: &Poller,
        launcher: &Launcher,
        now: Time,
        sources: &[OsString],
    ) -> Result<(), String> {
        if let Some(LeftBehind { pid, .. }) = self.left_behind {
            return Err(format!(
                "process {pid}, which read the definitions before, does not end: try again later"
            ));
        }
        let failed = |why: String| format!("cannot read the definitions: {why}");
        let (pipe, writer) = spawn::output_pipe().map_err(|e| failed(launch::fork_error(&e).message))?;
        let watched = poller.add(pipe.as_fd(), READING, Interest::Read);
        watched.map_err(|e| failed(format!("cannot watch a pipe: {}", cause(&e))))?;
        let mut spec = launcher.own(sources);
        spec.streams = [None, Some(writer.as_raw_fd()), None];
        let spawned = spawn::spawn(&spec, None).map_err(|e| {
            let _ = poller.remove(pipe.as_fd());
            failed(launch::fork_error(&e).message)
        });
        let spawn::Spawned { pid, status: set_up, .. } = spawned?;
        let deadline = now.saturating_add(LIMIT);
        let (pipe, bytes) = (Some(pipe), Vec::new());
        self.reading = Some(Reading { pid, pipe, set_up, bytes, deadline, status: None });
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
        return exit::OWN_FAILURE;
    };
    let read = config::load(&sources).map_err(|mistakes| Mistakes::new(&mistakes));
    let mut bytes = wire::encode(&read);
    if bytes.len() > wire::LARGEST {
        bytes = wire::encode(&Err(Mistakes { count: 1, text: too_large() }));
    }
    match std::io::stdout().write_all(&bytes) {
        Ok(()) => 0,
        Err(_) => exit::OWN_FAILURE,
    }
}

/// Whether a program called so is the child.
pub fn is_reader(name: &OsStr) -> bool {
    name == NAME
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The next reading waits for that, but not for ever.
    #[test]
    fn a_killed_child_is_about_to_end() {
        let poller = Poller::new().unwrap();
        for ends in [true, false] {
            let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
            let pid = i32::try_from(child.id()).unwrap();
            let (set_up, _writer) = spawn::output_pipe().unwrap();
            let reading =
                Reading { pid, pipe: None, set_up, bytes: Vec::new(), deadline: LIMIT, status: None };
            let mut reader = Reader { reading: Some(reading), left_behind: None };
            assert!(reader.outcome(&poller, LIMIT).unwrap().is_err());
            let until = LIMIT + KILLED_LIMIT;
            reader.pass(LIMIT);
            assert_eq!((reader.is_busy(), reader.deadline()), (true, Some(until)));
            child.wait().unwrap();
            if ends {
                assert!(reader.reaped(&poller, pid, Status::Signal(9)));
                assert!(!reader.reaped(&poller, pid, Status::Signal(9)));
            } else {
                reader.pass(until);
            }
            assert_eq!((reader.is_busy(), reader.deadline()), (false, None));
            assert_eq!(reader.left_behind.is_none(), ends);
        }
    }

    /// A child that was frozen with everything else did not have the time to read.
    #[test]
    fn a_freeze_is_not_at_the_cost_of_the_child() {
        let poller = Poller::new().unwrap();
        let (set_up, _writer) = spawn::output_pipe().unwrap();
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let reading = Reading { pid, pipe: None, set_up, bytes: Vec::new(), deadline: LIMIT, status: None };
        let mut reader = Reader { reading: Some(reading), left_behind: None };
        let frozen = Duration::from_secs(60);
        reader.overslept(frozen);
        assert!(reader.outcome(&poller, LIMIT).is_none(), "it has as much time left as before");
        assert!(reader.outcome(&poller, LIMIT + frozen).unwrap().is_err());
        reader.overslept(frozen);
        assert_eq!(reader.deadline(), Some(LIMIT + frozen + KILLED_LIMIT + frozen));
        child.wait().unwrap();
    }

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
