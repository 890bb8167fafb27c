//! Processes: reaping, signalling, finding what is left.

use crate::model::Signal;
use nix::libc;
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::io;
use std::os::unix::ffi::OsStrExt;

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
    /// No child has ended, but there are some.
    NoneEnded,
    /// There is no child at all.
    NoChildren,
}

/// Reaps one child that has ended, whichever it is. Never waits.
pub fn reap() -> Reaped {
    match wait(-1, libc::WNOHANG | libc::__WALL) {
        Ok(Some((pid, status))) => Reaped::Child(pid, status),
        Ok(None) => Reaped::NoneEnded,
        Err(_) => Reaped::NoChildren,
    }
}

/// Reaps this child if it has ended. Never waits.
pub fn reap_child(pid: i32) -> io::Result<Option<Status>> {
    Ok(wait(pid, libc::WNOHANG)?.map(|(_, status)| status))
}

/// Waits for the end of this child, and reaps it. Not for PID 1.
pub fn await_end(pid: i32) -> io::Result<()> {
    wait(pid, 0).map(drop)
}

fn wait(child: i32, options: i32) -> io::Result<Option<(i32, Status)>> {
    loop {
        let mut status = 0;
        // SAFETY: waitpid writes only into `status`. (nix's wrapper fails on real-time signals.)
        let pid = unsafe { libc::waitpid(child, &mut status, options) };
        match pid {
            0 => return Ok(None),
            pid if pid > 0 && libc::WIFSIGNALED(status) => {
                return Ok(Some((pid, Status::Signal(libc::WTERMSIG(status)))));
            }
            pid if pid > 0 && libc::WIFEXITED(status) => {
                return Ok(Some((pid, Status::Code(libc::WEXITSTATUS(status)))));
            }
            // Stopped or continued: not asked for, but no reason to end the loop.
            pid if pid > 0 => {}
            _ => match io::Error::last_os_error() {
                e if e.raw_os_error() == Some(libc::EINTR) => {}
                e => return Err(e),
            },
        }
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

/// Sends a signal to a process. That it is gone already is no error.
pub fn kill(pid: i32, signal: Signal) -> io::Result<()> {
    send(pid, signal.number())
}

/// Sends a signal to a process group. Where the group is not made yet, because its leader was forked a moment ago,
/// to the leader.
pub fn kill_group(leader: i32, signal: Signal) -> io::Result<()> {
    match try_send(leader.saturating_neg(), signal.number()) {
        Err(e) if e.raw_os_error() == Some(libc::ESRCH) => send(leader, signal.number()),
        other => other,
    }
}

/// Sends a signal to what is left of a process group whose leader was reaped.
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

/// Whether all members of a process group are zombies, as `/proc` shows them: the ends of these are somebody else's to
/// take note of. Not where it is not mounted.
pub fn is_group_dead(leader: i32) -> bool {
    let mut members = all().filter_map(|(_, stat)| (stat.group == leader).then_some(stat.is_dead)).peekable();
    members.peek().is_some() && members.all(|is_dead| is_dead)
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

/// Orphans among the descendants become children of this process, as they do for a PID 1.
pub fn become_subreaper() -> io::Result<()> {
    // SAFETY: PR_SET_CHILD_SUBREAPER takes one number and has no memory effects.
    match unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The signal that the kernel sends when this process's parent ends.
pub fn set_parent_death_signal(signal: Signal) -> io::Result<()> {
    // SAFETY: PR_SET_PDEATHSIG takes one number and has no memory effects.
    match unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal.number(), 0, 0, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether a child has been stopped by a signal, and not continued since. With `take`, that is told once.
pub fn is_stopped(child: i32, take: bool) -> bool {
    let Ok(id) = libc::id_t::try_from(child) else { return false };
    let keep = if take { 0 } else { libc::WNOWAIT };
    // SAFETY: a zeroed siginfo_t is a valid value, and waitid only writes into it. Where no child has stopped, its
    // process ID stays 0.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        libc::waitid(libc::P_PID, id, &mut info, libc::WSTOPPED | libc::WNOHANG | keep) == 0
            && info.si_pid() != 0
    }
}

/// Lets others have the processor, if they wait for it.
pub fn yield_now() {
    std::thread::yield_now();
}

/// Stops this process until it is continued. PID 1 cannot be stopped.
pub fn stop_self() {
    let _ = send(std::process::id() as i32, Signal::STOP.number());
}

/// Stops this process and all of its process group.
pub fn stop_own_group() {
    let _ = send(0, Signal::STOP.number());
}

/// Sends a signal to every process that is left but this one: in a PID namespace of our own to all of it, otherwise
/// to our descendants.
pub fn kill_rest(signals: &[Signal]) {
    let targets = if is_pid1() { vec![-1] } else { descendants(std::process::id() as i32) };
    for signal in signals {
        for pid in &targets {
            // Nobody left, or somebody who is out of reach: nothing more can be done.
            let _ = send(*pid, signal.number());
        }
    }
}

/// All descendants of a process, as `/proc` shows them. Empty where it is not mounted.
fn descendants(of: i32) -> Vec<i32> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for (pid, stat) in all() {
        children.entry(stat.parent).or_default().push(pid);
    }
    let mut found = Vec::new();
    let mut open = vec![of];
    while let Some(pid) = open.pop() {
        let next = children.remove(&pid).unwrap_or_default();
        found.extend(&next);
        open.extend(next);
    }
    found
}

/// All processes that `/proc` shows.
fn all() -> impl Iterator<Item = (i32, Stat)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let name = entry.file_name();
        let pid = std::str::from_utf8(name.as_bytes()).ok()?.parse::<i32>().ok()?;
        Some((pid, stat(pid)?))
    })
}

