//! Reaps several orphans at once when many end one right after another.
//!
//! When orphans end by the thousand, the wake-ups cost more than the reaping. In such a storm the next reaping waits a
//! moment for other orphans to end. It does not wait after the end of a child that rinit has made, because a restart must
//! not be delayed.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

/// Reapings closer together than this may be a storm.
const CLOSE: Duration = Duration::from_micros(500);

/// Number of close reapings in a row from which on they are a storm.
const STORM: u32 = 4;

/// Number of orphans found at once from which on the next reaping does not wait.
const FULL: usize = 64;

/// How long a reaping waits in a storm.
pub const PAUSE: Duration = Duration::from_millis(1);

/// What a reaping has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReapSummary {
    /// How many children have ended that rinit has not made.
    pub orphans: usize,
    /// Whether there was one that it has made.
    pub own: bool,
}

/// When children were reaped last.
#[derive(Default)]
pub struct ReapPacing {
    last: Option<Instant>,
    row: u32,
}

impl ReapPacing {
    /// Notes that children are about to be reaped. Returns whether the last reaping was a moment ago.
    pub fn is_close(&mut self) -> bool {
        self.is_close_at(Instant::now())
    }

    /// Notes that children were reaped. Returns whether the next reaping shall wait for [`PAUSE`].
    pub fn pauses_after(&mut self, summary: ReapSummary) -> bool {
        self.pauses_at(Instant::now(), summary)
    }

    fn is_close_at(&mut self, now: Instant) -> bool {
        let last = self.last.replace(now);
        last.is_some_and(|last| now.saturating_duration_since(last) < CLOSE)
    }

    fn pauses_at(&mut self, now: Instant, summary: ReapSummary) -> bool {
        let is_storm = self.row >= STORM;
        let close = self.is_close_at(now);
        // A storm goes on as long as each reaping finds more than one orphan.
        let goes_on = if is_storm { summary.orphans > 1 } else { close && summary.orphans > 0 };
        self.row = if goes_on && !summary.own { self.row.saturating_add(1) } else { 0 };
        self.row >= STORM && summary.orphans < FULL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: ReapSummary = ReapSummary { orphans: 1, own: false };

    /// Whether each reaping pauses. The first number is the microseconds since the reaping before.
    fn pauses(pacing: &mut ReapPacing, now: &mut Instant, summaries: &[(u64, ReapSummary)]) -> Vec<bool> {
        let mut pauses = Vec::new();
        for (micros, summary) in summaries {
            *now += Duration::from_micros(*micros);
            pauses.push(pacing.pauses_at(*now, *summary));
        }
        pauses
    }

    #[test]
    fn only_a_storm_of_orphans_makes_pauses() {
        let (mut pacing, mut now) = (ReapPacing::default(), Instant::now());
        // The first of them follows nothing.
        assert_eq!(pauses(&mut pacing, &mut now, &[(0, ONE); 4]), [false; 4]);
        assert_eq!(pauses(&mut pacing, &mut now, &[(100, ONE)]), [true]);
        let many = ReapSummary { orphans: 20, own: false };
        assert_eq!(pauses(&mut pacing, &mut now, &[(1000, many); 3]), [true; 3]);
        // After a full one no pause is made, and the storm goes on.
        let full = ReapSummary { orphans: FULL, own: false };
        assert_eq!(pauses(&mut pacing, &mut now, &[(1000, full), (1000, many)]), [false, true]);
        assert_eq!(pauses(&mut pacing, &mut now, &[(1000, ONE), (100, ONE)]), [false; 2]);
        // Far apart, or with a child of rinit's own among them.
        assert_eq!(pauses(&mut pacing, &mut now, &[(600, ONE); 50]), [false; 50]);
        let own = ReapSummary { orphans: 20, own: true };
        assert_eq!(pauses(&mut pacing, &mut now, &[(10, own); 50]), [false; 50]);
        assert_eq!(pauses(&mut pacing, &mut now, &[(10, ONE); 4]), [false, false, false, true]);
        assert_eq!(pauses(&mut pacing, &mut now, &[(1000, own), (10, ONE)]), [false; 2]);
    }
}
