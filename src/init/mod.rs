//! PID 1 and its event loop: what the kernel tells becomes events for the supervisor, and what the supervisor
//! decides becomes system calls.
//!
//! One thread, one place to wait. Nothing here blocks, and once the loop runs no error ends it: what fails is
//! reported and goes on as an event.

#![forbid(unsafe_code)]

mod children;
pub mod compat;
mod events;
mod executor;
mod launch;
mod logs;
mod memory_trim;
mod notify;
mod output;
mod places;
mod requests;
pub mod settings;
mod signalling;
mod sleep;
mod source;
mod state;
pub mod tini_options;

pub use settings::{Listening, LogFormat, Settings};
pub use source::reading::{child as read, is_reader};
pub use tini_options::{Remap, TiniOptions};

use crate::config;
use crate::control::address::Address;
use crate::model::text::cause;
use crate::model::{MAIN, Service, Signal, exit, is_built_in};
use crate::supervisor::{Event, Pid, Scope, Supervisor};
use crate::sys::poll::{self, Interest, Poller, Ready};
use crate::sys::signals::{Reading, ReceivedSignal, Signals};
use crate::sys::{attributes, memory, process, required};
use children::Channel;
use children::reap_pacing::ReapPacing;
use executor::Executor;
use launch::Launcher;
use memory_trim::{MemoryTrim, QUIET};
use output::{LAST_WORDS, OUTPUT, PATIENCE, logger};
use requests::{Requests, listen};
use sleep::{Overslept, Sleep};
use source::not_started::NotStarted;
use source::{Source, command, reading};
use state::State;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// The signals that ask rinit to stop the container.
const STOP_SIGNALS: [Signal; 5] = [Signal::TERM, Signal::INT, Signal::QUIT, Signal::PWR, Signal::RTMIN_3];

/// Maximum number of times that the poller is asked for more before deadlines expire, so that a client that keeps
/// rinit busy cannot hold them up.
const ROUNDS: u32 = 16;

/// The signals' token.
const SIGNALS: u64 = 0;

/// A command that ends so soon need not have waited for what a start leaves for later.
const MOMENT: Duration = Duration::from_millis(5);

/// With fewer descriptors than this, a start of several services, or their clients, may find none left.
const FEW_DESCRIPTORS: usize = 64;

/// Without a poller, something else than a signal is looked for so often.
const BLIND_PAUSE: Duration = Duration::from_millis(50);

/// Runs the services and COMMAND until the container is to end. Returns the exit status of section "Exit status" in
/// the help.
pub fn run(settings: Settings) -> u8 {
    logger::start(settings.log_level, settings.log_format);
    let status = run_to_the_end(settings);
    OUTPUT.finish(LAST_WORDS);
    status
}

/// Says something after `run`, in the same way. Returns when it is written, or its reader is too slow.
pub fn say_last(format: LogFormat, text: &str) {
    logger::say(format, log::Level::Error, text);
    OUTPUT.finish(LAST_WORDS);
}

/// Says something without `run`, with more patience: nothing else is there to be done.
pub fn say(text: &str) {
    logger::say(LogFormat::Text, log::Level::Error, text);
    OUTPUT.finish(PATIENCE);
}

fn run_to_the_end(settings: Settings) -> u8 {
    // From here on a signal to stop is not lost, however early it comes.
    let (poller, signals) = match event_sources() {
        Ok(sources) => sources,
        Err(e) => {
            log::error!("cannot start: {}", cause(&e));
            return exit::OWN_FAILURE;
        }
    };
    let config::Config { mut services, groups, notes, directories: _ } = match Source::first(&settings) {
        Ok(config) => config,
        Err(diagnostics) => return refuse(&diagnostics, settings.log_format, &signals),
    };
    notes.iter().for_each(|note| log::info!("{note}"));
    if services.is_empty() {
        log::error!("there is no service and no COMMAND: nothing to run. Try 'rinit --help'.");
        return exit::OWN_FAILURE;
    }
    if let Err(mistake) = logs::equip(&mut services, settings.logging.as_ref()) {
        log::error!("{mistake}; nothing was started");
        return exit::OWN_FAILURE;
    }
    if !settings.services.is_empty() {
        // Each process that is made would be given what reading has left behind, and give it back.
        memory::trim_heap();
    }
    let source = Source::new(&settings, groups);
    match Init::new(settings, source, services, poller, signals) {
        Ok(init) => init.run(),
        Err(NotStarted { message, status }) => {
            log::error!("{message}; nothing was started");
            status
        }
    }
}

