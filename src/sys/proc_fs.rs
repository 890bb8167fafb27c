//! What `/proc` shows of processes, and signals to those that are found there.

#![forbid(unsafe_code)]

use super::process;
use crate::model::Signal;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;

/// What `/proc/PID/stat` says of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stat {
    name: Vec<u8>,
    is_dead: bool,
    parent: i32,
    group: i32,
    flags: Option<u32>,
    started: Option<u64>,
}

/// The name that a client of rinit gives itself.
pub const CLIENT: &std::ffi::CStr = c"rinit-client";

/// Maximum number of ancestors, including the process itself, that are checked for a client.
const GENERATIONS: usize = 8;

/// Number of fields between the group and the flags.
const FLAGS_AFTER_GROUP: usize = 3;

/// Number of fields between the flags and the number of threads.
const THREADS_AFTER_FLAGS: usize = 10;

/// The flag of a process that was forked and has not executed a program: `PF_FORKNOEXEC` of the kernel's
/// include/linux/sched.h. An exec takes it away before it closes any descriptor, and the end of a process leaves it.
const FORKED_WITHOUT_EXEC: u32 = 0x40;

/// Number of fields between the number of threads and the time of the start.
const START_AFTER_THREADS: usize = 1;

/// A process. Its number and the time of its start together are never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its number.
    pub pid: i32,
    /// When it was started; see `start_time`. `None`: there is none of this number, or `/proc` does not show it.
    pub started: Option<u64>,
}

impl Identity {
    /// The process that has this number now.
    pub fn of(pid: i32) -> Identity {
        Identity { pid, started: start_time(pid) }
    }

    /// Whether the process is gone, even if another one has its number. False if `/proc` did not show it.
    pub fn is_gone(self) -> bool {
        self.started.is_some() && start_time(self.pid) != self.started
    }

    /// Whether another process has its number now.
    pub fn is_replaced(self) -> bool {
        start_time(self.pid).is_some_and(|started| Some(started) != self.started)
    }
}

/// The file with the cgroups that a process is in, a line for each hierarchy, as seen from this process's own.
pub const CGROUP: &str = "cgroup";

/// What `/proc` tells of a process in this file. `None`: the process is gone, or `/proc` does not show it.
pub fn read(pid: i32, file: &str) -> Option<Vec<u8>> {
    if is_mounted() { read_shown(pid, file) } else { None }
}

/// The same, where `/proc` is known to be mounted.
fn read_shown(pid: i32, file: &str) -> Option<Vec<u8>> {
    std::fs::read(format!("/proc/{pid}/{file}")).ok()
}

