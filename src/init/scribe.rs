//! Writes to the state directory, by a child: it may be on a disk that does not answer. One child at a time, so that a
//! later word about a service goes after an earlier one. What is to be written meanwhile waits, one word for each service.

#![forbid(unsafe_code)]

use super::state::{LastStop, State};
use crate::model::text::cause;
use crate::sys::aside::{self, Aside};
use crate::sys::process::Status;
use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

/// How long the end of rinit waits for what is written.
const PATIENCE: Duration = Duration::from_millis(500);

/// The child and what it has to do next.
pub struct Scribe {
    state: State,
    running: Option<Running>,
    /// By the name of the service: whether it was stopped by hand.
    waiting: BTreeMap<String, bool>,
}

struct Running {
    child: Aside,
    name: String,
    stopped: bool,
}

impl Scribe {
    pub fn new(state: State) -> Scribe {
        Scribe { state, running: None, waiting: BTreeMap::new() }
    }

    /// Whether this child is the one that writes.
    pub fn is_child(&self, pid: i32) -> bool {
        self.running.as_ref().is_some_and(|running| running.child.pid == pid)
    }

    /// A service was stopped by hand, or is not any more. Not to succeed has an effect only after the next start of the
    /// container, so it is a warning.
    pub fn remember(&mut self, name: &str, stopped: bool) {
        if self.state.has_place() {
            self.waiting.insert(name.to_owned(), stopped);
            self.write_next();
        } else if stopped {
            warn(name, stopped, &io::Error::other("there is no state directory: give --state-dir"));
        }
    }

    /// The child has ended. What one had to write that was killed, as by the stop of the container, is tried again with the
    /// next word, or at the end.
    pub fn reaped(&mut self, status: Status) {
        let Some(Running { name, stopped, .. }) = self.running.take() else { return };
        match status {
            Status::Code(0) => {}
            Status::Code(error) => warn(&name, stopped, &io::Error::from_raw_os_error(error)),
            Status::Signal(_) => {
                self.waiting.entry(name).or_insert(stopped);
                return;
            }
        }
        self.write_next();
    }

    fn write_next(&mut self) {
        while self.running.is_none() {
            let Some((name, stopped)) = self.waiting.pop_first() else { return };
            let state = &self.state;
            match aside::run(|| state.write_stopped(&name, stopped)) {
                Ok(child) => self.running = Some(Running { child, name, stopped }),
                Err(e) => warn(&name, stopped, &e),
            }
        }
    }

    /// rinit ends: writes what waits and how the stop has gone. There is nobody left whom a failure would help.
    pub fn finish(&mut self, stop: &LastStop) {
        if !self.state.has_place() {
            return;
        }
        let begun = Instant::now();
        if self.running.as_ref().is_some_and(|running| !running.child.wait(PATIENCE)) {
            return tell_no_answer();
        }
        let (state, waiting) = (&self.state, std::mem::take(&mut self.waiting));
        let written = aside::run(|| {
            for (name, stopped) in &waiting {
                let _ = state.write_stopped(name, *stopped);
            }
            state.write_stop(stop)
        });
        match written {
            Ok(child) if child.wait(PATIENCE.saturating_sub(begun.elapsed())) => {}
            Ok(_) => tell_no_answer(),
            Err(e) => log::debug!("cannot write how this stop has gone: {}", cause(&e)),
        }
    }
}

fn tell_no_answer() {
    log::warn!("the state directory does not answer: how this stop has gone is not remembered");
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
        assert!(scribe.is_child(pid.as_raw()));
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
        scribe.finish(&stop);
        assert_eq!((open().stopped(), open().last_stop()), (vec!["web".to_owned()], Some(stop)));
    }
}
