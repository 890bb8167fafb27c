//! What goes wrong again and again, and is worth one line. Pure.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

/// How long nothing has to have gone wrong before it is news again.
const QUIET: Duration = Duration::from_secs(60);

/// When it went wrong last.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    last: Option<Instant>,
}

impl Trouble {
    /// It has gone wrong. Whether that is news.
    pub(super) fn is_news(&mut self, now: Instant) -> bool {
        let before = self.last.replace(now);
        before.is_none_or(|before| now.saturating_duration_since(before) >= QUIET)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_without_end_is_news_once() {
        let mut trouble = Trouble::default();
        let start = Instant::now();
        let news = |seconds| trouble.is_news(start + Duration::from_secs(seconds));
        let times: Vec<bool> = [0, 1, 50, 100, 159, 219, 220].map(news).to_vec();
        assert_eq!(times, [true, false, false, false, false, true, false]);
    }
}
