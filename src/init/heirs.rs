//! Processes that services have named by MAINPID=, to be their main processes when the present ones have ended.
//!
//! Until then the present one stays what it is: only a child of rinit's can be waited for, and what was named becomes
//! one when its parent has ended. And an upgrade that fails leaves everything as it was.

#![forbid(unsafe_code)]

use crate::supervisor::{Pid, ServiceId, Time};
use crate::sys::{proc_fs, process};
use std::collections::BTreeMap;
use std::time::Duration;

/// Maximum number of processes that a service names in `WINDOW`: rinit looks each of them up in `/proc`.
const NAMES: u32 = 4;

/// How long that counts.
const WINDOW: Duration = Duration::from_secs(1);

struct Heir {
    service: ServiceId,
    pid: i32,
    /// When it was started: its number may be another one's by now.
    started: u64,
}

/// All of them, one of a service at most.
#[derive(Default)]
pub struct Heirs {
    all: Vec<Heir>,
    /// Since when names are counted, and how many each service has given since.
    since: Time,
    named: BTreeMap<usize, u32>,
}

impl Heirs {
    /// Whether a service may name a process now. To be asked before anything is looked up.
    pub fn may_name(&mut self, now: Time, service: ServiceId) -> bool {
        if now.saturating_sub(self.since) >= WINDOW {
            self.since = now;
            self.named.clear();
        }
        let count = self.named.entry(service.0).or_default();
        *count = count.saturating_add(1);
        *count <= NAMES
    }

    /// A service has named one, which was started then. `false`: it is the one that another service has named.
    pub fn name(&mut self, service: ServiceId, pid: i32, started: u64) -> bool {
        // What has the number of another process now is not the one that was named.
        self.all.retain(|heir| heir.pid != pid || heir.started == started);
        if self.all.iter().any(|heir| heir.pid == pid && heir.service != service) {
            return false;
        }
        self.forget(service);
        self.all.push(Heir { service, pid, started });
        true
    }

    /// The service that has named this process.
    pub fn service_of(&self, pid: i32) -> Option<ServiceId> {
        self.all.iter().find(|heir| heir.pid == pid).map(|heir| heir.service)
    }

    /// A service has no other main process than the one that it has.
    pub fn forget(&mut self, service: ServiceId) {
        self.all.retain(|heir| heir.service != service);
    }

    /// A process was reaped.
    pub fn reaped(&mut self, pid: i32) {
        self.all.retain(|heir| heir.pid != pid);
    }

    /// A service's main process was reaped: who takes its place, and that one's process group.
    pub fn take(&mut self, service: ServiceId) -> Option<(Pid, Pid)> {
        let at = self.all.iter().position(|heir| heir.service == service)?;
        let Heir { pid, started, .. } = self.all.swap_remove(at);
        let lives = process::is_live_child(pid) && proc_fs::start_time(pid) == Some(started);
        let group = process::group_of(pid).filter(|_| lives)?;
        Some((Pid(pid), Pid(group)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: ServiceId = ServiceId(0);
    const DB: ServiceId = ServiceId(1);

    #[test]
    fn a_process_is_the_heir_of_one_service() {
        let mut heirs = Heirs::default();
        assert!(heirs.name(WEB, 7, 100));
        assert!(!heirs.name(DB, 7, 100));
        assert_eq!(heirs.service_of(7), Some(WEB));
        assert!(heirs.name(WEB, 7, 100));
        // Another process has the number.
        assert!(heirs.name(DB, 7, 200));
        assert_eq!(heirs.service_of(7), Some(DB));
        // The first one is free again.
        assert!(heirs.name(DB, 8, 300));
        assert_eq!((heirs.service_of(7), heirs.service_of(8)), (None, Some(DB)));
        assert!(heirs.name(WEB, 7, 200));
    }

    #[test]
    fn a_service_names_a_few_in_a_second() {
        let mut heirs = Heirs::default();
        let few = usize::try_from(NAMES).unwrap();
        for now in [Duration::ZERO, WINDOW] {
            assert_eq!((0..1000).filter(|_| heirs.may_name(now, WEB)).count(), few);
            assert!(heirs.may_name(now, DB));
        }
    }
}
