//! Writes to the state directory in a child, because the disk may not answer. One child runs at a time, so that a later
//! state of a service is written after an earlier one. Meanwhile the last state of each service waits.
//!
//! A child that takes longer than [`LIMIT`] is killed. If it hangs in the kernel, everything waits for its end. Its write
//! is tried again [`PAUSE`] after that end, with the next write, or at the end of rinit.

#![forbid(unsafe_code)]

use super::{LastStop, State};
use crate::model::text::cause;
use crate::model::{Signal, duration};
use crate::sys::child_task::{self, ChildTask};
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
pub struct StateWriter {
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
    child: ChildTask,
    name: String,
    stopped: bool,
    /// `None`: it was killed, or has no limit that the clock knows.
    deadline: Option<Instant>,
}

impl StateWriter {
    pub fn new(state: State) -> StateWriter {
        StateWriter { state, running: None, waiting: BTreeMap::new(), retry_at: None, is_told: false }
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
            match child_task::run(|| state.write_stopped(&name, stopped)) {
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
        let written = child_task::run(|| {
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

    /// Waits for the child, and has the state_writer know its end.
    fn reap(state_writer: &mut StateWriter) {
        let pid = Pid::from_raw(state_writer.running.as_ref().unwrap().child.pid);
        match waitpid(pid, None).unwrap() {
            WaitStatus::Exited(_, code) => state_writer.reaped(Status::Code(code)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn words_are_written_one_after_the_other_and_the_last_one_holds() {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join("state");
        let open = || State::open(Some(&dir), false);
        let mut state_writer = StateWriter::new(open());
        for (name, stopped) in [("web", true), ("web", false), ("db", true), ("web", true), ("web", false)] {
            state_writer.remember(name, stopped);
        }
        assert_eq!(state_writer.waiting.len(), 2);
        for _ in 0..3 {
            reap(&mut state_writer);
        }
        assert!(state_writer.running.is_none());
        assert_eq!(open().stopped(), ["db"]);
    }

    #[test]
    fn a_child_that_takes_too_long_is_killed_and_everything_waits_for_its_end() {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join("state");
        let mut state_writer = StateWriter::new(State::open(Some(&dir), false));
        let hangs = || {
            std::thread::sleep(Duration::from_secs(1000));
            Ok(())
        };
        let deadline = Instant::now() + LIMIT;
        let child = child_task::run(hangs).unwrap();
        state_writer.running =
            Some(Running { child, name: "web".into(), stopped: true, deadline: Some(deadline) });
        // A freeze is not at its cost.
        state_writer.overslept(LIMIT);
        state_writer.pass(deadline);
        assert_eq!((state_writer.deadline(), state_writer.is_told), (Some(deadline + LIMIT), false));
        state_writer.pass(deadline + LIMIT);
        assert_eq!((state_writer.deadline(), state_writer.is_told), (None, true));
        state_writer.remember("db", true);
        assert_eq!(state_writer.waiting.len(), 1);
        let pid = Pid::from_raw(state_writer.running.as_ref().unwrap().child.pid);
        assert!(matches!(
            waitpid(pid, None),
            Ok(WaitStatus::Signaled(_, nix::sys::signal::Signal::SIGKILL, _))
        ));
        state_writer.reaped(Status::Signal(9));
        assert!(state_writer.running.is_none());
        // Nobody says anything more, and it is tried again.
        let retry = state_writer.deadline().unwrap();
        state_writer.pass(retry - Duration::from_millis(1));
        assert!(state_writer.running.is_none());
        state_writer.pass(retry);
        state_writer.remember("x", true);
        for _ in 0..3 {
            reap(&mut state_writer);
        }
        assert_eq!(state_writer.deadline(), None);
        assert!(!state_writer.is_told, "it has answered");
        assert_eq!(State::open(Some(&dir), false).stopped(), ["db", "web", "x"]);
    }

    /// A disk may hang, then answer with an error, and hang again.
    #[test]
    fn a_directory_that_hangs_again_after_an_error_is_told_again() {
        let base = tempfile::tempdir().unwrap();
        let mut state_writer = StateWriter::new(State::open(Some(&base.path().join("state")), false));
        let child = child_task::run(|| Err(nix::errno::Errno::EIO.into())).unwrap();
        state_writer.running = Some(Running { child, name: "web".into(), stopped: true, deadline: None });
        state_writer.is_told = true;
        reap(&mut state_writer);
        assert!(!state_writer.is_told);
    }

    /// Reloads may bring new names for ever.
    #[test]
    fn what_waits_has_a_maximum() {
        let base = tempfile::tempdir().unwrap();
        let mut state_writer = StateWriter::new(State::open(Some(&base.path().join("state")), false));
        state_writer.remember("first", true);
        for number in 0..MOST_WAITING + 10 {
            state_writer.remember(&format!("s{number}"), true);
        }
        state_writer.remember("s1", false);
        assert_eq!(
            (state_writer.waiting.len(), state_writer.waiting.get("s1")),
            (MOST_WAITING, Some(&false))
        );
        waitpid(Pid::from_raw(state_writer.running.as_ref().unwrap().child.pid), None).unwrap();
    }

    #[test]
    fn what_was_killed_or_waits_is_written_at_the_end() {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join("state");
        let open = || State::open(Some(&dir), false);
        let mut state_writer = StateWriter::new(open());
        state_writer.remember("web", true);
        waitpid(Pid::from_raw(state_writer.running.as_ref().unwrap().child.pid), None).unwrap();
        open().write_stopped("web", false).unwrap();
        state_writer.reaped(Status::Signal(15));
        assert!(state_writer.running.is_none() && state_writer.waiting.contains_key("web"));
        let stop = LastStop::new("SIGTERM".into(), Duration::ZERO, Vec::new(), 0);
        state_writer.finish(&stop, PATIENCE);
        assert_eq!((open().stopped(), open().last_stop()), (vec!["web".to_owned()], Some(stop)));
    }

    /// A child that has no time would be blamed for it.
    #[test]
    fn without_time_no_child_is_made_at_the_end() {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join("state");
        let mut state_writer = StateWriter::new(State::open(Some(&dir), false));
        state_writer.waiting.insert("web".into(), true);
        let stop = LastStop::new("SIGTERM".into(), Duration::ZERO, Vec::new(), 0);
        state_writer.finish(&stop, Duration::ZERO);
        assert!(state_writer.waiting.contains_key("web"), "a child has it");
        state_writer.finish(&stop, LEAST);
        assert!(state_writer.waiting.is_empty());
    }
}
