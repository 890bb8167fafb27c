//! From a seed to a scenario.

use super::random::Random;
use super::scenario::*;
use rinit::model::{
    Backoff, Condition, Control, Dependency, Exec, Finish, HealthCheck, HealthTiming, Hook, Hooks, KillMode,
    MAIN, Notify, OnUnhealthy, Policy, Probe, Restart, Service, Signal,
};
use rinit::supervisor::{ExitStatus, News, Scope, Time};
use std::time::Duration;

const SHORT: [u64; 9] = [0, 0, 1, 2, 10, 50, 100, 500, 1000];
const TIMES: [u64; 12] = [0, 1, 10, 100, 200, 500, 1000, 1500, 2000, 3000, 5000, 12_000];
/// Limits that must not be zero.
const LIMITS: [u64; 7] = [10, 100, 500, 1000, 2000, 3000, 10_000];
const GRACES: [u64; 9] = [0, 1, 100, 1000, 1000, 2000, 3000, 10_000, 60_000];
const HOOKS: [Hook; 12] = [
    Hook::PreStart,
    Hook::PostStart,
    Hook::PreStop,
    Hook::Stop,
    Hook::PostStop,
    Hook::Control(Control::Up),
    Hook::Control(Control::Down),
    Hook::Control(Control::Exit),
    Hook::Control(Control::Signal(Signal::HUP)),
    Hook::Control(Control::Signal(Signal::KILL)),
    Hook::Control(Control::Signal(Signal::CONT)),
    Hook::Control(Control::Signal(Signal::STOP)),
];

/// How wild a scenario is. Most seeds leave most things out: a story with everything in it hides what only a few
/// things together bring about.
struct Mood {
    hooks: u64,
    control: u64,
    health: u64,
    notify: u64,
    stuck: u64,
    failures: u64,
    members: u64,
    pipes: u64,
}

pub fn scenario(seed: u64) -> Scenario {
    let r = &mut Random::new(seed);
    let mood = Mood {
        hooks: r.pick(&[0, 0, 10, 40]),
        control: r.pick(&[0, 0, 30]),
        health: r.pick(&[0, 30, 60]),
        notify: r.pick(&[0, 20, 60]),
        stuck: r.pick(&[0, 0, 0, 3, 15]),
        failures: r.pick(&[0, 5, 20]),
        members: r.pick(&[0, 0, 10, 40]),
        pipes: r.pick(&[0, 0, 0, 50]),
    };
    let mut names: Vec<String> = ["a", "b", "c", "d", "e", "f", "g"].map(str::to_owned).to_vec();
    // Names say nothing about who depends on whom.
    r.shuffle(&mut names);
    let count = 1 + r.below(5);
    let with_main = r.percent(30);
    let services = services(r, &mood, &names[..count], with_main, &[]);
    let players = names.iter().cloned().chain([MAIN.to_owned()]).map(|name| player(r, &mood, name)).collect();
    let requests = requests(r, &mood, &names, with_main, &services);
    let orphans = r.several(2, |r| if r.percent(30) { Some(conduct(r, &mood)) } else { None });
    Scenario {
        services,
        players,
        requests,
        stop_timeout: r.time(&[0, 500, 1000, 3000, 9000, 9000, 30_000]),
        orphans: orphans.into_iter().flatten().collect(),
        tick_first: r.percent(50),
        hardships: hardships(r, &names[..count]),
    }
}

