//! What `rinit wait` waits for: whether a service is so, may get so, or never will by itself.

#![forbid(unsafe_code)]

use super::answer::describe;
use crate::control::protocol::{ActionResult, Response, Until};
use crate::model::{Restart, Service};
use crate::supervisor::{HealthState, ServiceId, State, Supervisor, Time};

/// How it stands with one service.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outlook {
    Met,
    Open,
    /// Only if somebody asks for something, or changes its definition; why.
    Never(String),
}

/// The answer, if it is known: every service is so, one will never be, or the time is `over`.
pub fn answer(
    supervisor: &Supervisor,
    services: &[Service],
    now: Time,
    ids: impl Iterator<Item = ServiceId>,
    until: Until,
    over: Option<&str>,
) -> Option<Response> {
    let mut results = Vec::new();
    let (mut open, mut hopeless) = (false, false);
    for id in ids {
        let (done, message) = match outlook(supervisor, services, now, id, until) {
            Outlook::Met => (true, until.as_str().to_owned()),
            Outlook::Open => {
                open = true;
                (false, describe(supervisor, now, id))
            }
            Outlook::Never(why) => {
                hopeless = true;
                (false, why)
            }
        };
        results.push(ActionResult { service: supervisor.name(id).to_owned(), done, message });
    }
    if let Some(limit) = over {
        for result in results.iter_mut().filter(|result| !result.done) {
            result.message.push_str(&format!(", not {} within {limit}", until.as_str()));
        }
    }
    (!open || hopeless || over.is_some()).then(|| Response::results(results))
}

fn outlook(supervisor: &Supervisor, services: &[Service], now: Time, id: ServiceId, until: Until) -> Outlook {
    let (Some(view), Some(service)) = (supervisor.view(now, id), services.get(id.0)) else {
        return Outlook::Never("it is gone".to_owned());
    };
    let runs = matches!(view.state, State::Running | State::Paused);
    let ended = matches!(view.state, State::Stopped | State::Completed | State::Failed);
    let met = match until {
        Until::Ready => runs || view.state == State::Completed,
        Until::Healthy => runs && view.health == Some(HealthState::Healthy),
        Until::Stopped => ended,
        Until::Completed => view.state == State::Completed,
        Until::Failed => view.state == State::Failed,
    };
    let always = matches!(service.policy.restart, Restart::Always | Restart::UnlessStopped);
    match until {
        _ if met => Outlook::Met,
        Until::Healthy if service.healthcheck.is_none() => {
            Outlook::Never("it has no health check".to_owned())
        }
        Until::Completed if always && !ended => {
            Outlook::Never("it never completes: by its restart it is always started again".to_owned())
        }
        // Nothing starts it by itself.
        _ if ended => Outlook::Never(describe(supervisor, now, id)),
        Until::Ready | Until::Healthy | Until::Completed | Until::Failed if supervisor.is_stopping() => {
            Outlook::Never(format!("{}, the container is being stopped", describe(supervisor, now, id)))
        }
        Until::Ready | Until::Healthy | Until::Stopped | Until::Completed | Until::Failed => Outlook::Open,
    }
}
