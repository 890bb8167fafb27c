//! When a destination that is not there is tried again.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

/// The first wait.
const FIRST: Duration = Duration::from_millis(100);

/// The longest one.
const LAST: Duration = Duration::from_secs(10);

/// The time between attempts: twice as long after each that was in vain.
#[derive(Debug, Default)]
pub struct Retry {
    failures: u32,
    at: Option<Instant>,
}

impl Retry {
    /// An attempt was in vain.
    pub fn failed(&mut self, now: Instant) {
        let wait = FIRST.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX)).min(LAST);
        self.failures = self.failures.saturating_add(1);
        self.at = now.checked_add(wait);
    }

    /// It works.
    pub fn worked(&mut self) {
        *self = Retry::default();
    }

    /// When the next attempt is to be made; `None`: at once.
    pub fn at(&self) -> Option<Instant> {
        self.at
    }

    /// Whether an attempt may be made.
    pub fn is_due(&self, now: Instant) -> bool {
        self.at.is_none_or(|at| at <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_a_limit_and_begins_anew() {
        let (mut retry, now) = (Retry::default(), Instant::now());
        assert!(retry.is_due(now));
        let mut wait = || {
            retry.failed(now);
            retry.at().unwrap().duration_since(now).as_millis()
        };
        let waits: Vec<u128> = (0..9).map(|_| wait()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        (0..100).for_each(|_| _ = wait());
        assert!(!retry.is_due(now) && retry.is_due(now + LAST));
        retry.worked();
        assert!(retry.is_due(now) && retry.at().is_none());
    }
}