/// Half of the scenarios have none.
fn hardships(r: &mut Random, names: &[String]) -> Hardships {
    if r.percent(50) {
        return Hardships::default();
    }
    let chance = r.pick(&[0, 50, 100]);
    let mut stalls = r.several(3, |r| {
        let at = r.time(&TIMES) + Duration::from_millis(r.below(3000) as u64);
        let length = r.time(&[100, 900, 1500, 3000, 8000, 15_000]);
        Stall { at, length, kind: r.pick(&[StallKind::Pid1, StallKind::Everything, StallKind::Jump]) }
    });
    stalls.sort_by_key(|stall| stall.at);
    let mut refusals = r.several(2, |r| {
        let from = r.time(&TIMES);
        (from, from + r.time(&[1, 100, 1000, 5000]))
    });
    let mut spawns_take = r.several(4, |r| r.time(&[0, 1, 10, 300, 2000]));
    if !r.percent(chance) {
        stalls.clear();
    }
    if !r.percent(25) {
        spawns_take.clear();
    }
    if !r.percent(25) {
        refusals.clear();
    }
    let reaps_last = r.percent(50);
    let unreachable = r.maybe(5, |r| names[r.below(names.len())].clone());
    let mut senders_take = r.several(4, |r| r.time(&[0, 1, 30, 300]));
    if !r.percent(25) {
        senders_take.clear();
    }
    Hardships { stalls, reaps_last, spawns_take, refusals, senders_take, unreachable }
}

/// Services of these names, each of which depends on earlier ones only. Some are as they were.
fn services(r: &mut Random, mood: &Mood, names: &[String], main: bool, old: &[Service]) -> Vec<Service> {
    let mut made: Vec<Service> = Vec::new();
    for name in names {
        let known = old.iter().find(|service| service.name == *name).cloned();
        let mut service = match known {
            Some(service) if r.percent(60) => service,
            Some(service) if r.percent(60) => tuned(r, mood, service),
            Some(mut service) => {
                service.exec.context.umask = Some(r.below(512) as u32);
                service
            }
            None => service(r, mood, name),
        };
        // What it depended on may be gone; and the health check of what it waits for.
        service.policy.depends_on.retain(|dependency| {
            made.iter().any(|on| on.name == dependency.name && possible(on, dependency.condition))
        });
        let to = service.exec.streams.take().and_then(|streams| streams.stdout);
        let to = to.filter(|to| made.iter().any(|other| other.name == *to));
        if known_or_new(old, name) || r.percent(10) {
            depend(r, &mut service, &made);
            let other = r.maybe(mood.pipes, |r| made.get(r.below(made.len().max(1))));
            write_to(&mut service, other.flatten().map(|other| other.name.clone()));
        } else {
            write_to(&mut service, to);
        }
        made.push(service);
    }
    let read: Vec<String> =
        made.iter().flat_map(|service| service.exec.readers()).map(str::to_owned).collect();
    for service in made.iter_mut().filter(|service| read.contains(&service.name)) {
        service.exec.streams.get_or_insert_default().reads = true;
    }
    if main {
        made.push(main_service(r, mood, &made));
    }
    made.sort_by(|one, other| one.name.cmp(&other.name));
    made
}

/// What it writes goes to another one, which it then depends on.
fn write_to(service: &mut Service, to: Option<String>) {
    let Some(name) = to else { return };
    service.exec.streams.get_or_insert_default().stdout = Some(name.clone());
    if !service.policy.depends_on.iter().any(|on| on.name == name) {
        let condition = Condition::Started;
        service.policy.depends_on.push(Dependency { name, condition, required: true, restart: false });
    }
}

fn known_or_new(old: &[Service], name: &str) -> bool {
    !old.iter().any(|service| service.name == name)
}

fn depend(r: &mut Random, service: &mut Service, on: &[Service]) {
    for other in on {
        if !r.percent(40) || service.policy.depends_on.iter().any(|known| known.name == other.name) {
            continue;
        }
        let condition = r.pick(&[Condition::Started, Condition::Healthy, Condition::CompletedSuccessfully]);
        let condition = if possible(other, condition) { condition } else { Condition::Started };
        let (required, restart) = (r.percent(75), r.percent(30));
        let name = other.name.clone();
        service.policy.depends_on.push(Dependency { name, condition, required, restart });
    }
}

/// Whether the configuration accepts that condition.
fn possible(on: &Service, condition: Condition) -> bool {
    match condition {
        Condition::Started => true,
        Condition::Healthy => on.healthcheck.is_some(),
        Condition::CompletedSuccessfully => {
            matches!(on.policy.restart, Restart::No | Restart::OnFailure(_))
        }
    }
}

