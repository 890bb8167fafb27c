//! Sends signals to processes of other users where rinit lacks the capability KILL but may change its user. A child takes
//! the user of each target and sends the signal. PID 1 itself never changes its user, and never waits for the child.
//!
//! A process may signal another one if its real or effective user is the real or saved user of that one (kill(2)). So the
//! child changes its effective user alone. Its real and saved user stay rinit's: the user whose processes it signals can
//! neither stop nor kill it.

use super::proc_fs::Identity;
use super::signals::Blocked;
use super::{caps, child_task, proc_fs, process, spawn};
use crate::model::{Signal, capability};
use nix::libc;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

/// Which processes rinit can signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// All processes.
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

/// Maximum number of deliveries that one child is given. What it tells of them fits into a pipe of one page, so the child never
/// waits for rinit.
pub const MOST: usize = 1024;

/// The child writes this byte before it begins an delivery, and the result of it afterwards. No error has this number.
pub(crate) const BEGUN: u8 = u8::MAX;

/// An error that has no such number.
const UNKNOWN: u8 = 5;

/// What a child reports of its deliveries, in their order.
#[derive(Debug)]
pub enum Told {
    /// It begins the next one. A signal that was not begun is certainly not sent.
    Begun,
    /// The result of that one.
    Done(io::Result<()>),
}

/// The targets of a signal. A process that has got the process ID of a target since then is not signalled.
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
pub struct Delivery {
    /// To whom.
    pub to: Recipients,
    /// Which.
    pub signal: Signal,
}

/// A child that sends signals.
pub struct SignalSender {
    /// Its process ID.
    pub pid: i32,
    results: OwnedFd,
}

/// Starts a child that makes the deliveries in order, at most [`MOST`] of them.
///
/// # Errors
/// `fork` or `pipe2` fails: EAGAIN, ENOMEM, EMFILE or ENFILE.
pub fn send(deliveries: &[Delivery]) -> io::Result<SignalSender> {
    child(|results| deliver_all(deliveries, results))
}

fn child(work: impl FnOnce(RawFd) -> Option<()>) -> io::Result<SignalSender> {
    let (results, writer) = spawn::output_pipe()?;
    let blocked = Blocked::all();
    // SAFETY: rinit has one thread, so no lock can be held by another one in the child, which may allocate.
    match unsafe { libc::fork() } {
        0 => {
            child_task::give_up_all_but(|fd| fd == writer.as_raw_fd());
            caps::keep_permitted();
            let status = i32::from(work(writer.as_raw_fd()).is_none());
            // SAFETY: `_exit` runs nothing of the parent's.
            unsafe { libc::_exit(status) }
        }
        -1 => Err(io::Error::last_os_error()),
        pid => {
            drop(blocked);
            Ok(SignalSender { pid, results })
        }
    }
}

impl SignalSender {
    /// For tests: a child that has told so much.
    #[cfg(test)]
    pub fn told(pid: i32, bytes: &[u8]) -> SignalSender {
        let (reader, writer) = spawn::output_pipe().unwrap();
        nix::unistd::write(&writer, bytes).unwrap();
        SignalSender { pid, results: reader }
    }

    /// What it has told since this was asked last. Never waits.
    pub fn news(&self) -> Vec<Told> {
        let mut news = Vec::new();
        let mut buffer = [0; MOST];
        while let Ok(count @ 1..) = super::io::read(self.results.as_fd(), &mut buffer) {
            news.extend(buffer.iter().take(count).map(|byte| match *byte {
                BEGUN => Told::Begun,
                0 => Told::Done(Ok(())),
                error => Told::Done(Err(io::Error::from_raw_os_error(i32::from(error)))),
            }));
        }
        news
    }
}

/// Does the deliveries, and tells of each that it is begun, and then 0 or the error. `None`: that cannot be written, or the
/// child is another user for good.
fn deliver_all(deliveries: &[Delivery], results: RawFd) -> Option<()> {
    let own = process::user_id();
    for Delivery { to, signal } in deliveries.iter().take(MOST) {
        tell(results, BEGUN)?;
        let error = deliver(to, *signal).err().map(|e| e.raw_os_error().unwrap_or(libc::EIO));
        let byte = error.map_or(0, |error| u8::try_from(error).unwrap_or(BEGUN));
        tell(results, if byte == BEGUN { UNKNOWN } else { byte })?;
        if process::user_id() != own {
            return None;
        }
    }
    Some(())
}

