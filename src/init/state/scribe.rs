//! Writes to the state directory, by a child: it may be on a disk that does not answer. One child at a time, so that a
//! later word about a service goes after an earlier one. What is to be written meanwhile waits, one word for each service.
//!
//! A child that takes longer than [`LIMIT`] is killed. If it waits in the kernel, it stays, and everything waits for its
//! end. What it had to write is tried again [`PAUSE`] after that end, with the next word, or at the end of rinit.

#![forbid(unsafe_code)]

use super::{LastStop, State};
use crate::model::text::cause;
use crate::model::{Signal, duration};
use crate::sys::aside::{self, Aside};
use crate::sys::process::{self, Status};
use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

/// How long the end of rinit waits for what is written at most.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long the writing at the end has at least, unless rinit has to end before.
pub const LEAST: Duration = Duration::from_millis(100);

/// How long after the end of a child that was killed another one tries.
const PAUSE: Duration = Duration::from_secs(10);

/// How long a child may take before that is told and it is killed.
const LIMIT: Duration = Duration::from_secs(10);

/// Maximum number of services whose words wait: reloads may bring new names while a disk does not answer.
const MOST_WAITING: usize = 4096;

/// The child and what it has to do next.
pub struct Scribe {
    state: State,
    running: Option<Running>,
    /// By the name of the service: whether it was stopped by hand.
    waiting: BTreeMap<String, bool>,
    /// When to try again what one had to write that was killed.
    retry_at: Option<Instant>,
    /// That the directory does not answer was told, and it has not answered since.
    is_told: bool,
}

struct Running {
    child: Aside,
    name: String,
    stopped: bool,
    /// `None`: it was killed, or has no limit that the clock knows.
    deadline: Option<Instant>,
}

impl Scribe {
    pub fn new(state: State) -> Scribe {
        Scribe { state, running: None, waiting: BTreeMap::new(), retry_at: None, is_told: false }
    }

    /// The child that writes, if there is one.
    pub fn child(&self) -> Option<i32> {
        self.running.as_ref().map(|running| running.child.pid)
    }

    /// A service was stopped by hand, or is not any more. Not to succeed has an effect only after the next start of the
    /// container, so it is a warning.
    pub fn remember(&mut self, name: &str, stopped: bool) {
        if self.state.has_place() {
            if self.waiting.len() >= MOST_WAITING && !self.waiting.contains_key(name) {
                let error = format!("{MOST_WAITING} others wait to be written");
                return warn(name, stopped, &io::Error::other(error));
            }
            self.waiting.insert(name.to_owned(), stopped);
            self.write_next();
        } else if stopped {
            warn(name, stopped, &io::Error::other("there is no state directory: give --state-dir"));
        }
    }

    /// The child has ended. What one had to write that was killed, as by the stop of the container, is tried again later.
    pub fn reaped(&mut self, status: Status) {
        let Some(Running { name, stopped, .. }) = self.running.take() else { return };
        match status {
            Status::Code(0) => self.has_answered(),
            Status::Code(error) => {
                // An error is an answer too: to hang again is new.
                self.is_told = false;
                warn(&name, stopped, &io::Error::from_raw_os_error(error));
            }
            Status::Signal(_) => {
                self.waiting.entry(name).or_insert(stopped);
                self.retry_at = Instant::now().checked_add(PAUSE);
                return;
            }
        }
        self.write_next();
    }

    fn has_answered(&mut self) {
        if std::mem::take(&mut self.is_told) {
            log::info!("the state directory answers again");
        }
    }