/// The processes that are shown. None where `/proc` is not mounted.
pub fn pids() -> impl Iterator<Item = i32> {
    let entries = if is_mounted() { std::fs::read_dir("/proc").ok() } else { None };
    let entries = entries.into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The parent of a process.
pub fn parent(pid: i32) -> Option<i32> {
    stat(pid).map(|stat| stat.parent)
}

/// Whether a process has executed a program since it was forked. It may have ended, but must not be reaped. `None`: `/proc`
/// does not show it.
pub fn has_executed(pid: i32) -> Option<bool> {
    stat(pid)?.flags.map(|flags| flags & FORKED_WITHOUT_EXEC == 0)
}

/// When a process was started, in clock ticks since the boot. See [`Identity`].
pub fn start_time(pid: i32) -> Option<u64> {
    stat(pid)?.started
}

/// Whether `/proc` is there, and shows the processes of this PID namespace. In that of another one, every number is another
/// process.
pub fn is_mounted() -> bool {
    let shown = std::fs::read_link("/proc/self").ok();
    shown.and_then(|pid| pid.to_str()?.parse().ok()) == Some(std::process::id())
}

/// The user that a process runs as.
pub fn user_of(pid: i32) -> Option<u32> {
    let found = if is_mounted() { std::fs::metadata(format!("/proc/{pid}")).ok() } else { None };
    found.map(|of| of.uid())
}

/// The process groups with members that are all zombies, which other processes have to reap. None where there is no
/// `/proc`. This reads all of `/proc`.
pub fn dead_groups() -> BTreeSet<i32> {
    let (dead, live): (Vec<Stat>, Vec<Stat>) = all().map(|(_, stat)| stat).partition(|stat| stat.is_dead);
    let live: BTreeSet<i32> = live.iter().map(|stat| stat.group).collect();
    dead.iter().map(|stat| stat.group).filter(|group| !live.contains(group)).collect()
}

/// Whether a process is left that rinit has to stop before it ends, beside its own children. For PID 1, this is one that
/// has entered the container from outside, for example by `docker exec`. rinit does not wait for its clients.
pub fn is_anybody_left() -> bool {
    if !process::is_pid1() || process::is_alone() {
        return false;
    }
    let found = Found::look();
    // Without /proc, rinit knows only that there is a process.
    found.all.is_empty() || found.targets().any(|pid| !found.is_client(pid))
}

/// Every remaining process except this one and those of other containers. For PID 1, a process of another container is
/// one outside of its cgroup that is not its descendant. For any other process, only descendants remain.
pub fn rest(spare_clients: bool) -> Rest {
    let mut found = Found::look();
    let pids: Vec<i32> = found.targets().filter(|pid| !(spare_clients && found.is_client(*pid))).collect();
    let others = found.all.values().filter(|stat| !stat.is_dead).count().saturating_sub(1);
    let stats = pids.iter().filter_map(|pid| found.all.remove(pid)).collect();
    Rest { is_everybody: process::is_pid1() && pids.len() == others, pids, stats }
}

/// The remaining processes.
pub struct Rest {
    pids: Vec<i32>,
    /// Of each of them.
    stats: Vec<Stat>,
    is_everybody: bool,
}

impl Rest {
    /// Each process with its program's name, which may hold anything.
    pub fn names(&self) -> impl Iterator<Item = (i32, &[u8])> {
        self.pids.iter().copied().zip(self.stats.iter().map(|stat| stat.name.as_slice()))
    }

    /// The targets for signals. A process ID of -1 stands for all processes, if `/proc` does not show them.
    pub fn recipients(&self) -> Vec<Identity> {
        if self.is_everybody && self.pids.is_empty() {
            return vec![Identity { pid: -1, started: None }];
        }
        let each = self.pids.iter().zip(&self.stats);
        each.map(|(pid, stat)| Identity { pid: *pid, started: stat.started }).collect()
    }

    /// Sends these signals to all of them. A process that is gone is no error.
    ///
    /// # Errors
    /// The first error of `kill`: EPERM for a process of another user. The others are signalled nevertheless.
    pub fn signal(&self, signals: &[Signal]) -> std::io::Result<()> {
        // A signal to -1 also reaches processes that are started meanwhile.
        let pids = if self.is_everybody { &[-1][..] } else { &self.pids };
        let mut result = Ok(());
        for signal in signals {
            for pid in pids {
                result = result.and(process::kill(*pid, *signal));
            }
        }
        // For -1 the kernel does not report the processes that it could not signal.
        let reaches_all = || self.pids.iter().try_for_each(|pid| process::may_signal(*pid));
        if self.is_everybody { result.and(reaches_all()) } else { result }
    }
}

/// Of these process groups, those with a member that this process may not signal, and the error. A signal to the group
/// succeeds nevertheless, if it reaches another member. This reads all of `/proc`.
pub fn unreachable(groups: &BTreeSet<i32>) -> BTreeMap<i32, std::io::Error> {
    let mut errors = BTreeMap::new();
    for (pid, stat) in all().filter(|(_, stat)| groups.contains(&stat.group) && !stat.is_dead) {
        if let Err(error) = process::may_signal(pid) {
            errors.entry(stat.group).or_insert(error);
        }
    }
    errors
}

/// The members of a process group that are not zombies.
pub fn members(leader: i32) -> Vec<i32> {
    all().filter(|(_, stat)| stat.group == leader && !stat.is_dead).map(|(pid, _)| pid).collect()
}

/// The real user of a process, as signals count it.
pub fn real_user_of(pid: i32) -> Option<u32> {
    // The first line has the program's name, which may hold anything but the end of a line.
    let status = read(pid, "status")?;
    let ids = status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"Uid:"))?;
    std::str::from_utf8(ids).ok()?.split_whitespace().next()?.parse().ok()
}

