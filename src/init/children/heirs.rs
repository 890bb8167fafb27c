//! Processes that services have named by MAINPID=, to be their main processes when the present ones have ended.
//!
//! Until then the present one stays what it is: only a child of rinit's can be waited for, and what was named becomes
//! one when its parent has ended. And an upgrade that fails leaves everything as it was.

#![forbid(unsafe_code)]

use crate::supervisor::{Pid, Time};
use crate::sys::{proc_fs, process};
use std::time::Duration;

/// Maximum number of processes that a service names in `WINDOW`: rinit looks each of them up in `/proc`.
const NAMES: u32 = 4;

/// How long that counts.
const WINDOW: Duration = Duration::from_secs(1);

/// A process that a service has named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heir {
    pub pid: i32,
    /// When it was started. Another process may have its number by now.
    pub started: u64,
}

impl Heir {
    /// The main process was reaped: the process that takes its place, and its process group. `None`: it is gone too.
    pub fn succeed(self) -> Option<(Pid, Pid)> {
        let lives = process::is_live_child(self.pid) && proc_fs::start_time(self.pid) == Some(self.started);
        let group = process::group_of(self.pid).filter(|_| lives)?;
        Some((Pid(self.pid), Pid(group)))
    }
}

/// How often a service has named one lately.
#[derive(Debug, Default)]
pub struct Names {
    since: Time,
    count: u32,
}

impl Names {
    /// Whether it may name another one now. To be asked before anything is looked up.
    pub fn may_name(&mut self, now: Time) -> bool {
        if now.saturating_sub(self.since) >= WINDOW {
            *self = Names { since: now, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count <= NAMES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_names_a_few_in_a_second() {
        let mut names = Names::default();
        let few = usize::try_from(NAMES).unwrap();
        for now in [Duration::ZERO, WINDOW] {
            assert_eq!((0..1000).filter(|_| names.may_name(now)).count(), few);
        }
    }
}
