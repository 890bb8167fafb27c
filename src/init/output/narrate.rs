//! The supervisor's news in words, for the log.

use crate::model::{Condition, Policy, duration, is_built_in};
use crate::supervisor::{
    Because, ExitStatus, Next, Notice, Pid, Scope, ServiceId, StopBy, StopCause, Supervisor,
};
use log::Level;
use std::time::Duration;

/// What has become of the SIGKILL that a piece of news is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    /// It is sent.
    Sent,
    /// It could not be sent.
    Refused,
    /// A child has yet to send it.
    Waits,
    /// It is not known whether it was sent.
    Unknown,
}

/// Writes one piece of news to the log.
pub fn narrate(supervisor: &Supervisor, notice: &Notice, kill: Kill) {
    let Some((service, level, text)) = words(supervisor, notice, kill) else { return };
    match service {
        // What is part of rinit is nobody's concern as long as it is well.
        Some(id) if level == Level::Info && is_built_in(supervisor.name(id)) => {
            log::debug!(target: supervisor.name(id), "{text}");
        }
        Some(id) => log::log!(target: supervisor.name(id), level, "{text}"),
        None => log::log!(level, "{text}"),
    }
}

/// `None`: that is for `rinit events` alone.
fn words(supervisor: &Supervisor, notice: &Notice, kill: Kill) -> Option<(Option<ServiceId>, Level, String)> {
    let (id, (level, text)) = match notice {
        Notice::Started(id, pid) => (id, info(format!("started, pid {}", pid.0))),
        Notice::StartFailed(id, why, Next::Failed(_)) => (id, (Level::Error, why.clone())),
        Notice::StartFailed(id, why, next) => (id, (failure(next), format!("{why}{}", then(next)))),
        Notice::Ready(id, true) => (id, info("ready")),
        Notice::Ready(_, false) | Notice::Ended(..) | Notice::HealthBegun(_) => return None,
        Notice::Restarting(id, why) | Notice::HookFailed(id, why) => (id, warning(why)),
        Notice::Succeeded(id, ended, by) => (id, info(succeeded(*ended, *by))),
        Notice::Paused(id) => (id, info("paused")),
        Notice::Resumed(id) => (id, info("resumed")),
        Notice::Died(id, status, oom, ran, next) => {
            let is_main = supervisor.name(*id) == crate::model::MAIN;
            (id, died(is_main, *status, *oom, *ran, next))
        }
        Notice::Signalled(id, signal, Scope::Process) => (id, info(format!("sent {signal} by request"))),
        Notice::Signalled(id, signal, Scope::Group) => {
            (id, info(format!("sent {signal} to its process group by request")))
        }
        Notice::Controlled(id, signal) => {
            (id, info(format!("running its control command in place of {signal}")))
        }
        // Its end was told before.
        Notice::Follows(id, next @ Next::Restart(_), None) => (id, info(follows(next))),
        Notice::Follows(id, next @ Next::Restart(_), Some(Because::Asked(why))) => {
            (id, info(format!("{}: {why}", follows(next))))
        }
        Notice::Follows(id, next, _) => (id, (failure(next), follows(next))),
        Notice::DependencyFailed(id, why) => (id, (Level::Error, format!("failed: {why}"))),
        Notice::Waiting(id, on, condition) => (id, (Level::Debug, waiting(supervisor.name(*on), *condition))),
        Notice::Healthy(id) => (id, info("healthy")),
        Notice::Unhealthy(id, streak, said) => {
            (id, warning(format!("unhealthy after {streak} failed health checks: {said}")))
        }
        Notice::ProbeFailed(id, said) => (id, (Level::Debug, format!("health check failed: {said}"))),
        Notice::ProbeUnusable(id, said) => (id, warning(unusable(said))),
        Notice::ProbeNotRun(id, why) => (id, warning(format!("health check could not run: {why}"))),
        Notice::Stopping(id, way, grace) => {
            let own = supervisor.stop_grace(*id);
            (id, info(stopping(*way, *grace, own, supervisor.is_stopping())))
        }
        Notice::Killed(id, grace) => (id, warning(killed(*grace, kill))),
        // It is still there.
        Notice::Stopped(id, ..) if supervisor.refusal(*id).is_some() => return None,
        Notice::Stopped(id, status, took) => (id, info(stopped(*status, *took))),
        // That is what the stop of the container is for.
        Notice::CalledOff(_) if supervisor.is_stopping() => return None,
        Notice::CalledOff(id) => (id, info("stopped before it was started")),
        Notice::NotSignalled(id, why) => (id, (Level::Error, why.clone())),
        Notice::Unkillable(id) => (id, (Level::Error, unkillable(kill))),
        Notice::StopBegun(cause, count, limit) => {
            return Some((None, Level::Info, stop_begun(supervisor, cause, *count, *limit)));
        }
        Notice::RestKilled => {
            let text = format!("processes of no service were left: {}", by_sigkill(kill));
            return Some((None, Level::Warn, text));
        }
        Notice::StopDone(took, killed) => {
            let (level, text) = stop_done(supervisor, *took, killed);
            return Some((None, level, text));
        }
    };
    Some((Some(*id), level, text))
}

fn info(text: impl Into<String>) -> (Level, String) {
    (Level::Info, text.into())
}

fn warning(text: impl Into<String>) -> (Level, String) {
    (Level::Warn, text.into())
}

fn succeeded(ended: Pid, by: Pid) -> String {
    format!("main process {} has ended, {} is in its place", ended.0, by.0)
}