/// The processes at one moment.
struct Found {
    own: i32,
    all: BTreeMap<i32, Stat>,
}

impl Found {
    fn look() -> Found {
        Found { own: i32::try_from(std::process::id()).unwrap_or_default(), all: all().collect() }
    }

    /// All live processes except rinit and those of other containers.
    fn targets(&self) -> impl Iterator<Item = i32> {
        let descendants = self.descendants();
        let cgroup = if process::is_pid1() { read(self.own, CGROUP) } else { None };
        let is_pid1 = process::is_pid1();
        let alive = self.all.iter().filter(|(pid, stat)| **pid != self.own && !stat.is_dead);
        alive.map(|(pid, _)| *pid).filter(move |pid| {
            let is_neighbour = || match (&cgroup, read(*pid, CGROUP)) {
                (Some(own), Some(other)) => is_within(own, &other),
                // Nothing is known of one of them.
                _ => true,
            };
            descendants.binary_search(pid).is_ok() || (is_pid1 && is_neighbour())
        })
    }

    /// Whether it is a client of rinit's which has come from outside, or a command that such a client runs: its request ends
    /// with rinit. A second init, or a reaper for one command, is none. The name tells, because the command line cannot be
    /// read of a process that hangs in the kernel with its memory locked: PID 1 would hang, too.
    fn is_client(&self, pid: i32) -> bool {
        let mut at = pid;
        for _ in 0..GENERATIONS {
            match self.all.get(&at) {
                Some(stat) if stat.parent == 0 => return at != self.own && stat.name == CLIENT.to_bytes(),
                Some(stat) => at = stat.parent,
                None => return false,
            }
        }
        false
    }

    /// In ascending order.
    fn descendants(&self) -> Vec<i32> {
        let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for (pid, stat) in &self.all {
            children.entry(stat.parent).or_default().push(*pid);
        }
        let mut found = Vec::new();
        let mut open = vec![self.own];
        while let Some(pid) = open.pop() {
            let next = children.remove(&pid).unwrap_or_default();
            found.extend(&next);
            open.extend(next);
        }
        found.sort_unstable();
        found
    }
}

/// Whether each of its cgroups is one of ours, or below it.
fn is_within(own: &[u8], other: &[u8]) -> bool {
    let lines = |text| <[u8]>::split(text, |byte| *byte == b'\n').filter(|line| !line.is_empty());
    let is_below = |line: &[u8]| {
        lines(own).any(|own| match line.strip_prefix(own) {
            Some(rest) => {
                rest.is_empty() || own.ends_with(b"/") && !rest.starts_with(b"..") || rest.starts_with(b"/")
            }
            None => false,
        })
    };
    lines(other).all(is_below)
}

/// All processes that are shown. None where `/proc` is not mounted.
fn all() -> impl Iterator<Item = (i32, Stat)> {
    pids().filter_map(|pid| Some((pid, Stat::parse(&read_shown(pid, "stat")?)?)))
}

fn stat(pid: i32) -> Option<Stat> {
    Stat::parse(&read(pid, "stat")?)
}

