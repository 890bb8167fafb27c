//! What follows when rinit was not there in time: PID 1 alone was stopped, or everything was frozen, as by `docker pause`.
//!
//! Nobody can tell how much of such a time a service could use. So limits of what a service does itself get all of it
//! back: each has as much time left as it had when rinit ran last. The stop of the container does not, for the engine
//! goes on counting: what a service has left of its grace is scaled anew to what is left of the stop timeout.

use super::Supervisor;
use super::event::*;
use std::time::Duration;

impl Supervisor {
    /// rinit has not run for this long, up to now.
    pub(super) fn overslept(&mut self, now: Time, by: Duration) {
        for index in 0..self.units.len() {
            let id = ServiceId(index);
            self.with(id, |unit| unit.overslept(now, by));
            let unit = self.units.get(index).filter(|unit| unit.container_stop.had_turn());
            if let Some((purpose, left)) = unit.and_then(|unit| unit.grace_left(now))
                && self.is_stopping()
            {
                let (grace, _) = self.share(now, id, left);
                self.with(id, |unit| unit.shorten_grace(now, purpose, grace));
            }
        }
    }
}
