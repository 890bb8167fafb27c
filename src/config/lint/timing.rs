//! Times and policies that do not do what they look like.

use super::{Part, Subject, World};
use crate::model::duration::format;
use crate::model::{Restart, Signal};
use std::time::Duration;

pub(super) fn look(subject: &mut Subject<'_>, world: &World) {
    essential(subject);
    start_timeout(subject);
    health(subject);
    stop(subject, world);
}

/// Something that is always started again never stops for good.
fn essential(subject: &mut Subject<'_>) {
    let policy = &subject.draft.service.policy;
    if policy.essential && matches!(policy.restart, Restart::Always | Restart::UnlessStopped) {
        let message = "it is always started again, so the container does not stop when it ends";
        let help = "add restart = \"no\" or \"on-failure:N\"";
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
    if timing.start_period.is_zero() {
        if subject.is_written("healthcheck.start_interval") {
            let message = "without start_period it does nothing";
            let help = "add start_period, or take it away";
            let path = ["healthcheck", "start_interval"];
            subject.warn_part("start-interval-unused", &path, Part::Key, message, help);
        }
    } else if timing.start_period <= timing.start_interval {
        let interval = format(timing.start_interval);
        let message = format!("the first probe comes after {interval}, when start_period is over");
        let help = "make start_period longer, or start_interval shorter";
        subject.warn("start-period-too-short", &["healthcheck", "start_period"], &message, help);
    }
}

fn stop(subject: &mut Subject<'_>, world: &World) {
    let policy = &subject.draft.service.policy;
    if let Some(signal) = policy.stop_signal.filter(|signal| [Signal::KILL, Signal::STOP].contains(signal)) {
        let message = format!("{signal} cannot be caught: it has no chance to stop in order");
        let help = "take the signal that the program documents, often SIGTERM, SIGINT or SIGQUIT";
        subject.warn("stop-signal-kill", &["stop_signal"], &message, help);
    }
    let grace = policy.stop_grace_period;
    if grace > world.stop_timeout && subject.is_written("stop_grace_period") {
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
