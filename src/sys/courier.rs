//! Signals to processes of other users where rinit lacks the capability KILL but may change its user: a child sends
//! them, as the user of each process that it is to reach. PID 1 itself never is another user, and never waits for it.

use super::signals::Blocked;
use super::{caps, proc_fs, process};
use crate::model::{Signal, capability};
use nix::libc;
use std::io;

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

/// Whom signals are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipients {
    /// These processes.
    Processes(Vec<i32>),
    /// All members of a process group.
    Group(i32),
}

/// Makes a child that sends the signals. Its exit code is 0, or the error that it met. Its process ID is returned.
pub fn send(to: &Recipients, signals: &[Signal]) -> io::Result<i32> {
    let blocked = Blocked::all();
    // SAFETY: rinit has one thread, so no lock can be held by another one in the child, which may allocate.
    match unsafe { libc::fork() } {
        0 => {
            let error = deliver(to, signals).err().and_then(|e| e.raw_os_error()).unwrap_or_default();
            // SAFETY: `_exit` runs nothing of the parent's.
            unsafe { libc::_exit(error) }
        }
        -1 => Err(io::Error::last_os_error()),
        pid => {
            drop(blocked);
            Ok(pid)
        }
    }
}

/// Sends to as many as can be reached, and returns the first error.
fn deliver(to: &Recipients, signals: &[Signal]) -> io::Result<()> {
    let pids = match to {
        Recipients::Processes(pids) => pids.clone(),
        Recipients::Group(leader) => proc_fs::members(*leader),
    };
    let mut result = Ok(());
    for signal in signals {
        for pid in &pids {
            result = result.and(deliver_one(*pid, *signal));
        }
    }
    result
}

fn deliver_one(pid: i32, signal: Signal) -> io::Result<()> {
    match process::kill(pid, signal) {
        Err(e) if e.raw_os_error() == Some(libc::EPERM) => {
            let Some(uid) = proc_fs::real_user_of(pid) else { return Err(e) };
            // The real user alone: it is enough for a signal, and the child can take the next one after it.
            // SAFETY: setresuid takes numbers; -1 leaves one as it is.
            if unsafe { libc::setresuid(uid, libc::uid_t::MAX, libc::uid_t::MAX) } < 0 {
                return Err(io::Error::last_os_error());
            }
            process::kill(pid, signal)
        }
        other => other,
    }
}
