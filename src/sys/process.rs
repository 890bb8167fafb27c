//! Processes: reaping, signalling, finding what is left.

use crate::model::Signal;
use nix::libc;
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::io;

/// How a reaped process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It exited with this code.
    Code(i32),
    /// A signal of this number ended it.
    Signal(i32),
}

/// The answer of `reap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaped {
    /// This child has ended and is reaped.
    Child(i32, Status),
    /// No child has ended, but one that had itself traced was let go. It may do so again at once, and for ever.
    Detached,
    /// No child has ended, but there are some.
    NoneEnded,
    /// There is no child at all.
    NoChildren,
}

/// Reaps one child that has ended, whichever it is. Never waits.
pub fn reap() -> Reaped {
    wait(-1, libc::WNOHANG | libc::__WALL).unwrap_or(Reaped::NoChildren)
}

/// A child that has ended, and whether a signal has ended it. It is not reaped. Never waits.
pub fn next_ended() -> Option<(i32, bool)> {
    // SAFETY: a zeroed siginfo_t is a valid value, and waitid only writes into it; WNOWAIT leaves every child as it
    // is. Where none has ended, the process ID stays 0.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL;
        let found = libc::waitid(libc::P_ALL, 0, &mut info, options) == 0 && info.si_pid() != 0;
        found.then(|| (info.si_pid(), info.si_code != libc::CLD_EXITED))
    }
}

/// Reaps this child, of which `next_ended` has told.
pub fn reap_ended(pid: i32) -> Reaped {
    wait(pid, libc::WNOHANG | libc::__WALL).unwrap_or(Reaped::NoChildren)
}

/// Reaps this child if it has ended. Never waits.
///
/// # Errors
/// `waitpid` fails: ECHILD if this is no child.
pub fn reap_child(pid: i32) -> io::Result<Option<Status>> {
    Ok(match wait(pid, libc::WNOHANG)? {
        Reaped::Child(_, status) => Some(status),
        Reaped::Detached | Reaped::NoneEnded | Reaped::NoChildren => None,
    })
}

/// Waits until this child ends, and reaps it. Not for PID 1.
///
/// # Errors
/// `waitpid` fails: ECHILD if this is no child.
pub fn await_end(pid: i32) -> io::Result<()> {
    while wait(pid, 0)? == Reaped::Detached {}
    Ok(())
}

/// One answer of the kernel's.
fn wait(child: i32, options: i32) -> io::Result<Reaped> {
    loop {
        let mut status = 0;
        // SAFETY: waitpid writes only into `status`. (nix's wrapper fails on real-time signals.)
        let pid = unsafe { libc::waitpid(child, &mut status, options) };
        match pid {
            0 => return Ok(Reaped::NoneEnded),
            pid if pid > 0 && libc::WIFSIGNALED(status) => {
                return Ok(Reaped::Child(pid, Status::Signal(libc::WTERMSIG(status))));
            }
            pid if pid > 0 && libc::WIFEXITED(status) => {
                return Ok(Reaped::Child(pid, Status::Code(libc::WEXITSTATUS(status))));
            }
            pid if pid > 0 => {
                if libc::WIFSTOPPED(status) {
                    detach(pid, libc::WSTOPSIG(status));
                }
                return Ok(Reaped::Detached);
            }
            _ => match io::Error::last_os_error() {
                e if e.raw_os_error() == Some(libc::EINTR) => {}
                e => return Err(e),
            },
        }
    }
}

/// A child has stopped because it is traced: by PTRACE_TRACEME it has made its parent the one who traces it. Nobody
/// here does, and it would wait for ever. It goes on as if it had not asked: with the signal that it has stopped for.
fn detach(pid: i32, signal: i32) {
    // The kernel's SIGTRAP for an exec is meant for who traces, and would end it.
    let signal = if signal == libc::SIGTRAP && is_of_exec(pid) { 0 } else { signal };
    // SAFETY: PTRACE_DETACH takes numbers; the address is not used. One that is gone meanwhile is no error.
    unsafe { libc::ptrace(libc::PTRACE_DETACH, pid, 0_usize, usize::try_from(signal).unwrap_or_default()) };
}

