//! The logger's process: reads what services write, and has it delivered.
//!
//! It is started by PID 1, and told over its standard input what to read: see `told`. When PID 1 has nothing more to
//! say, it reads each pipe to its end, which is when the last process that can write to it is gone, delivers that, and
//! ends. SIGINT says that its time is nearly over: it reads to the ends of lines that have begun, delivers what it has for
//! a moment, says what is lost, and ends. It ignores SIGTERM, which everything gets that is left at the stop of the
//! container, and may have something to say.

#![forbid(unsafe_code)]

use super::clients::{Clients, FIRST_CLIENT, Source};
use super::console::Palette;
use super::file::readback::Form;
use super::history::History;
use super::losses::Losses;
use super::pipe::{PIECE, Pipe, Progress};
use super::record::{Part, Record, Stream};
use super::routes::{Driven, Route, Routes};
use super::sink::Sink;
use super::sinks::Sinks;
use super::told::{FromLogger, LogRequest, ToLogger};
use crate::model::log_files::LogFiles;
use crate::model::{LOGGER_NAME, Signal, exit};
use crate::sys::poll::{Interest, Poller, Ready};
use crate::sys::process::{self, Reaped};
use crate::sys::signals::{Reading, ReceivedSignal, Signals};
use crate::sys::{handover, tty};
use std::ffi::OsStr;
use std::io::{self, ErrorKind, Write, stdin};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant, SystemTime};

/// Its name in lists of processes. It is executed by a descriptor, which has none.
const LOGGER_COMM: &std::ffi::CStr = c"rinit-logger";

const CONTROL: u64 = 0;
const SIGNALS: u64 = 1;
const FIRST_SINK: u64 = 16;
const FIRST_PIPE: u64 = 1 << 16;

/// After SIGINT it goes on for this long: half of its grace is over, and at the end of the other half it is killed.
const LAST_MOMENT: Duration = Duration::from_millis(300);

/// As long it goes on before that where nobody takes what it has to deliver, and nobody is left who writes.
const DELIVERY: Duration = Duration::from_millis(500);

/// A pipe is read so often before the others have their turn.
const READS_A_TURN: usize = 4;

/// The same where a line, or everything, ends with what is there: a pipe is empty sooner than that, unless somebody goes on
/// to write.
const READS_AT_END: usize = 64;

/// The same where each byte is read by itself, up to the end of a line.
const BYTES_A_TURN: usize = 4096;

/// So many messages of PID 1 are taken in at a time.
const MESSAGES_A_TURN: usize = 64;

/// Whether a program called so is the logger.
pub fn is_logger(name: &OsStr) -> bool {
    name == LOGGER_NAME
}

/// Runs until PID 1 says that nothing more is to come. Returns the exit status.
pub fn run() -> u8 {
    process::set_name(LOGGER_COMM);
    let ended = Logger::new().and_then(Logger::run);
    match ended {
        Ok(()) => 0,
        Err(e) => {
            let _ = writeln!(io::stderr(), "{LOGGER_NAME}: rinit itself starts this, to deliver output: {e}");
            exit::OWN_FAILURE
        }
    }
}

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It goes on.
    Runs,
    /// PID 1 has closed its ends: what is written is read and delivered, until this time once nobody is left who writes.
    Empties(Option<Instant>),
    /// No further line is begun. What was read is delivered until then.
    Ends(Instant),
}

struct Logger {
    poller: Poller,
    signals: Signals,
    routes: Routes,
    sinks: Sinks,
    clients: Clients,
    /// Room for what is read.
    buffer: Vec<u8>,
    stage: Stage,
    /// All that PID 1 has said was read.
    told_all: bool,
}

impl Logger {
    fn new() -> io::Result<Logger> {
        let poller = Poller::new()?;
        let signals = Signals::catch_all(Reading::Returns)?;
        poller.add(signals.as_fd(), SIGNALS, Interest::Read)?;
        poller.add(stdin().as_fd(), CONTROL, Interest::Read)?;
        let is_coloured =
            tty::is_stdout() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Ok(Logger {
            poller,
            signals,
            routes: Routes::new(Palette::new(is_coloured)),
            sinks: Sinks::new(),
            clients: Clients::default(),
            buffer: vec![0; PIECE],
            stage: Stage::Runs,
            told_all: false,
        })
    }

