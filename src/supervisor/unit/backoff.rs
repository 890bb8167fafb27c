//! How long to wait before a restart, and how often it was tried.

use crate::model::Backoff;
use crate::supervisor::event::Time;
use std::time::Duration;

/// The memory of one service's restarts.
#[derive(Clone, Debug, Default)]
pub struct Retries {
    /// The wait before the last restart; zero if that was at once or if there was none.
    last: Duration,
    /// Restarts since the service was last well for `reset_after`.
    count: u32,
    /// Where restarts are limited within a window: when it began, and restarts since.
    window: Option<(Time, u32)>,
    /// How long the service has been well in this life, but for the time since...
    well: Duration,
    /// ...it has been so without a break.
    well_since: Option<Time>,
}

/// What follows a failure, as far as the limit is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is started again after this time.
    Again(Duration),
    /// It was started again so many times in a row, or within the window.
    TooOften(u32, Option<Duration>),
}

impl Retries {
    /// Forgets all restarts.
    pub fn reset(&mut self) {
        (self.last, self.count, self.window) = (Duration::ZERO, 0, None);
    }

    /// A new life begins.
    pub fn begin(&mut self) {
        (self.well, self.well_since) = (Duration::ZERO, None);
    }

    /// The service is well from now on, or is not.
    pub fn note_well(&mut self, now: Time, well: bool) {
        match (well, self.well_since) {
            (true, None) => self.well_since = Some(now),
            (false, Some(since)) => {
                self.well = self.well.saturating_add(now.saturating_sub(since));
                self.well_since = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// rinit has not run for this long, and the service perhaps neither: that is no time spent well.
    pub fn overslept(&mut self, now: Time, by: Duration) {
        self.well_since = self.well_since.map(|since| since.saturating_add(by).min(now));
    }

    /// When the service will have been well for `reset_after`, while that would make restarts forgotten. Nothing is decided
    /// then, for the end of the service decides. But up to then rinit looks, so that a time that nothing ran in is noticed,
    /// and does not count.
    pub fn due(&self, rule: &Backoff) -> Option<Time> {
        let counts = self.count > 0 || !self.last.is_zero();
        let left = rule.reset_after.checked_sub(self.well).filter(|left| counts && !left.is_zero())?;
        self.well_since.map(|since| since.saturating_add(left))
    }

    /// Settles how long the service has been well so far: what happens later takes nothing away from it.
    pub fn look(&mut self, now: Time) {
        if self.well_since.is_some() {
            self.note_well(now, false);
            self.note_well(now, true);
        }
    }

    /// Whether the service was well for `reset_after` in this life.
    fn was_well(&self, now: Time, rule: &Backoff) -> bool {
        let since = self.well_since.map_or(Duration::ZERO, |since| now.saturating_sub(since));
        self.well.saturating_add(since) >= rule.reset_after
    }

    /// The service has ended. One that was well for `reset_after` has a clean slate.
    pub fn ended(&mut self, now: Time, rule: &Backoff) {
        if self.was_well(now, rule) {
            (self.last, self.count) = (Duration::ZERO, 0);
        }
    }

    /// Restarts in a row so far.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The service that has ended is to be started again. Counts that, unless it is once too often.
    pub fn next(&mut self, now: Time, rule: &Backoff) -> Verdict {
        if let Some(limit) = rule.limit {
            let (since, used) = match rule.window {
                None => (now, self.count),
                Some(window) => {
                    let open = self.window.filter(|(since, _)| now.saturating_sub(*since) < window);
                    open.unwrap_or((now, 0))
                }
            };
            if used >= limit {
                return Verdict::TooOften(used, rule.window);
            }
            self.window = rule.window.map(|_| (since, used.saturating_add(1)));
        }
        self.count = self.count.saturating_add(1);
        match self.was_well(now, rule) {
            true => Verdict::Again(Duration::ZERO),
            false => Verdict::Again(self.wait(rule)),
        }
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

    /// The wait before the next restart of a service that is well for so long, and ends at that time.
    fn next(retries: &mut Retries, rule: &Backoff, now: Time, well: Duration) -> Verdict {
        retries.begin();
        retries.note_well(now - well, true);
        retries.note_well(now, false);
        retries.ended(now, rule);
        retries.next(now, rule)
    }

    #[test]
    fn the_wait_doubles_up_to_the_maximum() {
        let rule = Backoff { max: MS(1000), ..Backoff::default() };
        let mut retries = Retries::default();
        for wait in [100, 200, 400, 800, 1000, 1000] {
            assert_eq!(next(&mut retries, &rule, MS(3), MS(3)), Verdict::Again(MS(wait)));
        }
        assert_eq!(retries.count(), 6);
    }

    #[test]
    fn after_a_long_time_spent_well_the_restart_is_at_once_and_the_count_begins_anew() {
        let rule = Backoff::default();
        let mut retries = Retries::default();
        for _ in 0..3 {
            next(&mut retries, &rule, MS(3), MS(3));
        }
        assert_eq!(next(&mut retries, &rule, MS(20_000), MS(10_000)), Verdict::Again(MS(0)));
        assert_eq!(retries.count(), 1);
        assert_eq!(next(&mut retries, &rule, MS(20_003), MS(3)), Verdict::Again(MS(100)));
    }

    #[test]
    fn several_times_spent_well_in_one_life_add_up() {
        let rule = Backoff { reset_after: MS(1000), ..Backoff::default() };
        let mut retries = Retries::default();
        for at in [0, 2000] {
            retries.note_well(MS(at), true);
            retries.note_well(MS(at + 500), false);
        }
        assert!(retries.was_well(MS(2500), &rule));
        retries.begin();
        assert!(!retries.was_well(MS(9000), &rule));
    }

    #[test]
    fn a_limit_is_one_of_restarts_in_a_row() {
        let rule = Backoff { limit: Some(2), ..Backoff::default() };
        let mut retries = Retries::default();
        for _ in 0..2 {
            assert!(matches!(next(&mut retries, &rule, MS(3), MS(3)), Verdict::Again(_)));
        }
        let mut other = retries.clone();
        assert_eq!(next(&mut retries, &rule, MS(3), MS(3)), Verdict::TooOften(2, None));
        assert_eq!(next(&mut other, &rule, MS(20_000), MS(10_000)), Verdict::Again(MS(0)), "well again");
    }

    #[test]
    fn with_a_window_all_restarts_within_it_count_however_long_the_service_was_well() {
        let rule = Backoff { limit: Some(2), window: Some(MS(60_000)), ..Backoff::default() };
        let mut retries = Retries::default();
        for at in [20_000, 40_000] {
            assert_eq!(next(&mut retries, &rule, MS(at), MS(15_000)), Verdict::Again(MS(0)));
        }
        let mut other = retries.clone();
        let over = Verdict::TooOften(2, Some(MS(60_000)));
        assert_eq!(next(&mut retries, &rule, MS(79_999), MS(15_000)), over);
        assert_eq!(next(&mut other, &rule, MS(80_000), MS(15_000)), Verdict::Again(MS(0)), "a new window");
        retries.reset();
        assert_eq!(next(&mut retries, &rule, MS(79_999), MS(15_000)), Verdict::Again(MS(0)), "by hand");
    }

    #[test]
    fn extreme_numbers_stay_within_the_maximum() {
        let rule = Backoff { factor: f64::MAX, ..Backoff::default() };
        let mut retries = Retries::default();
        for _ in 0..5 {
            assert!(retries.wait(&rule) <= rule.max);
        }
        let rule = Backoff { initial: Duration::ZERO, ..Backoff::default() };
        assert_eq!(Retries::default().wait(&rule), Duration::ZERO);
    }
}
