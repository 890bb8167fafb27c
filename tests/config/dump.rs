//! A configuration as text for people: each service with what differs from the defaults.

use rinit::config::Config;
use rinit::model::duration::format;
use rinit::model::{
    Backoff, Capabilities, Context, HealthCheck, HealthTiming, Hook, KillMode, OnUnhealthy, Policy, Probe,
    Service, Variable,
};
use std::ffi::OsString;
use std::time::Duration;

/// All of it. Origins are shown where there is one, as `key:line`.
pub fn config(config: &Config) -> String {
    let mut out = String::new();
    for note in &config.notes {
        out.push_str(&format!("note: {note}\n"));
    }
    for (name, members) in &config.groups {
        out.push_str(&format!("group {name}: {}\n", members.join(" ")));
    }
    for each in &config.services {
        service(&mut out, each);
    }
    if out.is_empty() {
        out.push_str("no services\n");
    }
    out
}

fn service(out: &mut String, service: &Service) {
    let mut line = |text: String| out.push_str(&format!("{text}\n"));
    line(format!("[{}]", service.name));
    if let Some(text) = &service.description {
        line(format!("description: {text}"));
    }
    line(format!("command: {}", words(&service.exec.command)));
    if let Some(user) = &service.exec.context.user {
        let home = user.home.as_ref().map(|home| home.display().to_string());
        line(format!(
            "user: {:?} uid {} gid {} groups {:?} home {home:?}",
            user.name, user.uid, user.gid, user.groups
        ));
    }
    if let Some(dir) = &service.exec.working_dir {
        line(format!("working_dir: {}", dir.display()));
    }
    for (name, value) in &service.exec.environment {
        line(match value {
            Variable::Text(text) => format!("environment: {name:?} = {text:?}"),
            Variable::Hidden(text, None) => format!("environment: {name:?} = {text:?} (put together)"),
            Variable::Hidden(text, Some(path)) => {
                let file = path.file_name().unwrap_or_default().display();
                format!("environment: {name:?} = {text:?} from {file}")
            }
            Variable::File(path) => format!("environment: {name:?} in {}", path.display()),
        });
    }
    limits(&mut line, &service.exec.context);
    policy(&mut line, &service.policy);
    if let Some(streams) = &service.exec.streams {
        for (key, name) in [("stdout", &streams.stdout), ("stderr", &streams.stderr)] {
            line_if(&mut line, name.as_ref().map(|name| format!("{key}: to {name}")));
        }
        line_if(&mut line, streams.reads.then(|| "stdin: from services".to_owned()));
    }
    line_if(&mut line, service.exec.arg0.as_ref().map(|name| format!("arg0: {name:?}")));
    for hook in [Hook::PreStart, Hook::PostStart, Hook::PreStop, Hook::Stop, Hook::PostStop] {
        if let Some(command) = service.hooks.get(hook) {
            line(format!("{}: {}", hook.as_str(), words(command)));
        }
    }
    for (control, command) in &service.hooks.control {
        line(format!("control.{}: {}", control.name(), words(command)));
    }
    line_if(&mut line, service.hooks.finish.as_ref().map(|finish| format!("finish: {finish:?}")));
    let tally = service.hooks.max_death_tally;
    line_if(&mut line, tally.map(|tally| format!("max_death_tally: {tally}")));
    let limit = service.hooks.post_stop_timeout;
    line_if(&mut line, limit.map(|limit| format!("post_stop_timeout: {}", format(limit))));
    line_if(
        &mut line,
        service.logging.as_ref().map(|it| format!("logging: {} {:?}", it.driver.as_str(), it.options)),
    );
    if let Some(check) = &service.healthcheck {
        health(&mut line, check);
    }
    if let Some(origin) = &service.origin {
        let keys: Vec<String> = origin.lines.iter().map(|(key, line)| format!("{key}:{line}")).collect();
        line(format!("origin: {} {}", origin.file.display(), keys.join(" ")));
    }
}

fn line_if(line: &mut dyn FnMut(String), text: Option<String>) {
    text.into_iter().for_each(line);
}