fn service(r: &mut Random, mood: &Mood, name: &str) -> Service {
    let notify = r.maybe(mood.notify, |r| r.pick(&[Notify::Systemd, Notify::Systemd, Notify::Descriptor(3)]));
    let policy = Policy {
        restart: restart(r),
        backoff: backoff(r),
        essential: r.percent(10),
        autostart: r.percent(85),
        depends_on: Vec::new(),
        stop_signal: r.maybe(20, |r| r.pick(&[Signal::INT, Signal::QUIT, Signal::KILL])),
        stop_grace_period: r.time(&GRACES),
        kill_mode: r.pick(&[KillMode::Mixed, KillMode::Group, KillMode::Process]),
        notify,
        start_timeout: r.maybe(30, |r| r.time(&LIMITS)),
        watchdog: r.maybe(50, |r| r.time(&LIMITS)).filter(|_| notify == Some(Notify::Systemd)),
        run_timeout: r.maybe(10, |r| r.time(&LIMITS)),
        refuse_manual_stop: false,
    };
    let command = || Some(vec!["hook".into()]);
    let mut hooks = Hooks::default();
    for hook in HOOKS {
        let place = match hook {
            Hook::Control(control) => {
                hooks.control.extend(r.maybe(mood.control, |_| (control, vec!["hook".into()])));
                continue;
            }
            Hook::PreStart => &mut hooks.pre_start,
            Hook::PostStart => &mut hooks.post_start,
            Hook::PreStop => &mut hooks.pre_stop,
            Hook::Stop => &mut hooks.stop,
            Hook::PostStop => &mut hooks.post_stop,
        };
        *place = if r.percent(mood.hooks) { command() } else { None };
    }
    if hooks.post_stop.is_some() {
        hooks.post_stop_timeout = r.maybe(30, |r| r.time(&LIMITS));
        hooks.finish = r.maybe(30, |r| match r.percent(50) {
            true => Finish::S6("name".into()),
            false => Finish::Runit,
        });
    }
    let healthcheck = r.maybe(mood.health, check).map(Box::new);
    let exec = Exec { command: vec!["program".into()], ..Exec::default() };
    let (policy, hooks) = (policy.into(), hooks.into());
    Service {
        name: name.to_owned(),
        description: None,
        exec,
        policy,
        hooks,
        healthcheck,
        logging: None,
        origin: None,
    }
}

/// The same service with changes that need no restart.
fn tuned(r: &mut Random, mood: &Mood, mut service: Service) -> Service {
    match r.below(4) {
        0 => service.policy.restart = restart(r),
        1 => service.policy.stop_grace_period = r.time(&GRACES),
        2 => service.policy.backoff = backoff(r),
        _ => service.healthcheck = r.maybe(mood.health.max(50), check).map(Box::new),
    }
    service
}

fn main_service(r: &mut Random, mood: &Mood, others: &[Service]) -> Service {
    let mut main = service(r, mood, MAIN);
    main.policy = Policy { depends_on: Vec::new(), ..Policy::main() }.into();
    main.policy.stop_signal = r.maybe(20, |_| Signal::INT);
    main.policy.stop_grace_period = r.time(&GRACES);
    for other in others.iter().filter(|other| other.policy.autostart) {
        let condition = match other.policy.is_task() {
            true => Condition::CompletedSuccessfully,
            false => Condition::Started,
        };
        let name = other.name.clone();
        main.policy.depends_on.push(Dependency { name, condition, required: true, restart: false });
    }
    main
}

fn restart(r: &mut Random) -> Restart {
    let limit = r.pick(&[None, Some(0), Some(1), Some(2), Some(3)]);
    r.pick(&[
        Restart::Always,
        Restart::Always,
        Restart::UnlessStopped,
        Restart::OnFailure(limit),
        Restart::No,
    ])
}