/// The parent of a process, as `/proc` shows it.
pub fn parent(pid: i32) -> Option<i32> {
    stat(pid).map(|stat| stat.parent)
}

/// What `/proc/PID/stat` says of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    is_dead: bool,
    parent: i32,
    group: i32,
}

/// So many fields are between the group and the number of threads.
const THREADS_AFTER_GROUP: usize = 14;

fn stat(pid: i32) -> Option<Stat> {
    Stat::parse(&std::fs::read(format!("/proc/{pid}/stat")).ok()?)
}

impl Stat {
    /// The second field, a program's name in parentheses, may hold anything.
    fn parse(line: &[u8]) -> Option<Stat> {
        let after_name = line.rsplitn(2, |byte| *byte == b')').next()?;
        let mut fields = after_name.split(|byte| *byte == b' ').filter(|field| !field.is_empty());
        let state = fields.next()?;
        let mut number = || std::str::from_utf8(fields.next()?).ok()?.parse::<i32>().ok();
        let (parent, group) = (number()?, number()?);
        // A zombie whose first thread alone has ended is not dead.
        let threads = fields.nth(THREADS_AFTER_GROUP);
        let is_dead = matches!(state, b"Z" | b"X" | b"x") && matches!(threads, Some(b"0" | b"1"));
        Some(Stat { is_dead, parent, group })
    }
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
    // nix's wrapper asks sysconf first, which the release binary does not have: see no_stdio.rs.
    // SAFETY: with no room given, the call only counts.
    let count = unsafe { libc::getgroups(0, std::ptr::null_mut()) };
    let mut groups = vec![0; usize::try_from(count).unwrap_or(0)];
    // SAFETY: there is room for that many, and one thread, so there are no more by now.
    let count = unsafe { libc::getgroups(count.max(0), groups.as_mut_ptr()) };
    groups.truncate(usize::try_from(count).unwrap_or(0));
    groups
}

/// The effective user ID of this process.
pub fn user_id() -> u32 {
    nix::unistd::geteuid().as_raw()
}

/// The effective group ID of this process.
pub fn group_id() -> u32 {
    nix::unistd::getegid().as_raw()
}

/// Whether the mount that a file is on, or its file system, is read-only.
pub fn is_read_only(path: &std::path::Path) -> bool {
    let flags = nix::sys::statvfs::statvfs(path).map(|of| of.flags());
    flags.is_ok_and(|flags| flags.contains(nix::sys::statvfs::FsFlags::ST_RDONLY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_found_behind_any_program_name() {
        let of = |line: &[u8]| Stat::parse(line).map(|it| (it.is_dead, it.parent, it.group));
        assert_eq!(of(b"12 (sh) S 7 11 12 0"), Some((false, 7, 11)));
        let zombie = "12 (a) S 9 (b)) Z 7 12 12 0 -1 4194560 0 0 0 0 0 0 0 0 20 0";
        assert_eq!(of(format!("{zombie} 1 0 6").as_bytes()), Some((true, 7, 12)));
        assert_eq!(of(format!("{zombie} 2 0 6").as_bytes()), Some((false, 7, 12)));
        assert_eq!(of(b"12"), None);
    }
}
