//! Times and policies that do not do what they look like.

use super::subject::{Part, Subject, World};
use crate::model::duration::format;
use crate::model::{Backoff, Policy, Restart, Signal};
use std::time::Duration;

pub(super) fn look(subject: &mut Subject<'_>, world: &World) {
    essential(subject);
    start_timeout(subject);
    restart_limit(subject);
    health(subject);
    stop(subject, world);
}

/// Something that is always started again never stops for good.
fn essential(subject: &mut Subject<'_>) {
    let policy = &subject.draft.service.policy;
    let always = matches!(policy.restart, Restart::Always | Restart::UnlessStopped);
    if policy.essential && always && policy.backoff.limit.is_none() {
        let message = "it is always started again, so the container does not stop when it ends";
        let help = "add restart = \"no\" or \"on-failure:N\", or a limit in backoff";
        subject.warn_part("essential-restarts", &["essential"], Part::Key, message, help);
    }
}

/// Without a way to say that it is ready, a service is ready as soon as it runs.
fn start_timeout(subject: &mut Subject<'_>) {
    let service = &subject.draft.service;
    if service.policy.start_timeout.is_some()
        && service.policy.notify.is_none()
        && service.hooks.pre_start.is_none()
    {
        let message = "without notify and pre_start it is ready at once, and start_timeout does nothing";
        let help = "a health check does not count for it: see start_period";
        subject.warn_part("start-timeout-unused", &["start_timeout"], Part::Key, message, help);
    }
}

fn health(subject: &mut Subject<'_>) {
    let Some(check) = &subject.draft.service.healthcheck else { return };
    let timing = check.timing;
    let first = if timing.start_period.is_zero() { timing.interval } else { timing.start_period };
    if subject.is_written("healthcheck.start_interval") && timing.start_interval >= first.max(timing.interval)
    {
        let message = "the probes whose failures count come as soon, so it does nothing";
        let help = "make it shorter than interval, or take it away";
        subject.warn("start-interval-unused", &["healthcheck", "start_interval"], message, help);
    }
    if !timing.start_period.is_zero() && timing.start_period <= timing.start_interval {
        let message = "the first probe comes when start_period is over, and its failure counts";
        let help = "make start_period longer, or start_interval shorter";
        subject.warn("start-period-too-short", &["healthcheck", "start_period"], message, help);
    }
}

/// A limit of restarts that is never reached.
fn restart_limit(subject: &mut Subject<'_>) {
    let policy = &subject.draft.service.policy;
    let Some(limit) = policy.backoff.limit else { return };
    let (message, help) = match (policy.restart, policy.backoff.window) {
        (Restart::No, _) => {
            ("it is never started again, so there is no limit to reach".to_owned(), String::new())
        }
        (Restart::OnFailure(Some(most)), None) if most <= limit => {
            (format!("on-failure:{most} gives up before that"), "leave one of the two away".to_owned())
        }
        (_, Some(window)) => {
            let least = least_time(&policy.backoff, limit);
            if least < window.as_secs_f64() {
                return;
            }
            let least = format(Duration::try_from_secs_f64(least).unwrap_or(Duration::MAX));
            let message = format!(
                "{limit} restarts take at least {least}, so it never gives up within {}",
                format(window)
            );
            (message, "make window longer, or limit smaller".to_owned())
        }
        (_, None) => return,
    };
    subject.warn("restart-limit-unreachable", &["backoff", "limit"], &message, &help);
}

/// The least time, in seconds, from one restart to where so many have been made and it ends once more: it ends at once
/// each time, after the wait; or it is well for `reset_after`, which makes the next wait none and those after it short.
fn least_time(backoff: &Backoff, restarts: u32) -> f64 {
    let max = backoff.max.as_secs_f64();
    let mut waits = vec![backoff.initial.as_secs_f64().min(max)];
    while let Some(last) = waits.last().copied().filter(|last| *last < max && waits.len() < 64) {
        waits.push((last * backoff.factor).min(max));
    }
    // For each wait that comes next: what the restarts take that are left. The first place: it was well before.
    let mut left = vec![0.0_f64; waits.len().saturating_add(1)];
    for _ in 0..restarts {
        let at = |place: usize| left.get(place).or(left.last()).copied().unwrap_or_default();
        let well = backoff.reset_after.as_secs_f64() + at(0);
        let after_none = at(1).min(well);
        let after =
            waits.iter().enumerate().map(|(place, wait)| wait + at(place.saturating_add(2)).min(well));
        left = std::iter::once(after_none).chain(after).collect();
    }
    left.first().copied().unwrap_or_default()
}

fn stop(subject: &mut Subject<'_>, world: &World) {
    let policy = &subject.draft.service.policy;
    if let Some(signal) = policy.stop_signal.filter(|signal| [Signal::KILL, Signal::STOP].contains(signal)) {
        let message = format!("{signal} cannot be caught: it has no chance to stop in order");
        let help = "take the signal that the program documents, often SIGTERM, SIGINT or SIGQUIT";
        subject.warn("stop-signal-kill", &["stop_signal"], &message, help);
    }
    let grace = policy.stop_grace_period;
    // A default that is written out is no more than a default.
    if grace > world.stop_timeout && grace != Policy::default().stop_grace_period {
        let message =
            format!("when the container stops, it gets no more than {}", format(world.stop_timeout));
        subject.warn("grace-over-timeout", &["stop_grace_period"], &message, &longer(grace));
    }
}

/// What helps against a stop timeout that is too short.
pub(super) fn longer(wanted: Duration) -> String {
    let secs = wanted.as_secs().saturating_add(u64::from(wanted.subsec_nanos() > 0));
    let docker = secs.saturating_add(1);
    format!("allow it with --stop-timeout {secs}s, for rinit and for check, and docker stop -t {docker}")
}
