//! Says which services wait for others that do not come, and why: in the log there is nothing of them otherwise.

#![forbid(unsafe_code)]

use crate::model::{Condition, duration};
use crate::supervisor::{Notice, Scale, ServiceId, State, Supervisor, Time, View};
use std::collections::BTreeMap;
use std::time::Duration;

/// A wait that is over before that is not worth a line.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest time between two lines about one service.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Maximum number of services that get a line at once, and of dependencies in it.
const MOST_LINES: usize = 10;
const MOST_NAMES: usize = 3;

/// What is known of services that wait.
#[derive(Default)]
pub struct Stuck {
    /// A service waits, and nobody has looked since.
    is_new: bool,
    /// When to look next.
    due: Option<Time>,
    /// Since when each has waited that there is a line about, and when the next one is due.
    told: BTreeMap<ServiceId, (Time, Time)>,
}

impl Stuck {
    /// Takes in that a service waits for another one.
    pub fn take_in(&mut self, notice: &Notice) {
        self.is_new |= matches!(notice, Notice::Waiting(..));
    }

    /// When something may have to be said.
    pub fn deadline(&self) -> Option<Time> {
        self.due
    }

    /// Plans a look at what has begun to wait.
    pub fn plan(&mut self, now: Time) {
        if std::mem::take(&mut self.is_new) {
            let soon = now.saturating_add(PATIENCE);
            self.due = Some(self.due.map_or(soon, |due| due.min(soon)));
        }
    }

    /// The services that there is to be a line about now. Plans the next look.
    fn take_due(&mut self, supervisor: &Supervisor, now: Time) -> Vec<ServiceId> {
        let waits = |id: &ServiceId| supervisor.state(*id).is_some_and(|(state, _)| state == State::Waiting);
        let waiting: Vec<ServiceId> = match supervisor.is_stopping() {
            true => Vec::new(),
            false => supervisor.current().filter(waits).collect(),
        };
        self.told.retain(|id, _| waiting.binary_search(id).is_ok());
        self.due = None;
        let mut due = Vec::new();
        for id in waiting {
            let Some(waited) = supervisor.view(now, id).map(|view| view.since) else { continue };
            let since = now.saturating_sub(waited);
            let known = self.told.get(&id).filter(|(told, _)| *told == since);
            let mut next = known.map_or(since.saturating_add(PATIENCE), |(_, next)| *next);
            if next <= now {
                due.push(id);
                // Ever less often: after 10 s, 30 s, 90 s.
                next = now.saturating_add(waited.saturating_add(waited).clamp(PATIENCE, LONGEST_PAUSE));
                self.told.insert(id, (since, next));
            }
            self.due = Some(self.due.map_or(next, |due| due.min(next)));
        }
        due
    }

    /// Says who has waited for long, if it is time for that.
    pub fn tell(&mut self, supervisor: &Supervisor, now: Time) {
        if self.due.is_none_or(|due| now < due) {
            return;
        }
        let due = self.take_due(supervisor, now);
        for id in due.iter().take(MOST_LINES) {
            if let Some(text) = why(supervisor, now, *id) {
                log::info!(target: supervisor.name(*id), "{text}");
            }
        }
        let more = due.len().saturating_sub(MOST_LINES);
        if more > 0 {
            log::info!("{more} more services wait for others");
        }
    }
}

/// Whom a service waits for, and what these lack.
fn why(supervisor: &Supervisor, now: Time, id: ServiceId) -> Option<String> {
    let view = supervisor.view(now, id)?;
    let open = view.waiting_for.iter().take(MOST_NAMES).map(|(name, condition)| {
        let on = supervisor.find(name);
        let lacks = on.and_then(|on| supervisor.problem(now, on, Scale::Well)).map(|found| found.message);
        let by_hand =
            on.filter(|on| supervisor.is_stopped_by_hand(*on)).map(|_| "stopped by request".to_owned());
        let lacks = by_hand.or(lacks).or_else(|| Some(supervisor.state(on?)?.0.as_str().to_owned()));
        let lacks = lacks.map(|lacks| format!(" ({})", lacks.replace('\n', " "))).unwrap_or_default();
        let be = match condition {
            Condition::Started => "be started",
            Condition::Healthy => "be healthy",
            Condition::CompletedSuccessfully => "complete",
        };
        format!("{name} to {be}{lacks}")
    });
    let mut text = open.collect::<Vec<_>>().join(", ");
    let more = view.waiting_for.len().saturating_sub(MOST_NAMES);
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    let before = before(&view);
    (!text.is_empty())
        .then(|| format!("waiting for {text}, for {} so far{before}", duration::format(view.since)))
}

/// How it has failed before it had to wait, if it has.
fn before(view: &View<'_>) -> String {
    let cause = view.reason.or(view.last_exit.as_deref().filter(|_| !view.exit_asked));
    let cause = cause.map(|cause| format!("; before: {cause}, {} restarts so far", view.restarts));
    cause.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Dependency, Exec, Policy, Service, Shared};
    use crate::supervisor::{Effect, Event};

    /// `web` waits for `db`, which never gets ready.
    fn waiting() -> (Supervisor, Vec<Effect>) {
        let depends_on = vec![Dependency {
            name: "db".into(),
            condition: Condition::Healthy,
            required: true,
            restart: false,
        }];
        let service = |name: &str, depends_on| Service {
            name: name.to_owned(),
            description: None,
            exec: Exec::default(),
            hooks: Shared::default(),
            policy: Policy { depends_on, ..Policy::default() }.into(),
            healthcheck: None,
            logging: None,
            origin: None,
        };
        let services = [service("db", Vec::new()), service("web", depends_on)];
        let mut supervisor = Supervisor::new(&services, secs(9));
        let mut effects = Vec::new();
        supervisor.step(secs(5), Event::Boot, &mut effects);
        (supervisor, effects)
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_line_comes_after_ten_seconds_and_then_ever_less_often() {
        let (supervisor, effects) = waiting();
        let mut stuck = Stuck::default();
        stuck.plan(secs(5));
        assert_eq!(stuck.deadline(), None, "who does not wait costs no wake-up");
        for effect in &effects {
            if let Effect::Notice(notice) = effect {
                stuck.take_in(notice);
            }
        }
        stuck.plan(secs(5));
        let mut told = Vec::new();
        while let Some(at) = stuck.deadline().filter(|at| *at < secs(2000)) {
            assert_eq!(stuck.take_due(&supervisor, at), [ServiceId(1)]);
            told.push(at.as_secs() - 5);
        }
        assert_eq!(told, [10, 30, 90, 270, 570, 870, 1170, 1470, 1770]);
    }

    #[test]
    fn it_says_for_whom_and_why() {
        let (supervisor, _) = waiting();
        let text = why(&supervisor, secs(15), ServiceId(1)).unwrap();
        assert_eq!(text, "waiting for db to be healthy (starting), for 10s so far");
        assert_eq!(why(&supervisor, secs(15), ServiceId(0)), None);
    }

    #[test]
    fn nothing_is_said_while_the_container_stops() {
        let (mut supervisor, _) = waiting();
        let mut stuck = Stuck { due: Some(secs(15)), ..Stuck::default() };
        supervisor.step(secs(6), Event::StopRequested { signal: None }, &mut Vec::new());
        assert_eq!((stuck.take_due(&supervisor, secs(15)), stuck.deadline()), (Vec::new(), None));
    }
}