/// Whether the signal that a traced process has stopped for is from itself, as that for an exec is.
fn is_of_exec(pid: i32) -> bool {
    // SAFETY: a zeroed siginfo_t is a valid value, and the kernel writes only into it.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        libc::ptrace(libc::PTRACE_GETSIGINFO, pid, 0_usize, &raw mut info) == 0
            && info.si_code == libc::SI_USER
            && info.si_pid() == pid
    }
}

/// Whether there is no child at all, neither running nor to be reaped.
pub fn has_no_child() -> bool {
    // SAFETY: a zeroed siginfo_t is a valid value, and waitid only writes into it; WNOWAIT leaves every child as it
    // is.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL;
        libc::waitid(libc::P_ALL, 0, &mut info, options) < 0
            && io::Error::last_os_error().raw_os_error() == Some(libc::ECHILD)
    }
}

/// Whether this is a child that lives.
pub fn is_live_child(pid: i32) -> bool {
    let Ok(id) = libc::id_t::try_from(pid) else { return false };
    // SAFETY: a zeroed siginfo_t is a valid value, and waitid only writes into it; WNOWAIT leaves the child as it is.
    // Where it has not ended, its process ID stays 0.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL;
        libc::waitid(libc::P_PID, id, &mut info, options) == 0 && info.si_pid() == 0
    }
}

/// Whether no process but PID 1 is left in this PID namespace. For PID 1.
pub fn is_alone() -> bool {
    matches!(try_send(-1, 0), Err(e) if e.raw_os_error() == Some(libc::ESRCH))
}

/// Sends a signal to a process. A process that is gone is no error.
///
/// # Errors
/// `kill` fails: EPERM for a process of another user.
pub fn kill(pid: i32, signal: Signal) -> io::Result<()> {
    send(pid, signal.number())
}

/// Checks whether this process may signal that one. A process that is gone is no error.
///
/// # Errors
/// `kill` fails: EPERM for a process of another user.
pub fn may_signal(pid: i32) -> io::Result<()> {
    send(pid, 0)
}

/// Sends a signal to a process group. The group does not exist for a moment after its leader was forked: then the signal
/// goes to the leader.
///
/// # Errors
/// `kill` fails: EPERM if every member is of another user.
pub fn kill_group(leader: i32, signal: Signal) -> io::Result<()> {
    match try_send(leader.saturating_neg(), signal.number()) {
        Err(e) if e.raw_os_error() == Some(libc::ESRCH) => send(leader, signal.number()),
        other => other,
    }
}

/// Sends a signal to the rest of a process group whose leader was reaped. A group that is gone is no error.
///
/// # Errors
/// `kill` fails: EPERM if every member is of another user.
pub fn kill_group_left(leader: i32, signal: Signal) -> io::Result<()> {
    send(leader.saturating_neg(), signal.number())
}

/// Whether a process group has a member, be it a zombie.
pub fn group_exists(leader: i32) -> bool {
    match try_send(leader.saturating_neg(), 0) {
        Ok(()) => true,
        // A member that has changed its user is a member.
        Err(e) => e.raw_os_error() == Some(libc::EPERM),
    }
}

fn send(pid: i32, number: i32) -> io::Result<()> {
    match try_send(pid, number) {
        Err(e) if e.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        other => other,
    }
}

