//! Answers to what is asked over the control socket.

use super::details::details;
use super::wait;
use crate::control::protocol::{
    ActionResult, HealthReport, LastStopReport, MAX_NAMES, MAX_RESPONSE, Mode, ProbeResult, Problem, Request,
    Response, ServiceStatus, StatusReport, Verb,
};
use crate::control::server::{ClientId, Peer};
use crate::init::executor::Executor;
use crate::init::state::LastStop;
use crate::model::{Service, duration, is_built_in, pattern};
use crate::supervisor::{Scale, ServiceId, State, Supervisor, Time, View};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// Maximum number of patterns in a request: each is compared with every service.
const MAX_PATTERNS: usize = 32;

/// Longer than any name.
const MAX_PATTERN: usize = 256;

/// A request that waits for something to happen.
pub struct Pending {
    /// Who asked.
    pub client: ClientId,
    pub peer: Peer,
    request: Request,
    /// When to answer at the latest.
    until: Option<Time>,
    /// For each service: how many probes were over, or could not be made, before.
    waiting: Vec<(ServiceId, u64)>,
}

impl Pending {
    /// The services that it waits for.
    pub fn services(&self) -> impl Iterator<Item = ServiceId> {
        self.waiting.iter().map(|(id, _)| *id)
    }

    /// A request of which what it asks for is under way with these services, each with the number of probes that it had
    /// had before.
    pub fn new(
        client: ClientId,
        request: Request,
        peer: Peer,
        now: Time,
        waiting: Vec<(ServiceId, u64)>,
    ) -> Pending {
        let until = request
            .timeout_ms
            .map(|limit| now.saturating_add(Duration::from_millis(limit).min(duration::MAX)));
        Pending { client, peer, request, until, waiting }
    }

    /// About how many bytes one takes in memory that waits for so many services.
    pub fn size(request: &Request, services: usize) -> usize {
        services.saturating_mul(size_of::<(ServiceId, u64)>()).saturating_add(request.size())
    }

    /// When an answer is due, whatever it is.
    pub fn deadline(&self) -> Option<Time> {
        self.until
    }

    /// Nothing has run for this long, perhaps: there is as much time left as there was before.
    pub fn overslept(&mut self, by: Duration) {
        self.until = self.until.map(|until| until.saturating_add(by));
    }

    /// The answer, once it is known how it went with every service, or there is no more time.
    pub fn answer(&self, supervisor: &Supervisor, services: &[Service], now: Time) -> Option<Response> {
        let over = self.until.is_some_and(|until| until <= now);
        let limit = self.request.timeout_ms.filter(|_| over);
        let limit = limit.map(|limit| duration::format(Duration::from_millis(limit)));
        if let Some(until) = self.request.until {
            let ids = self.waiting.iter().map(|(id, _)| *id);
            return wait::answer(supervisor, services, now, ids, until, limit.as_deref());
        }
        if self.request.verb == Verb::Health {
            let open = self.waiting.iter().any(|(id, before)| {
                let (count, expected) = supervisor.probes(*id);
                count == *before && expected
            });
            return (!open).then(|| health(supervisor, now, &self.request));
        }
        // Asked at each wake-up: nothing is put together before everything is known.
        if limit.is_none()
            && self.waiting.iter().any(|(id, _)| is_under_way(supervisor, *id, self.request.verb))
        {
            return None;
        }
        let results: Option<Vec<ActionResult>> = self
            .waiting
            .iter()
            .map(|(id, _)| {
                let result = action_result(supervisor, now, *id, self.request.verb);
                let late = |limit: &String| {
                    let message =
                        format!("{}, not done within {limit}", wait::describe(supervisor, now, *id));
                    ActionResult { service: supervisor.name(*id).to_owned(), done: false, message }
                };
                result.or_else(|| limit.as_ref().map(late))
            })
            .collect();
        results.map(Response::results)
    }

    /// The answer at once: the request was taken in, or it is known already that it cannot be done.
    pub fn taken_in(&self, supervisor: &Supervisor, now: Time) -> Response {
        let one = |(id, _): &(ServiceId, u64)| {
            action_result(supervisor, now, *id, self.request.verb).unwrap_or_else(|| ActionResult {
                service: supervisor.name(*id).to_owned(),
                done: true,
                message: wait::describe(supervisor, now, *id),
            })
        };
        Response::results(self.waiting.iter().map(one).collect())
    }
}

/// What a service is to become by that request, and what it may be until then.
fn aims(verb: Verb) -> (&'static [State], &'static [State]) {
    match verb {
        Verb::Stop => (&[State::Stopped, State::Completed, State::Failed], &[State::Stopping]),
        Verb::Pause => (&[State::Paused], &[]),
        Verb::Resume => (&[State::Running], &[]),
        Verb::Start
        | Verb::Restart
        | Verb::Health
        | Verb::Status
        | Verb::Signal
        | Verb::Wait
        | Verb::Events
        | Verb::Logs
        | Verb::Reload
        | Verb::Shutdown => {
            (&[State::Running, State::Completed], &[State::Waiting, State::Starting, State::Stopping])
        }
    }
}

