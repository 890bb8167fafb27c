//! The health of one service, accounted for as Docker does it.
//!
//! A probe is *regular* when it is made at a time at which Docker would make one whose failure counts: the first at
//! the end of `start_period`, or where there is none one `interval` after the service has started; each further one
//! `interval` after the end of the one before. `retries` failures of regular probes in a row make the service
//! unhealthy, any success makes it healthy.
//!
//! Until the first success there are *early* probes between these, `start_interval` after the end of the one before.
//! Their failures do not count. So a service is healthy as soon as it is well, and unhealthy no sooner than with Docker.
//!
//! A probe that somebody has *asked* for comes beside these: it moves none of them, and as anybody may ask, and as often
//! as he likes, its failure is told and does not count. Its success does: the service is well.
//!
//! Services that start together would be probed together for ever. So the first probes of each but the first service
//! come later, by less than a tenth of their time: how much is decided by the service's place alone.

use crate::model::{HealthTiming, OnUnhealthy, duration, exit, text};
use crate::supervisor::event::{ExitStatus, Pid, Time};
use std::collections::VecDeque;
use std::time::Duration;

/// Results that are kept.
pub const KEPT: usize = 5;

/// Bytes of output that are kept of each.
pub const OUTPUT_LIMIT: usize = 4096;

/// What a health check says of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthState {
    /// No probe has passed yet, nor have enough failed.
    Starting,
    /// The last probe passed, or not enough have failed since.
    Healthy,
    /// `retries` probes in a row have failed.
    Unhealthy,
}

impl HealthState {
    /// Docker's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            HealthState::Starting => "starting",
            HealthState::Healthy => "healthy",
            HealthState::Unhealthy => "unhealthy",
        }
    }
}

/// The result of one probe.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeResult {
    /// When the probe started.
    pub started: Time,
    /// How long it took.
    pub took: Duration,
    /// How it ended; `None` if it took too long and was killed.
    pub status: Option<ExitStatus>,
    /// What it said, made printable.
    pub output: String,
}

impl ProbeResult {
    /// Whether it is a success.
    pub fn passed(&self) -> bool {
        self.status.is_some_and(ExitStatus::success)
    }

    /// Whether its program was missing or could not be executed, in the words of a shell: that says nothing about the
    /// service.
    pub fn is_unusable(&self) -> bool {
        matches!(self.status, Some(ExitStatus::Code(code)) if exit::is_not_run(code))
    }

    /// The failure in one line.
    pub fn summary(&self) -> String {
        let line = self.output.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("");
        let line: String = line.chars().take(200).collect();
        match self.status {
            None => format!("its health check gave no result within {}", duration::format(self.took)),
            Some(status) if self.is_unusable() => {
                let colon = if line.is_empty() { "" } else { ": " };
                format!("the probe itself could not be run ({status}){colon}{line}")
            }
            Some(status @ ExitStatus::Code(_)) if line.is_empty() => format!("its health check {status}"),
            Some(status @ ExitStatus::Signal(_)) if line.is_empty() => {
                format!("its health check was {status}")
            }
            Some(_) => line,
        }
    }
}

/// What the end of a probe has changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Nothing: it passed, as before.
    None,
    /// Healthy now.
    Healthy,
    /// Failed, and unhealthy now for the first time since it was not.
    Unhealthy,
    /// Failed, which counts, and is unhealthy already.
    StillUnhealthy,
    /// Failed; the state is what it was.
    Failed,
}

/// Why a probe is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Regular,
    Early,
    Asked,
}

/// A probe under way.
#[derive(Clone, Debug)]
struct Probing {
    /// Not known between the effect and its answer.
    pid: Option<Pid>,
    started: Time,
    kind: Kind,
    /// Its timeout is over: it was killed and accounted for, but is not reaped yet.
    overdue: bool,
}

/// The health of one service: off while the service does not run.
#[derive(Clone, Debug)]
pub struct Health {
    timing: HealthTiming,
    state: HealthState,
    failing_streak: u32,
    results: VecDeque<ProbeResult>,
    /// Probes that are over, or could not be made, since the beginning of time.
    count: u64,
    /// Why the last probe could not be made.
    not_run: Option<String>,
    /// Probes in a row whose program could not be run.
    unusable: u32,
    /// When the service started; `None`: off.
    service_started: Option<Time>,
    /// When the next regular probe is due.
    regular: Time,
    /// When the next early one is; `None` once a probe has passed.
    early: Option<Time>,
    /// Since when somebody waits for a probe to be started.
    asked: Option<Time>,
    probing: Option<Probing>,
    /// There is a result since the service started: those before it are of another process.
    has_result: bool,
}

impl Health {
    /// What follows when the service is unhealthy.
    pub fn on_unhealthy(&self) -> OnUnhealthy {
        self.timing.on_unhealthy
    }

