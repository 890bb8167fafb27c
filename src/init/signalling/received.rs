//! What each signal that rinit gets means: the end of a child, a stop, a reload, or one for COMMAND.

#![forbid(unsafe_code)]

use crate::init::children::reap_pacing::PAUSE;
use crate::init::{Init, STOP_SIGNALS};
use crate::model::Signal;
use crate::supervisor::Event;
use crate::sys::signals::ReceivedSignal;

impl Init {
    pub(in crate::init) fn signals(&mut self) {
        let mut received = std::mem::take(&mut self.received);
        self.signals.read(&mut received);
        // During a pause SIGCHLD is not read. Children that have ended are reaped before any request is handled.
        self.end_reap_pause(true);
        for ReceivedSignal { signal, .. } in received.drain(..) {
            match signal {
                Signal::CHLD => self.child_changed(),
                Signal::CONT => self.continued(),
                stop if STOP_SIGNALS.contains(&stop) => self.stop_signal(stop),
                Signal::HUP if !self.executor.has_main() => {
                    self.requests.reload(&mut self.executor, self.epoch);
                }
                other => self.feed(Event::Forward { signal: other }),
            }
        }
        self.received = received;
    }

    fn child_changed(&mut self) {
        let summary = self.executor.reap(self.now());
        if self.pacing.pauses_after(summary) && !self.executor.supervisor.is_stopping() {
            self.signals.tell_of_children(false);
            self.reap_paused_until = Some(self.now().saturating_add(PAUSE));
        }
        if let Some(command) = self.executor.supervisor.main_process() {
            self.executor.terminal.follow_stop(command.0);
            if let Some(level) = self.executor.terminal.must_continue(command.0) {
                log::log!(level, "the command has stopped, and nobody else can continue it: continued");
                self.send(command, Signal::CONT);
            }
        }
    }

    /// Reaps the children that have ended during a pause. The pause is over at once if the container stops or a deadline expires.
    pub(in crate::init) fn end_reap_pause(&mut self, at_once: bool) {
        let is_over = |until| at_once || until <= self.now() || self.executor.supervisor.is_stopping();
        if self.reap_paused_until.is_some_and(is_over) {
            self.reap_paused_until = None;
            self.signals.tell_of_children(true);
            self.child_changed();
        }
    }

    /// As a job of a shell's, COMMAND was stopped with its whole group, and is continued with it.
    fn continued(&mut self) {
        match self.executor.supervisor.main_process() {
            Some(command) if self.executor.terminal.follow_continue(command.0) => {
                self.send(command, Signal::CONT);
            }
            _ => self.feed(Event::Forward { signal: Signal::CONT }),
        }
    }

    fn stop_signal(&mut self, signal: Signal) {
        if signal == Signal::INT {
            self.interrupts = self.interrupts.saturating_add(1);
        }
        let event = match self.executor.supervisor.is_stopping() {
            false => Event::StopRequested { signal: Some(signal) },
            true if self.interrupts >= 2 => Event::KillRequested,
            // The main process may want to hear it more than once; stopped, it could not.
            true => {
                self.feed(Event::Forward { signal });
                Event::Forward { signal: Signal::CONT }
            }
        };
        self.feed(event);
    }
}