/// Whether it is not known yet how it goes with one service.
fn is_under_way(supervisor: &Supervisor, id: ServiceId, verb: Verb) -> bool {
    // What was to stop still does when the container stops.
    let goes_on = verb == Verb::Stop || !supervisor.is_stopping();
    if supervisor.refusal(id).is_some() {
        return false;
    }
    let controlled = matches!(verb, Verb::Pause | Verb::Resume) && supervisor.is_controlled(id);
    // It has been told, and its turn has not come.
    let waits = matches!(verb, Verb::Start | Verb::Stop | Verb::Restart) && supervisor.waits_for_turn(id);
    waits
        || controlled
        || goes_on && supervisor.state(id).is_some_and(|(state, _)| aims(verb).1.contains(&state))
}

/// How it went with one service, if it is over.
fn action_result(supervisor: &Supervisor, now: Time, id: ServiceId, verb: Verb) -> Option<ActionResult> {
    let view = supervisor.view(now, id)?;
    if is_under_way(supervisor, id, verb) {
        return None;
    }
    let done = aims(verb).0.contains(&view.state);
    let message = match done {
        true if verb == Verb::Stop && view.state.is_final() => {
            format!("nothing to stop: {}", wait::describe(supervisor, now, id))
        }
        true => view.state.as_str().to_owned(),
        false if supervisor.is_stopping() => {
            format!("{}, the container is being stopped", wait::describe(supervisor, now, id))
        }
        false => wait::describe(supervisor, now, id),
    };
    Some(ActionResult { service: view.name.to_owned(), done, message })
}

/// The services that a request names, each once. No names mean all services.
///
/// # Errors
/// As [`chosen`].
pub fn named(supervisor: &Supervisor, names: &[String]) -> Result<Vec<ServiceId>, String> {
    let all = supervisor.current();
    if names.is_empty() {
        return Ok(all.filter(|id| !is_built_in(supervisor.name(*id))).collect());
    }
    chosen(names, &all.map(|id| (id, supervisor.name(id))).collect::<Vec<_>>())
}

/// The entries of `all` that the names and patterns choose, each once, in the order of the names.
///
/// # Errors
/// There are too many names or patterns, one is too long, or one matches no service.
pub fn chosen<T: Copy + Ord>(names: &[String], all: &[(T, &str)]) -> Result<Vec<T>, String> {
    if names.len() > MAX_NAMES {
        return Err(format!("more than {MAX_NAMES} names"));
    }
    if names.iter().filter(|name| pattern::is_pattern(name)).count() > MAX_PATTERNS {
        return Err(format!("more than {MAX_PATTERNS} patterns"));
    }
    let mut found: Vec<T> = Vec::new();
    for name in names {
        let is_pattern = pattern::is_pattern(name);
        if is_pattern && name.len() > MAX_PATTERN {
            return Err(format!("a pattern is longer than {MAX_PATTERN} bytes"));
        }
        let before = found.len();
        let is_meant = |it: &&(T, &str)| match is_pattern {
            // As in a shell, what begins with a dot is meant only where that is written.
            true => is_built_in(name) == is_built_in(it.1) && pattern::matches(name, it.1),
            false => it.1 == name,
        };
        found.extend(all.iter().filter(is_meant).map(|it| it.0));
        if found.len() == before {
            let how = if is_pattern { "matches" } else { "is called" };
            return Err(format!("no service {how} {name}"));
        }
    }
    let mut seen = BTreeSet::new();
    found.retain(|id| seen.insert(*id));
    Ok(found)
}

/// Answers `health` from the last results.
pub fn health(supervisor: &Supervisor, now: Time, request: &Request) -> Response {
    let ids = match named(supervisor, &request.names) {
        Ok(ids) => ids,
        Err(error) => return Response::refused(error),
    };
    let scale = match request.mode {
        Mode::Default | Mode::Ready => Scale::Well,
        Mode::Live => Scale::Live,
        Mode::Startup => Scale::StartedUp,
    };
    let problems = ids.iter().filter_map(|id| {
        let found = supervisor.problem(now, *id, scale);
        // Who has a service probed wants to know that, whatever it has been so far.
        found.or_else(|| request.now.then(|| supervisor.failed_probe(*id)).flatten())
    });
    let mut problems: Vec<Problem> =
        problems.map(|found| Problem { service: found.name.to_owned(), message: found.message }).collect();
    let rest = Rest::of(supervisor, &ids);
    if problems.is_empty() && scale == Scale::Well {
        problems.extend(rest.problem(supervisor, &ids));
    }
    Response::health(HealthReport {
        healthy: problems.is_empty(),
        services: ids.len(),
        stopped: rest.by_hand,
        not_started: rest.not_started,
        problems,
    })
}

/// Services that do not run, and are not meant to.
struct Rest {
    by_hand: usize,
    not_started: usize,
    completed: usize,
}

