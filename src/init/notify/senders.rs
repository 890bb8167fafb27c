//! Which service a sender of notifications belongs to, at a bounded cost: anybody may send.
//!
//! A process belongs to a service if it is the main process, in the process group or session of the main process, or a
//! descendant of it. The first three take a system call each. The last takes a read of `/proc` for each ancestor.
//!
//! Each user gets a few such look-ups a second. The main process that was found is remembered for a second, but not its
//! service. A sender that belongs to no service costs a look at its user ID and a remembered answer, whatever it sends.

#![forbid(unsafe_code)]

use crate::supervisor::{ServiceId, Time};
use crate::sys::{proc_fs, process};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long answers are remembered, and what a user has used up.
const WINDOW: Duration = Duration::from_secs(1);

/// Maximum number of processes of one user whose ancestors are looked at in that time.
const LOOKUPS: u32 = 16;

/// Maximum number of users whose senders are looked up in that time.
const USERS: usize = 16;

/// Maximum number of ancestors that are looked at.
const MAX_ANCESTORS: usize = 32;

/// Whose a sender is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// It belongs to this service.
    Of(ServiceId),
    /// It belongs to no service that could be found.
    Nobody,
    /// Its user has used up its share of look-ups.
    NotLookedUp,
}

/// Where processes stand among each other.
pub trait Kinship {
    /// Its process group and its session.
    fn leaders(&self, pid: i32) -> [Option<i32>; 2];
    /// Its parent.
    fn parent(&self, pid: i32) -> Option<i32>;
}

/// As the kernel tells it.
pub struct Kernel;

impl Kinship for Kernel {
    fn leaders(&self, pid: i32) -> [Option<i32>; 2] {
        [process::group_of(pid), process::session_of(pid)]
    }

    fn parent(&self, pid: i32) -> Option<i32> {
        proc_fs::parent(pid)
    }
}

/// What is remembered of senders.
#[derive(Default)]
pub struct Senders {
    since: Time,
    lookups: BTreeMap<u32, u32>,
    /// The main process or group that a process is below, if it is below one. Whose that is may change: a place of a
    /// service may be another one's by now.
    answers: BTreeMap<i32, Option<i32>>,
}

impl Senders {
    /// Whose a process is. `owner` knows the services of main processes, and of their groups.
    pub fn find(
        &mut self,
        now: Time,
        (pid, uid): (i32, u32),
        kin: &impl Kinship,
        owner: &impl Fn(i32) -> Option<ServiceId>,
    ) -> Sender {
        // 0 is outside of our PID namespace, 1 is no service.
        if pid <= 1 {
            return Sender::Nobody;
        }
        if now.saturating_sub(self.since) >= WINDOW {
            *self = Senders { since: now, ..Senders::default() };
        }
        if let Some(service) = owner(pid) {
            return Sender::Of(service);
        }
        match self.answers.get(&pid) {
            None => {}
            Some(None) => return Sender::Nobody,
            Some(Some(leader)) => {
                if let Some(service) = owner(*leader) {
                    return Sender::Of(service);
                }
            }
        }
        if let Some((_, service)) = own(pid, kin, owner) {
            return Sender::Of(service);
        }
        if self.lookups.len() >= USERS && !self.lookups.contains_key(&uid) {
            return Sender::NotLookedUp;
        }
        let count = self.lookups.entry(uid).or_default();
        if *count >= LOOKUPS {
            return Sender::NotLookedUp;
        }
        *count = count.saturating_add(1);
        let found = above(pid, kin, owner);
        self.answers.insert(pid, found.map(|(leader, _)| leader));
        found.map_or(Sender::Nobody, |(_, service)| Sender::Of(service))
    }
}

/// The service of a process by itself, its group or its session, and which of these it is.
fn own(pid: i32, kin: &impl Kinship, owner: &impl Fn(i32) -> Option<ServiceId>) -> Option<(i32, ServiceId)> {
    let led = |leader: i32| Some((leader, owner(leader)?));
    led(pid).or_else(|| kin.leaders(pid).into_iter().flatten().find_map(led))
}