fn tell(results: RawFd, byte: u8) -> Option<()> {
    // SAFETY: the one byte is there during the call.
    (unsafe { libc::write(results, (&raw const byte).cast(), 1) } == 1).then_some(())
}

/// Sends to as many as can be reached, and returns the first error.
fn deliver(to: &Recipients, signal: Signal) -> io::Result<()> {
    match to {
        Recipients::Processes(processes) => to_each(processes, |process| deliver_one(process, signal)),
        Recipients::Group(leader) => deliver_to_group(*leader, signal, process::kill_group),
        Recipients::GroupLeft(leader) => deliver_to_group(*leader, signal, process::kill_group_left),
    }
}

/// Signals each of them who is there still, and returns the first error. One may end while others are signalled.
fn to_each(processes: &[Identity], kill: impl Fn(Identity) -> io::Result<()>) -> io::Result<()> {
    first_error(processes.iter().map(|process| to_one(*process, || kill(*process))))
}

/// Nothing goes to who has the number of one that is gone.
fn to_one(process: Identity, kill: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    if process.is_gone() { Ok(()) } else { kill() }
}

/// The number of a group is free when its last member is gone.
fn to_group(leader: Identity, kill: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    if leader.is_replaced() { Ok(()) } else { kill() }
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
    let kill = || to_group(leader, || kill(leader.pid, signal));
    for _ in 0..LOOKS {
        if leader.is_replaced() {
            return Ok(());
        }
        let members = proc_fs::members(leader.pid);
        let users: BTreeSet<u32> = members.iter().filter_map(|pid| proc_fs::real_user_of(*pid)).collect();
        result = match users.len() {
            // It has ended or is not made yet, or `/proc` does not show it: the kernel says whether it can be reached.
            0 => kill(),
            2.. if !is_repeatable(signal) => {
                // One may be of two users, and would get it twice.
                let present = members.into_iter().map(Identity::of);
                let present = present.filter(|it| process::group_of(it.pid) == Some(leader.pid));
                return deliver(&Recipients::Processes(present.collect()), signal);
            }
            _ => first_error(users.into_iter().map(|user| as_user(user, kill))),
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

fn deliver_one(process: Identity, signal: Signal) -> io::Result<()> {
    let pid = process.pid;
    match process::kill(pid, signal) {
        Err(e) if e.raw_os_error() == Some(libc::EPERM) => {
            let Some(user) = proc_fs::real_user_of(pid) else {
                // It may have ended meanwhile.
                return to_one(process, || process::may_signal(pid));
            };
            as_user(user, || to_one(process, || process::kill(pid, signal)))
        }
        other => other,
    }
}

/// Does the deliveries that need no other user, in this process and without waiting. Tells of each whether it is done; one that
/// is not may be done in part, where that does no harm. This may read all of `/proc`.
pub fn send_as_self(deliveries: &[Delivery]) -> Vec<bool> {
    let groups: BTreeSet<i32> = deliveries.iter().filter_map(|delivery| delivery.to.group()).collect();
    let errors = if groups.is_empty() { BTreeMap::new() } else { proc_fs::unreachable(&groups) };
    let is_done = |Delivery { to, signal }: &Delivery| {
        if !to.is_anybody_left() {
            return true;
        }
        let reaches_all = match to {
            Recipients::Processes(processes) => {
                processes.iter().all(|it| it.pid > 0 && to_one(*it, || process::may_signal(it.pid)).is_ok())
            }
            Recipients::Group(leader) | Recipients::GroupLeft(leader) => !errors.contains_key(&leader.pid),
        };
        if !reaches_all && !is_repeatable(*signal) {
            return false;
        }
        let sent = match to {
            Recipients::Processes(processes) => to_each(processes, |it| process::kill(it.pid, *signal)),
            Recipients::Group(leader) => to_group(*leader, || process::kill_group(leader.pid, *signal)),
            Recipients::GroupLeft(leader) => {
                to_group(*leader, || process::kill_group_left(leader.pid, *signal))
            }
        };
        reaches_all && sent.is_ok()
    };
    deliveries.iter().map(is_done).collect()
}

impl Recipients {
    fn is_anybody_left(&self) -> bool {
        match self {
            Recipients::Processes(processes) => processes.iter().any(|it| !it.is_gone()),
            Recipients::Group(leader) | Recipients::GroupLeft(leader) => !leader.is_replaced(),
        }
    }

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
    if user == own { act() } else { between(act, || act_as(user), || act_as(own)) }
}

/// What was done counts, also where the way back fails: a signal that was sent must not be sent again.
fn between(
    act: impl FnOnce() -> io::Result<()>,
    there: impl FnOnce() -> io::Result<()>,
    back: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    there()?;
    let done = act();
    let _ = back();
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
            assert_eq!(
                send_as_self(&[Delivery { to, signal: Signal::KILL }]),
                [true],
                "there is nothing to do"
            );
        }
        assert!(deliver(&Recipients::Group(now), Signal::TERM).is_ok());
        assert_eq!(child.wait().unwrap().signal(), Some(Signal::TERM.number()));
    }

    /// To signal a long list takes a while.
    #[test]
    fn nothing_goes_to_who_has_the_number_of_one_that_ends_meanwhile() {
        let ((first, one), (second, other)) = (sleeper(false), sleeper(true));
        let children = std::cell::RefCell::new([first, second]);
        let signalled = std::cell::RefCell::new(Vec::new());
        let end_all = |pid| {
            signalled.borrow_mut().push(pid);
            for child in children.borrow_mut().iter_mut() {
                child.kill().unwrap();
                child.wait().unwrap();
            }
            Ok(())
        };
        assert!(to_each(&[one, other], |it| end_all(it.pid)).is_ok());
        let older = Identity { started: Some(0), ..Identity::of(i32::try_from(std::process::id()).unwrap()) };
        assert!(to_group(older, || end_all(older.pid)).is_ok());
        assert_eq!(*signalled.borrow(), [one.pid]);
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
    fn what_was_done_as_another_user_is_done_be_there_no_way_back() {
        let refused = || Err(io::Error::from_raw_os_error(libc::EPERM));
        assert!(between(|| Ok(()), || Ok(()), refused).is_ok());
        assert!(between(|| panic!("as the wrong user"), refused, || Ok(())).is_err());
        assert!(between(refused, || Ok(()), || Ok(())).is_err());
    }

    #[test]
    fn each_delivery_is_reported_at_its_begin_and_its_end() {
        let (mut child, process) = sleeper(false);
        let to = Recipients::Processes(vec![process]);
        let deliveries = [Signal::STOP, Signal::KILL].map(|signal| Delivery { to: to.clone(), signal });
        let sender = send(&deliveries).unwrap();
        nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(sender.pid), None).unwrap();
        let news = sender.news();
        assert!(
            matches!(news[..], [Told::Begun, Told::Done(Ok(())), Told::Begun, Told::Done(Ok(()))]),
            "{news:?}"
        );
        child.wait().unwrap();
    }

    /// Who reads what rinit writes to standard error waits for all who have it.
    #[test]
    fn the_child_keeps_no_stream() {
        let is_null = |stream| {
            std::fs::read_link(format!("/proc/self/fd/{stream}"))
                .is_ok_and(|it| it.as_os_str() == "/dev/null")
        };
        let sender = child(|results| tell(results, u8::from(!(0..=2).all(is_null)))).unwrap();
        nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(sender.pid), None).unwrap();
        assert!(matches!(sender.news()[..], [Told::Done(Ok(()))]));
    }

    #[test]
    fn what_needs_no_other_user_is_sent_without_a_child() {
        let ((mut child, process), (mut other, leader)) = (sleeper(false), sleeper(true));
        let deliveries = [
            Delivery { to: Recipients::Processes(vec![process]), signal: Signal::HUP },
            Delivery { to: Recipients::Group(leader), signal: Signal::TERM },
        ];
        assert_eq!(send_as_self(&deliveries), [true, true]);
        assert_eq!(child.wait().unwrap().signal(), Some(Signal::HUP.number()));
        assert_eq!(other.wait().unwrap().signal(), Some(Signal::TERM.number()));
    }
}
