//! The supervisor's news in words, for the log.

use crate::model::{Condition, duration};
use crate::supervisor::{Next, Notice, Scope, ServiceId, StopBy, StopCause, Supervisor};
use log::Level;
use std::time::Duration;

/// Writes one piece of news to the log. `kill_waits`: the SIGKILL that it is about is not sent yet.
pub fn narrate(supervisor: &Supervisor, notice: &Notice, kill_waits: bool) {
    let Some((service, level, text)) = words(supervisor, notice, kill_waits) else { return };
    match service {
        Some(id) => log::log!(target: supervisor.name(id), level, "{text}"),
        None => log::log!(level, "{text}"),
    }
}

/// `None`: that is for `rinit events` alone.
fn words(
    supervisor: &Supervisor,
    notice: &Notice,
    kill_waits: bool,
) -> Option<(Option<ServiceId>, Level, String)> {
    let name = |id: &ServiceId| supervisor.name(*id).to_owned();
    let time = duration::format;
    let killed = if kill_waits { "killing" } else { "killed" };
    let (id, level, text) = match notice {
        Notice::Started(id, pid) => (id, Level::Info, format!("started, pid {}", pid.0)),
        Notice::StartFailed(id, why, Next::Failed(_)) => (id, Level::Error, why.clone()),
        Notice::StartFailed(id, why, next) => (id, failure(next), format!("{why}{}", then(next))),
        Notice::Ready(id, true) => (id, Level::Info, "ready".to_owned()),
        Notice::Ready(_, false) | Notice::Ended(..) | Notice::HealthBegun(_) => return None,
        Notice::Restarting(id, why) | Notice::HookFailed(id, why) => (id, Level::Warn, why.clone()),
        Notice::Succeeded(id, ended, by) => {
            let text = format!("main process {} has ended, {} is in its place", ended.0, by.0);
            (id, Level::Info, text)
        }
        Notice::Paused(id) => (id, Level::Info, "paused".to_owned()),
        Notice::Resumed(id) => (id, Level::Info, "resumed".to_owned()),
        Notice::Died(id, status, oom, ran, next) => {
            let level = if name(id) == crate::model::MAIN && !oom { Level::Info } else { failure(next) };
            let oom = if *oom { " (oom: out of memory)" } else { "" };
            let then = gave_up(next).unwrap_or_else(|| then(next));
            (id, level, format!("{status}{oom} after {}{then}", time(*ran)))
        }
        Notice::Signalled(id, signal, scope) => {
            let whom = if *scope == Scope::Group { " to its process group" } else { "" };
            (id, Level::Info, format!("sent {signal}{whom} by request"))
        }
        Notice::Controlled(id, signal) => {
            (id, Level::Info, format!("running its control command in place of {signal}"))
        }
        Notice::Follows(id, next, _) => (id, failure(next), follows(next)),
        Notice::DependencyFailed(id, why) => (id, Level::Error, format!("failed: {why}")),
        Notice::Waiting(id, on, condition) => (id, Level::Debug, waiting(&name(on), *condition)),
        Notice::Healthy(id) => (id, Level::Info, "healthy".to_owned()),
        Notice::Unhealthy(id, streak, said) => {
            (id, Level::Warn, format!("unhealthy after {streak} failed health checks: {said}"))
        }
        Notice::ProbeFailed(id, said) => (id, Level::Debug, format!("health check failed: {said}")),
        Notice::ProbeUnusable(id, said) => (id, Level::Warn, unusable(said)),
        Notice::ProbeNotRun(id, why) => (id, Level::Warn, format!("health check could not run: {why}")),
        Notice::Stopping(id, way, grace) => {
            (id, Level::Info, format!("stopping with {}, grace {}", by(*way), time(*grace)))
        }
        Notice::Killed(id, grace) if grace.is_zero() => (id, Level::Warn, killed.to_owned()),
        Notice::Killed(id, grace) => {
            (id, Level::Warn, format!("still there after {}: {killed}", time(*grace)))
        }
        // It is still there.
        Notice::Stopped(id, ..) if supervisor.refusal(*id).is_some() => return None,
        Notice::Stopped(id, status, took) => {
            let how = status.map(|status| format!(", {status}")).unwrap_or_default();
            (id, Level::Info, format!("stopped after {}{how}", time(*took)))
        }
        Notice::NotSignalled(id, why) => (id, Level::Error, why.clone()),
        Notice::Unkillable(id) if supervisor.refusal(*id).is_some() => {
            (id, Level::Error, "it cannot be killed: given up".to_owned())
        }
        Notice::Unkillable(id) if kill_waits => {
            (id, Level::Error, "SIGKILL could not be sent in time: given up".to_owned())
        }
        Notice::Unkillable(id) => (id, Level::Error, "not even SIGKILL ended it: given up".to_owned()),
        Notice::StopBegun(cause, count, limit) => {
            return Some((None, Level::Info, stop_begun(supervisor, cause, *count, *limit)));
        }
        Notice::RestKilled => {
            return Some((None, Level::Warn, format!("processes of no service were left: {killed}")));
        }
        Notice::StopDone(took, killed) if killed.is_empty() => {
            return Some((None, Level::Info, format!("stopped in {}", time(*took))));
        }
        Notice::StopDone(took, killed) => {
            let names: Vec<String> = killed.iter().map(name).collect();
            let text = format!("stopped in {}, killed: {}", time(*took), names.join(", "));
            return Some((None, Level::Warn, text));
        }
    };
    Some((Some(*id), level, text))
}

