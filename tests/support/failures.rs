//! Failures are told when they happen: libtest tells them when all tests are through, minutes later, and at the end of an
//! output of which often only a part is kept.

use std::io::Write;
use std::panic;
use std::sync::Once;

/// How much of a message is told at once; all of it is told at the end.
const MOST: usize = 2000;

/// From now on, a panic of any thread is told on the real standard error in one line, and then as ever.
pub fn tell_at_once() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let test = std::thread::current().name().unwrap_or("a thread").to_owned();
            let message: String = info.to_string().replace('\n', " ").chars().take(MOST).collect();
            // In one piece: other tests write at the same time.
            let _ = std::io::stderr().write_all(format!("FAILED: {test}: {message}\n").as_bytes());
            usual(info);
        }));
    });
}
