//! The health of one service, accounted for as Docker does it.
//!
//! The first probe starts `interval` after the service, each further one `interval` after the end of the one
//! before; during `start_period`, until the first success, it is `start_interval` in place of `interval`. A success
//! makes the service healthy. A failure counts, unless the service is still `starting` and the probe began within
//! `start_period`; `retries` failures in a row make it unhealthy.
//!
//! A probe that somebody has asked for comes beside these: it moves none of them, and as anybody may ask, and as often
//! as he likes, its failure is told and does not count. Its success does: the service is well.
//!
//! Services that start together would be probed together for ever. So the first probe of each but the first service
//! comes later, by less than a tenth of the interval: how much is decided by the service's place alone.

use super::event::{ExitStatus, Pid, Time};
use crate::model::{HealthTiming, duration, text};
use std::collections::VecDeque;
use std::time::Duration;

/// Results that are kept.
const KEPT: usize = 5;

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

    /// The failure in one line.
    pub fn summary(&self) -> String {
        let line = self.output.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("");
        match (self.status, line) {
            (None, _) => format!("its health check gave no result within {}", duration::format(self.took)),
            (Some(status @ ExitStatus::Code(_)), "") => format!("its health check {status}"),
            (Some(status @ ExitStatus::Signal(_)), "") => format!("its health check was {status}"),
            (Some(_), line) => line.chars().take(200).collect(),
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
    /// Failed; the state is what it was.
    Failed,
}

/// A probe under way.
#[derive(Clone, Debug)]
struct Probing {
    /// Not known between the effect and its answer.
    pid: Option<Pid>,
    started: Time,
    /// It was not due yet: somebody has asked for it.
    extra: bool,
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
    /// Results since the beginning of time.
    count: u64,
    /// When the service started; `None`: off.
    service_started: Option<Time>,
    next: Time,
    /// Since when somebody waits for a probe to be started.
    asked: Option<Time>,
    probing: Option<Probing>,
}

impl Health {
    /// Health that is off.
    pub fn new(timing: HealthTiming) -> Health {
        Health {
            timing,
            state: HealthState::Starting,
            failing_streak: 0,
            results: VecDeque::new(),
            count: 0,
            service_started: None,
            next: Time::ZERO,
            asked: None,
            probing: None,
        }
    }

    /// The service at this place has started: the accounting begins anew.
    pub fn begin(&mut self, now: Time, place: usize) {
        self.state = HealthState::Starting;
        self.failing_streak = 0;
        self.service_started = Some(now);
        let interval = self.interval(now);
        self.next = now.saturating_add(interval).saturating_add(spread(place, interval));
    }

    /// The same with other numbers, from a changed definition.
    pub fn with_timing(mut self, timing: HealthTiming) -> Health {
        self.timing = timing;
        self
    }

    /// The service is paused. Returns the probe that is to be killed, if one is under way; its result does not count.
    pub fn suspend(&mut self) -> Option<Pid> {
        self.asked = None;
        self.probing.take().and_then(|probing| probing.pid)
    }

    /// The service goes on: the next probe comes after an interval.
    pub fn resume(&mut self, now: Time) {
        self.schedule(now);
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

    /// Results so far, to tell whether there is a new one.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// rinit has not run for this long: neither the probe under way nor the service has, perhaps.
    pub fn overslept(&mut self, by: Duration) {
        let probe = self.probing.as_mut().map(|probing| &mut probing.started);
        for since in self.service_started.as_mut().into_iter().chain(probe) {
            *since = since.saturating_add(by);
        }
    }

    /// Whether results are to be expected.
    pub fn is_on(&self) -> bool {
        self.service_started.is_some()
    }

    /// When something is to be done next.
    pub fn deadline(&self) -> Option<Time> {
        self.service_started?;
        match &self.probing {
            None => Some(self.asked.map_or(self.next, |asked| asked.min(self.next))),
            Some(probing) if probing.overdue => None,
            Some(probing) => Some(probing.started.saturating_add(self.timing.timeout)),
        }
    }

    /// Whether a probe is to be started; if so, it counts as started.
    pub fn take_due(&mut self, now: Time) -> bool {
        if self.probing.is_some() || self.service_started.is_none() {
            return false;
        }
        let extra = now < self.next;
        if extra && self.asked.is_none() {
            return false;
        }
        self.asked = None;
        self.probing = Some(Probing { pid: None, started: now, extra, overdue: false });
        true
    }

    /// Somebody asks for a result: a probe under way will give one, else one is started as soon as it can be.
    pub fn ask(&mut self, now: Time) {
        if self.probing.as_ref().is_none_or(|probing| probing.overdue) {
            self.asked = Some(now);
        }
    }

    /// The probe has a process. Returns whether its result will count.
    pub fn spawned(&mut self, pid: Pid) -> bool {
        let probing = self.probing.as_mut().filter(|probing| probing.pid.is_none());
        probing.is_some_and(|probing| probing.pid.replace(pid).is_none())
    }

    /// The probe could not be made. That says nothing about the service.
    pub fn not_run(&mut self, now: Time) {
        if self.probing.take().is_some_and(|probing| !probing.extra) {
            self.schedule(now);
        }
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
        let (started, extra) = (probing.started, probing.extra);
        let result = ProbeResult { started, took: timeout, status: None, output: String::new() };
        Some((pid, self.account(now, result, extra)))
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
        self.account(now, result, probing.extra)
    }

    fn account(&mut self, now: Time, result: ProbeResult, extra: bool) -> Change {
        let change = match (result.passed(), extra) {
            (true, _) => self.passed(),
            (false, true) => Change::Failed,
            (false, false) => self.failed(result.started),
        };
        if self.results.len() >= KEPT {
            self.results.pop_front();
        }
        self.results.push_back(result);
        self.count = self.count.saturating_add(1);
        if !extra {
            self.schedule(now);
        }
        change
    }

    fn passed(&mut self) -> Change {
        self.failing_streak = 0;
        match std::mem::replace(&mut self.state, HealthState::Healthy) {
            HealthState::Healthy => Change::None,
            HealthState::Starting | HealthState::Unhealthy => Change::Healthy,
        }
    }

    fn failed(&mut self, probe_started: Time) -> Change {
        if self.state == HealthState::Starting && self.in_start_period(probe_started) {
            return Change::Failed;
        }
        self.failing_streak = self.failing_streak.saturating_add(1);
        if self.failing_streak < self.timing.retries || self.state == HealthState::Unhealthy {
            return Change::Failed;
        }
        self.state = HealthState::Unhealthy;
        Change::Unhealthy
    }

    fn in_start_period(&self, at: Time) -> bool {
        self.service_started.is_some_and(|started| at.saturating_sub(started) < self.timing.start_period)
    }

    fn interval(&self, now: Time) -> Duration {
        match self.state {
            HealthState::Starting if self.in_start_period(now) => self.timing.start_interval,
            _ => self.timing.interval,
        }
    }

    fn schedule(&mut self, now: Time) {
        self.next = now.saturating_add(self.interval(now));
    }
}

/// Less than a tenth of the interval, none for the first place, and spread evenly over however many places there are:
/// the place's bits, read backwards, are the digits of a fraction.
fn spread(place: usize, interval: Duration) -> Duration {
    let fraction = u32::try_from(place).unwrap_or_default().reverse_bits();
    let nanos = (interval.as_nanos() / 10).saturating_mul(u128::from(fraction)) >> u32::BITS;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_start_together_are_probed_one_after_the_other() {
        let offsets = |count| (0..count).map(|place| spread(place, s(30))).collect::<Vec<_>>();
        assert_eq!(offsets(4), [0, 1500, 750, 2250].map(Duration::from_millis));
        let mut many = offsets(1000);
        assert!(many.iter().all(|offset| *offset < s(3)));
        many.sort();
        let gaps = many.windows(2).map(|pair| pair[1] - pair[0]);
        let (least, most) = gaps.fold((s(3), s(0)), |(least, most), gap| (least.min(gap), most.max(gap)));
        assert!(least > Duration::from_millis(2) && most < Duration::from_millis(7), "{least:?}, {most:?}");
        assert_eq!(spread(usize::MAX, s(30)), s(0));
        assert_eq!(spread(1, Duration::MAX), s(0));
    }

    fn s(seconds: u64) -> Time {
        Duration::from_secs(seconds)
    }

    fn health(start_period: u64) -> Health {
        let mut health = Health::new(HealthTiming {
            interval: s(10),
            timeout: s(3),
            start_period: s(start_period),
            start_interval: s(2),
            retries: 2,
            ..HealthTiming::default()
        });
        health.begin(s(0), 0);
        health
    }

    /// Runs the next probe to its end within the second and returns when it began and what it changed.
    fn probe(health: &mut Health, code: i32) -> (Time, Change) {
        let at = health.deadline().unwrap();
        assert!(health.take_due(at));
        health.spawned(Pid(9));
        (at, health.exited(at, Pid(9), ExitStatus::Code(code), b"said\n"))
    }

    #[test]
    fn retries_in_a_row_make_it_unhealthy_and_one_success_healthy() {
        let mut health = health(0);
        assert_eq!(probe(&mut health, 0), (s(10), Change::Healthy));
        assert_eq!(probe(&mut health, 1), (s(20), Change::Failed));
        assert_eq!(probe(&mut health, 0), (s(30), Change::None));
        assert_eq!(probe(&mut health, 1), (s(40), Change::Failed));
        assert_eq!(health.state(), HealthState::Healthy);
        assert_eq!(probe(&mut health, 1), (s(50), Change::Unhealthy));
        assert_eq!(probe(&mut health, 1), (s(60), Change::Failed));
        assert_eq!(health.failing_streak(), 3);
        assert_eq!(probe(&mut health, 0), (s(70), Change::Healthy));
        assert_eq!(health.results().count(), KEPT);
        assert_eq!(health.count(), 7);
    }

    #[test]
    fn failures_within_the_start_period_do_not_count() {
        let mut health = health(5);
        assert_eq!(probe(&mut health, 1), (s(2), Change::Failed));
        assert_eq!(probe(&mut health, 1), (s(4), Change::Failed));
        assert_eq!(health.failing_streak(), 0);
        assert_eq!(probe(&mut health, 1), (s(6), Change::Failed));
        assert_eq!(probe(&mut health, 1), (s(16), Change::Unhealthy));
    }

    #[test]
    fn a_success_within_the_start_period_ends_its_leniency() {
        let mut health = health(60);
        assert_eq!(probe(&mut health, 0), (s(2), Change::Healthy));
        assert_eq!(probe(&mut health, 1), (s(12), Change::Failed));
        assert_eq!(probe(&mut health, 1), (s(22), Change::Unhealthy));
    }

    #[test]
    fn a_probe_that_takes_too_long_counts_at_once_and_the_next_waits_for_its_end() {
        let mut health = health(0);
        assert!(health.take_due(s(10)));
        health.spawned(Pid(9));
        assert_eq!(health.overdue(s(12)), None);
        assert_eq!(health.overdue(s(13)), Some((Pid(9), Change::Failed)));
        assert_eq!(health.deadline(), None);
        assert_eq!(health.exited(s(14), Pid(9), ExitStatus::Signal(9), b""), Change::None);
        assert_eq!(health.deadline(), Some(s(23)));
        assert_eq!(health.results().last().unwrap().summary(), "its health check gave no result within 3s");
    }

    #[test]
    fn a_probe_that_could_not_be_made_says_nothing_about_the_service() {
        let mut health = health(0);
        assert!(health.take_due(s(10)));
        health.not_run(s(10));
        assert_eq!((health.failing_streak(), health.count()), (0, 0));
        assert_eq!(health.deadline(), Some(s(20)));
    }

    /// Runs a probe that is asked for to its end.
    fn extra(health: &mut Health, at: Time, code: i32) -> Change {
        health.ask(at);
        assert!(health.take_due(at));
        health.spawned(Pid(8));
        health.exited(at, Pid(8), ExitStatus::Code(code), b"said\n")
    }

    /// Anybody may ask, as often as he likes: so no service is restarted the sooner, and no probe put off.
    #[test]
    fn a_probe_that_was_asked_for_counts_only_if_it_passes() {
        let mut health = health(0);
        for at in 1..9 {
            assert_eq!(extra(&mut health, s(at), 1), Change::Failed);
        }
        assert_eq!((health.state(), health.failing_streak(), health.count()), (HealthState::Starting, 0, 8));
        assert_eq!(probe(&mut health, 1), (s(10), Change::Failed));
        assert_eq!(extra(&mut health, s(11), 0), Change::Healthy);
        assert_eq!(probe(&mut health, 1), (s(20), Change::Failed));
        assert_eq!(extra(&mut health, s(21), 1), Change::Failed);
        assert_eq!(health.failing_streak(), 1);
        assert_eq!(probe(&mut health, 1), (s(30), Change::Unhealthy));
    }

    #[test]
    fn who_asks_while_a_probe_runs_gets_its_result_and_after_its_timeout_another() {
        let mut health = health(0);
        assert!(health.take_due(s(10)));
        health.spawned(Pid(9));
        health.ask(s(11));
        assert_eq!(health.exited(s(12), Pid(9), ExitStatus::Code(1), b""), Change::Failed);
        assert_eq!((health.failing_streak(), health.deadline()), (1, Some(s(22))));
        assert!(health.take_due(s(22)));
        health.spawned(Pid(9));
        assert!(health.overdue(s(25)).is_some());
        health.ask(s(26));
        assert_eq!((health.take_due(s(26)), health.deadline()), (false, None));
        health.exited(s(27), Pid(9), ExitStatus::Signal(9), b"");
        assert_eq!(health.deadline(), Some(s(26)));
        assert!(health.take_due(s(27)));
        health.not_run(s(27));
        assert_eq!(health.deadline(), Some(s(35)));
    }

    /// One that is due when the one asked for ends is made at once: who asks without end keeps nothing from being counted.
    #[test]
    fn a_probe_that_is_due_goes_before_one_that_was_asked_for() {
        let mut health = health(0);
        health.ask(s(9));
        assert!(health.take_due(s(9)));
        health.spawned(Pid(9));
        health.exited(s(11), Pid(9), ExitStatus::Code(1), b"");
        health.ask(s(11));
        assert!(health.take_due(s(11)));
        health.spawned(Pid(9));
        assert_eq!(health.exited(s(12), Pid(9), ExitStatus::Code(1), b""), Change::Failed);
        assert_eq!((health.failing_streak(), health.deadline()), (1, Some(s(22))));
    }

    #[test]
    fn the_result_of_an_earlier_life_is_ignored() {
        let mut health = health(0);
        assert!(health.take_due(s(10)));
        health.spawned(Pid(9));
        assert_eq!(health.end(), Some(Pid(9)));
        health.begin(s(11), 0);
        assert_eq!(health.exited(s(12), Pid(9), ExitStatus::Code(0), b""), Change::None);
        assert_eq!(health.state(), HealthState::Starting);
    }
}
