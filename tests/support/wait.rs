//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

/// How long a test waits for what should come at once. Only a failure takes that long; so it is long enough for a machine
/// that is busy with other tests and whose own host is busy too.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How often a condition is looked at.
pub const PAUSE: Duration = Duration::from_millis(20);

/// Returns the first value that `condition` gives; fails the test when none has come within `deadline`.
#[track_caller]
pub fn wait_for<T>(what: &str, deadline: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    wait_for_seen(what, deadline, || condition().ok_or_else(|| "no".to_owned()))
}

/// As [`wait_for`], for a condition that can say what it saw instead: the failure shows the last of it.
#[track_caller]
pub fn wait_for_seen<T>(
    what: &str,
    deadline: Duration,
    mut condition: impl FnMut() -> Result<T, String>,
) -> T {
    let start = Instant::now();
    loop {
        let seen = match condition() {
            Ok(value) => return value,
            Err(seen) => seen,
        };
        if start.elapsed() > deadline {
            panic!("waited {deadline:?} for {what}; seen last: {seen}");
        }
        std::thread::sleep(PAUSE);
    }
}
