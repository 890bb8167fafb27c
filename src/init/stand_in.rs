//! In the place of tini, dumb-init or catatonit: one command, every signal to it, every orphan reaped, and the end
//! when it ends. There is no supervisor here, no control socket and no stop of our own: what is left when the command
//! has ended is left to the kernel, or to the engine, as those programs do it.

#![forbid(unsafe_code)]

use super::children::gather::Gather;
use super::contract::Contract;
use super::launch::Surroundings;
use super::output::logger;
use super::output::{LAST_WORDS, OUTPUT};
use super::settings::LogFormat;
use super::signalling::terminal::Terminal;
use crate::model::Signal;
use crate::model::text::cause;
use crate::supervisor::ExitStatus;
use crate::sys::process::{self, Reaped, Status};
use crate::sys::signals::{Caught, Reading, Signals};
use crate::sys::spawn::{self, Outcome, Session, Spawned, Spec};
use crate::sys::{inherit, required, tty};
use log::LevelFilter;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;

/// What the other program would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// The command; empty for a pause: nothing is run, and SIGTERM or SIGINT is the end.
    pub command: Vec<OsString>,
    /// What rinit says of it on standard error.
    pub log_level: LevelFilter,
    /// What tini's options say.
    pub contract: Contract,
    /// The command's session and process group.
    pub session: Session,
    /// Signals that are not passed on.
    pub dropped: Vec<Signal>,
    /// Signals that are passed on as others, or not at all.
    pub rewritten: BTreeMap<Signal, Option<Signal>>,
    /// The command starts with none of the signals up to 31 ignored.
    pub resets_ignored: bool,
    /// A signal from the terminal that stops the command stops rinit too.
    pub suspends: bool,
    /// When the command has ended, the rest of its group gets SIGTERM.
    pub last_signal: bool,
    /// The exit statuses for what cannot be done.
    pub failures: Failures,
}

/// Exit statuses where the command cannot be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failures {
    /// rinit itself cannot do it.
    pub own: u8,
    /// The program is not there.
    pub not_found: u8,
    /// The program may not be executed.
    pub denied: u8,
    /// The program cannot be executed for another reason.
    pub other: u8,
}

/// Plays the role to its end, and returns the exit status.
pub fn run(role: Role) -> u8 {
    logger::start(role.log_level, LogFormat::Text);
    let status = play(&role);
    OUTPUT.finish(LAST_WORDS);
    status
}

fn play(role: &Role) -> u8 {
    match StandIn::start(role) {
        Ok(stand_in) => {
            inherit::close_inherited();
            // A directory that rinit stays in could not be unmounted.
            let _ = std::env::set_current_dir("/");
            let status = stand_in.run();
            role.contract.remap.apply(status)
        }
        Err(e) => {
            log::error!("{}", cause(&e));
            role.failures.own
        }
    }
}

/// So many processes that have themselves traced are let go before rinit looks at other signals.
const DETACHED_A_TURN: usize = 64;

struct StandIn<'a> {
    role: &'a Role,
    signals: Signals,
    terminal: Terminal,
    gather: Gather,
    command: Option<Spawned>,
    /// Of the kernel's SIGHUP and SIGCONT for giving up the terminal, those that are still to come.
    expected: Vec<Signal>,
}