impl Rest {
    fn of(supervisor: &Supervisor, ids: &[ServiceId]) -> Rest {
        let mut rest = Rest { by_hand: 0, not_started: 0, completed: 0 };
        for id in ids {
            let count = match supervisor.state(*id) {
                Some((State::Stopped, _)) if supervisor.is_stopped_by_hand(*id) => &mut rest.by_hand,
                Some((State::Stopped, _)) => &mut rest.not_started,
                Some((State::Completed, _)) => &mut rest.completed,
                _ => continue,
            };
            *count = count.saturating_add(1);
        }
        rest
    }

    /// Where nothing runs, nothing is well, unless all that was asked for is done.
    fn problem(&self, supervisor: &Supervisor, ids: &[ServiceId]) -> Option<Problem> {
        let idle = self.by_hand.saturating_add(self.not_started);
        if idle == 0 || idle.saturating_add(self.completed) < ids.len() {
            return None;
        }
        let counts = [(self.by_hand, "stopped by hand"), (self.not_started, "not started")];
        let counts = counts.into_iter().filter(|(count, _)| *count > 0);
        Some(match ids {
            [id] => Problem {
                service: supervisor.name(*id).to_owned(),
                message: counts.map(|(_, what)| what).collect(),
            },
            _ => {
                let counts: Vec<String> = counts.map(|(count, what)| format!("{count} {what}")).collect();
                Problem {
                    service: String::new(),
                    message: format!("nothing is running: {}", counts.join(", ")),
                }
            }
        })
    }
}

/// Answers `status`. The results of health checks and the definition come only with services that were named, and of
/// that what may be secret only for who is `privileged`.
pub fn status(
    executor: &Executor,
    now: Time,
    request: &Request,
    privileged: bool,
    last_stop: Option<&LastStop>,
) -> Response {
    let (supervisor, names) = (&executor.supervisor, &request.names);
    let ids = match named(supervisor, names) {
        Ok(_) if request.all && names.is_empty() => supervisor.current().collect(),
        Ok(ids) => ids,
        Err(error) => return Response::refused(error),
    };
    let mut room = MAX_RESPONSE;
    let mut shown = Vec::new();
    // All at once: one would take as long.
    let graces = if names.is_empty() { Vec::new() } else { supervisor.graces_at_stop() };
    for id in ids {
        let Some((view, service)) = supervisor.view(now, id).zip(executor.services.get(id.0)) else {
            continue;
        };
        let details = match names.is_empty() {
            true => Value::Null,
            false => details(executor, now, id, service, graces.get(id.0).copied(), privileged),
        };
        let probed_before = executor.places.get(id).and_then(|place| place.probed_before);
        let probed_before = Some(probed_before).filter(|_| !names.is_empty());
        let status = ServiceStatus { details, ..service_status(view, service, now, probed_before) };
        room = room.saturating_sub(status.probes.iter().map(|probe| probe.output.len()).sum());
        if room == 0 {
            // Not only not to be sent, but not even to be held.
            return Response::too_long();
        }
        shown.push(status);
    }
    let services = shown;
    let last_stop = last_stop.map(|stop| LastStopReport {
        when: stop.when.clone(),
        cause: stop.cause.clone(),
        took_ms: stop.took_ms,
        killed: stop.killed.clone(),
        exit_status: stop.exit_status,
    });
    Response::status(StatusReport { services, stopping: supervisor.is_stopping(), last_stop })
}

/// What is told of a service. With its probes where it is known whether, and when, an earlier process had some.
fn service_status(
    view: View<'_>,
    service: &Service,
    now: Time,
    probed_before: Option<Option<Time>>,
) -> ServiceStatus {
    // Taken apart whole, so that no field is forgotten here.
    let View {
        name,
        state,
        since,
        health,
        failing_streak,
        pid,
        restarts,
        last_exit,
        exit_asked,
        exit_reason,
        status: says,
        reason,
        waiting_for,
        restart_in,
        probes,
    } = view;
    let probes = probes.iter().filter_map(|probe| Some((probe, probed_before?)));
    let probes = probes.map(|(probe, before)| ProbeResult {
        earlier: before.is_some_and(|before| probe.started <= before),
        started_ms_ago: duration::millis(now.saturating_sub(probe.started)),
        took_ms: duration::millis(probe.took),
        exit_code: probe.status.map(|status| i32::from(status.code())),
        timed_out: probe.status.is_none(),
        output: probe.output.clone(),
    });
    ServiceStatus {
        name: name.to_owned(),
        description: service.description.clone(),
        state: state.as_str().to_owned(),
        health: health.map(|health| health.as_str().to_owned()),
        pid: pid.map(|pid| pid.0),
        since_ms: duration::millis(since),
        restarts,
        last_exit,
        exit_asked,
        exit_reason: exit_reason.map(str::to_owned),
        reason: reason.map(str::to_owned),
        says: says.map(str::to_owned),
        waiting_for: waiting_for.iter().map(|(name, _)| (*name).to_owned()).collect(),
        restart_in_ms: restart_in.map(duration::millis),
        failing_streak: health.map(|_| failing_streak),
        probes: probes.collect(),
        details: Value::Null,
        file: service.origin.as_ref().map(|origin| origin.file.display().to_string()),
    }
}
