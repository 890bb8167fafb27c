//! What has happened, for `rinit events`: the supervisor's news as numbered records, of which the last 1,024 are kept.
//!
//! A record is a few numbers, and a short text where there is one to tell; it becomes words when somebody asks. A
//! service is its number there, which a reload does not change as long as it is there.

#![forbid(unsafe_code)]

mod gone;

use self::gone::Gone;
use super::output::narrate;
use crate::control::protocol::{Attribute, EXIT_CODE, EventKind, EventReport, EventsReport, SIGNAL};
use crate::model::duration::millis;
use crate::model::{Signal, exit, ordered, pattern, text};
use crate::supervisor::{Because, ExitStatus, Next, Notice, Scope, ServiceId, StopBy, Supervisor};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// So many are kept.
pub const KEPT: usize = 1024;

/// An answer has so many at most; whoever wants more asks again.
const PAGE: usize = 128;

/// So much of a text is kept, in bytes.
const MAX_TEXT: usize = 160;

/// The last millisecond that RFC 3339 has a form for.
const LAST_TIME: u64 = 253_402_300_799_999;

/// There is no such number.
const NONE: u64 = u64::MAX;

/// 40 bytes, and those of its text.
#[derive(Debug)]
struct Record {
    /// Milliseconds since 1970.
    at: u64,
    number: u64,
    text: Option<Box<str>>,
    service: Option<u32>,
    /// An exit code, or less than zero: a signal.
    code: i16,
    kind: EventKind,
}

/// Which events somebody wants to see.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Names or patterns; none: all, those of the container among them.
    names: Vec<String>,
    /// Words; `health_status` stands for all three; none: all.
    kinds: Vec<String>,
    /// For each service so far, by its number, whether it is one of the names: comparing them takes long.
    named: Vec<bool>,
    /// Of which generation of services `named` is.
    generation: u64,
}

impl Filter {
    /// Each kind counts once: a client may send thousands.
    pub fn new(names: Vec<String>, kinds: Vec<String>) -> Filter {
        let kinds = ordered::set(kinds).into_iter().collect();
        Filter { names, kinds, named: Vec::new(), generation: 0 }
    }

    /// Compares the services that have come since with the names.
    fn meet(&mut self, supervisor: &Supervisor) {
        if self.names.is_empty() {
            return;
        }
        if self.generation != supervisor.generation() {
            self.generation = supervisor.generation();
            self.named.clear();
        }
        for id in self.named.len()..supervisor.len() {
            let name = supervisor.name(ServiceId(id));
            self.named.push(self.is_named(name));
        }
    }

    fn is_named(&self, name: &str) -> bool {
        self.names.iter().any(|wanted| pattern::matches(wanted, name))
    }

    /// The kind that there is none of, if one was asked for.
    pub fn unknown_kind(&self) -> Option<&str> {
        let known = |kind: &&String| !EventKind::words().any(|word| EventKind::is_meant(word, kind));
        self.kinds.iter().find(known).map(String::as_str)
    }

    fn passes(&self, service: Option<&Subject<'_>>, word: &str) -> bool {
        let named = self.names.is_empty()
            || service.is_some_and(|service| match service {
                Subject::Service(id) => self.named.get(id.0).copied().unwrap_or_default(),
                Subject::Gone(name) => self.is_named(name),
            });
        named && (self.kinds.is_empty() || self.kinds.iter().any(|kind| EventKind::is_meant(word, kind)))
    }
}

/// Every word that there is, for people.
pub fn words() -> String {
    EventKind::words().collect::<Vec<_>>().join(", ")
}

/// Whom a record is about.
enum Subject<'n> {
    Service(ServiceId),
    /// One that is gone for good, whose number another has.
    Gone(&'n str),
}

/// The records that are kept.
#[derive(Debug, Default)]
pub struct Events {
    names: Gone,
    records: VecDeque<Record>,
    /// How many older ones are not kept any more.
    gone: u64,
}

impl Events {
    /// The number of the last one; 0 if there was none yet.
    pub fn last(&self) -> u64 {
        self.gone.saturating_add(u64::try_from(self.records.len()).unwrap_or(u64::MAX))
    }

    /// How many are not kept any more: the number of the last of them.
    pub fn gone(&self) -> u64 {
        self.gone
    }

    /// The number of the last one before that time, in milliseconds since 1970. The clock may have been set back
    /// meanwhile: the oldest that is as young counts.
    pub fn before(&self, at: u64) -> u64 {
        let older = self.records.iter().take_while(|record| record.at < at).count();
        self.gone.saturating_add(u64::try_from(older).unwrap_or(u64::MAX))
    }