fn died(is_main: bool, status: ExitStatus, oom: bool, ran: Duration, next: &Next) -> (Level, String) {
    let level = if is_main && !oom { Level::Info } else { failure(next) };
    let oom = if oom { " (oom: out of memory)" } else { "" };
    let then = gave_up(next).unwrap_or_else(|| then(next));
    (level, format!("{status}{oom} after {}{then}", duration::format(ran)))
}

/// What happens to a process whose grace is over. Where SIGKILL was refused this is not told.
fn by_sigkill(kill: Kill) -> &'static str {
    if kill == Kill::Waits { "killing with SIGKILL" } else { "killed with SIGKILL" }
}

fn killed(grace: Duration, kill: Kill) -> String {
    let how = by_sigkill(kill);
    match grace.is_zero() {
        true => how.to_owned(),
        false => format!("still there after {}: {how}", duration::format(grace)),
    }
}

/// `own`: the grace that its definition gives it, of which it may get no more than its share while the container stops.
fn stopping(way: StopBy, grace: Duration, own: Duration, with_container: bool) -> String {
    // Nobody has asked for the default.
    let is_cut = with_container && grace < own && own != Policy::default().stop_grace_period;
    let of = if is_cut { format!(" in place of {}", duration::format(own)) } else { String::new() };
    format!("stopping with {}, grace {}{of}", by(way), duration::format(grace))
}

fn stopped(status: Option<ExitStatus>, took: Duration) -> String {
    let how = status.map(|status| format!(", {status}")).unwrap_or_default();
    format!("stopped after {}{how}", duration::format(took))
}

fn unkillable(kill: Kill) -> String {
    let why = match kill {
        Kill::Sent => "still there after SIGKILL",
        Kill::Refused => "it cannot be killed",
        Kill::Waits => "SIGKILL could not be sent in time",
        Kill::Unknown => "it is not known whether SIGKILL was sent",
    };
    format!("{why}: given up")
}

fn stop_done(supervisor: &Supervisor, took: Duration, killed: &[ServiceId]) -> (Level, String) {
    let took = duration::format(took);
    if killed.is_empty() {
        return info(format!("stopped in {took}"));
    }
    let names: Vec<&str> = killed.iter().map(|id| supervisor.name(*id)).collect();
    warning(format!("stopped in {took}, killed: {}", names.join(", ")))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::signalling::queue::Message;
    use crate::init::signalling::senders::SignalSenders;
    use crate::model::{Exec, Service, Shared, Signal};
    use crate::supervisor::{Event, Role};

    const WEB: ServiceId = ServiceId(0);
    const PID: Pid = Pid(77);

    fn supervisor() -> Supervisor {
        let web = Service {
            name: "web".to_owned(),
            description: None,
            exec: Exec::default(),
            hooks: Shared::default(),
            policy: Policy::default().into(),
            healthcheck: None,
            logging: None,
            origin: None,
        };
        let mut supervisor = Supervisor::new(&[web], Duration::ZERO);
        supervisor.record(PID, WEB, Role::Main);
        supervisor
    }

    fn refuse(supervisor: &mut Supervisor, signal: Signal) {
        let message = format!("cannot send {signal}");
        let event = Event::NotSignalled { pid: PID, signal, message };
        supervisor.step(Duration::ZERO, event, &mut Vec::new());
    }

    /// What is told when the service is given up.
    fn given_up(supervisor: &Supervisor, senders: &mut SignalSenders) -> String {
        let notice = Notice::Unkillable(WEB);
        let kill = senders.kill_for(supervisor, &notice);
        words(supervisor, &notice, kill).unwrap().2
    }

    #[test]
    fn what_is_given_up_is_told_with_what_is_known_of_its_kill() {
        let (mut supervisor, mut senders) = (supervisor(), SignalSenders::new());
        assert_eq!(given_up(&supervisor, &mut senders), "still there after SIGKILL: given up");
        refuse(&mut supervisor, Signal::TERM);
        assert_eq!(given_up(&supervisor, &mut senders), "still there after SIGKILL: given up");
        senders.push(Message { to: Some((PID, Scope::Group)), signal: Signal::KILL }).unwrap();
        assert_eq!(given_up(&supervisor, &mut senders), "SIGKILL could not be sent in time: given up");
        refuse(&mut supervisor, Signal::KILL);
        assert_eq!(given_up(&supervisor, &mut senders), "it cannot be killed: given up");
    }

    #[test]
    fn a_doubt_about_a_kill_ends_with_the_next_one_and_with_its_process() {
        let (mut supervisor, mut senders) = (supervisor(), SignalSenders::new());
        let unknown = "it is not known whether SIGKILL was sent: given up";
        senders.note_refused(WEB, PID, Signal::KILL, false);
        assert_eq!(given_up(&supervisor, &mut senders), unknown);
        senders.about_to_send(PID, Signal::TERM);
        assert_eq!(given_up(&supervisor, &mut senders), unknown);
        senders.about_to_send(PID, Signal::KILL);
        assert_eq!(given_up(&supervisor, &mut senders), "still there after SIGKILL: given up");
        senders.note_refused(WEB, PID, Signal::KILL, false);
        supervisor.reaped(PID);
        let status = ExitStatus::Code(0);
        let exited = Event::Exited { pid: PID, status, group_left: false, oom: false, output: Vec::new() };
        supervisor.step(Duration::ZERO, exited, &mut Vec::new());
        // Another process may get its number.
        assert_eq!(given_up(&supervisor, &mut senders), "still there after SIGKILL: given up");
        supervisor.record(PID, WEB, Role::Main);
        assert_eq!(given_up(&supervisor, &mut senders), "still there after SIGKILL: given up");
    }
}
