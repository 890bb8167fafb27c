//! A directory with a `run`: a service that s6 or runit keeps running.

use super::raw::{Dir, Report};
use super::style::Style;
use super::{contenv, leftover};
use crate::config::read::draft::Draft;
use crate::model::duration::MAX;
use crate::model::{
    Backoff, Control, Finish, HealthCheck, HealthTiming, KillMode, MOST_DEATHS, Notify, OnUnhealthy, Origin,
    Probe, Signal, suggest,
};
use std::ffi::OsString;
use std::time::Duration;

/// Both let a second pass from one start to the next, and no more however often it ends.
const PACE: Backoff = Backoff {
    initial: Duration::from_secs(1),
    factor: 1.0,
    max: Duration::from_secs(1),
    reset_after: Duration::from_secs(1),
    limit: None,
    window: None,
};
/// The default of s6.
const FINISH_TIMEOUT: Duration = Duration::from_secs(5);
/// As `sv check` has it: so long `check` is asked again and again.
const CHECK_TIMEOUT: Duration = Duration::from_secs(7);

/// What s6 and runit know, and what they make themselves or leave to the user.
const KNOWN: [&str; 32] = [
    "run",
    "finish",
    "down",
    "log",
    "supervise",
    "event",
    "data",
    "env",
    "notification-fd",
    "timeout-kill",
    "timeout-finish",
    "max-death-tally",
    "down-signal",
    "reload-signal",
    "flag-timeout-killpg",
    "flag-newpidns",
    "lock-fd",
    "nosetsid",
    "instance",
    "instances",
    "type",
    "dependencies",
    "dependencies.d",
    "timeout-up",
    "timeout-down",
    "producer-for",
    "consumer-for",
    "pipeline-name",
    "flag-essential",
    "flag-recommended",
    "check",
    "control",
];

/// The commands of `sv` that a program in `control/` may be for, in the order of the model. runsv takes `o` for `u`.
const CONTROLS: [(char, Control); 13] = [
    ('u', Control::Up),
    ('d', Control::Down),
    ('x', Control::Exit),
    ('h', Control::Signal(Signal::HUP)),
    ('i', Control::Signal(Signal::INT)),
    ('q', Control::Signal(Signal::QUIT)),
    ('k', Control::Signal(Signal::KILL)),
    ('1', Control::Signal(Signal::USR1)),
    ('2', Control::Signal(Signal::USR2)),
    ('a', Control::Signal(Signal::ALRM)),
    ('t', Control::Signal(Signal::TERM)),
    ('c', Control::Signal(Signal::CONT)),
    ('p', Control::Signal(Signal::STOP)),
];

/// A path as the first word of a command.
pub(super) fn program(path: &str) -> Vec<OsString> {
    vec![OsString::from(path)]
}

/// A draft of a service that a directory defines.
pub(super) fn draft(name: &str, dir: &Dir) -> Draft {
    let mut draft = Draft::new(name);
    // rinit leaves the directory that it was started in.
    let absolute = std::path::absolute(&dir.path).unwrap_or_else(|_| dir.path.clone());
    draft.service.exec.working_dir = Some(absolute);
    draft.service.origin =
        Some(Origin { file: dir.path.clone(), lines: Default::default(), source: Default::default() });
    draft
}

/// Reads it. `called` is what s6 would call it, and tells it.
pub(super) fn read(name: &str, called: &str, dir: &Dir, style: Style, report: &mut Report) -> Draft {
    let before = report.count();
    let mut draft = draft(name, dir);
    if !dir.has("run") {
        let help = "a service directory has a program named run in it";
        report.mistake(&dir.path, "it has no run", Some(help.to_owned()));
    }
    draft.service.exec.command = contenv::command(&dir.path, "./run".into());
    draft.service.policy.backoff = PACE;
    // Neither looks after what the main process leaves behind.
    draft.service.policy.kill_mode = KillMode::Process;
    draft.service.policy.autostart = !dir.has("down");
    match style {
        Style::S6 => s6(&mut draft, called, dir, report),
        Style::Runit => runit(&mut draft, name == called, dir, report),
    }
    if report.finds_tools {
        leftover::look(dir, report);
    }
    // Copies and texts with an ending are nobody's.
    for odd in dir.names().filter(|name| name.len() > 3 && !name.contains(['.', '~'])) {
        if !KNOWN.contains(&odd)
            && let Some(near) = suggest::nearest(odd, &KNOWN)
        {
            report.note(&dir.at(odd), &format!("not used; did you mean {near}?"));
        }
    }
    draft.flawed = report.count() > before;
    draft
}