impl<'a> StandIn<'a> {
    fn start(role: &'a Role) -> io::Result<StandIn<'a>> {
        let signals = Signals::catch_all(Reading::Waits)?;
        required::check_reaping()?;
        role.contract.begin();
        let mut stand_in = StandIn {
            role,
            signals,
            terminal: Terminal::new(role.session),
            gather: Gather::default(),
            command: None,
            expected: Vec::new(),
        };
        if role.session == Session::WithTerminal && tty::detach() {
            stand_in.expected = vec![Signal::HUP, Signal::CONT];
        }
        if let Some(name) = role.command.first() {
            let surroundings = Surroundings::record();
            let spec = surroundings.stand_in(&role.command, role.session);
            let spec = Spec { resets_ignored: role.resets_ignored, ..spec };
            let spawned = spawn::spawn(&spec, None)
                .map_err(|e| io::Error::other(format!("cannot make a process: {}", cause(&e))))?;
            log::info!("started {}, pid {}", name.display(), spawned.pid);
            stand_in.command = Some(spawned);
        }
        Ok(stand_in)
    }

    fn run(mut self) -> u8 {
        let mut signals = Vec::new();
        loop {
            OUTPUT.attend(&self.signals);
            self.signals.read(&mut signals);
            for caught in signals.drain(..) {
                let end = match caught.signal {
                    Signal::CHLD => self.reap(),
                    _ => self.take(caught),
                };
                if let Some(status) = end {
                    self.terminal.give_back();
                    return status;
                }
            }
        }
    }

    /// Reaps every child that has ended. Returns the exit status if the command is among them.
    fn reap(&mut self) -> Option<u8> {
        if self.gather.is_close() {
            // Whoever is about to end gets the processor first.
            process::yield_now();
        }
        let command = self.command.as_ref().map(|command| command.pid);
        let mut end = None;
        let mut detached = 0_usize;
        loop {
            match process::reap() {
                Reaped::Child(pid, status) if Some(pid) == command => end = Some(self.ended(pid, status)),
                Reaped::Child(pid, _) if OUTPUT.is_relay(pid) => OUTPUT.reaped(pid),
                Reaped::Child(pid, _) if self.role.contract.warn_zombies => {
                    log::warn!("reaped zombie process {pid}");
                }
                Reaped::Child(pid, _) => log::debug!("reaped process {pid}"),
                Reaped::Detached if detached < DETACHED_A_TURN => detached = detached.saturating_add(1),
                Reaped::Detached => {
                    // Other signals come first.
                    process::signal_self(Signal::CHLD);
                    break;
                }
                Reaped::NoneEnded | Reaped::NoChildren => break,
            }
        }
        if let (Some(pid), None) = (command, end) {
            self.terminal.follow_stop(pid);
        }
        end
    }

    fn ended(&mut self, pid: i32, status: Status) -> u8 {
        if self.role.last_signal
            && let Some(signal) = self.rewritten(Signal::TERM)
        {
            // The leader is reaped: only where others are left is there such a group.
            let _ = process::kill_group_left(pid, signal);
        }
        let command = self.command.take();
        if let Some(Outcome::Failed(_, error)) =
            command.map(|spawned| spawn::read_report(spawned.status.as_fd()))
        {
            return self.failed(&error);
        }
        let status = match status {
            Status::Code(code) => ExitStatus::Code(code),
            Status::Signal(number) => ExitStatus::Signal(number),
        };
        log::info!("the command {status}");
        status.code()
    }

    fn failed(&self, error: &io::Error) -> u8 {
        let program = self.role.command.first().map(OsString::as_os_str).unwrap_or_default();
        log::error!("cannot execute {}: {}", program.display(), cause(error));
        match error.kind() {
            io::ErrorKind::NotFound => self.role.failures.not_found,
            io::ErrorKind::PermissionDenied => self.role.failures.denied,
            _ => self.role.failures.other,
        }
    }

    /// A signal has come, other than SIGCHLD. Returns the exit status if it is the end.
    fn take(&mut self, caught: Caught) -> Option<u8> {
        let signal = caught.signal;
        if caught.by_kernel
            && let Some(at) = self.expected.iter().position(|expected| *expected == signal)
        {
            self.expected.remove(at);
            return None;
        }
        log::debug!("received {signal}");
        match self.command.as_ref().map(|command| command.pid) {
            Some(pid) => {
                self.forward(pid, signal);
                None
            }
            None => matches!(signal, Signal::TERM | Signal::INT).then_some(0),
        }
    }

    fn rewritten(&self, signal: Signal) -> Option<Signal> {
        match self.role.rewritten.get(&signal) {
            Some(other) => *other,
            None => Some(signal).filter(|signal| !self.role.dropped.contains(signal)),
        }
    }

    fn forward(&self, pid: i32, signal: Signal) {
        let stopped_job = signal == Signal::CONT && self.terminal.follow_continue(pid);
        if let Some(signal) = self.rewritten(signal) {
            let to_group = self.role.contract.to_group || stopped_job;
            let send = if to_group { process::kill_group } else { process::kill };
            if let Err(e) = send(pid, signal) {
                log::warn!("cannot send {signal} to process {pid}: {}", cause(&e));
            }
            // A stopped command could not end.
            if signal == Signal::TERM && process::stopped_by(pid, false).is_some() {
                let _ = send(pid, Signal::CONT);
            }
        }
        if self.role.suspends && matches!(signal, Signal::TSTP | Signal::TTIN | Signal::TTOU) {
            process::stop_self();
        }
    }
}
