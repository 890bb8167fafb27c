//! Job control for a rinit that a shell has started on a terminal: COMMAND has the
//! terminal, and the shell waits for rinit. So when COMMAND is stopped, rinit stops too, and when rinit is
//! continued, so is COMMAND. PID 1 of a container has no such shell: it gives COMMAND the terminal, and continues it when
//! it is stopped from there.

#![forbid(unsafe_code)]

use crate::model::Signal;
use crate::sys::spawn::Session;
use crate::sys::{inherit, process, tty};

/// The terminal on standard input, and whose it was.
pub struct Terminal {
    /// rinit's own process group, if it had the terminal and is not PID 1.
    own_group: Option<i32>,
    /// A shell waits for rinit and will notice that it has stopped.
    has_shell: bool,
    /// rinit is PID 1: nobody is there who could continue a command that is stopped from its terminal.
    is_last: bool,
    /// A SIGTSTP that rinit has passed on may stop it: whoever sent that can send SIGCONT.
    by_request: bool,
}

impl Terminal {
    /// As it was when rinit was started. A command with another session than rinit's, or with rinit's own group, is
    /// none of its business.
    pub fn new(command: Session) -> Terminal {
        let is_ours = command == Session::Foreground && !process::is_pid1();
        let own_group = inherit::foreground_group().filter(|_| is_ours);
        let has_shell = own_group.is_some() && !tty::is_session_leader();
        let is_last = process::is_pid1() && inherit::foreground_group().is_some();
        Terminal { own_group, has_shell, is_last, by_request: false }
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

    /// A signal is passed on to COMMAND.
    pub fn passed_on(&mut self, signal: Signal) {
        match signal {
            Signal::TSTP => self.by_request = true,
            Signal::CONT => self.by_request = false,
            _ => {}
        }
    }

    /// A child has changed its state. Whether it is COMMAND, and it was stopped from the terminal (by Ctrl-Z, or by
    /// itself on a key of its own), and is to be continued at once.
    pub fn must_continue(&self, command: i32) -> bool {
        self.is_last && !self.by_request && process::stopped_by(command, true) == Some(Signal::TSTP)
    }

    /// rinit was continued. Returns whether COMMAND's whole group is to be: it has stopped as a job.
    pub fn follow_continue(&self, command: i32) -> bool {
        // In the background the terminal stays the shell's.
        if self.has_shell && tty::is_foreground() {
            tty::set_foreground(command);
        }
        self.has_shell
    }

    /// The end: whoever started rinit finds the terminal as it was.
    pub fn give_back(&self) {
        if let Some(group) = self.own_group {
            tty::set_foreground(group);
        }
    }
}