    /// When the child has to have ended, or the next one is to be made.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.running {
            Some(running) => running.deadline,
            None => self.retry_at,
        }
    }

    /// Nothing has run for this long, perhaps: the child has as much time left as it had before.
    pub fn overslept(&mut self, by: Duration) {
        if let Some(running) = &mut self.running {
            running.deadline = running.deadline.and_then(|at| at.checked_add(by));
        }
    }

    /// Time has passed: kills a child that takes too long, and warns of the first one; or tries again.
    pub fn pass(&mut self, now: Instant) {
        let Some(running) = self.running.as_mut() else {
            if self.retry_at.is_some_and(|at| at <= now) {
                self.write_next();
            }
            return;
        };
        if running.deadline.take_if(|at| *at <= now).is_none() {
            return;
        }
        let _ = process::kill(running.child.pid, Signal::KILL);
        if !std::mem::replace(&mut self.is_told, true) {
            let (limit, pause) = (duration::format(LIMIT), duration::format(PAUSE));
            log::warn!(
                "the state directory does not answer within {limit}: which services are stopped by hand is remembered once it \
                 does. rinit tries again {pause} after each try that has failed"
            );
        }
    }

    fn write_next(&mut self) {
        self.retry_at = None;
        while self.running.is_none() {
            let Some((name, stopped)) = self.waiting.pop_first() else { return };
            let state = &self.state;
            match aside::run(|| state.write_stopped(&name, stopped)) {
                Ok(child) => {
                    let deadline = Instant::now().checked_add(LIMIT);
                    self.running = Some(Running { child, name, stopped, deadline });
                }
                Err(e) => warn(&name, stopped, &e),
            }
        }
    }

    /// rinit ends: writes what waits and how the stop has gone, and waits for that as long as `left` allows. There is
    /// nobody left whom a failure would help.
    pub fn finish(&mut self, stop: &LastStop, left: Duration) {
        if !self.state.has_place() {
            return;
        }
        if left.is_zero() {
            return tell_no_time();
        }
        let begun = Instant::now();
        let patience = PATIENCE.min(left);
        if self.running.as_ref().is_some_and(|running| !running.child.wait(patience)) {
            return tell_no_answer();
        }
        let took = begun.elapsed();
        let patience = patience.saturating_sub(took).max(LEAST.min(left.saturating_sub(took)));
        if patience.is_zero() {
            return tell_no_time();
        }
        let (state, waiting) = (&self.state, std::mem::take(&mut self.waiting));
        let written = aside::run(|| {
            for (name, stopped) in &waiting {
                let _ = state.write_stopped(name, *stopped);
            }
            state.write_stop(stop)
        });
        match written {
            Ok(child) if child.wait(patience) => {}
            Ok(_) => tell_no_answer(),
            Err(e) => log::debug!("cannot write how this stop has gone: {}", cause(&e)),
        }
    }
}

fn tell_no_answer() {
    log::warn!("the state directory does not answer: how this stop has gone is not remembered");
}

fn tell_no_time() {
    log::warn!("there is no time left to write how this stop has gone");
}

