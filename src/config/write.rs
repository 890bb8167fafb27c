//! A service as the TOML file that says the same, for those that directories define.

use super::Config;
use crate::model::{
    Backoff, Control, Dependency, Exec, Finish, HealthCheck, HealthTiming, Hook, Hooks, KillMode, Notify,
    OnUnhealthy, Policy, Probe, Restart, Service,
};
use std::ffi::{OsStr, OsString};
use std::time::Duration;

/// All services of a configuration as TOML files, each after a comment with the file's name. Those that are defined in
/// TOML are left out.
///
/// # Errors
/// Why one cannot be written.
pub fn files(config: &Config) -> Result<String, String> {
    let mut text = String::new();
    for service in config.services.iter().filter(|service| config.directories.contains_key(&service.name)) {
        let bundles: Vec<&str> = config
            .groups
            .iter()
            .filter(|(_, services)| services.contains(&service.name))
            .map(|(name, _)| name.as_str())
            .collect();
        let gap = if text.is_empty() { "" } else { "\n" };
        text.push_str(&format!("{gap}# {}.toml\n", service.name));
        text.push_str(&toml(service, &bundles).map_err(|key| {
            format!("{}: its {key} is not UTF-8, which no TOML file can hold", service.name)
        })?);
    }
    Ok(text)
}

/// One service. What directories cannot say is not written.
///
/// # Errors
/// The key whose value is not UTF-8.
fn toml(service: &Service, bundles: &[&str]) -> Result<String, String> {
    let Service { name, description: _, exec, policy, hooks, healthcheck, origin: _ } = service;
    let mut out = Lines::default();
    let Exec { command, arg0, streams, working_dir, environment: _, context: _ } = exec;
    out.command("command", command)?;
    if let Some(arg0) = arg0 {
        out.line("arg0", &quoted(arg0.to_str().ok_or("arg0")?));
    }
    if let Some(dir) = working_dir {
        out.line("working_dir", &literal(dir.as_os_str()).ok_or("working_dir")?);
    }
    for (key, reader) in streams.iter().flat_map(|s| [("stdout", &s.stdout), ("stderr", &s.stderr)]) {
        if let Some(reader) = reader {
            out.line(key, &quoted(&format!("service:{reader}")));
        }
    }
    self::policy(&mut out, policy, exec);
    if !bundles.is_empty() {
        out.line("bundles", &list(bundles.iter().map(|name| quoted(name))));
    }
    self::hooks(&mut out, hooks, name)?;
    if let Some(check) = healthcheck {
        health(&mut out, check)?;
    }
    Ok(out.text)
}

fn policy(out: &mut Lines, policy: &Policy, exec: &Exec) {
    let default = Policy::default();
    let Policy {
        restart,
        backoff,
        essential,
        autostart,
        depends_on,
        stop_signal,
        stop_grace_period,
        kill_mode,
        notify,
        start_timeout,
        watchdog,
        run_timeout,
        refuse_manual_stop,
    } = policy;
    match restart {
        Restart::Always => {}
        Restart::UnlessStopped => out.line("restart", "\"unless-stopped\""),
        Restart::OnFailure(None) => out.line("restart", "\"on-failure\""),
        Restart::OnFailure(Some(most)) => out.line("restart", &quoted(&format!("on-failure:{most}"))),
        Restart::No => out.line("restart", "\"no\""),
    }
    if *backoff != default.backoff {
        let Backoff { initial, factor, max, reset_after, limit, window } = backoff;
        let [initial, max, reset_after] = [initial, max, reset_after].map(|value| duration(*value));
        let limit = limit.map(|limit| format!(", limit = {limit}")).unwrap_or_default();
        let window = window.map(|window| format!(", window = {}", duration(window))).unwrap_or_default();
        let value =
            format!("initial = {initial}, factor = {factor}, max = {max}, reset_after = {reset_after}");
        out.line("backoff", &format!("{{ {value}{limit}{window} }}"));
    }
    let flags = [
        ("essential", *essential, default.essential),
        ("autostart", *autostart, default.autostart),
        ("refuse_manual_stop", *refuse_manual_stop, default.refuse_manual_stop),
    ];
    for (key, value, _) in flags.into_iter().filter(|(_, value, default)| value != default) {
        out.line(key, if value { "true" } else { "false" });
    }
    out.dependencies(depends_on, exec);
    match notify {
        None => {}
        Some(Notify::Systemd) => out.line("notify", "\"systemd\""),
        Some(Notify::Descriptor(number)) => out.line("notify", &number.to_string()),
    }
    for (key, value) in
        [("start_timeout", start_timeout), ("watchdog", watchdog), ("run_timeout", run_timeout)]
    {
        if let Some(value) = value {
            out.line(key, &duration(*value));
        }
    }
    if let Some(signal) = stop_signal {
        out.line("stop_signal", &quoted(&signal.to_string()));
    }
    if *stop_grace_period != default.stop_grace_period {
        out.line("stop_grace_period", &duration(*stop_grace_period));
    }
    match kill_mode {
        KillMode::Mixed => {}
        KillMode::Group => out.line("kill_mode", "\"group\""),
        KillMode::Process => out.line("kill_mode", "\"process\""),
    }
}