fn event_sources() -> std::io::Result<(Poller, Signals)> {
    let poller = Poller::new()?;
    let signals = Signals::catch_all(Reading::Returns)?;
    poller.add(signals.as_fd(), SIGNALS, Interest::Read)?;
    // Where a seccomp profile refuses to wait, that is known before anything is started.
    poller.wait(&mut Vec::new(), Some(Duration::ZERO))?;
    if process::is_pid1() {
        required::check()?
    } else {
        required::check_reaping()?
    }
    Ok((poller, signals))
}

/// All mistakes at once, and nothing is started.
fn refuse(diagnostics: &[config::Diagnostic], format: LogFormat, signals: &Signals) -> u8 {
    let count = match diagnostics.len() {
        1 => "1 error".to_owned(),
        count => format!("{count} errors"),
    };
    let texts = diagnostics.iter().map(ToString::to_string);
    for text in texts.chain([format!("rinit: {count}, nothing was started")]) {
        logger::say(format, log::Level::Error, &text);
        // Waiting is right here: nothing runs yet, and the reader shall see all of it.
        if !OUTPUT.wait_for_reader(signals, |received| STOP_SIGNALS.contains(&received.signal)) {
            break;
        }
    }
    exit::OWN_FAILURE
}

struct Init {
    executor: Executor,
    requests: Requests,
    signals: Signals,
    /// Room for what is read of them.
    received: Vec<ReceivedSignal>,
    /// Where the control socket is.
    address: Option<Address>,
    tini_options: TiniOptions,
    pacing: ReapPacing,
    /// Until then children are not reaped, for others are about to end.
    reap_paused_until: Option<Duration>,
    epoch: Instant,
    sleep: Sleep,
    interrupts: u32,
    memory_trim: MemoryTrim,
    /// The poller has failed, and that was said.
    is_blind: bool,
}

impl Init {
    fn new(
        settings: Settings,
        source: Source,
        services: Vec<Service>,
        poller: Poller,
        signals: Signals,
    ) -> Result<Init, NotStarted> {
        let launcher = Launcher::record();
        let with_services =
            services.iter().any(|service| service.name != MAIN && !is_built_in(&service.name));
        if with_services && !settings.command.is_empty() {
            command::look(&services, &launcher)?;
        }
        let most = attributes::most_descriptors();
        let needed = FEW_DESCRIPTORS.saturating_add(logs::descriptors(&services));
        if with_services && most < needed {
            log::warn!(
                "the limit of open files is {most} (ulimit -n): with less than {needed} rinit may be unable to start processes \
                 and to answer clients"
            );
        }
        let (server, address) = listen::open(&settings, &poller, with_services)?.unzip();
        let mut supervisor = Supervisor::new(&services, settings.stop_timeout);
        let state = State::open(settings.state_dir.as_deref(), process::is_pid1());
        // COMMAND alone leaves nothing there either.
        let last_stop = with_services.then(|| state.last_stop()).flatten();
        if with_services {
            state.stopped().iter().for_each(|name| supervisor.keep_stopped(name));
        }
        if let Some(last) = last_stop.as_ref().filter(|last| !last.killed.is_empty()) {
            log::info!("the last stop ({}) had to kill {}", last.when, last.killed_text(&services));
        }
        let mut executor = Executor::new(supervisor, services, launcher, poller, state);
        executor.tini_options = settings.tini_options.clone();
        Ok(Init {
            requests: Requests::new(server, source, last_stop),
            executor,
            signals,
            received: Vec::new(),
            address,
            tini_options: settings.tini_options,
            pacing: ReapPacing::default(),
            reap_paused_until: None,
            epoch: Instant::now(),
            sleep: Sleep::default(),
            interrupts: 0,
            memory_trim: MemoryTrim::Everything,
            is_blind: false,
        })
    }

