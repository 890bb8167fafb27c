//! What can be asked of the supervisor: the state of each service, and whether it is well.

use super::Supervisor;
use super::event::*;
use super::shutdown::share_of;
use super::spread::NeedState;
use super::unit::{Health, HealthState, LastExit, Need, ProbeResult, State, Unit};
use super::view::{Exit, Problem, Scale, Tie, View};
use crate::model::{Condition, duration};
use std::time::Duration;

impl Supervisor {
    /// How many services there are; their IDs count from 0.
    pub fn len(&self) -> usize {
        self.units.len()
    }

    /// Whether there is no service.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// The service of that name.
    pub fn find(&self, name: &str) -> Option<ServiceId> {
        self.units.iter().find(|unit| unit.name == name && !unit.is_gone()).map(|unit| unit.id)
    }

    /// The name of a service.
    pub fn name(&self, id: ServiceId) -> &str {
        self.units.get(id.0).map_or("?", |unit| &unit.name)
    }

    /// The state of one service.
    pub fn view(&self, now: Time, id: ServiceId) -> Option<View<'_>> {
        let unit = self.units.get(id.0)?;
        let health = unit.health.as_deref();
        let last_exit = unit.last_exit.as_ref();
        Some(View {
            name: &unit.name,
            state: unit.state(),
            since: now.saturating_sub(unit.since),
            health: health.filter(|health| health.is_on()).map(Health::state),
            failing_streak: health.map_or(0, Health::failing_streak),
            pid: unit.pid(),
            restarts: unit.starts.saturating_sub(1),
            last_exit: unit.exit_text(),
            exit_asked: last_exit.is_some_and(|last| last.asked),
            exit_reason: last_exit.and_then(|last| last.reason.as_deref()),
            status: unit.status.as_deref(),
            reason: unit.refusal().or(match unit.state() == State::Stopped && unit.is_stopped_by_hand() {
                // Why it had failed before is of no interest any more.
                true => Some("stopped by hand"),
                false => unit.reason.as_deref(),
            }),
            waiting_for: if unit.state() == State::Waiting { self.waiting_for(unit) } else { Vec::new() },
            restart_in: unit.retry_at().map(|at| at.saturating_sub(now)),
            probes: health.map(|health| health.results().collect()).unwrap_or_default(),
        })
    }

    /// The state of one service and what its health check says: as in its view, and at no cost.
    pub fn state(&self, id: ServiceId) -> Option<(State, Option<HealthState>)> {
        let unit = self.units.get(id.0)?;
        Some((unit.state(), unit.health.as_deref().filter(|health| health.is_on()).map(Health::state)))
    }

    /// Whether it is stopped because somebody has stopped it, and nobody has started it since.
    pub fn is_stopped_by_hand(&self, id: ServiceId) -> bool {
        self.units.get(id.0).is_some_and(|unit| unit.is_stopped_by_hand() && unit.state() == State::Stopped)
    }

    /// Whether a command runs in place of a signal, a pause or its end that was asked for: what comes of it is not known
    /// yet.
    pub fn is_controlled(&self, id: ServiceId) -> bool {
        self.units.get(id.0).is_some_and(Unit::is_controlled)
    }

    /// The grace that the definition by which a service runs gives it.
    pub fn stop_grace(&self, id: ServiceId) -> Duration {
        self.units.get(id.0).map(|unit| unit.definition.policy.stop_grace_period).unwrap_or_default()
    }

    /// The grace of each service if the container stopped now and nothing before it took any time: its own, or its
    /// share of the stop timeout.
    pub fn graces_at_stop(&self) -> Vec<Duration> {
        let mut chains = vec![Duration::ZERO; self.units.len()];
        let mut graces = chains.clone();
        for id in &self.order {
            let Some(unit) = self.units.get(id.0) else { continue };
            let own = unit.definition.policy.stop_grace_period;
            let below = unit.needs.iter().filter_map(|need| chains.get(need.on.0)).max().copied();
            let chain = own.saturating_add(below.unwrap_or_default());
            if let (Some(place), Some(grace)) = (chains.get_mut(id.0), graces.get_mut(id.0)) {
                *grace = share_of(self.stop_timeout, own, chain);
                *place = if unit.has_to_stop() { chain } else { below.unwrap_or_default() };
            }
        }
        graces
    }

    /// Whether a service is to run and does not, because of a failure of its own: it waits for its next restart, or has
    /// failed for good.
    pub fn is_down(&self, id: ServiceId) -> bool {
        self.units.get(id.0).is_some_and(|unit| {
            let gave_up = unit.state() == State::Failed && !unit.failed_by_dependency();
            unit.is_wanted() && (gave_up || unit.state() == State::Backoff)
        })
    }

    /// Which signal could not be sent to a service, and why, if that is so.
    pub fn refusal(&self, id: ServiceId) -> Option<&str> {
        self.units.get(id.0)?.refusal()
    }

    /// Why SIGKILL could not be sent to a service, if that is so.
    pub fn kill_refusal(&self, id: ServiceId) -> Option<&str> {
        let refused = self.units.get(id.0)?.refused.as_ref()?;
        refused.is_kill.then_some(refused.message.as_str())
    }

    /// What a service depends on, in the order of its definition.
    pub fn needs(&self, id: ServiceId) -> Vec<Tie<'_>> {
        let needs = self.units.get(id.0).map(|unit| unit.needs.as_slice()).unwrap_or_default();
        let tie = |need: &Need| Tie {
            name: self.name(need.on),
            condition: need.condition,
            met: self.need(need) == NeedState::Met,
        };
        needs.iter().map(tie).collect()
    }

    /// What depends on a service.
    pub fn needed_by(&self, id: ServiceId) -> Vec<&str> {
        let dependents = self.units.get(id.0).map(|unit| unit.needed_by.as_slice()).unwrap_or_default();
        dependents.iter().map(|id| self.name(*id)).collect()
    }

    /// How the last main process of a service has ended.
    pub fn last_exit(&self, now: Time, id: ServiceId) -> Option<Exit> {
        let unit = self.units.get(id.0)?;
        let LastExit { status, at, ran, oom, .. } = unit.last_exit.as_ref()?;
        Some(Exit { status: *status, oom: *oom, ago: now.saturating_sub(*at), ran: *ran })
    }

    /// In what time a service is killed unless it gives its watchdog a sign of life.
    pub fn watchdog(&self, now: Time, id: ServiceId) -> Option<Duration> {
        self.units.get(id.0)?.alive_by().map(|limit| limit.saturating_sub(now))
    }

    /// What a service lacks, if it is not well by that scale.
    pub fn problem(&self, now: Time, id: ServiceId, scale: Scale) -> Option<Problem<'_>> {
        let unit = self.units.get(id.0)?;
        let message = match scale {
            _ if unit.state() == State::Failed => Some(self.message(now, unit)),
            Scale::Live => None,
            Scale::StartedUp if unit.been_ready || !unit.is_wanted() => None,
            Scale::Well if self.is_well(unit) => None,
            Scale::Well | Scale::StartedUp => Some(self.message(now, unit)),
        }?;
        Some(Problem { name: &unit.name, message })
    }

    /// How the last probe of a health check that is on has failed, if it has, or why it could not be made.
    pub fn failed_probe(&self, id: ServiceId) -> Option<Problem<'_>> {
        let unit = self.units.get(id.0)?;
        let health = unit.health.as_ref().filter(|health| health.is_on())?;
        let state = health.state().as_str();
        let message = match (health.not_run_because(), health.last_result()) {
            (Some(why), _) => format!("{state}, but its health check could not run: {why}"),
            (None, Some(last)) if !last.passed() => {
                format!("{state}, but the last probe failed: {}", last.summary())
            }
            (None, _) => return None,
        };
        Some(Problem { name: &unit.name, message })
    }

    /// How many probes of a service are over, or could not be made, and whether another one is to be expected.
    pub fn probes(&self, id: ServiceId) -> (u64, bool) {
        self.units.get(id.0).and_then(|unit| unit.health.as_ref()).map_or((0, false), |health| {
            (
                health.count(),
                health.is_on() && self.units.get(id.0).is_some_and(|unit| unit.state() == State::Running),
            )
        })
    }

    fn is_well(&self, unit: &Unit) -> bool {
        match unit.state() {
            State::Running => unit.health.is_none() || unit.is_healthy(),
            State::Completed => true,
            State::Paused => false,
            State::Stopped => !unit.is_wanted() && !self.is_stopping(),
            State::Waiting | State::Starting | State::Stopping | State::Backoff | State::Failed => false,
        }
    }

    fn message(&self, now: Time, unit: &Unit) -> String {
        let because = |text: &str| match (&unit.reason, unit.exit_text()) {
            (Some(reason), _) => format!("{text}: {reason}"),
            (None, Some(status)) => format!("{text}: {status}"),
            (None, None) => text.to_owned(),
        };
        match unit.state() {
            State::Stopped | State::Starting | State::Paused | State::Completed => {
                unit.state().as_str().to_owned()
            }
            State::Stopping if unit.refused.is_some() => {
                format!("stopping: {}", unit.refusal().unwrap_or_default())
            }
            State::Stopping if unit.is_halting() => "stopping".to_owned(),
            State::Stopping => because("restarting"),
            State::Failed => because("failed"),
            State::Waiting => {
                let on: Vec<&str> = self.waiting_for(unit).into_iter().map(|(name, _)| name).collect();
                let cause = unit.reason.clone().or_else(|| {
                    unit.last_exit.as_ref().filter(|last| !last.asked).and_then(|_| unit.exit_text())
                });
                let cause = cause.map(|cause| format!("; {cause}")).unwrap_or_default();
                format!("waiting for {}{cause}", on.join(", "))
            }
            State::Backoff => {
                let wait = unit.retry_at().unwrap_or(now).saturating_sub(now);
                format!("{}, restarting in {}", because("backoff"), duration::format(wait))
            }
            State::Running => running_message(unit.health.as_deref()),
        }
    }

    fn waiting_for(&self, unit: &Unit) -> Vec<(&str, Condition)> {
        let open = unit.needs.iter().filter(|need| self.need(need) != NeedState::Met);
        open.map(|need| (self.name(need.on), need.condition)).collect()
    }
}

fn running_message(health: Option<&Health>) -> String {
    let Some(health) = health else { return State::Running.as_str().to_owned() };
    let state = health.state().as_str();
    match (health.not_run_because(), health.last_result().map(ProbeResult::summary)) {
        _ if health.state() == HealthState::Healthy => state.to_owned(),
        (Some(why), _) => format!("{state}: its health check could not run: {why}"),
        (None, Some(last)) => format!("{state}: {last}"),
        (None, None) => format!("{state}: no result of its health check yet"),
    }
}