fn try_send(pid: i32, number: i32) -> io::Result<()> {
    // SAFETY: kill has no memory effects. (nix's wrapper knows no real-time signals.)
    match unsafe { libc::kill(pid, number) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether this is the first process of its PID namespace.
pub fn is_pid1() -> bool {
    std::process::id() == 1
}

/// Makes this process a subreaper: orphans among its descendants become its children, as they become those of PID 1.
///
/// # Errors
/// `prctl` fails: EINVAL before Linux 3.4, EPERM under seccomp.
pub fn become_subreaper() -> io::Result<()> {
    // SAFETY: PR_SET_CHILD_SUBREAPER takes one number and has no memory effects.
    match unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Gives this process a name, which `/proc` and `ps` show. The kernel keeps 15 bytes of it.
pub fn set_name(name: &std::ffi::CStr) {
    // SAFETY: PR_SET_NAME reads the string, which ends with a null byte. It cannot fail with one that can be read.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr(), 0, 0, 0) };
}

/// Sets the signal that the kernel sends to this process when its parent ends.
///
/// # Errors
/// `prctl` fails: EPERM under seccomp.
pub fn set_parent_death_signal(signal: Signal) -> io::Result<()> {
    // SAFETY: PR_SET_PDEATHSIG takes one number and has no memory effects.
    match unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal.number(), 0, 0, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Leaves the processor to others, as far as they want it.
pub fn be_nice() {
    const LEAST: i32 = 19;
    // The types of the constants differ between C libraries.
    // SAFETY: setpriority takes numbers; process 0 is the caller. It cannot fail where the priority becomes lower.
    unsafe { libc::setpriority(libc::PRIO_PROCESS as _, 0, LEAST) };
}

/// The signal that has stopped a child, if it was not continued since. With `take`, that is told once.
pub fn stopped_by(child: i32, take: bool) -> Option<Signal> {
    let id = libc::id_t::try_from(child).ok()?;
    let keep = if take { 0 } else { libc::WNOWAIT };
    // SAFETY: a zeroed siginfo_t is a valid value, and waitid only writes into it. Where no child has stopped, its
    // process ID stays 0.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let found = libc::waitid(libc::P_PID, id, &mut info, libc::WSTOPPED | libc::WNOHANG | keep) == 0;
        Signal::new(info.si_status()).filter(|_| found && info.si_pid() != 0)
    }
}

/// Lets others have the processor, if they wait for it.
pub fn yield_now() {
    std::thread::yield_now();
}

/// Stops this process until it is continued. PID 1 cannot be stopped.
pub fn stop_self() {
    signal_self(Signal::STOP);
}

/// Sends a signal to this process.
pub fn signal_self(signal: Signal) {
    let _ = send(std::process::id() as i32, signal.number());
}

/// Stops this process and all of its process group.
pub fn stop_own_group() {
    let _ = send(0, Signal::STOP.number());
}

/// The process group that a process is in, be it a zombie.
pub fn group_of(pid: i32) -> Option<i32> {
    nix::unistd::getpgid(Some(Pid::from_raw(pid))).ok().map(Pid::as_raw)
}

/// The session that a process is in, be it a zombie.
pub fn session_of(pid: i32) -> Option<i32> {
    nix::unistd::getsid(Some(Pid::from_raw(pid))).ok().map(Pid::as_raw)
}

/// The supplementary groups of this process.
pub fn groups() -> Vec<u32> {
    let groups = nix::unistd::getgroups().unwrap_or_default();
    groups.into_iter().map(nix::unistd::Gid::as_raw).collect()
}

/// The effective user ID of this process.
pub fn user_id() -> u32 {
    nix::unistd::geteuid().as_raw()
}

/// The effective group ID of this process.
pub fn group_id() -> u32 {
    nix::unistd::getegid().as_raw()
}

/// Whether this process is this user and group, in every respect.
pub fn is_user(uid: u32, gid: u32) -> bool {
    let users = [nix::unistd::getuid().as_raw(), user_id()];
    let groups = [nix::unistd::getgid().as_raw(), group_id()];
    users == [uid; 2] && groups == [gid; 2]
}

/// Whether the groups of this process are its own one and these, and no others. In a user namespace that does not allow
/// to change them, those without a number in it do not count.
pub fn has_groups(own: u32, wanted: &[u32]) -> bool {
    let with_own = |groups: &[u32]| -> BTreeSet<u32> { groups.iter().copied().chain([own]).collect() };
    let (mut there, wanted) = (with_own(&groups()), with_own(wanted));
    if there != wanted && std::fs::read("/proc/self/setgroups").is_ok_and(|text| text.starts_with(b"deny")) {
        there.retain(|group| *group != OVERFLOW || wanted.contains(group));
    }
    there == wanted
}

/// How a user namespace shows a group that has no number in it.
const OVERFLOW: u32 = 65534;

/// Whether the mount that a file is on, or its file system, is read-only.
pub fn is_read_only(path: &std::path::Path) -> bool {
    let flags = nix::sys::statvfs::statvfs(path).map(|of| of.flags());
    flags.is_ok_and(|flags| flags.contains(nix::sys::statvfs::FsFlags::ST_RDONLY))
}
