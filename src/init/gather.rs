//! When children end one right after another, one reaping for several of them.

#![forbid(unsafe_code)]

use crate::sys::process;
use std::time::{Duration, Instant};

/// Children that end closer together than this are many.
const CLOSE: Duration = Duration::from_micros(500);

/// When children were reaped last.
#[derive(Default)]
pub struct Gather {
    last: Option<Instant>,
}

impl Gather {
    /// To be called before a reaping. Where orphans end by the thousand, waking up for each of them is what costs: whoever
    /// is about to end gets the processor first.
    pub fn before_reaping(&mut self) {
        let now = Instant::now();
        if self.last.is_some_and(|last| now.duration_since(last) < CLOSE) {
            process::yield_now();
        }
        self.last = Some(now);
    }
}
