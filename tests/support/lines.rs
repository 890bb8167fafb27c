//! What a program writes, line by line, as it comes.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// A line of output.
#[derive(Debug, Clone)]
pub struct Line {
    /// "stdout" or "stderr".
    pub stream: &'static str,
    pub text: String,
    /// When it was read.
    pub at: Instant,
}

/// The lines read so far, of both streams in the order in which they came; shared with the threads that read.
#[derive(Clone)]
pub struct Lines {
    start: Instant,
    shared: Arc<(Mutex<Seen>, Condvar)>,
}

/// What has been read.
#[derive(Default)]
struct Seen {
    lines: Vec<Line>,
    /// Streams that have not ended.
    open: usize,
}

impl Lines {
    pub fn new() -> Lines {
        Lines { start: Instant::now(), shared: Arc::default() }
    }

    /// Reads `from` to its end in a thread.
    pub fn read(&self, stream: &'static str, from: impl Read + Send + 'static) {
        let lines = self.clone();
        lines.shared.0.lock().unwrap().open += 1;
        std::thread::spawn(move || {
            let mut from = BufReader::new(from);
            let mut bytes = Vec::new();
            while from.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
                let text = String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned();
                lines.shared.0.lock().unwrap().lines.push(Line { stream, text, at: Instant::now() });
                lines.shared.1.notify_all();
                bytes.clear();
            }
            lines.shared.0.lock().unwrap().open -= 1;
            lines.shared.1.notify_all();
        });
    }

    pub fn all(&self) -> Vec<Line> {
        self.shared.0.lock().unwrap().lines.clone()
    }

    /// Waits until every stream has ended, so that no line is missing; not for ever, because a process that was left
    /// behind may hold one open.
    pub fn wait_end(&self, deadline: Duration) {
        let seen = self.shared.0.lock().unwrap();
        let _ = self.shared.1.wait_timeout_while(seen, deadline, |seen| seen.open > 0).unwrap();
    }

    /// Everything that one stream has written, as one text.
    pub fn text(&self, stream: &str) -> String {
        self.all()
            .iter()
            .filter(|line| line.stream == stream)
            .fold(String::new(), |text, line| text + &line.text + "\n")
    }

    /// The first line, from number `skip` on, that `wanted` accepts, and its number; fails the test when none
    /// comes within `deadline`.
    #[track_caller]
    pub fn wait(
        &self,
        what: &str,
        skip: usize,
        deadline: Duration,
        wanted: impl Fn(&Line) -> bool,
    ) -> (usize, Line) {
        let end = Instant::now() + deadline;
        let mut seen = self.shared.0.lock().unwrap();
        loop {
            if let Some(found) = seen.lines.iter().enumerate().skip(skip).find(|(_, line)| wanted(line)) {
                return (found.0, found.1.clone());
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(seen); // or the report of the failure could not read it
                panic!("waited {deadline:?} for this line: {what}");
            }
            seen = self.shared.1.wait_timeout(seen, left).unwrap().0;
        }
    }

    /// All lines with the times at which they came, for the report of a test that failed.
    pub fn report(&self) -> String {
        self.all().iter().fold(String::new(), |mut report, line| {
            let at = line.at.saturating_duration_since(self.start).as_secs_f64();
            let _ = writeln!(report, "  {at:8.3} {}: {}", line.stream, line.text);
            report
        })
    }
}