fn stop_begun(supervisor: &Supervisor, cause: &StopCause, count: usize, limit: Duration) -> String {
    let limit = duration::format(limit);
    let what = match count {
        0 => "nothing is running".to_owned(),
        1 => format!("1 service to stop, at most {limit}"),
        _ => format!("{count} services to stop, at most {limit}"),
    };
    format!("stopping: {}, {what}", why(supervisor, cause))
}

fn by(way: StopBy) -> String {
    match way {
        StopBy::Signal(signal) => signal.to_string(),
        StopBy::Command => "its stop_command".to_owned(),
        StopBy::EndOfInput => "the end of its input".to_owned(),
    }
}

fn failure(next: &Next) -> Level {
    match next {
        Next::Completed | Next::Stopped => Level::Info,
        Next::Restart(_) | Next::StopRest | Next::PostStop => Level::Warn,
        Next::Failed(_) => Level::Error,
    }
}

fn then(next: &Next) -> String {
    match next {
        Next::StopRest => ", stopping the rest of its process group".to_owned(),
        Next::PostStop => ", running its post_stop".to_owned(),
        Next::Restart(wait) if wait.is_zero() => ", restarting".to_owned(),
        Next::Restart(wait) => format!(", restarting in {}", duration::format(*wait)),
        Next::Completed => ", completed".to_owned(),
        Next::Failed(_) => ", failed for good".to_owned(),
        Next::Stopped => String::new(),
    }
}

/// What a failure's reason says beyond the exit status.
fn gave_up(next: &Next) -> Option<String> {
    let Next::Failed(reason) = next else { return None };
    reason.find(", gave up").and_then(|at| reason.get(at..)).map(str::to_owned)
}

fn follows(next: &Next) -> String {
    match next {
        Next::Failed(why) => format!("failed for good: {why}"),
        Next::Stopped => "stopped".to_owned(),
        other => then(other).trim_start_matches(", ").to_owned(),
    }
}

/// A health check that says nothing about its service, and what to do about it.
fn unusable(said: &str) -> String {
    format!(
        "health check: {said}. Name a program that is in the image and may be executed, or take http, tcp or unix, \
         which need none"
    )
}

fn waiting(on: &str, condition: Condition) -> String {
    match condition {
        Condition::Started => format!("waiting until {on} is started"),
        Condition::Healthy => format!("waiting until {on} is healthy"),
        Condition::CompletedSuccessfully => format!("waiting until {on} has completed"),
    }
}

/// Why the container stops.
pub fn why(supervisor: &Supervisor, cause: &StopCause) -> String {
    let name = |id: &ServiceId| supervisor.name(*id);
    match cause {
        StopCause::Requested(Some(signal)) => format!("{signal} received"),
        StopCause::Requested(None) => "asked to".to_owned(),
        StopCause::Essential(id) => format!("{} has ended", name(id)),
        StopCause::Unhealthy(id) => format!("{} is unhealthy", name(id)),
        StopCause::AllDone => "every service has ended".to_owned(),
    }
}