    fn run(mut self) -> u8 {
        self.tini_options.begin();
        self.executor.tell_means();
        // A directory that rinit stays in could not be unmounted.
        let _ = std::env::set_current_dir("/");
        self.feed(Event::Boot);
        let mut ready = Vec::new();
        loop {
            if let Some(status) = self.executor.exit_status() {
                self.requests.close(&self.executor);
                if let Some(address) = &self.address {
                    address.remove();
                }
                self.executor.terminal.give_back();
                let status = self.tini_options.remap.apply(status);
                // The kernel frees and closes everything at once.
                std::mem::forget(self);
                return status;
            }
            self.turn(&mut ready);
        }
    }

    /// Waits for something to happen, and deals with it.
    fn turn(&mut self, ready: &mut Vec<Ready>) {
        let owes = self.executor.owes();
        self.wait(ready);
        let more = self.executor.poller.may_have_more(ready);
        self.take_in(ready);
        self.end_reap_pause(false);
        if more || self.is_due() {
            self.take_in_all(ready);
        }
        let overslept = self.sleep.before_expiry(self.now());
        self.give_back(overslept);
        self.expire();
        self.requests.finish_reading(&mut self.executor, self.epoch);
        self.requests.settle(&mut self.executor, self.epoch);
        self.executor.prove(self.now());
        if owes && self.executor.exit_status().is_none() {
            self.executor.catch_up();
        }
    }

    /// Does what is due.
    fn expire(&mut self) {
        if self.executor.look_at.is_some_and(|at| at <= self.now()) {
            self.executor.look_at_rest(self.now());
        }
        self.executor.look_at_signal_sender(self.now());
        self.executor.state_writer.pass(Instant::now());
        let now = self.now();
        self.executor.stuck.tell(&self.executor.supervisor, now);
        if self.is_due() {
            self.executor.look_at_groups_due(self.now());
            self.feed(Event::Tick);
        }
    }

    /// Whether the supervisor has a deadline that has come.
    fn is_due(&self) -> bool {
        self.executor.supervisor.next_deadline().is_some_and(|at| at <= self.now())
    }

    /// Deals with what is ready. Whether there was anything but clients.
    fn take_in(&mut self, ready: &mut Vec<Ready>) -> bool {
        let mut others = self.executor.has_more_to_reap();
        self.executor.set_up_unawaited(self.now());
        for ready in ready.drain(..) {
            let channel = children::Children::resolve(ready.token);
            others |= channel.is_some() || matches!(ready.token, executor::NEWS | SIGNALS);
            match channel {
                Some((pid, Channel::Status)) => self.executor.set_up(self.now(), pid),
                Some((pid, Channel::Output)) => self.executor.read_output(pid),
                Some((pid, Channel::Notify)) => self.executor.read_notify(self.now(), pid),
                None if ready.token == executor::NEWS => {
                    self.executor.read_news(self.now(), notify::DATAGRAMS_A_TURN)
                }
                None if ready.token == SIGNALS => self.signals(),
                None if ready.token == reading::READING => self.executor.reader.read(&self.executor.poller),
                None if ready.token == output::TOKEN => OUTPUT.ready(),
                None if ready.token == logs::TOKEN => self.executor.hear_logger(),
                None => self.requests.ready(&self.executor, ready),
            }
        }
        if self.executor.has_more_to_reap() {
            self.executor.reap(self.now());
        }
        others
    }

    /// Takes in all that waits to be: what has happened in time is known before a deadline about it expires.
    fn take_in_all(&mut self, ready: &mut Vec<Ready>) {
        self.end_reap_pause(true);
        self.executor.read_news(self.now(), notify::DATAGRAMS_IN_QUEUE);
        for _ in 0..ROUNDS {
            // A poller that does not work is told of when it is waited for.
            if self.executor.poller.wait(ready, Some(Duration::ZERO)).is_err() {
                break;
            }
            let more = self.executor.poller.may_have_more(ready);
            if !self.take_in(ready) && !more {
                break;
            }
        }
        self.end_reap_pause(true);
    }