    /// Calls `tell` with each event after number `seen` that is wanted, until it has been called `most` times. Returns
    /// the number of the last one that was looked at.
    pub fn after(
        &self,
        supervisor: &Supervisor,
        seen: u64,
        filter: &mut Filter,
        most: usize,
        mut tell: impl FnMut(EventReport),
    ) -> u64 {
        filter.meet(supervisor);
        let mut seen = seen.max(self.gone);
        let skip = usize::try_from(seen.saturating_sub(self.gone)).unwrap_or(usize::MAX);
        let mut told = 0_usize;
        for record in self.records.iter().skip(skip) {
            if told >= most {
                break;
            }
            seen = seen.saturating_add(1);
            let service = record.service.map(|id| match self.names.name(id) {
                Some(name) => Subject::Gone(name),
                None => Subject::Service(ServiceId(usize::try_from(id).unwrap_or(usize::MAX))),
            });
            if filter.passes(service.as_ref(), record.kind.shape().word) {
                told = told.saturating_add(1);
                let name = service.map(|service| match service {
                    Subject::Service(id) => supervisor.name(id),
                    Subject::Gone(name) => name,
                });
                tell(record.report(seen, name));
            }
        }
        seen
    }

    /// What is kept after number `seen` and wanted, as much of it as goes into one answer.
    pub fn report(&self, supervisor: &Supervisor, seen: u64, filter: &mut Filter, lost: u64) -> EventsReport {
        let mut events = Vec::new();
        let seen = self.after(supervisor, seen, filter, PAGE, |event| events.push(event));
        EventsReport { lost, seen, more: seen < self.last(), events }
    }

    fn push(
        &mut self,
        at: u64,
        kind: EventKind,
        service: Option<ServiceId>,
        code: i32,
        number: u64,
        text: &str,
    ) {
        if self.records.len() >= KEPT {
            self.records.pop_front();
            self.gone = self.gone.saturating_add(1);
        }
        let text = text::printable(text.as_bytes(), MAX_TEXT).replace('\n', " ");
        self.records.push_back(Record {
            at: at.min(LAST_TIME),
            number,
            text: (!text.is_empty()).then(|| text.into_boxed_str()),
            service: service.and_then(|id| u32::try_from(id.0).ok()),
            code: i16::try_from(code).unwrap_or(i16::MAX),
            kind,
        });
    }

    /// These services are gone for good, and others get their numbers. What is kept of them keeps their names.
    pub fn forget(&mut self, services: &[(ServiceId, &str)]) {
        let mut renumbered = BTreeMap::new();
        for (id, name) in services {
            let Ok(number) = u32::try_from(id.0) else { continue };
            renumbered.insert(number, self.names.add(name));
        }
        for service in self.records.iter_mut().filter_map(|record| record.service.as_mut()) {
            *service = *renumbered.get(service).unwrap_or(service);
        }
        self.names.retain(&self.numbers());
    }

    /// The names of services that are gone for good, and of which something is kept.
    pub fn gone_names(&self) -> impl Iterator<Item = &str> {
        self.numbers().into_iter().filter_map(|number| self.names.name(number))
    }

    /// The numbers of the services of which something is kept.
    fn numbers(&self) -> BTreeSet<u32> {
        self.records.iter().filter_map(|record| record.service).collect()
    }

    /// The definitions were read again: what has changed, or why nothing has.
    pub fn reloaded(&mut self, at: u64, result: Result<&str, &str>) {
        match result {
            Ok(changes) => self.push(at, EventKind::Reload, None, 0, NONE, changes),
            Err(error) => self.push(at, EventKind::ReloadRefused, None, 0, NONE, error),
        }
    }

    /// Everything has stopped, and rinit ends.
    pub fn ended(&mut self, at: u64, exit_status: u8, took_ms: u64, killed: &str) {
        self.push(at, EventKind::Exit, None, i32::from(exit_status), took_ms, killed);
    }