fn backoff(r: &mut Random) -> Backoff {
    let initial = r.time(&[10, 100, 100, 1000]);
    let backoff = Backoff {
        initial,
        factor: r.pick(&[1.0, 1.5, 2.0, 2.0, 10.0]),
        max: initial.max(r.time(&[10, 300, 1000, 60_000])),
        reset_after: r.time(&[50, 1000, 3000, 10_000]),
        limit: r.maybe(25, |r| r.pick(&[1, 2, 3])),
        window: None,
    };
    let window = r.maybe(50, |r| r.time(&[100, 1000, 5000, 60_000])).filter(|_| backoff.limit.is_some());
    Backoff { window, ..backoff }
}

fn check(r: &mut Random) -> HealthCheck {
    let timing = HealthTiming {
        interval: r.time(&[100, 500, 1000, 2000]),
        timeout: r.time(&[10, 100, 500, 3000]),
        start_period: r.time(&[0, 0, 500, 1000, 3000]),
        start_interval: r.time(&[50, 200, 1000, 1000, 5000]),
        retries: r.pick(&[1, 2, 3]),
        on_unhealthy: r.pick(&[
            OnUnhealthy::Restart,
            OnUnhealthy::Restart,
            OnUnhealthy::None,
            OnUnhealthy::None,
            OnUnhealthy::Shutdown,
        ]),
    };
    HealthCheck { probe: Probe::Command(vec!["probe".into()]), timing }
}

fn player(r: &mut Random, mood: &Mood, name: String) -> Player {
    let lives = (0..1 + r.below(4)).map(|_| life(r, mood)).collect();
    let probes = (0..1 + r.below(5)).map(|_| probe(r, mood)).collect();
    let hooks = HOOKS.into_iter().map(|hook| (hook, errand(r, mood))).collect();
    Player { name, lives, probes, hooks }
}

fn making(r: &mut Random, mood: &Mood) -> Making {
    match r.percent(mood.failures) {
        true => r.pick(&[Making::Transient, Making::Transient, Making::Permanent]),
        false => Making::Works,
    }
}

fn life(r: &mut Random, mood: &Mood) -> Life {
    Life {
        fork: making(r, mood),
        exec: making(r, mood),
        set_up: r.time(&[0, 0, 1, 5]),
        ready: r.maybe(80, |r| r.time(&SHORT)),
        says: r.several(3, |r| (r.time(&TIMES), news(r))),
        members: r.several(2, |r| r.maybe(mood.members, |r| member(r, mood))).into_iter().flatten().collect(),
        conduct: conduct(r, mood),
    }
}

fn member(r: &mut Random, mood: &Mood) -> Member {
    let conduct = conduct(r, mood);
    // Those times are few: that a zombie is not reaped at once is rare.
    let reaped_outside = r.maybe(30, |r| r.time(&[0, 0, 0, 100, 2000]));
    let heir = reaped_outside.is_none() && r.percent(30);
    Member { conduct, reaped_outside, heir, own_group: heir && r.percent(30) }
}

fn news(r: &mut Random) -> News {
    match r.below(8) {
        0 => News::Ready,
        1 => News::Stopping,
        2 => News::Reloading,
        3 => News::Status("busy".to_owned()),
        4 | 5 => News::Alive,
        6 => News::Trigger,
        _ => News::Extend(r.time(&LIMITS)),
    }
}

fn conduct(r: &mut Random, mood: &Mood) -> Conduct {
    let end = r.maybe(60, |r| {
        let (status, oom) = r.pick(&[
            (ExitStatus::Code(0), false),
            (ExitStatus::Code(0), false),
            (ExitStatus::Code(1), false),
            (ExitStatus::Code(3), false),
            (ExitStatus::Signal(11), false),
            (ExitStatus::Signal(9), true),
        ]);
        (r.time(&TIMES), status, oom)
    });
    let on_stop = r.maybe(75, |r| (r.time(&SHORT), r.pick(&[None, Some(0), Some(0), Some(4)])));
    let stuck = r.maybe(mood.stuck, |r| r.time(&[500, 1500, 5000, 3_600_000]));
    Conduct { end, on_stop, stuck: stuck.unwrap_or_default() }
}