fn limits(line: &mut dyn FnMut(String), context: &Context) {
    if !context.group_add.is_empty() {
        line(format!("group_add: {:?}", context.group_add));
    }
    if let Some(umask) = context.umask {
        line(format!("umask: {umask:03o}"));
    }
    for limit in &context.ulimits {
        let number = |value: Option<u64>| value.map_or("unlimited".to_owned(), |value| value.to_string());
        line(format!("ulimit: {:?} soft {} hard {}", limit.resource, number(limit.soft), number(limit.hard)));
    }
    if let Some(adj) = context.oom_score_adj {
        line(format!("oom_score_adj: {adj}"));
    }
    if let Some(nice) = context.nice {
        line(format!("nice: {nice}"));
    }
    for (key, set) in [("cap_drop", context.cap_drop), ("cap_add", context.cap_add)] {
        if set != Capabilities::default() {
            line(format!("{key}: {:#x}", set.0));
        }
    }
    if context.no_new_privileges {
        line("no_new_privileges".to_owned());
    }
}

fn words(words: &[OsString]) -> String {
    words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" ")
}

fn policy(line: &mut dyn FnMut(String), policy: &Policy) {
    line(format!("restart: {:?}", policy.restart));
    let Backoff { initial, factor, max, reset_after, limit, window } = policy.backoff;
    if policy.backoff != Backoff::default() {
        let (initial, max, reset) = (format(initial), format(max), format(reset_after));
        let limit = limit.map(|limit| format!(" limit {limit}")).unwrap_or_default();
        let window = window.map(|window| format!(" window {}", format(window))).unwrap_or_default();
        line(format!(
            "backoff: initial {initial} factor {factor} max {max} reset_after {reset}{limit}{window}"
        ));
    }
    if policy.essential {
        line("essential".to_owned());
    }
    if !policy.autostart {
        line("no autostart".to_owned());
    }
    for dependency in &policy.depends_on {
        let required = if dependency.required { "" } else { " not required" };
        let restart = if dependency.restart { " restart" } else { "" };
        let condition = dependency.condition.as_str();
        line(format!("depends_on: {} {condition}{required}{restart}", dependency.name));
    }
    if let Some(signal) = policy.stop_signal {
        line(format!("stop_signal: {signal}"));
    }
    if policy.stop_grace_period != Duration::from_secs(10) {
        line(format!("stop_grace_period: {}", format(policy.stop_grace_period)));
    }
    if policy.kill_mode != KillMode::Mixed {
        line(format!("kill_mode: {:?}", policy.kill_mode));
    }
    if let Some(notify) = policy.notify {
        line(format!("notify: {notify:?}"));
    }
    if policy.refuse_manual_stop {
        line("refuse_manual_stop".to_owned());
    }
    let limits = [
        ("start_timeout", policy.start_timeout),
        ("watchdog", policy.watchdog),
        ("run_timeout", policy.run_timeout),
    ];
    for (key, value) in limits {
        if let Some(value) = value {
            line(format!("{key}: {}", format(value)));
        }
    }
}

fn health(line: &mut dyn FnMut(String), check: &HealthCheck) {
    line(match &check.probe {
        Probe::Command(command) => format!("health: run {}", words(command)),
        Probe::Http(url) => {
            format!("health: GET {} of {}, Host {} ({})", url.path, url.endpoint, url.host, url.text)
        }
        Probe::Tcp(address) => format!("health: connect to {address}"),
        Probe::Unix(path) => format!("health: connect to {}", path.display()),
    });
    let HealthTiming { interval, timeout, start_period, start_interval, retries, on_unhealthy } =
        check.timing;
    if check.timing != HealthTiming::default() {
        let (interval, timeout) = (format(interval), format(timeout));
        line(format!("health: interval {interval} timeout {timeout} retries {retries}"));
        line(format!(
            "health: start_period {} start_interval {}",
            format(start_period),
            format(start_interval)
        ));
    }
    if on_unhealthy != OnUnhealthy::Restart {
        line(format!("health: on_unhealthy {on_unhealthy:?}"));
    }
}
