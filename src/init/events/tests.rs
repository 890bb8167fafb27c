//! The records of `rinit events`: what is told, how much of it is kept, and who sees what.

use super::*;
use crate::model::{Exec, Service, Shared};
use crate::supervisor::{Pid, StopCause};

fn supervisor(names: &[&str]) -> Supervisor {
    let service = |name: &&str| Service {
        name: (*name).to_owned(),
        description: None,
        exec: Exec::default(),
        hooks: Shared::default(),
        policy: Shared::default(),
        healthcheck: None,
        logging: None,
        origin: None,
    };
    let services: Vec<Service> = names.iter().map(service).collect();
    Supervisor::new(&services, Duration::from_secs(9))
}

const WEB: ServiceId = ServiceId(0);
const DB: ServiceId = ServiceId(1);

/// What the news become: `KIND NAME=VALUE...`.
fn told(notices: &[Notice]) -> Vec<String> {
    let supervisor = supervisor(&["web", "db"]);
    let mut events = Events::default();
    for notice in notices {
        events.take_in(0, &supervisor, notice);
    }
    lines(&events, &supervisor, 0, &mut Filter::default())
}

fn lines(events: &Events, supervisor: &Supervisor, seen: u64, filter: &mut Filter) -> Vec<String> {
    let mut lines = Vec::new();
    events.after(supervisor, seen, filter, KEPT, |event| {
        let mut line = format!("{} {}", event.service.as_deref().unwrap_or("-"), event.kind);
        for (name, value) in &event.attributes {
            line.push_str(&format!(" {name}={value}"));
        }
        lines.push(line);
    });
    lines
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_crash_and_what_follows_it() {
    let restart = Next::Restart(Duration::from_millis(100));
    let gave_up = Next::Failed("exited with code 1, gave up".into());
    assert_eq!(
        told(&[
            Notice::Started(WEB, Pid(17)),
            Notice::Ready(WEB, false),
            Notice::Died(WEB, ExitStatus::Code(1), false, secs(3), restart),
            Notice::Died(WEB, ExitStatus::Signal(9), true, secs(1), gave_up),
            Notice::Died(DB, ExitStatus::Code(0), false, secs(1), Next::Completed),
        ]),
        [
            "web start pid=17",
            "web ready",
            "web die exit_code=1 ran_ms=3000",
            "web restart in_ms=100",
            "web oom",
            "web die exit_code=137 ran_ms=1000 signal=SIGKILL",
            "web failed reason=exited with code 1, gave up",
            "db die exit_code=0 ran_ms=1000",
            "db completed",
        ]
    );
}

#[test]
fn a_stop_in_docker_s_order() {
    assert_eq!(
        told(&[
            Notice::Stopping(WEB, StopBy::Signal(Signal::TERM), secs(10)),
            Notice::Killed(WEB, secs(10)),
            Notice::Ended(WEB, ExitStatus::Signal(9), false, secs(60)),
            Notice::Stopped(WEB, Some(ExitStatus::Signal(9)), secs(10)),
        ]),
        [
            "web kill grace_ms=10000 signal=SIGTERM",
            "web kill after_ms=10000 signal=SIGKILL",
            "web die exit_code=137 ran_ms=60000 signal=SIGKILL",
            "web stop took_ms=10000",
        ]
    );
}

#[test]
fn what_is_of_the_container_has_no_service() {
    let supervisor = supervisor(&["web"]);
    let mut events = Events::default();
    events.reloaded(0, Ok("restart web"));
    events.reloaded(0, Err("1 error\nweb.toml:1:1: no"));
    events.take_in(0, &supervisor, &Notice::StopBegun(StopCause::Essential(WEB), 1, secs(9)));
    events.take_in(0, &supervisor, &Notice::RestKilled);
    events.ended(0, 137, 9001, "web");
    assert_eq!(
        lines(&events, &supervisor, 0, &mut Filter::default()),
        [
            "- reload changes=restart web",
            "- reload error=1 error web.toml:1:1: no",
            "- shutdown cause=web has ended limit_ms=9000",
            "- kill signal=SIGKILL",
            "- exit exit_code=137 killed=web took_ms=9001",
        ]
    );
}

#[test]
fn the_rest_of_the_news() {
    assert_eq!(
        told(&[
            Notice::Signalled(WEB, Signal::HUP, Scope::Process),
            Notice::Signalled(WEB, Signal::HUP, Scope::Group),
            Notice::Paused(WEB),
            Notice::Resumed(WEB),
            Notice::HealthBegun(WEB),
            Notice::Healthy(WEB),
            Notice::Unhealthy(WEB, 3, "HTTP 503\nbusy".into()),
            Notice::Restarting(WEB, "late".into()),
            Notice::Follows(WEB, Next::Restart(Duration::ZERO), Some(Because::Unwell("late".into()))),
            Notice::StartFailed(WEB, "cannot fork".into(), Next::Restart(secs(1))),
            Notice::DependencyFailed(WEB, "dependency db failed".into()),
            Notice::HookFailed(WEB, "pre_stop failed".into()),
            Notice::Unkillable(WEB),
            Notice::ProbeFailed(WEB, "no".into()),
        ]),
        [
            "web kill signal=SIGHUP to=process",
            "web kill signal=SIGHUP to=group",
            "web pause",
            "web unpause",
            "web health_status: starting",
            "web health_status: healthy",
            "web health_status: unhealthy failing_streak=3 output=HTTP 503 busy",
            "web restart in_ms=0 reason=late",
            "web restart in_ms=1000 reason=cannot fork",
            "web failed reason=dependency db failed",
            "web hook_failed reason=pre_stop failed",
            "web unkillable",
        ]
    );
}

#[test]
fn an_unknown_kind_is_found() {
    let asked = |kind: &str| Filter::new(Vec::new(), vec![kind.into()]).unknown_kind().is_none();
    assert!(asked("die") && asked("health_status") && asked("health_status: healthy"));
    assert!(!asked("dying") && !asked("health") && !asked("health_status:") && !asked(""));
}

#[test]
fn the_last_1024_are_kept_and_numbered() {
    let supervisor = supervisor(&["web", "db"]);
    let mut events = Events::default();
    assert_eq!((events.last(), events.gone()), (0, 0));
    for number in 0..3000_u64 {
        let id = if number % 2 == 0 { WEB } else { DB };
        events.take_in(number, &supervisor, &Notice::Healthy(id));
    }
    assert_eq!((events.last(), events.gone()), (3000, 1976));
    let mut seen = Vec::new();
    let mut all = Filter::default();
    assert_eq!(events.after(&supervisor, 0, &mut all, 5000, |event| seen.push(event.seq)), 3000);
    assert_eq!(seen, (1977..=3000).collect::<Vec<_>>());
    // A part of it, and from where that ends.
    let mut db = Filter::new(vec!["d?".into()], Vec::new());
    let mut few = Vec::new();
    let next = events.after(&supervisor, 2000, &mut db, 2, |event| few.push((event.seq, event.time)));
    assert_eq!(
        few,
        [(2002, "1970-01-01T00:00:02.001Z".to_owned()), (2004, "1970-01-01T00:00:02.003Z".to_owned())]
    );
    assert_eq!(next, 2004);
    assert_eq!(events.after(&supervisor, 3000, &mut all, 1, |_| panic!("nothing is left")), 3000);
    assert_eq!(events.after(&supervisor, u64::MAX, &mut all, 1, |_| panic!("nothing is left")), u64::MAX);
    assert_eq!((events.before(0), events.before(2500), events.before(9999)), (1976, 2500, 3000));
}

#[test]
fn an_answer_has_a_page() {
    let supervisor = supervisor(&["web"]);
    let mut events = Events::default();
    for _ in 0..PAGE + 1 {
        events.take_in(0, &supervisor, &Notice::Healthy(WEB));
    }
    let first = events.report(&supervisor, 0, &mut Filter::default(), 0);
    assert_eq!((first.events.len(), first.seen, first.more), (PAGE, PAGE as u64, true));
    let second = events.report(&supervisor, first.seen, &mut Filter::default(), 0);
    assert_eq!((second.events.len(), second.seen, second.more), (1, PAGE as u64 + 1, false));
    // What nobody wants fills no page.
    let mut none = Filter::new(Vec::new(), vec!["die".into(); 2000]);
    assert_eq!(none.kinds.len(), 1);
    let empty = events.report(&supervisor, 0, &mut none, 0);
    assert_eq!((empty.events.len(), empty.seen, empty.more), (0, PAGE as u64 + 1, false));
}

#[test]
fn a_filter_takes_names_patterns_and_kinds() {
    let supervisor = supervisor(&["web", "db"]);
    let mut events = Events::default();
    for id in [WEB, DB] {
        events.take_in(0, &supervisor, &Notice::Started(id, Pid(1)));
        events.take_in(0, &supervisor, &Notice::Healthy(id));
    }
    events.ended(0, 0, 0, "");
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let filter = |names: &[&str], kinds: &[&str]| Filter::new(words(names), words(kinds));
    let count =
        |names: &[&str], kinds: &[&str]| lines(&events, &supervisor, 0, &mut filter(names, kinds)).len();
    assert_eq!(count(&[], &[]), 5);
    assert_eq!(count(&["web"], &[]), 2);
    assert_eq!(count(&["*"], &[]), 4);
    assert_eq!(count(&["web", "d*"], &["start"]), 2);
    assert_eq!(count(&[], &["health_status"]), 2);
    assert_eq!(count(&[], &["health_status: healthy", "exit"]), 3);
    assert_eq!(count(&[], &["health_status: starting"]), 0);
}

#[test]
fn records_are_small() {
    assert!(size_of::<Record>() <= 48, "{}", size_of::<Record>());
    let mut events = Events::default();
    events.push(u64::MAX, EventKind::Failed, None, 0, NONE, &"é\n".repeat(1000));
    let record = events.records.front().unwrap();
    assert!(record.text.as_ref().unwrap().len() <= MAX_TEXT);
    // Also the last time that there is can be told.
    assert_eq!(record.report(1, None).time, "9999-12-31T23:59:59.999Z");
}
