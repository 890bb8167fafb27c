//! Answers to what is asked over the control socket.

use super::details::details;
use super::executor::Executor;
use super::state::LastStop;
use crate::control::protocol::{
    ActionResult, HealthReport, LastStopReport, MAX_RESPONSE, Mode, ProbeResult, Problem, Request, Response,
    ServiceStatus, StatusReport, Verb,
};
use crate::control::server::ClientId;
use crate::model::Service;
use crate::supervisor::{Scale, ServiceId, State, Supervisor, Time, View};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// A request that waits for something to happen.
pub struct Pending {
    /// Who asked.
    pub client: ClientId,
    request: Request,
    /// For each service: how many results of its health check there were before.
    waiting: Vec<(ServiceId, u64)>,
}

impl Pending {
    /// A request of which what it asks for is under way with these services.
    pub fn new(client: ClientId, request: Request, supervisor: &Supervisor, ids: Vec<ServiceId>) -> Pending {
        let waiting = ids.into_iter().map(|id| (id, supervisor.probes(id).0)).collect();
        Pending { client, request, waiting }
    }

    /// The answer, once it is known how it went with every service.
    pub fn answer(&self, supervisor: &Supervisor, now: Time) -> Option<Response> {
        if self.request.verb == Verb::Health {
            let open = self.waiting.iter().any(|(id, before)| {
                let (count, expected) = supervisor.probes(*id);
                count == *before && expected
            });
            return (!open).then(|| health(supervisor, now, &self.request));
        }
        let results: Option<Vec<ActionResult>> = self
            .waiting
            .iter()
            .map(|(id, _)| action_result(supervisor, now, *id, self.request.verb))
            .collect();
        results.map(Response::results)
    }
}

/// How it went with one service, if it is over.
fn action_result(supervisor: &Supervisor, now: Time, id: ServiceId, verb: Verb) -> Option<ActionResult> {
    let view = supervisor.view(now, id)?;
    let (goal, under_way): (&[State], &[State]) = match verb {
        Verb::Stop => (&[State::Stopped, State::Completed, State::Failed], &[State::Stopping]),
        Verb::Pause => (&[State::Paused], &[]),
        Verb::Resume => (&[State::Running], &[]),
        _ => (&[State::Running, State::Completed], &[State::Waiting, State::Starting, State::Stopping]),
    };
    if under_way.contains(&view.state) && !supervisor.is_stopping() {
        return None;
    }
    let done = goal.contains(&view.state);
    let message = match supervisor.problem(now, id, Scale::Well) {
        Some(problem) if !done => problem.message,
        Some(_) | None => view.state.as_str().to_owned(),
    };
    Some(ActionResult { service: view.name.to_owned(), done, message })
}

/// The services that a request names, or all of them.
pub fn named(supervisor: &Supervisor, names: &[String]) -> Result<Vec<ServiceId>, String> {
    if names.is_empty() {
        return Ok(supervisor.current().collect());
    }
    // Each but once: 64 KiB have room for one name sixteen thousand times.
    let mut seen = BTreeSet::new();
    names
        .iter()
        .filter(|name| seen.insert(name.as_str()))
        .map(|name| supervisor.find(name).ok_or_else(|| format!("no service is called {name}")))
        .collect()
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
    let problems = ids.iter().filter_map(|id| supervisor.problem(now, *id, scale));
    let problems: Vec<Problem> =
        problems.map(|found| Problem { service: found.name.to_owned(), message: found.message }).collect();
    Response::health(HealthReport { healthy: problems.is_empty(), services: ids.len(), problems })
}

/// Answers `status`. The results of health checks and the definition come only with services that were named, and of
/// that what may be secret only for who is `privileged`.
pub fn status(
    executor: &Executor,
    now: Time,
    names: &[String],
    privileged: bool,
    last_stop: Option<&LastStop>,
) -> Response {
    let supervisor = &executor.supervisor;
    let ids = match named(supervisor, names) {
        Ok(ids) => ids,
        Err(error) => return Response::refused(error),
    };
    let mut room = MAX_RESPONSE;
    let mut shown = Vec::new();
    for id in ids {
        let Some((view, service)) = supervisor.view(now, id).zip(executor.services.get(id.0)) else {
            continue;
        };
        let details = match names.is_empty() {
            true => Value::Null,
            false => details(executor, now, id, service, privileged),
        };
        let status = ServiceStatus { details, ..service_status(view, service, now, !names.is_empty()) };
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

fn service_status(view: View<'_>, service: &Service, now: Time, in_full: bool) -> ServiceStatus {
    let probes = view.probes.iter().filter(|_| in_full).map(|probe| ProbeResult {
        started_ms_ago: millis(now.saturating_sub(probe.started)),
        took_ms: millis(probe.took),
        exit_code: probe.status.map(|status| i32::from(status.code())),
        timed_out: probe.status.is_none(),
        output: probe.output.clone(),
    });
    ServiceStatus {
        name: view.name.to_owned(),
        description: service.description.clone(),
        state: view.state.as_str().to_owned(),
        health: view.health.map(|health| health.as_str().to_owned()),
        pid: view.pid.map(|pid| pid.0),
        since_ms: millis(view.since),
        restarts: view.restarts,
        last_exit: view.last_exit,
        reason: view.reason.map(str::to_owned),
        says: view.status.map(str::to_owned),
        waiting_for: view.waiting_for.iter().map(|(name, _)| (*name).to_owned()).collect(),
        restart_in_ms: view.restart_in.map(millis),
        failing_streak: view.health.map(|_| view.failing_streak),
        probes: probes.collect(),
        details: Value::Null,
        file: service.origin.as_ref().map(|origin| origin.file.display().to_string()),
    }
}

/// Whole milliseconds.
pub fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