fn s6(draft: &mut Draft, called: &str, dir: &Dir, report: &mut Report) {
    let service = &mut draft.service;
    // An interpreter goes by its own name.
    if service.exec.command.len() == 1 {
        service.exec.arg0 = Some(OsString::from("run").into_boxed_os_str());
    }
    service.exec.command.push(called.into());
    let descriptor = dir.number("notification-fd", "a descriptor's number", 1023, report);
    if let Some(number) = descriptor {
        service.policy.notify = i32::try_from(number).ok().map(Notify::Descriptor);
    }
    if let Some(grace) = millis(dir, "timeout-kill", report) {
        service.policy.stop_grace_period = grace;
    }
    if dir.has("flag-timeout-killpg") {
        service.policy.kill_mode = KillMode::Mixed;
    }
    service.policy.stop_signal = signal(dir, "down-signal", report);
    if signal(dir, "reload-signal", report).is_some() {
        report.note(&dir.at("reload-signal"), "not used: `rinit signal NAME SIGNAL` sends it");
    }
    let tally = dir.number("max-death-tally", "how many deaths to remember", u32::MAX, report);
    let tally = tally.map(|number| u16::try_from(number).map_or(MOST_DEATHS, |few| few.min(MOST_DEATHS)));
    for (name, why) in [
        ("nosetsid", "each service has a session of its own"),
        ("flag-newpidns", "services share the namespace of rinit"),
        ("lock-fd", "rinit holds no lock for a service"),
    ] {
        if dir.has(name) {
            report.note(&dir.at(name), &format!("not used: {why}"));
        }
    }
    let timeout = match dir.has("timeout-finish") {
        true => millis(dir, "timeout-finish", report).unwrap_or(MAX),
        false => FINISH_TIMEOUT,
    };
    if dir.has("finish") {
        dir.program("finish", report);
        service.hooks.post_stop = Some(contenv::command(&dir.path, "./finish".into()));
        service.hooks.finish = Some(Finish::S6(called.into()));
        service.hooks.post_stop_timeout = Some(timeout);
        service.hooks.max_death_tally = tally;
    }
}

/// What runit knows. `alone`: it is no logger, for those have no `control`.
fn runit(draft: &mut Draft, alone: bool, dir: &Dir, report: &mut Report) {
    let service = &mut draft.service;
    if dir.has("finish") {
        dir.program("finish", report);
        service.hooks.post_stop = Some(contenv::command(&dir.path, "./finish".into()));
        service.hooks.finish = Some(Finish::Runit);
        service.hooks.post_stop_timeout = Some(MAX);
    }
    if dir.has("check") {
        dir.program("check", report);
        // runit asks only when it is asked itself, and does nothing of its own.
        let timing = HealthTiming {
            timeout: CHECK_TIMEOUT,
            start_period: CHECK_TIMEOUT,
            start_interval: Duration::from_secs(1),
            on_unhealthy: OnUnhealthy::None,
            ..HealthTiming::default()
        };
        service.healthcheck =
            Some(Box::new(HealthCheck { probe: Probe::Command(program("./check")), timing }));
    }
    if dir.has("control") && !alone {
        report.note(&dir.at("control"), "not used: runit has none for a logger");
    } else if dir.has("control")
        && let Some(control) = Dir::open(&dir.at("control"), report)
    {
        self::control(draft, &control, report);
    }
}

/// What runit runs for the commands of `sv`. That of `t` is also how it stops a service.
fn control(draft: &mut Draft, dir: &Dir, report: &mut Report) {
    let hooks = &mut draft.service.hooks;
    for (letter, control) in CONTROLS {
        let mut name = [0; 4];
        let name: &str = letter.encode_utf8(&mut name);
        // runit passes over those that cannot be executed, too.
        if dir.has(name) && dir.program(name, &mut Report::default()).is_some() {
            let command = program(&format!("control/{name}"));
            if letter == 't' {
                hooks.stop = Some(command.clone());
            }
            hooks.control.push((control, command));
        } else if dir.has(name) {
            report.note(&dir.at(name), "not used: it is no program that can be executed");
        }
    }
    let known = |name: &str| CONTROLS.iter().any(|(letter, _)| name.strip_prefix(*letter) == Some(""));
    for odd in dir.names().filter(|name| !known(name)) {
        report.note(&dir.at(odd), "not used: runsv does not look for it");
    }
}

/// The milliseconds that a file holds; `None` for 0, which stands for no limit.
pub(super) fn millis(dir: &Dir, name: &str, report: &mut Report) -> Option<Duration> {
    let number = dir.number(name, "a number of milliseconds", u32::MAX, report)?;
    (number > 0).then(|| Duration::from_millis(number.into()))
}

fn signal(dir: &Dir, name: &str, report: &mut Report) -> Option<Signal> {
    let word = dir.word(name, "a signal", report)?;
    let signal = Signal::parse(&word);
    if signal.is_none() {
        let help = "write its name or number into it, for instance SIGTERM or 15";
        report.mistake(dir.at(name), "expected a signal", Some(help.to_owned()));
    }
    signal
}
