//! How long to wait before a restart, and how often it was tried.

use crate::model::Backoff;
use std::time::Duration;

/// The memory of one service's restarts in a row.
#[derive(Clone, Debug, Default)]
pub struct Retries {
    /// The wait before the last restart; zero if that was at once or if there was none.
    last: Duration,
    /// Restarts since the service last ran for `reset_after`.
    count: u32,
}

impl Retries {
    /// The service ran for `ran` and ended. Running for `reset_after` wipes the slate.
    pub fn ended(&mut self, rule: &Backoff, ran: Duration) {
        if ran >= rule.reset_after {
            *self = Retries::default();
        }
    }

    /// Restarts in a row so far.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The wait before the next restart of a service that ran for `ran`. Counts it.
    pub fn next(&mut self, rule: &Backoff, ran: Duration) -> Duration {
        self.count = self.count.saturating_add(1);
        if ran >= rule.reset_after {
            return Duration::ZERO;
        }
        self.wait(rule)
    }

    /// The wait before another attempt to start what could not be started. Not counted.
    pub fn wait(&mut self, rule: &Backoff) -> Duration {
        self.last = if self.last.is_zero() {
            rule.initial.min(rule.max)
        } else {
            // A product that is no duration is larger than any maximum.
            let seconds = self.last.as_secs_f64() * rule.factor.max(1.0);
            Duration::try_from_secs_f64(seconds).unwrap_or(rule.max).min(rule.max)
        };
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn the_wait_doubles_up_to_the_maximum() {
        let rule = Backoff { max: MS(1000), ..Backoff::default() };
        let mut retries = Retries::default();
        let waits: Vec<Duration> = (0..6).map(|_| retries.next(&rule, MS(3))).collect();
        assert_eq!(waits, [MS(100), MS(200), MS(400), MS(800), MS(1000), MS(1000)]);
        assert_eq!(retries.count(), 6);
    }

    #[test]
    fn after_a_long_run_the_restart_is_at_once_and_the_count_begins_anew() {
        let rule = Backoff::default();
        let mut retries = Retries::default();
        for _ in 0..3 {
            retries.next(&rule, MS(3));
        }
        retries.ended(&rule, MS(10_000));
        assert_eq!(retries.next(&rule, MS(10_000)), Duration::ZERO);
        assert_eq!(retries.count(), 1);
        assert_eq!(retries.next(&rule, MS(3)), MS(100));
    }

    #[test]
    fn extreme_numbers_stay_within_the_maximum() {
        let rule = Backoff { factor: f64::MAX, ..Backoff::default() };
        let mut retries = Retries::default();
        for _ in 0..5 {
            assert!(retries.next(&rule, MS(0)) <= rule.max);
        }
        let rule = Backoff { initial: Duration::ZERO, ..Backoff::default() };
        assert_eq!(Retries::default().next(&rule, MS(0)), Duration::ZERO);
    }
}