impl Stat {
    /// The second field, a program's name in parentheses, may hold anything.
    fn parse(line: &[u8]) -> Option<Stat> {
        let mut parts = line.rsplitn(2, |byte| *byte == b')');
        let (after, before) = (parts.next()?, parts.next()?);
        let name = before.splitn(2, |byte| *byte == b'(').nth(1)?.to_vec();
        let mut fields = after.split(|byte| *byte == b' ').filter(|field| !field.is_empty());
        let state = fields.next()?;
        let mut number = || std::str::from_utf8(fields.next()?).ok()?.parse::<i32>().ok();
        let (parent, group) = (number()?, number()?);
        let flags = fields.nth(FLAGS_AFTER_GROUP);
        let flags = flags.and_then(|field| std::str::from_utf8(field).ok()?.parse().ok());
        // A zombie whose first thread alone has ended is not dead.
        let threads = fields.nth(THREADS_AFTER_FLAGS);
        let is_dead = matches!(state, b"Z" | b"X" | b"x") && matches!(threads, Some(b"0" | b"1"));
        let started = fields.nth(START_AFTER_THREADS);
        let started = started.and_then(|field| std::str::from_utf8(field).ok()?.parse().ok());
        Some(Stat { name, is_dead, parent, group, flags, started })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_found_behind_any_program_name() {
        let of = |line: &[u8]| Stat::parse(line).map(|it| (it.name, it.is_dead, it.parent, it.group));
        assert_eq!(of(b"12 (sh) S 7 11 12 0"), Some((b"sh".to_vec(), false, 7, 11)));
        let zombie = "12 (a) S 9 (b)) Z 7 12 12 0 -1 4194560 0 0 0 0 0 0 0 0 20 0";
        assert_eq!(of(format!("{zombie} 1 0 6").as_bytes()), Some((b"a) S 9 (b)".to_vec(), true, 7, 12)));
        assert_eq!(of(format!("{zombie} 2 0 6").as_bytes()), Some((b"a) S 9 (b)".to_vec(), false, 7, 12)));
        assert_eq!(of(b"12"), None);
    }

    /// A program can give itself any name, and its user is looked up all the same.
    #[test]
    fn the_user_is_found_behind_any_program_name() {
        std::thread::spawn(|| {
            std::fs::write("/proc/thread-self/comm", b"\xff\xfe").unwrap();
            let thread = std::fs::read_link("/proc/thread-self").unwrap();
            let thread = thread.file_name().unwrap().to_str().unwrap().parse().unwrap();
            assert_eq!(real_user_of(thread), user_of(thread));
        })
        .join()
        .unwrap();
    }

    /// As the kernel numbers the fields, from 1, it is the 22nd.
    #[test]
    fn the_time_of_the_start_tells_processes_of_one_number_apart() {
        let line = "12 (a) S 9) S 7 12 12 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0";
        let stat = Stat::parse(line.as_bytes()).unwrap();
        assert_eq!((stat.flags, stat.started), (Some(4_194_560), Some(4711)));
        let own = Identity::of(i32::try_from(std::process::id()).unwrap());
        assert!(own.started.is_some() && !own.is_gone() && !own.is_replaced());
        let earlier = Identity { started: Some(1), ..own };
        assert!(earlier.is_gone() && earlier.is_replaced());
        // The kernel gives no such number.
        let nobody = Identity { pid: i32::MAX, started: Some(1) };
        assert!(nobody.is_gone() && !nobody.is_replaced());
        assert!(!Identity::of(i32::MAX).is_gone());
    }

    #[test]
    fn a_client_from_outside_is_known_with_what_it_runs() {
        let stat = |(pid, parent, name): (i32, i32, &str)| {
            let name = name.as_bytes().to_vec();
            (pid, Stat { name, is_dead: false, parent, group: pid, flags: None, started: None })
        };
        let all = [
            (1, 0, "rinit-client"),
            (2, 1, "rinit-client"),
            (3, 0, "rinit-client"),
            (4, 3, "sh"),
            (5, 4, "curl"),
            (6, 0, "rinit"),
            (7, 6, "rinit-client"),
            (8, 9, "a circle"),
            (9, 8, "a circle"),
        ];
        let found = Found { own: 1, all: all.map(stat).into() };
        let clients: Vec<i32> = (1..=10).filter(|pid| found.is_client(*pid)).collect();
        assert_eq!(clients, [3, 4, 5]);
    }

    #[test]
    fn other_containers_are_told_by_their_cgroups() {
        for (own, other, within) in [
            ("0::/\n", "0::/\n", true),
            ("0::/\n", "0::/worker\n", true),
            ("0::/\n", "0::/../other\n", false),
            ("0::/docker/a\n", "0::/docker/a\n", true),
            ("0::/docker/a\n", "0::/docker/a/b\n", true),
            ("0::/docker/a\n", "0::/docker/ab\n", false),
            ("2:cpu:/\n1:pids:/\n", "2:cpu:/\n1:pids:/x\n", true),
            ("2:cpu:/\n1:pids:/\n", "2:cpu:/\n1:pids:/../y\n", false),
        ] {
            assert_eq!(is_within(own.as_bytes(), other.as_bytes()), within, "{own} {other}");
        }
    }
}
