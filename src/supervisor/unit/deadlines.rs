//! When something is to be done about a unit next, and what becomes of that when rinit was not there in time.

use super::Unit;
use super::ending::{Ending, Purpose, StopStep};
use super::health::Health;
use super::phase::{Phase, Running, StartStep, Starting};
use crate::supervisor::event::*;
use std::time::Duration;

impl Unit {
    /// When something is to be done next.
    pub fn deadline(&self) -> Option<Time> {
        [self.due(), self.control_by()].into_iter().flatten().min()
    }

    /// When something is to be done about its state next.
    fn due(&self) -> Option<Time> {
        match &self.phase {
            Phase::Backoff { until } => Some(*until),
            Phase::Stopping(ending) => ending.next(),
            Phase::Starting(Starting { ready_by, step }) => {
                let hook = match step {
                    StartStep::Hook { until, .. } => *until,
                    StartStep::Spawning | StartStep::Process(_) => None,
                };
                [*ready_by, hook].into_iter().flatten().min()
            }
            Phase::Running(running) => {
                let health = self.health.as_deref().and_then(Health::deadline);
                let well = self.retries.due(&self.definition.policy.backoff);
                let limits = [health, running.alive_by, self.run_by(running)];
                limits.into_iter().chain([well]).flatten().min()
            }
            Phase::Stopped | Phase::Waiting | Phase::Paused(_) | Phase::Completed | Phase::Failed { .. } => {
                None
            }
        }
    }

    /// Its deadline may have come.
    pub fn tick(&mut self, now: Time, out: &mut Vec<Effect>) {
        self.control_overdue(now, out);
        if self.due().is_none_or(|due| now < due) {
            return;
        }
        match &self.phase {
            Phase::Backoff { .. } => self.retry(now),
            Phase::Stopping(_) => self.grace_over(now, out),
            Phase::Starting(_) => self.start_overdue(now, out),
            Phase::Running(_) => self.watch(now, out),
            Phase::Stopped | Phase::Waiting | Phase::Paused(_) | Phase::Completed | Phase::Failed { .. } => {}
        }
    }

    /// rinit has not run for this long: moves every limit of what the unit does itself.
    pub fn overslept(&mut self, now: Time, by: Duration) {
        let later = |limit: &mut Option<Time>| *limit = limit.map(|limit| limit.saturating_add(by));
        match &mut self.phase {
            Phase::Starting(Starting { ready_by, step }) => {
                later(ready_by);
                if let StartStep::Hook { until, .. } = step {
                    later(until);
                }
            }
            Phase::Running(Running { alive_by, .. }) => later(alive_by),
            Phase::Stopping(ending) => {
                later(&mut ending.deadline);
                if let StopStep::Reading { until } = &mut ending.step {
                    *until = until.saturating_add(by);
                }
            }
            Phase::Stopped
            | Phase::Waiting
            | Phase::Paused(_)
            | Phase::Backoff { .. }
            | Phase::Completed
            | Phase::Failed { .. } => {}
        }
        if self.phase.ending().is_none()
            && let Some(process) = self.phase.alive_mut()
        {
            process.not_run = process.not_run.saturating_add(by);
        }
        if let Some(running) = &mut self.controlling {
            later(&mut running.until);
        }
        self.retries.overslept(now, by);
        if let Some(health) = self.health.as_deref_mut() {
            Health::overslept(health, now, by);
        }
    }

    /// What it stops for, and what is left of its grace.
    pub fn grace_left(&self, now: Time) -> Option<(Purpose, Duration)> {
        self.phase.ending().map(|ending: &Ending| (ending.purpose, ending.grace_left(now)))
    }
}