fn warn(name: &str, stopped: bool, error: &io::Error) {
    let what = if stopped { "is stopped" } else { "is not stopped any more" };
    log::warn!("cannot remember that {name} {what}: {}", cause(error));
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::wait::{WaitStatus, waitpid};
    use nix::unistd::Pid;

    /// Waits for the child, and has the scribe know its end.
    fn reap(scribe: &mut Scribe) {
        let pid = Pid::from_raw(scribe.running.as_ref().unwrap().child.pid);
        match waitpid(pid, None).unwrap() {
            WaitStatus::Exited(_, code) => scribe.reaped(Status::Code(code)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn words_are_written_one_after_the_other_and_the_last_one_holds() {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join("state");
        let open = || State::open(Some(&dir), false);
        let mut scribe = Scribe::new(open());
        for (name, stopped) in [("web", true), ("web", false), ("db", true), ("web", true), ("web", false)] {
            scribe.remember(name, stopped);
        }
        assert_eq!(scribe.waiting.len(), 2);
        for _ in 0..3 {
            reap(&mut scribe);
        }
        assert!(scribe.running.is_none());
        assert_eq!(open().stopped(), ["db"]);
    }

    #[test]
    fn a_child_that_takes_too_long_is_killed_and_everything_waits_for_its_end() {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join("state");
        let mut scribe = Scribe::new(State::open(Some(&dir), false));
        let hangs = || {
            std::thread::sleep(Duration::from_secs(1000));
            Ok(())
        };
        let deadline = Instant::now() + LIMIT;
        let child = aside::run(hangs).unwrap();
        scribe.running = Some(Running { child, name: "web".into(), stopped: true, deadline: Some(deadline) });
        // A freeze is not at its cost.
        scribe.overslept(LIMIT);
        scribe.pass(deadline);
        assert_eq!((scribe.deadline(), scribe.is_told), (Some(deadline + LIMIT), false));
        scribe.pass(deadline + LIMIT);
        assert_eq!((scribe.deadline(), scribe.is_told), (None, true));
        scribe.remember("db", true);
        assert_eq!(scribe.waiting.len(), 1);
        let pid = Pid::from_raw(scribe.running.as_ref().unwrap().child.pid);
        assert!(matches!(
            waitpid(pid, None),
            Ok(WaitStatus::Signaled(_, nix::sys::signal::Signal::SIGKILL, _))
        ));
        scribe.reaped(Status::Signal(9));
        assert!(scribe.running.is_none());
        // Nobody says anything more, and it is tried again.
        let retry = scribe.deadline().unwrap();
        scribe.pass(retry - Duration::from_millis(1));
        assert!(scribe.running.is_none());
        scribe.pass(retry);
        scribe.remember("x", true);
        for _ in 0..3 {
            reap(&mut scribe);
        }
        assert_eq!(scribe.deadline(), None);
        assert!(!scribe.is_told, "it has answered");
        assert_eq!(State::open(Some(&dir), false).stopped(), ["db", "web", "x"]);
    }

    /// A disk may hang, then answer with an error, and hang again.
    #[test]
    fn a_directory_that_hangs_again_after_an_error_is_told_again() {
        let base = tempfile::tempdir().unwrap();
        let mut scribe = Scribe::new(State::open(Some(&base.path().join("state")), false));
        let child = aside::run(|| Err(nix::errno::Errno::EIO.into())).unwrap();
        scribe.running = Some(Running { child, name: "web".into(), stopped: true, deadline: None });
        scribe.is_told = true;
        reap(&mut scribe);
        assert!(!scribe.is_told);
    }

    /// Reloads may bring new names for ever.
    #[test]
    fn what_waits_has_a_maximum() {
        let base = tempfile::tempdir().unwrap();
        let mut scribe = Scribe::new(State::open(Some(&base.path().join("state")), false));
        scribe.remember("first", true);
        for number in 0..MOST_WAITING + 10 {
            scribe.remember(&format!("s{number}"), true);
        }
        scribe.remember("s1", false);
        assert_eq!((scribe.waiting.len(), scribe.waiting.get("s1")), (MOST_WAITING, Some(&false)));
        waitpid(Pid::from_raw(scribe.running.as_ref().unwrap().child.pid), None).unwrap();
    }

    #[test]
    fn what_was_killed_or_waits_is_written_at_the_end() {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join("state");
        let open = || State::open(Some(&dir), false);
        let mut scribe = Scribe::new(open());
        scribe.remember("web", true);
        waitpid(Pid::from_raw(scribe.running.as_ref().unwrap().child.pid), None).unwrap();
        open().write_stopped("web", false).unwrap();
        scribe.reaped(Status::Signal(15));
        assert!(scribe.running.is_none() && scribe.waiting.contains_key("web"));
        let stop = LastStop::new("SIGTERM".into(), Duration::ZERO, Vec::new(), 0);
        scribe.finish(&stop, PATIENCE);
        assert_eq!((open().stopped(), open().last_stop()), (vec!["web".to_owned()], Some(stop)));
    }

    /// A child that has no time would be blamed for it.
    #[test]
    fn without_time_no_child_is_made_at_the_end() {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join("state");
        let mut scribe = Scribe::new(State::open(Some(&dir), false));
        scribe.waiting.insert("web".into(), true);
        let stop = LastStop::new("SIGTERM".into(), Duration::ZERO, Vec::new(), 0);
        scribe.finish(&stop, Duration::ZERO);
        assert!(scribe.waiting.contains_key("web"), "a child has it");
        scribe.finish(&stop, LEAST);
        assert!(scribe.waiting.is_empty());
    }
}
