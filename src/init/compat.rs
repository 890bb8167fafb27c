//! rinit called as tini, dumb-init or catatonit: it runs one command, forwards every signal to it, reaps every orphan,
//! and ends when the command ends. There is no supervisor, no control socket and no stop. Like those programs, rinit
//! leaves the remaining processes to the kernel or the engine.

#![forbid(unsafe_code)]

use super::children::reap_pacing::ReapPacing;
use super::launch::Launcher;
use super::output::logger;
use super::output::{LAST_WORDS, OUTPUT};
use super::settings::LogFormat;
use super::signalling::terminal::Terminal;
use super::tini_options::TiniOptions;
use crate::model::Signal;
use crate::model::text::cause;
use crate::supervisor::ExitStatus;
use crate::sys::process::{self, Reaped, Status};
use crate::sys::signals::{Reading, ReceivedSignal, Signals};
use crate::sys::spawn::{self, Outcome, Session, Spawned, Spec};
use crate::sys::{inherit, required, tty};
use log::LevelFilter;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;

/// How the other program treats its command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompatOptions {
    /// The command; empty for a pause: nothing is run, and SIGTERM or SIGINT is the end.
    pub command: Vec<OsString>,
    /// What rinit says of it on standard error.
    pub log_level: LevelFilter,
    /// What tini's options say.
    pub tini_options: TiniOptions,
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

/// Runs the command to its end, and returns the exit status.
pub fn run(options: CompatOptions) -> u8 {
    logger::start(options.log_level, LogFormat::Text);
    let status = run_to_end(&options);
    OUTPUT.finish(LAST_WORDS);
    status
}

fn run_to_end(options: &CompatOptions) -> u8 {
    match CompatInit::start(options) {
        Ok(compat) => {
            inherit::close_inherited();
            // A directory that rinit stays in could not be unmounted.
            let _ = std::env::set_current_dir("/");
            let status = compat.run();
            options.tini_options.remap.apply(status)
        }
        Err(e) => {
            log::error!("{}", cause(&e));
            options.failures.own
        }
    }
}

/// Maximum number of traced processes released before rinit reads other signals.
const DETACHED_A_TURN: usize = 64;

struct CompatInit<'a> {
    options: &'a CompatOptions,
    signals: Signals,
    terminal: Terminal,
    pacing: ReapPacing,
    command: Option<Spawned>,
    /// Of the kernel's SIGHUP and SIGCONT for giving up the terminal, those that are still to come.
    expected: Vec<Signal>,
}

impl<'a> CompatInit<'a> {
    fn start(options: &'a CompatOptions) -> io::Result<CompatInit<'a>> {
        let signals = Signals::catch_all(Reading::Waits)?;
        required::check_reaping()?;
        options.tini_options.begin();
        let mut compat = CompatInit {
            options,
            signals,
            terminal: Terminal::new(options.session),
            pacing: ReapPacing::default(),
            command: None,
            expected: Vec::new(),
        };
        if options.session == Session::WithTerminal && tty::detach() {
            compat.expected = vec![Signal::HUP, Signal::CONT];
        }
        if let Some(name) = options.command.first() {
            let launcher = Launcher::record();
            let spec = launcher.as_inherited(&options.command, options.session);
            let spec = Spec { resets_ignored: options.resets_ignored, ..spec };
            let spawned = spawn::spawn(&spec, None)
                .map_err(|e| io::Error::other(format!("cannot make a process: {}", cause(&e))))?;
            log::info!("started {}, pid {}", name.display(), spawned.pid);
            compat.command = Some(spawned);
        }
        Ok(compat)
    }

    fn run(mut self) -> u8 {
        let mut signals = Vec::new();
        loop {
            OUTPUT.attend(&self.signals);
            self.signals.read(&mut signals);
            for received in signals.drain(..) {
                let end = match received.signal {
                    Signal::CHLD => self.reap(),
                    _ => self.take(received),
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
        if self.pacing.is_close() {
            // Processes that are about to end run first.
            process::yield_now();
        }
        let command = self.command.as_ref().map(|command| command.pid);
        let mut end = None;
        let mut detached = 0_usize;
        loop {
            match process::reap() {
                Reaped::Child(pid, status) if Some(pid) == command => end = Some(self.ended(pid, status)),
                Reaped::Child(pid, _) if OUTPUT.is_relay(pid) => OUTPUT.reaped(pid),
                Reaped::Child(pid, _) if self.options.tini_options.warn_zombies => {
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
        if self.options.last_signal
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
        let program = self.options.command.first().map(OsString::as_os_str).unwrap_or_default();
        log::error!("cannot execute {}: {}", program.display(), cause(error));
        match error.kind() {
            io::ErrorKind::NotFound => self.options.failures.not_found,
            io::ErrorKind::PermissionDenied => self.options.failures.denied,
            _ => self.options.failures.other,
        }
    }

    /// A signal has come, other than SIGCHLD. Returns the exit status if it is the end.
    fn take(&mut self, received: ReceivedSignal) -> Option<u8> {
        let signal = received.signal;
        if received.by_kernel
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
        match self.options.rewritten.get(&signal) {
            Some(other) => *other,
            None => Some(signal).filter(|signal| !self.options.dropped.contains(signal)),
        }
    }

    fn forward(&self, pid: i32, signal: Signal) {
        let stopped_job = signal == Signal::CONT && self.terminal.follow_continue(pid);
        if let Some(signal) = self.rewritten(signal) {
            let to_group = self.options.tini_options.to_group || stopped_job;
            let send = if to_group { process::kill_group } else { process::kill };
            if let Err(e) = send(pid, signal) {
                log::warn!("cannot send {signal} to process {pid}: {}", cause(&e));
            }
            // A stopped command could not end.
            if signal == Signal::TERM && process::stopped_by(pid, false).is_some() {
                let _ = send(pid, Signal::CONT);
            }
        }
        if self.options.suspends && matches!(signal, Signal::TSTP | Signal::TTIN | Signal::TTOU) {
            process::stop_self();
        }
    }
}