    /// Health that is off.
    pub fn new(timing: HealthTiming) -> Health {
        Health {
            timing,
            state: HealthState::Starting,
            failing_streak: 0,
            results: VecDeque::new(),
            count: 0,
            not_run: None,
            unusable: 0,
            service_started: None,
            regular: Time::ZERO,
            early: None,
            asked: None,
            probing: None,
            has_result: false,
        }
    }

    /// The service at this place has started: the accounting begins anew.
    pub fn begin(&mut self, now: Time, place: usize) {
        self.state = HealthState::Starting;
        self.failing_streak = 0;
        self.unusable = 0;
        self.has_result = false;
        self.service_started = Some(now);
        let after = |wait: Duration| now.saturating_add(wait).saturating_add(spread(place, wait));
        let HealthTiming { interval, start_period, start_interval, .. } = self.timing;
        self.regular = after(if start_period.is_zero() { interval } else { start_period });
        self.early = Some(after(start_interval));
    }

    /// Other numbers, from a changed definition, which hold from now on.
    pub fn set_timing(&mut self, now: Time, timing: HealthTiming) {
        if std::mem::replace(&mut self.timing, timing) == timing {
            return;
        }
        self.regular = self.after_start_period(self.regular.min(now.saturating_add(timing.interval)));
        self.early = self.early.map(|early| early.min(now.saturating_add(timing.start_interval)));
    }

    /// The service is paused. Returns the probe that is to be killed, if one is under way; its result does not count.
    pub fn suspend(&mut self) -> Option<Pid> {
        self.asked = None;
        self.probing.take().and_then(|probing| probing.pid)
    }

    /// The service goes on: the next probe comes after an interval.
    pub fn resume(&mut self, now: Time) {
        self.schedule(now, Kind::Regular);
    }

    /// The service runs no longer. Returns the probe that is to be killed, if one is under way; its result no
    /// longer counts.
    pub fn end(&mut self) -> Option<Pid> {
        self.service_started = None;
        self.asked = None;
        self.probing.take().and_then(|probing| probing.pid)
    }

    /// What the health check says.
    pub fn state(&self) -> HealthState {
        self.state
    }

    /// Failures in a row that count.
    pub fn failing_streak(&self) -> u32 {
        self.failing_streak
    }

    /// The last five results, the oldest first.
    pub fn results(&self) -> impl Iterator<Item = &ProbeResult> {
        self.results.iter()
    }

    /// The last result of the process that runs.
    pub fn last_result(&self) -> Option<&ProbeResult> {
        self.results.back().filter(|_| self.has_result)
    }

    /// Probes so far that are over or could not be made, to tell whether there is a new one.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// rinit has not run for this long: neither the probe under way nor the service has, perhaps. The first failure that
    /// counts comes so much later.
    pub fn overslept(&mut self, now: Time, by: Duration) {
        if let Some(probing) = &mut self.probing {
            probing.started = probing.started.saturating_add(by);
        }
        let Some(started) = &mut self.service_started else { return };
        // It may have started since.
        let by = by.min(now.saturating_sub(*started));
        *started = started.saturating_add(by);
        if self.state == HealthState::Starting {
            self.regular = self.regular.saturating_add(by);
        }
    }

    /// Why the last probe of the process that runs could not be made, if that is so.
    pub fn not_run_because(&self) -> Option<&str> {
        self.not_run.as_deref().filter(|_| self.has_result)
    }

    /// Whether results are to be expected.
    pub fn is_on(&self) -> bool {
        self.service_started.is_some()
    }

    /// When something is to be done next.
    pub fn deadline(&self) -> Option<Time> {
        self.service_started?;
        match &self.probing {
            None => [Some(self.regular), self.early, self.asked].into_iter().flatten().min(),
            Some(probing) if probing.overdue => None,
            Some(probing) => Some(probing.started.saturating_add(self.timing.timeout)),
        }
    }

    /// Whether a probe is to be started; if so, it counts as started.
    pub fn take_due(&mut self, now: Time) -> bool {
        if self.probing.is_some() || self.service_started.is_none() {
            return false;
        }
        let kind = if self.regular <= now {
            Kind::Regular
        } else if self.early.is_some_and(|early| early <= now) {
            Kind::Early
        } else if self.asked.is_some() {
            Kind::Asked
        } else {
            return false;
        };
        self.asked = None;
        self.probing = Some(Probing { pid: None, started: now, kind, overdue: false });
        true
    }

    /// Somebody asks for a result: a probe under way will give one, else one is started as soon as it can be.
    pub fn ask(&mut self, now: Time) {
        if self.probing.as_ref().is_none_or(|probing| probing.overdue) {
            self.asked = Some(now);
        }
    }