    /// As soon as nothing has happened for a moment, what the start, a reload or an answer needed is given back: once.
    fn wait(&mut self, ready: &mut Vec<Ready>) {
        self.executor.settle_logs();
        OUTPUT.settle(&self.executor.poller);
        self.memory_trim = self.memory_trim.max(self.requests.take_memory_trim());
        self.executor.stuck.plan(self.epoch.elapsed());
        let mut timeout = self.timeout();
        if self.executor.owes() {
            timeout = Some(timeout.map_or(MOMENT, |timeout| timeout.min(MOMENT)));
        }
        let is_due = self.memory_trim > MemoryTrim::Nothing && timeout.is_none_or(|timeout| timeout > QUIET);
        if is_due {
            timeout = Some(QUIET);
        }
        let asked = timeout.map(|timeout| self.now().saturating_add(timeout));
        let due = self.executor.supervisor.next_deadline();
        let now = self.now();
        self.sleep.begin(now, [asked, due].into_iter().flatten().min());
        match self.executor.poller.wait(ready, timeout) {
            Ok(()) if is_due && ready.is_empty() => std::mem::take(&mut self.memory_trim).carry_out(),
            Ok(()) => {}
            Err(e) => self.wait_for_signals(ready, timeout, &e),
        }
        let overslept = self.sleep.end(self.now());
        self.give_back(overslept);
    }

    /// Extends all time limits.
    fn give_back(&mut self, overslept: Option<Overslept>) {
        if let Some(overslept) = overslept {
            let by = overslept.by;
            if let Some(words) = self.sleep.words(self.now(), overslept) {
                log::warn!("{words}");
            }
            self.requests.overslept(by);
            self.executor.overslept(self.now(), by);
            self.feed(Event::Overslept { by });
        }
    }

    /// The poller does not work any more. Signals are waited for, so that children are reaped and the stop works, and
    /// what children tell is looked for often. Only the control socket is not served.
    fn wait_for_signals(
        &mut self,
        ready: &mut Vec<Ready>,
        timeout: Option<Duration>,
        error: &std::io::Error,
    ) {
        if !std::mem::replace(&mut self.is_blind, true) {
            log::error!("cannot wait for events: {}; from now on only signals are waited for", cause(error));
        }
        let pause = timeout.map_or(BLIND_PAUSE, |timeout| timeout.min(BLIND_PAUSE));
        if poll::either(Some(self.signals.as_fd()), None, Some(pause)).is_err() {
            std::thread::sleep(pause);
        }
        // What has nothing to tell is read in vain, and without waiting.
        let tokens = self.executor.children.tokens().chain([executor::NEWS, reading::READING, SIGNALS]);
        ready.extend(tokens.map(|token| Ready { token, readable: true, writable: false, hangup: false }));
        OUTPUT.ready();
    }

    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// Sends a signal to the process group of COMMAND.
    fn send(&mut self, command: Pid, signal: Signal) {
        self.executor.signal(self.epoch.elapsed(), command, Scope::Group, signal);
    }

    fn feed(&mut self, event: Event) {
        self.executor.feed(self.epoch.elapsed(), event);
    }

    fn timeout(&self) -> Option<Duration> {
        let has_more = self.executor.has_more_to_reap() || self.executor.signal_senders.has_unproven();
        if has_more || self.executor.exit_status().is_some() {
            return Some(Duration::ZERO);
        }
        let supervisor = self.executor.supervisor.next_deadline().map(|at| at.saturating_sub(self.now()));
        let requests =
            self.requests.deadline(self.epoch).map(|at| at.saturating_duration_since(Instant::now()));
        let rest = self.reap_paused_until.map(|at| at.saturating_sub(self.now()));
        let look = self.executor.look_at.map(|at| at.saturating_sub(self.now()));
        let reading = self.executor.reader.deadline().map(|at| at.saturating_sub(self.now()));
        let senders = self.executor.signal_senders.deadline().map(|at| at.saturating_sub(self.now()));
        let stuck = self.executor.stuck.deadline().map(|at| at.saturating_sub(self.now()));
        let others = [OUTPUT.deadline(), self.executor.state_writer.deadline()].into_iter().flatten().min();
        let others = others.map(|at| at.saturating_duration_since(Instant::now()));
        [supervisor, requests, rest, look, reading, senders, stuck, others].into_iter().flatten().min()
    }
}
