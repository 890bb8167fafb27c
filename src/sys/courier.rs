//! Signals to processes of other users where rinit lacks the capability KILL but may change its user: a child sends
//! them, as the user of each process that it is to reach. PID 1 itself never is another user, and never waits for it.
//!
//! A process may signal another one if its real or effective user is the real or saved user of that one (kill(2)). So the
//! child changes its effective user alone. Its real and saved user stay rinit's: the user whose processes it signals can
//! neither stop nor kill it.

use super::proc_fs::Identity;
use super::signals::Blocked;
use super::{caps, descriptors, proc_fs, process, spawn};
use crate::model::{Signal, capability};
use nix::libc;
use std::collections::{BTreeMap, BTreeSet};
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

/// Whom a signal is for, as it was when that was decided. Nothing goes to whoever has got the same number since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipients {
    /// These processes.
    Processes(Vec<Identity>),
    /// All members of the process group of this leader. If it is not made yet, the leader.
    Group(Identity),
    /// All members of a process group whose leader was reaped or has left it.
    GroupLeft(Identity),
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
            caps::keep_permitted();
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
    match to {
        Recipients::Processes(processes) => {
            let present = processes.iter().filter(|process| !process.is_gone());
            first_error(present.map(|process| deliver_one(process.pid, signal)))
        }
        Recipients::Group(leader) => deliver_to_group(*leader, signal, process::kill_group),
        Recipients::GroupLeft(leader) => deliver_to_group(*leader, signal, process::kill_group_left),
    }
}

/// Has all of them done, and returns the first error.
fn first_error(results: impl Iterator<Item = io::Result<()>>) -> io::Result<()> {
    let mut first = Ok(());
    for result in results {
        first = first.and(result);
    }
    first
}

/// How often a group is looked at whose members change their users at that moment.
const LOOKS: usize = 4;

/// The kernel signals all members of a group at once, so that none escapes by forking, and none is hit that has got the
/// number of one. But it leaves out members of other users, without saying so where it reaches one.
fn deliver_to_group(
    leader: Identity,
    signal: Signal,
    kill: impl Fn(i32, Signal) -> io::Result<()>,
) -> io::Result<()> {
    let mut result = Ok(());
    for _ in 0..LOOKS {
        // The number of a group is free when its last member is gone.
        if leader.is_replaced() {
            return Ok(());
        }
        let members = proc_fs::members(leader.pid);
        let users: BTreeSet<u32> = members.iter().filter_map(|pid| proc_fs::real_user_of(*pid)).collect();
        result = match users.len() {
            // It has ended or is not made yet, or `/proc` does not show it: the kernel says whether it can be reached.
            0 => kill(leader.pid, signal),
            2.. if !is_repeatable(signal) => {
                // One may be of two users, and would get it twice.
                let present = members.into_iter().map(Identity::of);
                let present = present.filter(|it| process::group_of(it.pid) == Some(leader.pid));
                return deliver(&Recipients::Processes(present.collect()), signal);
            }
            _ => first_error(users.into_iter().map(|user| as_user(user, || kill(leader.pid, signal)))),
        };
        match &result {
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {}
            _ => break,
        }
    }
    result
}

/// Whether it does no harm to send this signal twice.
pub fn is_repeatable(signal: Signal) -> bool {
    matches!(signal, Signal::KILL | Signal::STOP | Signal::CONT)
}

fn deliver_one(pid: i32, signal: Signal) -> io::Result<()> {
    match process::kill(pid, signal) {
        Err(e) if e.raw_os_error() == Some(libc::EPERM) => {
            let Some(user) = proc_fs::real_user_of(pid) else {
                // It may have ended meanwhile.
                return process::may_signal(pid);
            };
            as_user(user, || process::kill(pid, signal))
        }
        other => other,
    }
}

/// Does the errands that need no other user, in this process and without waiting. Tells of each whether it is done; one that
/// is not may be done in part, where that does no harm. This may read all of `/proc`.
pub fn send_as_self(errands: &[Errand]) -> Vec<bool> {
    let groups: BTreeSet<i32> = errands.iter().filter_map(|errand| errand.to.group()).collect();
    let errors = if groups.is_empty() { BTreeMap::new() } else { proc_fs::unreachable(&groups) };
    let is_done = |Errand { to, signal }: &Errand| {
        let reaches_all = match to {
            Recipients::Processes(processes) => {
                processes.iter().all(|it| it.pid > 0 && process::may_signal(it.pid).is_ok())
            }
            Recipients::Group(leader) | Recipients::GroupLeft(leader) => !errors.contains_key(&leader.pid),
        };
        if !reaches_all && !is_repeatable(*signal) {
            return false;
        }
        let sent = match to {
            Recipients::Processes(processes) => {
                first_error(processes.iter().map(|it| process::kill(it.pid, *signal)))
            }
            Recipients::Group(leader) => process::kill_group(leader.pid, *signal),
            Recipients::GroupLeft(leader) => process::kill_group_left(leader.pid, *signal),
        };
        reaches_all && sent.is_ok()
    };
    errands.iter().map(is_done).collect()
}