    /// The probe has a process: its time begins now, however long it took to make it. Returns whether its result will
    /// count.
    pub fn spawned(&mut self, now: Time, pid: Pid) -> bool {
        let Some(probing) = self.probing.as_mut().filter(|probing| probing.pid.is_none()) else {
            return false;
        };
        (probing.pid, probing.started) = (Some(pid), now);
        true
    }

    /// The probe could not be made. That says nothing about the service. Returns whether it is news.
    pub fn not_run(&mut self, now: Time, why: String) -> bool {
        let Some(probing) = self.probing.take_if(|probing| !probing.overdue) else { return false };
        self.schedule(now, probing.kind);
        self.count = self.count.saturating_add(1);
        self.has_result = true;
        self.not_run.replace(why).is_none()
    }

    /// The probe's timeout is over. Returns the process to kill and what changed.
    pub fn overdue(&mut self, now: Time) -> Option<(Pid, Change)> {
        let timeout = self.timing.timeout;
        let probing = self.probing.as_mut()?;
        if probing.overdue || now < probing.started.saturating_add(timeout) {
            return None;
        }
        let pid = probing.pid?;
        probing.overdue = true;
        let (started, kind) = (probing.started, probing.kind);
        let result = ProbeResult { started, took: timeout, status: None, output: String::new() };
        Some((pid, self.account(now, result, kind)))
    }

    /// The probe was reaped.
    pub fn exited(&mut self, now: Time, pid: Pid, status: ExitStatus, output: &[u8]) -> Change {
        let Some(probing) = self.probing.take_if(|probing| probing.pid == Some(pid)) else {
            return Change::None;
        };
        if probing.overdue {
            return Change::None;
        }
        let output = text::printable(output, OUTPUT_LIMIT);
        let took = now.saturating_sub(probing.started);
        let result = ProbeResult { started: probing.started, took, status: Some(status), output };
        self.account(now, result, probing.kind)
    }

    /// Whether the program of the last `retries` probes could not be run, so that people should be told to mend it.
    /// Told once for as long as that lasts.
    pub fn is_to_be_mended(&self) -> bool {
        self.unusable == self.timing.retries
    }

    fn account(&mut self, now: Time, result: ProbeResult, kind: Kind) -> Change {
        self.not_run = None;
        self.unusable = if result.is_unusable() { self.unusable.saturating_add(1) } else { 0 };
        // After a success the next regular probe comes an interval later, as with Docker.
        let place = if result.passed() && kind == Kind::Early { Kind::Regular } else { kind };
        let change = match (result.passed(), kind) {
            (true, _) => self.passed(),
            (false, Kind::Early | Kind::Asked) => Change::Failed,
            (false, Kind::Regular) => self.failed(),
        };
        if self.results.len() >= KEPT {
            self.results.pop_front();
        }
        self.results.push_back(result);
        self.has_result = true;
        self.count = self.count.saturating_add(1);
        self.schedule(now, place);
        change
    }

    fn passed(&mut self) -> Change {
        self.failing_streak = 0;
        self.early = None;
        match std::mem::replace(&mut self.state, HealthState::Healthy) {
            HealthState::Healthy => Change::None,
            HealthState::Starting | HealthState::Unhealthy => Change::Healthy,
        }
    }

    fn failed(&mut self) -> Change {
        self.failing_streak = self.failing_streak.saturating_add(1);
        if self.state == HealthState::Unhealthy {
            return Change::StillUnhealthy;
        }
        if self.failing_streak < self.timing.retries {
            return Change::Failed;
        }
        self.state = HealthState::Unhealthy;
        Change::Unhealthy
    }

    /// Until the first success no probe is regular before the end of `start_period`: its failure would count.
    fn after_start_period(&self, at: Time) -> Time {
        match self.service_started {
            Some(started) if self.state == HealthState::Starting => {
                at.max(started.saturating_add(self.timing.start_period))
            }
            Some(_) | None => at,
        }
    }

    /// A probe of this kind is over: when the next ones are due.
    fn schedule(&mut self, now: Time, kind: Kind) {
        if kind == Kind::Regular {
            self.regular = self.after_start_period(now.saturating_add(self.timing.interval));
        }
        if kind != Kind::Asked && self.early.is_some() {
            self.early = Some(now.saturating_add(self.timing.start_interval));
        }
    }
}

/// Less than a tenth of the interval, none for the first place, and spread evenly over however many places there are:
/// the place's bits, read backwards, are the digits of a fraction.
pub fn spread(place: usize, interval: Duration) -> Duration {
    let fraction = u32::try_from(place).unwrap_or_default().reverse_bits();
    let nanos = (interval.as_nanos() / 10).saturating_mul(u128::from(fraction)) >> u32::BITS;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or_default())
}
