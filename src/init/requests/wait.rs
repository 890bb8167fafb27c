//! What `rinit wait` waits for: whether a service is so, may get so, or never will by itself.

#![forbid(unsafe_code)]

use crate::control::protocol::{ActionResult, Response, Until};
use crate::model::{Restart, Service};
use crate::supervisor::{HealthState, Scale, ServiceId, State, Supervisor, Time};

/// How it stands with one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outlook {
    Met,
    Open,
    /// Only if somebody asks for something, or changes its definition.
    Never(Why),
}

/// Why a service will not be so by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Gone,
    NoHealthCheck,
    StartedAgain,
    /// Nothing starts it by itself.
    Ended,
    ContainerStops,
}

/// The answer, if it is known: every service is so, one will never be, or the time is `over`.
pub fn answer(
    supervisor: &Supervisor,
    services: &[Service],
    now: Time,
    ids: impl Iterator<Item = ServiceId> + Clone,
    until: Until,
    over: Option<&str>,
) -> Option<Response> {
    // Asked at each wake-up, by many clients and of many services: as long as there is no answer, it costs little.
    let (mut open, mut hopeless) = (false, false);
    for id in ids.clone() {
        match outlook(supervisor, services, id, until) {
            Outlook::Met => {}
            Outlook::Open => open = true,
            Outlook::Never(_) => hopeless = true,
        }
    }
    if open && !hopeless && over.is_none() {
        return None;
    }
    let result = |id| {
        let (done, mut message) = match outlook(supervisor, services, id, until) {
            Outlook::Met => (true, until.as_str().to_owned()),
            Outlook::Open => (false, describe(supervisor, now, id)),
            Outlook::Never(why) => (false, reason(supervisor, now, id, why)),
        };
        if let Some(limit) = over.filter(|_| !done) {
            message.push_str(&format!(", not {} within {limit}", until.as_str()));
        }
        ActionResult { service: supervisor.name(id).to_owned(), done, message }
    };
    Some(Response::results(ids.map(result).collect()))
}

fn outlook(supervisor: &Supervisor, services: &[Service], id: ServiceId, until: Until) -> Outlook {
    let (Some((state, health)), Some(service)) = (supervisor.state(id), services.get(id.0)) else {
        return Outlook::Never(Why::Gone);
    };
    let runs = matches!(state, State::Running | State::Paused);
    let ended = matches!(state, State::Stopped | State::Completed | State::Failed);
    let met = match until {
        Until::Ready => runs || state == State::Completed,
        Until::Healthy => runs && health == Some(HealthState::Healthy),
        Until::Stopped => ended,
        Until::Completed => state == State::Completed,
        Until::Failed => state == State::Failed,
    };
    let always = matches!(service.policy.restart, Restart::Always | Restart::UnlessStopped);
    match until {
        _ if met => Outlook::Met,
        Until::Healthy if service.healthcheck.is_none() => Outlook::Never(Why::NoHealthCheck),
        Until::Completed if always && !ended => Outlook::Never(Why::StartedAgain),
        _ if ended => Outlook::Never(Why::Ended),
        Until::Ready | Until::Healthy | Until::Completed | Until::Failed if supervisor.is_stopping() => {
            Outlook::Never(Why::ContainerStops)
        }
        Until::Ready | Until::Healthy | Until::Stopped | Until::Completed | Until::Failed => Outlook::Open,
    }
}

fn reason(supervisor: &Supervisor, now: Time, id: ServiceId, why: Why) -> String {
    match why {
        Why::Gone => "it is gone".to_owned(),
        Why::NoHealthCheck => "it has no health check".to_owned(),
        Why::StartedAgain => "it never completes: by its restart it is always started again".to_owned(),
        Why::Ended => describe(supervisor, now, id),
        Why::ContainerStops => {
            format!("{}, the container is being stopped", describe(supervisor, now, id))
        }
    }
}

/// What a service is now: what it lacks, or else its state.
pub fn describe(supervisor: &Supervisor, now: Time, id: ServiceId) -> String {
    let state = match supervisor.problem(now, id, Scale::Well) {
        Some(problem) => problem.message,
        None => supervisor.view(now, id).map_or("?", |view| view.state.as_str()).to_owned(),
    };
    match supervisor.turn_after(id).as_slice() {
        [] => state,
        before => format!("{state}, waits until {} has stopped", before.join(", ")),
    }
}
