//! Answers to what is asked over the control socket.

use crate::control::protocol::{
    HealthReport, Mode, ProbeResult, Problem, Request, Response, ServiceStatus, StatusReport,
};
use crate::control::server::ClientId;
use crate::model::Service;
use crate::supervisor::{ExitStatus, Scale, ServiceId, Supervisor, Time, View};
use std::time::Duration;

/// A health request that waits for probes.
pub struct Pending {
    /// Who asked.
    pub client: ClientId,
    request: Request,
    /// For each service that is probed: how many results it had before.
    waiting: Vec<(ServiceId, u64)>,
}

impl Pending {
    /// A request of which the probes of these services are under way.
    pub fn new(
        client: ClientId,
        request: Request,
        supervisor: &Supervisor,
        probed: Vec<ServiceId>,
    ) -> Pending {
        let waiting = probed.into_iter().map(|id| (id, supervisor.probes(id).0)).collect();
        Pending { client, request, waiting }
    }

    /// The answer, once every result is there that can be expected.
    pub fn answer(&self, supervisor: &Supervisor, now: Time) -> Option<Response> {
        let open = self.waiting.iter().any(|(id, before)| {
            let (count, expected) = supervisor.probes(*id);
            count == *before && expected
        });
        (!open).then(|| health(supervisor, now, &self.request))
    }
}

/// The services that a request names, or all of them.
pub fn named(supervisor: &Supervisor, names: &[String]) -> Result<Vec<ServiceId>, String> {
    if names.is_empty() {
        return Ok((0..supervisor.len()).map(ServiceId).collect());
    }
    names
        .iter()
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

/// Answers `status`. The results of health checks come only with services that were named.
pub fn status(supervisor: &Supervisor, services: &[Service], now: Time, names: &[String]) -> Response {
    let ids = match named(supervisor, names) {
        Ok(ids) => ids,
        Err(error) => return Response::refused(error),
    };
    let one = |id: ServiceId| {
        let view = supervisor.view(now, id)?;
        Some(service_status(view, services.get(id.0)?, now, !names.is_empty()))
    };
    let services = ids.into_iter().filter_map(one).collect();
    Response::status(StatusReport { services, stopping: supervisor.is_stopping() })
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
        last_exit: view.last_exit.as_ref().map(ExitStatus::to_string),
        reason: view.reason.map(str::to_owned),
        waiting_for: view.waiting_for.iter().map(|(name, _)| (*name).to_owned()).collect(),
        restart_in_ms: view.restart_in.map(millis),
        failing_streak: view.health.map(|_| view.failing_streak),
        probes: probes.collect(),
        file: service.origin.as_ref().map(|origin| origin.file.display().to_string()),
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