fn hooks(out: &mut Lines, hooks: &Hooks, name: &str) -> Result<(), String> {
    for hook in [Hook::PreStart, Hook::PostStart, Hook::PreStop, Hook::Stop, Hook::PostStop] {
        if let Some(command) = hooks.get(hook) {
            out.command(hook.as_str(), command)?;
        }
    }
    if !hooks.control.is_empty() {
        let entry = |(control, command): &(Control, Vec<OsString>)| {
            Some(format!("{} = {}", quoted(&control.name()), self::words(command)?))
        };
        let entries: Option<Vec<String>> = hooks.control.iter().map(entry).collect();
        out.line("control", &format!("{{ {} }}", entries.ok_or("control")?.join(", ")));
    }
    if let Some(timeout) = hooks.post_stop_timeout {
        out.line("post_stop_timeout", &duration(timeout));
    }
    match &hooks.finish {
        None => {}
        Some(Finish::S6(called)) if **called == *name => out.line("finish", "\"s6\""),
        Some(Finish::S6(called)) => out.line("finish", &quoted(&format!("s6:{called}"))),
        Some(Finish::Runit) => out.line("finish", "\"runit\""),
    }
    if let Some(tally) = hooks.max_death_tally {
        out.line("max_death_tally", &tally.to_string());
    }
    Ok(())
}

fn health(out: &mut Lines, check: &HealthCheck) -> Result<(), String> {
    out.text.push_str("\n[healthcheck]\n");
    match &check.probe {
        Probe::Command(command) => {
            let words: Vec<OsString> = std::iter::once("CMD".into()).chain(command.iter().cloned()).collect();
            out.command("test", &words)?;
        }
        Probe::Http(url) => out.line("http", &quoted(&url.text)),
        Probe::Tcp(address) => out.line("tcp", &quoted(&address.to_string())),
        Probe::Unix(path) => out.line("unix", &literal(path.as_os_str()).ok_or("healthcheck")?),
    }
    let default = HealthTiming::default();
    let HealthTiming { interval, timeout, start_period, start_interval, retries, on_unhealthy } =
        check.timing;
    let durations = [
        ("interval", interval, default.interval),
        ("timeout", timeout, default.timeout),
        ("start_period", start_period, default.start_period),
        ("start_interval", start_interval, default.start_interval),
    ];
    for (key, value, _) in durations.into_iter().filter(|(_, value, default)| value != default) {
        out.line(key, &duration(value));
    }
    if retries != default.retries {
        out.line("retries", &retries.to_string());
    }
    match on_unhealthy {
        OnUnhealthy::Restart => {}
        OnUnhealthy::None => out.line("on_unhealthy", "\"none\""),
        OnUnhealthy::Shutdown => out.line("on_unhealthy", "\"shutdown\""),
    }
    Ok(())
}

/// The text of a file so far.
#[derive(Default)]
struct Lines {
    text: String,
}

impl Lines {
    fn line(&mut self, key: &str, value: &str) {
        self.text.push_str(&format!("{key} = {value}\n"));
    }

    fn command(&mut self, key: &str, words: &[OsString]) -> Result<(), String> {
        self.line(key, &self::words(words).ok_or(key)?);
        Ok(())
    }

    /// Who reads what the service writes, it depends on without a word.
    fn dependencies(&mut self, depends_on: &[Dependency], exec: &Exec) {
        let is_plain =
            |it: &Dependency| it.condition == crate::model::Condition::Started && it.required && !it.restart;
        let written = match depends_on.split_last() {
            Some((last, others)) if is_plain(last) && exec.readers().any(|name| name == last.name) => others,
            _ => depends_on,
        };
        if written.is_empty() {
            return;
        }
        if written.iter().all(is_plain) {
            return self.line("depends_on", &list(written.iter().map(|it| quoted(&it.name))));
        }
        let entry = |it: &Dependency| {
            let condition = quoted(it.condition.as_str());
            let value = match (it.required, it.restart) {
                (true, false) => condition,
                (required, restart) => {
                    format!("{{ condition = {condition}, required = {required}, restart = {restart} }}")
                }
            };
            format!("{} = {value}", quoted(&it.name))
        };
        let entries: Vec<String> = written.iter().map(entry).collect();
        self.line("depends_on", &format!("{{ {} }}", entries.join(", ")));
    }
}

/// A command; `None`: it is not UTF-8.
fn words(command: &[OsString]) -> Option<String> {
    let words: Option<Vec<String>> = command.iter().map(|word| literal(word)).collect();
    Some(list(words?.into_iter()))
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// In the smallest unit that is needed.
fn duration(value: Duration) -> String {
    match value.subsec_millis() {
        0 => format!("\"{}s\"", value.as_secs()),
        _ => format!("\"{}ms\"", value.as_millis()),
    }
}

/// A string in which variables would be put in.
fn literal(text: &OsStr) -> Option<String> {
    Some(quoted(&text.to_str()?.replace("${", "$${")))
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