fn probe(r: &mut Random, mood: &Mood) -> Errand {
    let after = if r.percent(15) { None } else { Some(r.time(&[0, 0, 1, 10, 100, 500])) };
    let status =
        r.pick(&[ExitStatus::Code(0), ExitStatus::Code(0), ExitStatus::Code(1), ExitStatus::Signal(6)]);
    let conduct = Conduct { end: after.map(|after| (after, status, false)), ..conduct(r, mood) };
    Errand { fork: making(r, mood), conduct }
}

fn errand(r: &mut Random, mood: &Mood) -> Errand {
    let hangs = r.percent(15);
    let status = if r.percent(25) { r.pick(&[1, 1, 125]) } else { 0 };
    let status = ExitStatus::Code(status);
    let end = (!hangs).then(|| (r.time(&SHORT), status, false));
    Errand { fork: making(r, mood), conduct: Conduct { end, ..conduct(r, mood) } }
}

fn requests(
    r: &mut Random,
    mood: &Mood,
    names: &[String],
    main: bool,
    services_now: &[Service],
) -> Vec<(Time, Request)> {
    let mut requests: Vec<(Time, Request)> = Vec::new();
    let mut current = services_now.to_vec();
    let mut times: Vec<Time> = r.several(8, |r| {
        let time = r.time(&TIMES);
        if r.percent(50) { time + Duration::from_millis(r.below(3000) as u64) } else { time }
    });
    times.sort();
    for time in times {
        let request = request(r, mood, names, main, &current);
        if let Request::Reload(services) = &request {
            current.clone_from(services);
        }
        requests.push((time, request));
    }
    let end = r.time(&[100, 1000, 5000, 10_000, 10_000, 15_000, 15_000, 80_000]);
    let signal = r.maybe(70, |r| r.pick(&[Signal::TERM, Signal::INT, Signal::QUIT]));
    requests.push((end, Request::StopContainer(signal)));
    if r.percent(15) {
        requests.push((end + r.time(&TIMES), Request::Kill));
    }
    requests.sort_by_key(|(time, _)| *time);
    requests
}

/// That service, and perhaps others.
fn several(r: &mut Random, name: String, current: &[Service]) -> Vec<String> {
    let mut names = vec![name];
    if r.percent(40) {
        let others = current.iter().map(|service| service.name.clone()).filter(|other| *other != names[0]);
        let others: Vec<String> = others.filter(|_| r.percent(60)).collect();
        names.extend(others);
        r.shuffle(&mut names);
    }
    names
}

fn request(r: &mut Random, mood: &Mood, names: &[String], main: bool, current: &[Service]) -> Request {
    let name = current[r.below(current.len())].name.clone();
    match r.below(25) {
        0..=2 => Request::Start(several(r, name, current)),
        3..=6 => Request::Stop(several(r, name, current)),
        7..=9 => Request::Restart(several(r, name, current)),
        10..=13 => Request::Pause(name),
        14 => Request::Resume(name),
        15 | 16 => Request::ProbeNow(name),
        17 | 18 => {
            let mut kept: Vec<String> = names
                .iter()
                .filter(|name| match current.iter().any(|service| service.name == **name) {
                    true => r.percent(80),
                    false => r.percent(15),
                })
                .cloned()
                .collect();
            if kept.is_empty() {
                kept.push(names[0].clone());
            }
            let mut changed = services(r, mood, &kept, main, current);
            let old_main = current.iter().find(|service| service.name == MAIN);
            if let (Some(old), Some(new)) = (old_main, changed.iter_mut().find(|s| s.name == MAIN)) {
                // COMMAND stays what it is, but for what it waits for.
                let depends_on = std::mem::take(&mut new.policy.depends_on);
                *new = old.clone();
                new.policy.depends_on = depends_on;
            }
            Request::Reload(changed)
        }
        19..=22 => {
            let signal = r.pick(&[Signal::HUP, Signal::HUP, Signal::USR1, Signal::KILL]);
            let wide = signal != Signal::KILL && r.percent(20);
            Request::Signal(name, if wide { Scope::Group } else { Scope::Process }, signal)
        }
        23 => Request::Forward(r.pick(&[Signal::HUP, Signal::TSTP])),
        _ => Request::Nudge(name),
    }
}