impl Recipients {
    fn group(&self) -> Option<i32> {
        match self {
            Recipients::Processes(_) => None,
            Recipients::Group(leader) | Recipients::GroupLeft(leader) => Some(leader.pid),
        }
    }
}

/// Does something as another user.
fn as_user(user: u32, act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let own = process::user_id();
    if user == own {
        return act();
    }
    act_as(user)?;
    let done = act();
    act_as(own)?;
    done
}

/// Changes the effective user alone. The kernel takes away the capability SETUID with the user root, which may be rinit's or
/// the other one; so it is taken up again where it is permitted.
fn act_as(user: u32) -> io::Result<()> {
    caps::use_permitted();
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
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Child, Command};
    use std::time::{Duration, Instant};

    const LONG: Duration = Duration::from_secs(20);

    /// A process in a group of its own or not, and who it is.
    fn sleeper(own_group: bool) -> (Child, Identity) {
        let mut command = Command::new("sleep");
        if own_group {
            command.process_group(0);
        }
        let child = command.arg("1000").spawn().unwrap();
        let identity = Identity::of(i32::try_from(child.id()).unwrap());
        (child, identity)
    }

    /// The leader has not made its group yet.
    #[test]
    fn a_group_that_is_not_made_yet_is_its_leader() {
        let (mut child, leader) = sleeper(false);
        assert!(deliver(&Recipients::Group(leader), Signal::KILL).is_ok());
        assert_eq!(child.wait().unwrap().signal(), Some(Signal::KILL.number()));
    }

    /// Between the decision and the delivery a number may become free.
    #[test]
    fn nothing_goes_to_who_has_the_number_of_one_that_is_gone() {
        let (mut child, now) = sleeper(true);
        let before = Identity { started: now.started.map(|at| at - 1), ..now };
        let gone = Identity { started: None, ..now };
        for to in [
            Recipients::Processes(vec![before]),
            Recipients::Group(before),
            Recipients::GroupLeft(before),
            Recipients::GroupLeft(gone),
        ] {
            assert!(deliver(&to, Signal::KILL).is_ok());
        }
        assert!(deliver(&Recipients::Group(now), Signal::TERM).is_ok());
        assert_eq!(child.wait().unwrap().signal(), Some(Signal::TERM.number()));
    }

    /// One process of the group forks and ends, its child does the same, and so on.
    #[test]
    fn nobody_escapes_from_a_group_by_forking() {
        // To look at the others takes longer than to fork.
        let hops = "import os, signal\nfor _ in range(200):\n    if not os.fork():\n        signal.pause()\n\
                    print(flush=True)\nwhile True:\n    if os.fork():\n        os._exit(0)\n";
        let mut command = Command::new("python3");
        command.args(["-c", hops]).process_group(0).stdout(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        std::io::Read::read_exact(&mut stdout, &mut [0]).unwrap();
        let leader = Identity::of(i32::try_from(child.id()).unwrap());
        child.wait().unwrap();
        assert!(process::group_exists(leader.pid));
        assert!(deliver(&Recipients::GroupLeft(leader), Signal::KILL).is_ok());
        let start = Instant::now();
        // They die soon, and somebody reaps them. One that forks all the time is hardly ever seen in `/proc`.
        while process::group_exists(leader.pid) && start.elapsed() < LONG {
            std::thread::yield_now();
        }
        process::kill_group_left(leader.pid, Signal::KILL).unwrap();
        assert!(start.elapsed() < LONG, "one has escaped");
    }

    #[test]
    fn what_needs_no_other_user_is_sent_without_a_child() {
        let ((mut child, process), (mut other, leader)) = (sleeper(false), sleeper(true));
        let errands = [
            Errand { to: Recipients::Processes(vec![process]), signal: Signal::HUP },
            Errand { to: Recipients::Group(leader), signal: Signal::TERM },
        ];
        assert_eq!(send_as_self(&errands), [true, true]);
        assert_eq!(child.wait().unwrap().signal(), Some(Signal::HUP.number()));
        assert_eq!(other.wait().unwrap().signal(), Some(Signal::TERM.number()));
    }
}
