//! Processes that services have named by MAINPID=, to be their main processes when the present ones have ended.
//!
//! Until then the present one stays what it is: only a child of rinit's can be waited for, and what was named becomes
//! one when its parent has ended. And an upgrade that fails leaves everything as it was.

#![forbid(unsafe_code)]

use crate::supervisor::{Pid, ServiceId};
use crate::sys::{proc_fs, process};

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
}

impl Heirs {
    /// A service has named one. `false`: there is no such process.
    pub fn name(&mut self, service: ServiceId, pid: i32) -> bool {
        let Some(started) = proc_fs::start_time(pid) else { return false };
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
