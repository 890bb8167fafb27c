//! What goes wrong again and again: it is worth a line once, then one at most once a minute, and one when it works again.
//! However often it comes and goes, and for whatever reason, there are no more lines. Pure.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

/// How often the same cause is told at most.
const PAUSE: Duration = Duration::from_secs(60);

/// Maximum number of causes that are told apart. The system has fewer.
const MOST: usize = 8;

/// What has gone wrong lately.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    causes: Vec<Cause>,
    /// It was told, and it has not worked since.
    is_told: bool,
}

#[derive(Debug)]
struct Cause {
    text: String,
    told: Instant,
    /// How often it has happened since it was told.
    untold: u64,
}

impl Trouble {
    /// It has gone wrong. What is to be told of the cause, if anything.
    pub(super) fn failed(&mut self, now: Instant, text: String) -> Option<String> {
        let is_old = |cause: &Cause| now.saturating_duration_since(cause.told) >= PAUSE;
        if let Some(known) = self.causes.iter_mut().find(|cause| cause.text == text) {
            known.untold = known.untold.saturating_add(1);
            if !is_old(known) {
                return None;
            }
            known.told = now;
            let times = std::mem::take(&mut known.untold);
            self.is_told = true;
            return Some(match times {
                1 => text,
                _ => format!("{text}, {times} times since this was last said"),
            });
        }
        if self.causes.len() >= MOST {
            self.causes.retain(|cause| !is_old(cause));
        }
        if self.causes.len() >= MOST {
            return None;
        }
        self.causes.push(Cause { text: text.clone(), told: now, untold: 0 });
        self.is_told = true;
        Some(text)
    }

    /// It has worked. Whether that is to be told.
    pub(super) fn worked(&mut self) -> bool {
        std::mem::take(&mut self.is_told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn each_cause_is_told_at_once_and_then_once_a_minute_with_how_often() {
        let (mut trouble, start) = (Trouble::default(), Instant::now());
        let mut failed = |seconds, cause: &str| trouble.failed(at(start, seconds), cause.to_owned());
        assert_eq!(failed(0, "a").as_deref(), Some("a"));
        assert_eq!(failed(1, "a"), None);
        assert_eq!(failed(2, "b").as_deref(), Some("b"));
        assert_eq!(failed(59, "a"), None);
        assert_eq!(failed(60, "a").as_deref(), Some("a, 3 times since this was last said"));
        assert_eq!(failed(61, "a"), None);
        assert_eq!(failed(62, "b").as_deref(), Some("b"));
        assert_eq!(failed(500, "a").as_deref(), Some("a, 2 times since this was last said"));
    }

    #[test]
    fn that_it_works_again_is_told_once() {
        let (mut trouble, start) = (Trouble::default(), Instant::now());
        assert!(!trouble.worked());
        trouble.failed(start, "a".to_owned());
        assert!(trouble.worked());
        assert!(!trouble.worked());
    }

    /// A client may bring it about and end it as often as it likes.
    #[test]
    fn whatever_comes_and_goes_does_not_fill_the_log() {
        let (mut trouble, start) = (Trouble::default(), Instant::now());
        let mut lines = 0;
        for number in 0..60_000_u64 {
            let now = start + Duration::from_millis(number);
            lines += usize::from(trouble.failed(now, format!("cause {}", number % 100)).is_some());
            lines += usize::from(trouble.worked());
        }
        assert!(lines <= 2 * MOST, "{lines} lines in a minute");
    }
}
