//! What a child is given beside its program: limits, priority, groups, capabilities.
//!
//! The child runs this between fork and exec: it makes system calls and allocates nothing.

use super::caps::Change;
use super::check::check;
use super::stage::Stage;
use crate::model::{Resource, Ulimit};
use nix::libc;

/// What a child is given. The default changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// The supplementary groups.
    pub groups: Option<Vec<u32>>,
    /// The file mode creation mask.
    pub umask: Option<u32>,
    /// How readily the kernel kills it, as the kernel reads it: decimal digits.
    pub oom_score_adj: Option<String>,
    /// Resource limits.
    pub limits: Vec<Ulimit>,
    /// Scheduling priority.
    pub nice: Option<i32>,
    /// Capabilities.
    pub capabilities: Option<Change>,
    /// Executing a program gives nothing more.
    pub no_new_privileges: bool,
}

impl Attributes {
    /// What rinit's user may do and another one may not.
    pub(super) fn before_switch(&self) -> Result<(), Stage> {
        if let Some(mask) = self.umask {
            // SAFETY: umask takes a number, and cannot fail.
            unsafe { libc::umask(mask & 0o777) };
        }
        if let Some(score) = &self.oom_score_adj {
            write_oom_score(score).or(Err(Stage::OomScore))?;
        }
        // From here on there may be no descriptor to be had.
        for limit in &self.limits {
            set_limit(limit).or(Err(Stage::Limits))?;
        }
        if let Some(nice) = self.nice {
            // The types of the constants differ between C libraries.
            // SAFETY: setpriority takes numbers; process 0 is the caller.
            check(unsafe { libc::setpriority(libc::PRIO_PROCESS as _, 0, nice) }).or(Err(Stage::Nice))?;
        }
        if let Some(change) = &self.capabilities {
            change.limit().or(Err(Stage::CapDrop))?;
            change.keep_over_switch().or(Err(Stage::CapAdd))?;
        }
        if let Some(groups) = &self.groups {
            // SAFETY: the pointer and the length are those of one vector.
            check(unsafe { libc::setgroups(groups.len(), groups.as_ptr()) }).or(Err(Stage::Groups))?;
        }
        Ok(())
    }

    /// What has to come after the change of user.
    pub(super) fn after_switch(&self) -> Result<(), Stage> {
        if let Some(change) = &self.capabilities {
            let stage = if change.gives() { Stage::CapAdd } else { Stage::CapDrop };
            change.apply().or(Err(stage))?;
        }
        if self.no_new_privileges {
            // SAFETY: PR_SET_NO_NEW_PRIVS has no memory effects.
            check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })
                .or(Err(Stage::NoNewPrivileges))?;
        }
        Ok(())
    }
}

fn write_oom_score(score: &str) -> Result<(), ()> {
    // SAFETY: the path is a constant with a null byte at its end; the buffer is valid for its length.
    unsafe {
        let file = libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        check(file)?;
        let written = libc::write(file, score.as_ptr().cast(), score.len());
        if written < 0 {
            // Closing could change errno, and the child ends anyway.
            return Err(());
        }
        libc::close(file);
    }
    Ok(())
}

fn set_limit(limit: &Ulimit) -> Result<(), ()> {
    let wanted = libc::rlimit {
        rlim_cur: limit.soft.unwrap_or(libc::RLIM_INFINITY),
        rlim_max: limit.hard.unwrap_or(libc::RLIM_INFINITY),
    };
    // SAFETY: setrlimit reads the structure, which lives on the stack.
    check(unsafe { libc::setrlimit(number(limit.resource) as _, &wanted) })
}

/// The type of the constants differs between C libraries.
fn number(resource: Resource) -> i64 {
    i64::from(match resource {
        Resource::As => libc::RLIMIT_AS,
        Resource::Core => libc::RLIMIT_CORE,
        Resource::Cpu => libc::RLIMIT_CPU,
        Resource::Data => libc::RLIMIT_DATA,
        Resource::Fsize => libc::RLIMIT_FSIZE,
        Resource::Locks => libc::RLIMIT_LOCKS,
        Resource::Memlock => libc::RLIMIT_MEMLOCK,
        Resource::Msgqueue => libc::RLIMIT_MSGQUEUE,
        Resource::Nice => libc::RLIMIT_NICE,
        Resource::Nofile => libc::RLIMIT_NOFILE,
        Resource::Nproc => libc::RLIMIT_NPROC,
        Resource::Rss => libc::RLIMIT_RSS,
        Resource::Rtprio => libc::RLIMIT_RTPRIO,
        Resource::Rttime => libc::RLIMIT_RTTIME,
        Resource::Sigpending => libc::RLIMIT_SIGPENDING,
        Resource::Stack => libc::RLIMIT_STACK,
    })
}

/// How many descriptors this process may have.
pub fn most_descriptors() -> usize {
    // Where that is not told, the usual limit is assumed.
    let mut limit = libc::rlimit { rlim_cur: 1024, rlim_max: 1024 };
    // SAFETY: the kernel writes `limit`, which is there during the call.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX)
}
