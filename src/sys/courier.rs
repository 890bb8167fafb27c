//! Signals to processes of other users where rinit lacks the capability KILL but may change its user: a child sends
//! them, as the user of each process that it is to reach. PID 1 itself never is another user, and never waits for it.
//!
//! A process may signal another one if its real or effective user is the real or saved user of that one (kill(2)). So the
//! child changes its effective user alone. Its real and saved user stay rinit's: the user whose processes it signals can
//! neither stop nor kill it.

use super::signals::Blocked;
use super::{caps, descriptors, proc_fs, process, spawn};
use crate::model::{Signal, capability};
use nix::libc;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

/// Whom rinit can signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// Everybody.
    All,
    /// Processes of its own user, and others by a child.
    ByChild,
    /// Processes of its own user.
    Own,
}

/// What this process's capabilities allow.
pub fn means() -> Means {
    let Ok(own) = caps::own() else { return Means::All };
    let has = |name| capability::parse(name).is_some_and(|it| own.permitted & it.0 != 0);
    match (has("KILL"), has("SETUID")) {
        (true, _) => Means::All,
        (false, true) => Means::ByChild,
        (false, false) => Means::Own,
    }
}

/// Maximum number of errands that one child is given. Their results fit into a pipe of one page, so the child never waits
/// for rinit.
pub const MOST: usize = 1024;

/// Whom a signal is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipients {
    /// These processes.
    Processes(Vec<i32>),
    /// All members of the process group of this leader. If it is not made yet, the leader.
    Group(i32),
    /// All members of a process group whose leader was reaped or has left it.
    GroupLeft(i32),
}

/// A signal to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errand {
    /// To whom.
    pub to: Recipients,
    /// Which.
    pub signal: Signal,
}

/// A child that sends signals.
pub struct Courier {
    /// Its process ID.
    pub pid: i32,
    results: OwnedFd,
}

/// Makes a child that does the errands in their order. At most [`MOST`] of them are done.
///
/// # Errors
/// There is no room for a pipe or a process.
pub fn send(errands: &[Errand]) -> io::Result<Courier> {
    let (results, writer) = spawn::output_pipe()?;
    let blocked = Blocked::all();
    // SAFETY: rinit has one thread, so no lock can be held by another one in the child, which may allocate.
    match unsafe { libc::fork() } {
        0 => {
            descriptors::close_marked(|fd| fd == writer.as_raw_fd());
            let status = i32::from(deliver_all(errands, writer.as_raw_fd()).is_none());
            // SAFETY: `_exit` runs nothing of the parent's.
            unsafe { libc::_exit(status) }
        }
        -1 => Err(io::Error::last_os_error()),
        pid => {
            drop(blocked);
            Ok(Courier { pid, results })
        }
    }
}

impl Courier {
    /// For tests: a child that has told so much.
    #[cfg(test)]
    pub fn told(pid: i32, results: &[u8]) -> Courier {
        let (reader, writer) = spawn::output_pipe().unwrap();
        nix::unistd::write(&writer, results).unwrap();
        Courier { pid, results: reader }
    }

    /// What has come of the errands that it has done since this was asked last, in their order. Never waits.
    pub fn results(&self) -> Vec<io::Result<()>> {
        let mut results = Vec::new();
        let mut buffer = [0; MOST];
        while let Ok(count @ 1..) = super::io::read(self.results.as_fd(), &mut buffer) {
            results.extend(buffer.iter().take(count).map(|result| match result {
                0 => Ok(()),
                error => Err(io::Error::from_raw_os_error(i32::from(*error))),
            }));
        }
        results
    }
}

/// Does the errands, and writes one byte for each: 0, or the error. `None`: it cannot be written.
fn deliver_all(errands: &[Errand], results: RawFd) -> Option<()> {
    for Errand { to, signal } in errands.iter().take(MOST) {
        let error = deliver(to, *signal).err().map(|e| e.raw_os_error().unwrap_or(libc::EIO));
        let byte = error.map_or(0, |error| u8::try_from(error).unwrap_or(u8::MAX));
        // SAFETY: the one byte is there during the call.
        if unsafe { libc::write(results, (&raw const byte).cast(), 1) } != 1 {
            return None;
        }
    }
    Some(())
}

/// Sends to as many as can be reached, and returns the first error.
fn deliver(to: &Recipients, signal: Signal) -> io::Result<()> {
    let members;
    let pids = match to {
        Recipients::Processes(pids) => pids,
        Recipients::Group(leader) | Recipients::GroupLeft(leader) => {
            members = proc_fs::members(*leader);
            &members
        }
    };
    // A group without members has ended or is not made yet, or `/proc` does not show them. The kernel says whether it can
    // be reached; where it reaches one of several, it does not say so.
    let mut result = match to {
        Recipients::Group(leader) if pids.is_empty() => process::kill_group(*leader, signal),
        Recipients::GroupLeft(leader) if pids.is_empty() => process::kill_group_left(*leader, signal),
        _ => Ok(()),
    };
    for pid in pids {
        result = result.and(deliver_one(*pid, signal));
    }
    result
}

fn deliver_one(pid: i32, signal: Signal) -> io::Result<()> {
    match process::kill(pid, signal) {
        Err(e) if e.raw_os_error() == Some(libc::EPERM) => {
            let Some(user) = proc_fs::real_user_of(pid) else {
                // It may have ended meanwhile.
                return process::may_signal(pid);
            };
            let own = process::user_id();
            act_as(user)?;
            let sent = process::kill(pid, signal);
            // This gives back the capability SETUID, which root loses as another user: the next one takes it.
            act_as(own)?;
            sent
        }
        other => other,
    }
}

/// Changes the effective user alone.
fn act_as(user: u32) -> io::Result<()> {
    const UNCHANGED: libc::uid_t = libc::uid_t::MAX;
    // SAFETY: setresuid takes numbers.
    match unsafe { libc::setresuid(UNCHANGED, user, UNCHANGED) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    /// The leader has not made its group yet.
    #[test]
    fn a_group_that_is_not_made_yet_is_its_leader() {
        let mut child = Command::new("sleep").arg("3").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        assert!(deliver(&Recipients::Group(pid), Signal::KILL).is_ok());
        assert_eq!(child.wait().unwrap().signal(), Some(Signal::KILL.number()));
    }
}