    /// Takes one piece of news in, if it is an event.
    pub fn take_in(&mut self, at: u64, supervisor: &Supervisor, notice: &Notice) {
        let mut plain = |kind, id: &ServiceId| self.push(at, kind, Some(*id), 0, NONE, "");
        match notice {
            Notice::Started(id, pid) => {
                let pid = u64::try_from(pid.0).unwrap_or(NONE);
                self.push(at, EventKind::Start, Some(*id), 0, pid, "");
            }
            Notice::StartFailed(id, why, next) => self.follows(at, *id, next, Some(why)),
            Notice::Ready(id, _) => plain(EventKind::Ready, id),
            Notice::Died(id, status, oom, ran, next) => {
                self.died(at, *id, *status, *oom, *ran);
                self.follows(at, *id, next, None);
            }
            Notice::Ended(id, status, oom, ran) => self.died(at, *id, *status, *oom, *ran),
            Notice::Follows(id, next, why) => {
                let why = why.as_ref().map(Because::as_str);
                self.follows(at, *id, next, why);
            }
            Notice::HookFailed(id, why) => self.push(at, EventKind::HookFailed, Some(*id), 0, NONE, why),
            Notice::DependencyFailed(id, why) => self.push(at, EventKind::Failed, Some(*id), 0, NONE, why),
            Notice::Paused(id) => plain(EventKind::Pause, id),
            Notice::Resumed(id) => plain(EventKind::Unpause, id),
            Notice::HealthBegun(id) => plain(EventKind::HealthStarting, id),
            Notice::Healthy(id) => plain(EventKind::Healthy, id),
            Notice::Unhealthy(id, streak, said) => {
                self.push(at, EventKind::Unhealthy, Some(*id), 0, u64::from(*streak), said);
            }
            Notice::Stopping(id, way, grace) => {
                let (kind, signal, by) = match way {
                    StopBy::Signal(signal) => (EventKind::StopSignal, signal.number(), ""),
                    StopBy::Command => (EventKind::StopBy, 0, "stop_command"),
                    StopBy::EndOfInput => (EventKind::StopBy, 0, "end_of_input"),
                };
                self.push(at, kind, Some(*id), signal, millis(*grace), by);
            }
            Notice::Killed(id, after) => {
                self.push(at, EventKind::Kill, Some(*id), Signal::KILL.number(), millis(*after), "");
            }
            Notice::Signalled(id, signal, scope) => {
                let to = match scope {
                    Scope::Process => "process",
                    Scope::Group => "group",
                };
                self.push(at, EventKind::Signal, Some(*id), signal.number(), NONE, to);
            }
            Notice::Controlled(id, signal) => {
                self.push(at, EventKind::Signal, Some(*id), signal.number(), NONE, "control");
            }
            Notice::Stopped(id, _, took) => self.push(at, EventKind::Stop, Some(*id), 0, millis(*took), ""),
            Notice::CalledOff(id) => plain(EventKind::Stop, id),
            Notice::Unkillable(id) => plain(EventKind::Unkillable, id),
            Notice::StopBegun(cause, _, limit) => {
                self.push(at, EventKind::Shutdown, None, 0, millis(*limit), &narrate::why(supervisor, cause));
            }
            Notice::RestKilled => self.push(at, EventKind::KillRest, None, Signal::KILL.number(), NONE, ""),
            // What these lead to is told; and `StopDone` with the exit status, by `ended`.
            Notice::Restarting(..)
            | Notice::Succeeded(..)
            | Notice::NotSignalled(..)
            | Notice::Waiting(..)
            | Notice::ProbeFailed(..)
            | Notice::ProbeNotRun(..)
            | Notice::ProbeUnusable(..)
            | Notice::StopDone(..) => {}
        }
    }

    fn died(&mut self, at: u64, id: ServiceId, status: ExitStatus, oom: bool, ran: Duration) {
        if oom {
            self.push(at, EventKind::Oom, Some(id), 0, NONE, "");
        }
        let code = match status {
            ExitStatus::Code(code) => code,
            ExitStatus::Signal(number) => number.saturating_neg(),
        };
        self.push(at, EventKind::Die, Some(id), code, millis(ran), "");
    }

    fn follows(&mut self, at: u64, id: ServiceId, next: &Next, why: Option<&str>) {
        match next {
            Next::Restart(wait) => {
                self.push(at, EventKind::Restart, Some(id), 0, millis(*wait), why.unwrap_or_default());
            }
            Next::Completed => self.push(at, EventKind::Completed, Some(id), 0, NONE, ""),
            Next::Failed(reason) => self.push(at, EventKind::Failed, Some(id), 0, NONE, reason),
            Next::Stopped => self.push(at, EventKind::Stop, Some(id), 0, NONE, ""),
            // That is not over yet.
            Next::StopRest | Next::PostStop => {}
        }
    }
}

impl Record {
    fn report(&self, seq: u64, service: Option<&str>) -> EventReport {
        let shape = self.kind.shape();
        let mut attributes = BTreeMap::new();
        let mut put = |name: &str, value| attributes.insert(name.to_owned(), value);
        let number = |code: i32| Attribute::Number(u64::try_from(code).unwrap_or_default());
        let signal = |number: i16| match Signal::new(i32::from(number)) {
            Some(signal) => Attribute::Text(signal.to_string()),
            None => Attribute::Text(format!("signal {number}")),
        };
        match (shape.code, self.code) {
            ("", _) => None,
            // As a shell tells it, and the signal beside it.
            (EXIT_CODE, code @ ..0) => {
                let killed_by = code.saturating_neg();
                put(SIGNAL, signal(killed_by));
                put(EXIT_CODE, number(exit::by_signal(killed_by.into())))
            }
            (SIGNAL, code) => put(SIGNAL, signal(code)),
            (name, code) => put(name, number(code.into())),
        };
        if self.number != NONE && !shape.number.is_empty() {
            put(shape.number, Attribute::Number(self.number));
        }
        if let Some(text) = self.text.as_deref().filter(|_| !shape.text.is_empty()) {
            put(shape.text, Attribute::Text(text.to_owned()));
        }
        let time = UNIX_EPOCH.checked_add(Duration::from_millis(self.at)).unwrap_or(UNIX_EPOCH);
        EventReport {
            seq,
            time: humantime::format_rfc3339_millis(time).to_string(),
            service: service.map(str::to_owned),
            kind: shape.word.to_owned(),
            attributes,
        }
    }
}

/// The time by the wall's clock, in milliseconds since 1970.
pub fn wall_clock() -> u64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

#[cfg(test)]
mod tests;
