//! What follows when rinit was not there in time: PID 1 alone was stopped, or everything was frozen, as by `docker pause`.
//!
//! Nobody can tell how much of such a time a service could use. So limits of what a service does itself get all of it
//! back: each has as much time left as it had when rinit ran last. The stop of the container does not, for the engine
//! goes on counting: what a service has left of its grace is scaled anew to what is left of the stop timeout.

use super::Supervisor;
use super::ending::Ending;
use super::event::*;
use super::health::Health;
use super::unit::Unit;
use std::time::Duration;

impl Supervisor {
    /// rinit has not run for this long, up to now.
    pub(super) fn overslept(&mut self, now: Time, by: Duration) {
        for index in 0..self.units.len() {
            let id = ServiceId(index);
            self.with(id, |unit| unit.overslept(now, by));
            let ending =
                self.units.get(index).filter(|unit| unit.turn_came).and_then(|it| it.ending.as_deref());
            if let Some((purpose, left)) = ending.map(|ending| (ending.purpose, ending.left(now)))
                && self.is_stopping()
            {
                let (grace, _) = self.share(now, id, left);
                self.with(id, |unit| unit.hasten(now, purpose, grace));
            }
        }
    }
}

impl Unit {
    /// Moves every limit of what it does itself.
    fn overslept(&mut self, now: Time, by: Duration) {
        let own = [&mut self.start_by, &mut self.alive_by];
        let hooks = self.hook.iter_mut().map(|running| &mut running.until);
        let commands = self.controlling.iter_mut().map(|running| &mut running.until);
        let endings = self.ending.iter_mut().flat_map(|ending| [&mut ending.deadline, &mut ending.drain_by]);
        for limit in own.into_iter().chain(hooks).chain(commands).chain(endings) {
            *limit = limit.map(|limit| limit.saturating_add(by));
        }
        if let Some(process) = self.process.as_mut().filter(|_| self.ending.is_none()) {
            process.not_run = process.not_run.saturating_add(by);
        }
        self.retries.overslept(now, by);
        if let Some(health) = self.health.as_deref_mut() {
            Health::overslept(health, now, by);
        }
    }
}

impl Ending {
    /// What is left of its grace.
    fn left(&self, now: Time) -> Duration {
        self.deadline.unwrap_or(now).saturating_sub(now)
    }
}
