//! Whether it was for want of memory that the kernel has killed a process.

#![forbid(unsafe_code)]

use crate::sys::cgroup::OomKills;
use std::time::{Duration, Instant};

/// Of processes that the kernel kills together, one may be reaped a moment after the other.
const TOGETHER: Duration = Duration::from_secs(1);

/// Watches how often the kernel has killed in this container for want of memory.
#[derive(Default)]
pub struct OomCounter {
    kills: Option<OomKills>,
    risen: Risen,
    begun: bool,
}

impl OomCounter {
    /// Whether it counts.
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// Counts from now on, if it does not yet. Where the kernel does not show the number, nothing is ever ascribed to it.
    pub fn begin(&mut self) {
        if !std::mem::replace(&mut self.begun, true) {
            self.kills = OomKills::open();
            self.risen.seen = self.kills.as_ref().and_then(OomKills::read).unwrap_or_default();
        }
    }

    /// Whether the number has gone up, for each time once. To be asked for a process that was killed by SIGKILL, and
    /// not by rinit.
    pub fn risen(&mut self) -> bool {
        let count = self.kills.as_ref().and_then(OomKills::read);
        count.is_some_and(|count| self.risen.ask(count, Instant::now()))
    }
}

/// The number seen last, and how many of the kills since then are not ascribed to a process yet.
#[derive(Default)]
struct Risen {
    seen: u64,
    left: u64,
    at: Option<Instant>,
}

impl Risen {
    fn ask(&mut self, count: u64, now: Instant) -> bool {
        let new = count.saturating_sub(self.seen);
        self.seen = count;
        if new > 0 {
            (self.left, self.at) = (new, Some(now));
        } else if self.at.is_some_and(|at| now.saturating_duration_since(at) > TOGETHER) {
            // They were somebody else's: children of services, of whom rinit does not hear.
            self.left = 0;
        }
        let risen = self.left > 0;
        self.left = self.left.saturating_sub(1);
        risen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kill_is_told_once_and_soon() {
        let begin = Instant::now();
        let at = |millis| begin + Duration::from_millis(millis);
        let mut risen = Risen { seen: 5, left: 0, at: None };
        assert!(!risen.ask(5, at(0)));
        assert!(risen.ask(6, at(0)));
        assert!(!risen.ask(6, at(0)));
        // Three at once: two are reaped now, one never.
        assert!(risen.ask(9, at(10)));
        assert!(risen.ask(9, at(900)));
        assert!(!risen.ask(9, at(5000)));
        // The number of another file, or one that starts anew, proves nothing.
        assert!(!risen.ask(2, at(5000)));
        assert!(risen.ask(3, at(5000)));
    }

    #[test]
    fn nobody_is_killed_here() {
        let mut here = OomCounter::default();
        here.begin();
        assert!(!here.risen());
        let mut without =
            OomCounter { risen: Risen { left: 1, ..Risen::default() }, ..OomCounter::default() };
        assert!(!without.risen());
    }
}
