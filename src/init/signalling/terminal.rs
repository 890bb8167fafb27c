//! Job control for a rinit that a shell has started on a terminal: COMMAND has the
//! terminal, and the shell waits for rinit. So when COMMAND is stopped, rinit stops too, and when rinit is
//! continued, so is COMMAND. PID 1 of a container has no such shell: it gives COMMAND the terminal, and continues it when
//! it is stopped from there.

#![forbid(unsafe_code)]

use crate::model::Signal;
use crate::sys::spawn::Session;
use crate::sys::{inherit, process, tty};
use log::Level;
use std::time::{Duration, Instant};

/// A stop within this time after a SIGTSTP that rinit has sent is ascribed to that signal. A command that ignores it
/// is not stopped by it.
const REQUEST: Duration = Duration::from_secs(5);

/// A command that is stopped again sooner than this is not spoken of again.
const QUIET: Duration = Duration::from_secs(10);

/// The terminal on standard input, and whose it was.
pub struct Terminal {
    /// rinit's own process group, if it had the terminal and is not PID 1.
    own_group: Option<i32>,
    /// A shell waits for rinit and will notice that it has stopped.
    has_shell: bool,
    /// rinit is PID 1: nobody is there who could continue a command that is stopped from its terminal.
    is_last: bool,
    /// When rinit has sent a SIGTSTP that may stop it: the sender of that signal can send SIGCONT.
    requested: Option<Instant>,
    /// When it was continued last.
    continued: Option<Instant>,
}

impl Terminal {
    /// As it was when rinit was started. A command with another session than rinit's, or with rinit's own group, is
    /// none of its business.
    pub fn new(command: Session) -> Terminal {
        let is_ours = command == Session::Foreground && !process::is_pid1();
        let own_group = inherit::foreground_group().filter(|_| is_ours);
        let has_shell = own_group.is_some() && !tty::is_session_leader();
        let is_last = process::is_pid1() && inherit::foreground_group().is_some();
        Terminal { own_group, has_shell, is_last, requested: None, continued: None }
    }

    /// A child has changed its state. If it is COMMAND, and it was stopped, rinit stops with it.
    pub fn follow_stop(&self, command: i32) {
        if let Some(group) = self.own_group.filter(|_| self.has_shell)
            && process::stopped_by(command, true).is_some()
        {
            log::debug!("the command has stopped, and so does rinit");
            tty::set_foreground(group);
            process::stop_own_group();
        }
    }

    /// A signal is sent to COMMAND.
    pub fn sent(&mut self, signal: Signal) {
        match signal {
            Signal::TSTP => self.requested = Some(Instant::now()),
            Signal::CONT => self.requested = None,
            _ => {}
        }
    }

    /// A child has changed its state. If it is COMMAND, and it was stopped from the terminal (by Ctrl-Z, or by itself
    /// on a key of its own), it is to be continued at once; and how loudly that is to be said.
    pub fn must_continue(&mut self, command: i32) -> Option<Level> {
        let by = self.is_last.then(|| process::stopped_by(command, true)).flatten()?;
        self.stopped(Instant::now(), by)
    }

    fn stopped(&mut self, now: Instant, by: Signal) -> Option<Level> {
        let since = |at: Option<Instant>| at.map(|at| now.saturating_duration_since(at));
        let is_requested = since(self.requested.take()).is_some_and(|ago| ago <= REQUEST);
        if by != Signal::TSTP || is_requested {
            return None;
        }
        // One that stops itself over and over would fill the log.
        let is_again = since(self.continued.replace(now)).is_some_and(|ago| ago < QUIET);
        Some(if is_again { Level::Debug } else { Level::Info })
    }

    /// rinit was continued. Returns whether COMMAND's whole group is to be: it has stopped as a job.
    pub fn follow_continue(&self, command: i32) -> bool {
        // In the background the terminal stays the shell's.
        if self.has_shell && tty::is_foreground() {
            tty::set_foreground(command);
        }
        self.has_shell
    }

    /// At the end of rinit: returns the terminal to its state before rinit.
    pub fn give_back(&self) {
        if let Some(group) = self.own_group {
            tty::set_foreground(group);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal() -> Terminal {
        Terminal { is_last: true, ..Terminal::new(Session::Foreground) }
    }

    #[test]
    fn a_request_stops_once() {
        let (mut terminal, now) = (terminal(), Instant::now());
        terminal.sent(Signal::TSTP);
        assert_eq!(terminal.stopped(now, Signal::TSTP), None);
        assert_eq!(terminal.stopped(now, Signal::TSTP), Some(Level::Info));
        terminal.sent(Signal::TSTP);
        terminal.sent(Signal::CONT);
        assert!(terminal.stopped(now, Signal::TSTP).is_some());
        assert_eq!(terminal.stopped(now, Signal::STOP), None);
    }

    #[test]
    fn a_request_that_was_ignored_stops_nobody_later() {
        let mut terminal = terminal();
        terminal.sent(Signal::TSTP);
        let later = Instant::now() + REQUEST + Duration::from_secs(1);
        assert_eq!(terminal.stopped(later, Signal::TSTP), Some(Level::Info));
    }

    #[test]
    fn one_that_stops_over_and_over_is_spoken_of_once() {
        let (mut terminal, now) = (terminal(), Instant::now());
        let said: Vec<_> = (0..30)
            .filter_map(|second| terminal.stopped(now + Duration::from_secs(second), Signal::TSTP))
            .collect();
        assert_eq!(said.iter().filter(|level| **level == Level::Info).count(), 1);
        assert_eq!(said.len(), 30);
        let rested = now + Duration::from_secs(29) + QUIET;
        assert_eq!(terminal.stopped(rested, Signal::TSTP), Some(Level::Info));
    }
}