/// The same by its ancestors.
fn above(
    pid: i32,
    kin: &impl Kinship,
    owner: &impl Fn(i32) -> Option<ServiceId>,
) -> Option<(i32, ServiceId)> {
    let mut pid = pid;
    for _ in 0..MAX_ANCESTORS {
        pid = kin.parent(pid).filter(|parent| *parent > 1)?;
        let found = own(pid, kin, owner);
        if found.is_some() {
            return found;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    const WEB: ServiceId = ServiceId(3);

    /// Every process is the child of the one before it, and alone in its group and session. 100 is a main process.
    #[derive(Default)]
    struct Chain {
        reads: Cell<usize>,
    }

    impl Kinship for Chain {
        fn leaders(&self, pid: i32) -> [Option<i32>; 2] {
            [Some(pid), Some(pid)]
        }

        fn parent(&self, pid: i32) -> Option<i32> {
            self.reads.set(self.reads.get() + 1);
            Some(pid - 1)
        }
    }

    fn owner(pid: i32) -> Option<ServiceId> {
        (pid == 100).then_some(WEB)
    }

    #[test]
    fn a_descendant_is_found() {
        let mut senders = Senders::default();
        let mut find = |pid| senders.find(Time::ZERO, (pid, 7), &Chain::default(), &owner);
        assert_eq!(find(100), Sender::Of(WEB));
        assert_eq!(find(110), Sender::Of(WEB));
        for pid in [-1, 0, 1, 99, 1000] {
            assert_eq!(find(pid), Sender::Nobody, "{pid}");
        }
    }

    /// The place of a service that is gone is given to another one, which inherits no process of it.
    #[test]
    fn what_is_remembered_of_a_process_ends_with_its_service() {
        let mut senders = Senders::default();
        let mut find = |pid, owner: fn(i32) -> Option<ServiceId>| {
            senders.find(Time::ZERO, (pid, 7), &Chain::default(), &owner)
        };
        assert_eq!(find(110, owner), Sender::Of(WEB));
        let successor = |pid| (pid == 500).then_some(WEB);
        assert_eq!(find(110, successor), Sender::Nobody);
        assert_eq!(find(500, successor), Sender::Of(WEB));
    }

    /// Two users that send 600 datagrams a second each, for ten seconds, each from a process of its own or all from one.
    #[test]
    fn a_flood_costs_few_looks_at_proc() {
        for same in [true, false] {
            let (mut senders, chain) = (Senders::default(), Chain::default());
            for number in 0..12_000 {
                let now = Duration::from_micros(833 * number);
                let pid = if same { 5000 } else { 5000 + i32::try_from(number).unwrap() };
                let uid = 65534 - u32::try_from(number % 2).unwrap();
                let found = senders.find(now, (pid, uid), &chain, &owner);
                assert_ne!(found, Sender::Of(WEB));
            }
            // Ten windows and two users with many processes, each of which has many ancestors.
            let most = 10 * 2 * usize::try_from(LOOKUPS).unwrap() * MAX_ANCESTORS;
            assert!(chain.reads.get() <= if same { 10 * MAX_ANCESTORS } else { most }, "{:?}", chain.reads);
        }
    }

    #[test]
    fn a_flood_does_not_hide_a_main_process_and_its_user_has_its_share() {
        let (mut senders, chain) = (Senders::default(), Chain::default());
        for pid in 5000..5100 {
            senders.find(Time::ZERO, (pid, 7), &chain, &owner);
        }
        assert_eq!(senders.find(Time::ZERO, (110, 7), &chain, &owner), Sender::NotLookedUp);
        assert_eq!(senders.find(Time::ZERO, (100, 7), &chain, &owner), Sender::Of(WEB));
        assert_eq!(senders.find(Time::ZERO, (110, 8), &chain, &owner), Sender::Of(WEB));
        assert_eq!(senders.find(WINDOW, (110, 7), &chain, &owner), Sender::Of(WEB));
    }
}