    fn run(mut self) -> io::Result<()> {
        let mut ready = Vec::new();
        while !self.is_done(Instant::now()) {
            self.watch();
            self.poller.wait(&mut ready, self.timeout())?;
            for ready in ready.drain(..) {
                self.take_in(ready)?;
            }
            self.read_due();
            self.advance();
            self.hurry();
            self.clients.settle(&self.poller);
        }
        self.give_up();
        self.clients.finish();
        Ok(())
    }

    fn take_in(&mut self, ready: Ready) -> io::Result<()> {
        match ready.token {
            CONTROL => self.listen()?,
            SIGNALS => self.signals(),
            token @ FIRST_PIPE.. => {
                let (number, stream) = pipe_of(token);
                if ready.hangup {
                    self.has_no_writer(number, stream);
                }
                let times = if matches!(self.stage, Stage::Ends(_)) { BYTES_A_TURN } else { READS_A_TURN };
                self.read(number, stream, times);
            }
            token @ FIRST_CLIENT.. => self.clients.ready(&self.poller, token, ready.hangup),
            // Each sink has its turn anyway.
            _ => {}
        }
        Ok(())
    }

    /// Takes in what PID 1 says.
    fn listen(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; handover::LONGEST];
        for _ in 0..MESSAGES_A_TURN {
            match handover::receive(stdin().as_fd(), &mut buffer) {
                Ok((0, _)) => {
                    self.told_all = true;
                    let _ = self.poller.remove(stdin().as_fd());
                    if self.stage == Stage::Runs {
                        self.stage = Stage::Empties(None);
                    }
                    return Ok(());
                }
                Ok((length, pipes)) => {
                    let told = serde_json::from_slice::<ToLogger>(buffer.get(..length).unwrap_or_default());
                    match told {
                        Ok(ToLogger::Client(request)) => self.add_client(request, pipes),
                        Ok(told) => tell(&self.routes.take(told, pipes, &mut self.sinks)),
                        // Nothing that the same binary says.
                        Err(_) => {}
                    }
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == ErrorKind::InvalidData => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Somebody asks for logs, over this connection.
    fn add_client(&mut self, request: LogRequest, connection: Vec<OwnedFd>) {
        let sources = self.routes.all.iter_mut().map(|(number, route)| {
            let Route { service, history, logging, driven, .. } = route;
            // What could not be written is here alone.
            let sink = driven.as_ref().and_then(|driven| self.sinks.get(driven.sink(Stream::Stdout)));
            let files = LogFiles::of(logging, service).filter(|_| sink.is_some_and(|it| it.down().is_none()));
            let files = files.map(|files| (files, Form::of(logging)));
            Source { number: *number, service, records: history.records(), files }
        });
        let sources = sources.collect();
        if let Some(connection) = connection.into_iter().next() {
            self.clients.add(request, connection, sources);
        }
    }

    fn signals(&mut self) {
        let mut caught: Vec<ReceivedSignal> = Vec::new();
        self.signals.read(&mut caught);
        for ReceivedSignal { signal, .. } in caught {
            match signal {
                Signal::INT => {
                    let until = Instant::now().checked_add(LAST_MOMENT).unwrap_or_else(Instant::now);
                    self.stage = match self.stage {
                        Stage::Runs | Stage::Empties(_) => Stage::Ends(until),
                        ends @ Stage::Ends(_) => ends,
                    };
                }
                Signal::CHLD => {
                    while let Reaped::Child(pid, status) = process::reap() {
                        self.sinks.iter_mut().for_each(|(_, sink)| sink.reaped(pid, status));
                        self.clients.reaped(&self.poller, pid, status);
                    }
                }
                _ => {}
            }
        }
    }

    /// Reads a pipe, so often at most, as long as there is room for what comes.
    fn read(&mut self, number: u32, stream: Stream, times: usize) {
        let Some(route) = self.routes.all.get_mut(&number) else { return };
        let Route { service, driven, pipes, history, logging: _ } = route;
        let Some(pipe) = pipes.iter_mut().find(|pipe| pipe.stream == stream) else { return };
        // Another logger goes on behind the end of the line.
        let most = if matches!(self.stage, Stage::Ends(_)) { 1 } else { PIECE };
        for _ in 0..times {
            if most == 1 && !pipe.is_in_line() || !has_room(&self.sinks, driven.as_ref(), stream) {
                break;
            }
            let (sinks, clients) = (&mut self.sinks, &mut self.clients);
            let (driven, time) = (driven.as_mut(), SystemTime::now());
            let mut delivery = Delivery { sinks, clients, driven, history, number, service, stream, time };
            let buffer = self.buffer.get_mut(..most).unwrap_or_default();
            if pipe.read(buffer, &mut |line, part| delivery.take(line, part)) != Progress::Some {
                break;
            }
        }
        if let Some(sink) = route.driven.as_ref().and_then(|driven| self.sinks.get_mut(driven.sink(stream))) {
            sink.advance(Instant::now());
        }
    }

    /// Reads what has to be read though the poller need not tell of it: of those whose writers have ended.
    fn read_due(&mut self) {
        let routes = self.routes.all.iter();
        let due: Vec<(u32, Stream)> = routes
            .flat_map(|(number, route)| {
                route.pipes.iter().filter(|pipe| pipe.is_due()).map(|pipe| (*number, pipe.stream))
            })
            .collect();
        due.into_iter().for_each(|(number, stream)| self.read(number, stream, READS_AT_END));
        tell(&self.routes.tidy(&mut self.sinks));
    }

    /// Nobody is left who would end its last line.
    fn finish_pipe(&mut self, number: u32, stream: Stream) {
        let Some(route) = self.routes.all.get_mut(&number) else { return };
        let Route { service, driven, pipes, history, logging: _ } = route;
        let Some(pipe) = pipes.iter_mut().find(|pipe| pipe.stream == stream) else { return };
        let (sinks, clients) = (&mut self.sinks, &mut self.clients);
        let (driven, time) = (driven.as_mut(), SystemTime::now());
        let mut delivery = Delivery { sinks, clients, driven, history, number, service, stream, time };
        pipe.finish(&mut |line, part| delivery.take(line, part));
        pipe.watch(&self.poller, 0, None);
        pipe.is_over = true;
    }

    /// What there is of lines that do not end in time is delivered if there is room.
    fn finish_lines(&mut self) {
        let routes = self.routes.all.iter();
        let open: Vec<(u32, Stream)> = routes
            .flat_map(|(number, route)| {
                route.pipes.iter().filter(|pipe| pipe.is_in_line()).map(|pipe| (*number, pipe.stream))
            })
            .collect();
        open.into_iter().for_each(|(number, stream)| self.finish_pipe(number, stream));
        self.advance();
    }

    fn advance(&mut self) {
        let now = Instant::now();
        let mut lost = Losses::default();
        for (_, sink) in self.sinks.iter_mut() {
            sink.advance(now);
            lost.append(sink.take_lost());
        }
        self.tell_troubles();
        tell(&lost);
    }

    /// Tells PID 1 what has become of the files of services.
    fn tell_troubles(&mut self) {
        for (number, route) in &self.routes.all {
            let sink =
                route.driven.as_ref().and_then(|driven| self.sinks.get_mut(driven.sink(Stream::Stdout)));
            if let Some(trouble) = sink.and_then(|sink| sink.take_trouble()) {
                let told = FromLogger::Trouble { number: *number, trouble }.encode();
                let _ = handover::send(stdin().as_fd(), &told, &[]);
            }
        }
    }

    /// Has the poller watch what can be gone on with.
    fn watch(&mut self) {
        for (id, sink) in self.sinks.iter_mut() {
            let token = u64::try_from(id).unwrap_or_default().saturating_add(FIRST_SINK);
            sink.watch(&self.poller, token);
        }
        for (number, route) in &mut self.routes.all {
            for pipe in &mut route.pipes {
                let has_room = has_room(&self.sinks, route.driven.as_ref(), pipe.stream);
                let wanted = match self.stage {
                    Stage::Empties(_) if !has_room => Some(Interest::Hangup),
                    Stage::Runs | Stage::Empties(_) => has_room.then_some(Interest::Read),
                    Stage::Ends(_) => (has_room && pipe.is_in_line()).then_some(Interest::Read),
                };
                pipe.watch(&self.poller, token_of(*number, pipe.stream), wanted);
            }
        }
    }

    fn has_no_writer(&mut self, number: u32, stream: Stream) {
        let pipes = self.routes.all.get_mut(&number).into_iter().flat_map(|route| &mut route.pipes);
        pipes.filter(|pipe| pipe.stream == stream).for_each(|pipe| pipe.has_no_writer = true);
    }

    /// When nobody is left who writes, what is left to deliver has its time.
    fn hurry(&mut self) {
        let Stage::Empties(until) = self.stage else { return };
        let now = Instant::now();
        let mut pipes = self.routes.all.values().flat_map(|route| &route.pipes);
        match until {
            None if pipes.all(|pipe| pipe.is_over || pipe.has_no_writer) => {
                self.stage = Stage::Empties(now.checked_add(DELIVERY));
            }
            Some(at) if at <= now => self.stage = Stage::Ends(now.checked_add(LAST_MOMENT).unwrap_or(now)),
            None | Some(_) => {}
        }
    }

    fn timeout(&self) -> Option<Duration> {
        let end = match self.stage {
            // Where something waits for room, a sink or the poller tells of it.
            Stage::Runs => None,
            Stage::Empties(until) => until,
            Stage::Ends(at) => Some(at),
        };
        let sinks = self.sinks.iter().filter_map(Sink::deadline);
        let next = sinks.chain(end).min();
        next.map(|at| at.saturating_duration_since(Instant::now()))
    }

    fn is_done(&self, now: Instant) -> bool {
        let is_idle = self.sinks.iter().all(Sink::is_idle);
        match self.stage {
            Stage::Runs => false,
            Stage::Empties(_) => is_idle && self.routes.all.is_empty(),
            Stage::Ends(at) => is_idle && !self.is_in_line() || at <= now,
        }
    }

    fn is_in_line(&self) -> bool {
        let mut pipes = self.routes.all.values().flat_map(|route| &route.pipes);
        pipes.any(Pipe::is_in_line)
    }

    /// Says what could not be delivered. What is still in the pipes is lost only when no other logger will follow.
    fn give_up(&mut self) {
        self.finish_lines();
        let mut lost = Losses::default();
        for (_, sink) in self.sinks.iter_mut() {
            sink.give_up();
            lost.append(sink.take_lost());
        }
        if self.told_all {
            for (number, route) in &mut self.routes.all {
                for pipe in &mut route.pipes {
                    let mut count = |_: &[u8], _: Part| lost.add(*number, 1);
                    // Somebody may go on to write.
                    let mut reads = 0..READS_AT_END;
                    while reads.next().is_some() && pipe.read(&mut self.buffer, &mut count) == Progress::Some
                    {
                    }
                    pipe.finish(&mut count);
                }
            }
        }
        tell(&lost);
    }
}

/// The token of a pipe.
fn token_of(number: u32, stream: Stream) -> u64 {
    let token = FIRST_PIPE.saturating_add(u64::from(number) << 1);
    token.saturating_add(u64::from(stream == Stream::Stderr))
}

/// The route and the stream of a pipe's token.
fn pipe_of(token: u64) -> (u32, Stream) {
    let token = token.saturating_sub(FIRST_PIPE);
    let stream = if token & 1 == 0 { Stream::Stdout } else { Stream::Stderr };
    (u32::try_from(token >> 1).unwrap_or(u32::MAX), stream)
}

/// Whether what comes of a stream has a place.
fn has_room(sinks: &Sinks, driven: Option<&Driven>, stream: Stream) -> bool {
    driven.is_none_or(|driven| sinks.get(driven.sink(stream)).is_none_or(Sink::has_room))
}

/// What takes the lines of a stream, as they come.
struct Delivery<'a> {
    sinks: &'a mut Sinks,
    clients: &'a mut Clients,
    driven: Option<&'a mut Driven>,
    history: &'a mut History,
    number: u32,
    service: &'a str,
    stream: Stream,
    time: SystemTime,
}

impl Delivery<'_> {
    fn take(&mut self, line: &[u8], part: Part) {
        let Some(driven) = self.driven.as_mut() else { return };
        let Some(sink) = self.sinks.get_mut(driven.sink(self.stream)) else { return };
        let record = Record { time: self.time, service: self.service, stream: self.stream, line, part };
        sink.take(self.number, &mut |out| driven.encode.encode(&record, out));
        self.history.push(&record);
        self.clients.tell(self.number, &record);
    }
}

/// Tells PID 1 what was lost. Where PID 1 does not take it, nobody else would.
fn tell(lost: &Losses) {
    for (number, count) in lost.iter() {
        let told = FromLogger::Lost { number, count }.encode();
        let _ = handover::send(stdin().as_fd(), &told, &[]);
    }
}
