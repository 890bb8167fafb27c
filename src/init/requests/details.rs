//! What `status` tells of a service that is asked for by name: its definition, and what it has to do with others.
//!
//! Everybody in the PID namespace may ask. So no value of a variable is in it that came from a file, from the
//! container's environment, or was put together with what is there; and what stands in the definition itself (values,
//! and the arguments of commands) only for whom it was no secret before: root and rinit's own user.

use super::defined::{self, cut};
use crate::config::keys::restart_word;
use crate::init::executor::Executor;
use crate::init::launch::Origin;
use crate::model::{
    HealthCheck, HealthTiming, MAIN, Notify, OnUnhealthy, Probe, Service, Signal, User, Variable, duration,
    words,
};
use crate::supervisor::{Exit, ExitStatus, ServiceId, Time};
use serde_json::{Map, Value};
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

/// Of more words or variables the rest is left out: the answer has to fit into one line of the protocol.
const MAX_ENTRIES: usize = 250;

/// What is told, by its name. What a service does not have is left out.
#[derive(Default)]
struct Facts(Map<String, Value>);

impl Facts {
    fn add(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    fn text(&mut self, name: &str, text: Option<String>) {
        if let Some(text) = text {
            self.add(name, Value::String(text));
        }
    }

    /// A time span, in milliseconds.
    fn span(&mut self, name: &str, span: Option<Duration>) {
        if let Some(span) = span {
            self.add(name, Value::from(duration::millis(span)));
        }
    }
}

/// All there is to know of a service that is not in every status. `grace`: what it has at the stop of the container.
/// `privileged`: for root or rinit's own user.
pub fn details(
    executor: &Executor,
    now: Time,
    id: ServiceId,
    service: &Service,
    grace: Option<Duration>,
    privileged: bool,
) -> Value {
    let mut facts = Facts::default();
    definition(&mut facts, service, privileged);
    facts.span("container_stop_grace_ms", grace.filter(|grace| *grace < service.policy.stop_grace_period));
    facts.span("watchdog_left_ms", executor.supervisor.watchdog(now, id));
    let mut needs = Vec::new();
    for tie in executor.supervisor.needs(id) {
        let mut need = Facts::default();
        need.text("service", Some(tie.name.to_owned()));
        need.text("condition", Some(tie.condition.as_str().to_owned()));
        need.add("met", Value::Bool(tie.met));
        if let Some(of) = service.policy.depends_on.iter().find(|of| of.name == tie.name) {
            need.add("required", Value::Bool(of.required));
            need.add("restart", Value::Bool(of.restart));
        }
        needs.push(Value::Object(need.0));
    }
    facts.add("needs", Value::Array(needs));
    let needed_by = executor.supervisor.needed_by(id).into_iter();
    facts.add("needed_by", Value::Array(needed_by.map(Value::from).collect()));
    if let Some(exit) = executor.supervisor.last_exit(now, id) {
        facts.add("exit", last_exit(exit));
    }
    let mut variables = Vec::new();
    executor.launcher.variables(service, &mut |name, origin| {
        if variables.len() < MAX_ENTRIES {
            let key = format!("environment.{}", name.to_string_lossy());
            let source = service.source_text(&key).and_then(<[String]>::first);
            variables.push(variable(name, origin, source.map(String::as_str), privileged));
        }
    });
    facts.add("environment", Value::Array(variables));
    Value::Object(facts.0)
}

fn definition(facts: &mut Facts, service: &Service, privileged: bool) {
    let Service { exec, policy, .. } = service;
    let shown = if privileged { MAX_ENTRIES } else { 1 };
    let command = service.shown_words("command", &exec.command);
    let command = command.into_iter().take(shown).map(|word| Value::String(cut(word)));
    facts.add("command", Value::Array(command.collect()));
    facts.add("withheld", Value::Bool(!privileged));
    facts.text("user", exec.context.user.as_ref().map(user));
    facts.text(
        "working_dir",
        exec.working_dir.as_ref().map(|dir| cut(service.shown("working_dir", dir.as_os_str()))),
    );
    facts.text("restart", Some(restart_word(policy.restart)));
    facts.add("essential", Value::Bool(policy.essential));
    facts.add("autostart", Value::Bool(policy.autostart));
    let stop_signal = policy.stop_signal.or((service.name != MAIN).then_some(Signal::TERM));
    facts.text("stop_signal", stop_signal.map(|signal| signal.to_string()));
    facts.span("stop_grace_ms", Some(policy.stop_grace_period));
    facts.text(
        "notify",
        policy.notify.map(|notify| match notify {
            Notify::Systemd => "systemd".to_owned(),
            Notify::Descriptor(number) => number.to_string(),
        }),
    );
    facts.span("start_timeout_ms", policy.start_timeout);
    facts.span("watchdog_ms", policy.watchdog);
    let probe = service.healthcheck.as_ref().map(|check| match check.probe {
        Probe::Command(_) => "command",
        Probe::Http(_) => "http",
        Probe::Tcp(_) => "tcp",
        Probe::Unix(_) => "unix",
    });
    facts.text("probe", probe.map(str::to_owned));
    facts.text(
        "healthcheck",
        service.healthcheck.as_ref().map(|check| healthcheck(service, check, privileged)),
    );
    let settings = defined::settings(service, privileged);
    if !settings.is_empty() {
        facts.add("settings", Value::Object(settings));
    }
}

/// Its name, if it has one, and the IDs that it stands for.
fn user(user: &User) -> String {
    let ids = format!("{}:{}", user.uid, user.gid);
    user.name.as_ref().map_or(ids.clone(), |name| format!("{} ({ids})", cut(OsStr::new(name))))
}

fn last_exit(exit: Exit) -> Value {
    let mut facts = Facts::default();
    match exit.status {
        ExitStatus::Code(code) => facts.add("code", Value::from(code)),
        ExitStatus::Signal(number) => facts.add("signal", Value::from(number)),
    }
    facts.add("oom", Value::Bool(exit.oom));
    facts.span("ago_ms", Some(exit.ago));
    facts.span("ran_ms", Some(exit.ran));
    Value::Object(facts.0)
}

/// `source`: what the definition says for the file of its value, if `${NAME}` is in it.
fn variable(name: &OsStr, origin: Origin<'_>, source: Option<&str>, privileged: bool) -> Value {
    let path = |path: &Path| Some(cut(path.as_os_str()));
    let (from, file, value) = match origin {
        Origin::Container => ("container", None, None),
        Origin::Rinit => ("rinit", None, None),
        Origin::Definition(Variable::Text(text)) => ("definition", None, privileged.then(|| cut(text))),
        Origin::Definition(Variable::Hidden(_, None)) => ("put-together", None, None),
        Origin::Definition(Variable::Hidden(_, Some(file))) => ("file", path(file), None),
        Origin::Definition(Variable::File(file)) => {
            ("file", path(source.map_or(file.as_path(), Path::new)), None)
        }
    };
    let mut facts = Facts::default();
    facts.text("name", Some(cut(name)));
    facts.text("from", Some(from.to_owned()));
    facts.text("file", file);
    facts.text("value", value);
    Value::Object(facts.0)
}

/// What is run, how often, and when it counts.
fn healthcheck(service: &Service, check: &HealthCheck, privileged: bool) -> String {
    const KEY: &str = "healthcheck";
    let shown = |value: &OsStr| cut(service.shown(KEY, value));
    let target = match &check.probe {
        Probe::Command(command) if privileged => {
            words::join(service.shown_words(KEY, command).into_iter().take(MAX_ENTRIES).map(cut))
        }
        Probe::Http(url) if privileged => shown(OsStr::new(&url.text)),
        Probe::Command(_) => "command".to_owned(),
        // What is written may hold more than the address.
        Probe::Http(_) if service.source_text(KEY).is_some() => "http".to_owned(),
        Probe::Http(url) => format!("http {}", url.endpoint),
        Probe::Tcp(address) => format!("tcp {}", shown(OsStr::new(&address.to_string()))),
        Probe::Unix(path) => format!("unix {}", shown(path.as_os_str())),
    };
    let HealthTiming { interval, timeout, start_period, start_interval, retries, on_unhealthy } =
        check.timing;
    let span = duration::format;
    let mut text =
        format!("{target}; interval {}, timeout {}, retries {retries}", span(interval), span(timeout));
    if !start_period.is_zero() {
        text.push_str(&format!(", start_period {}", span(start_period)));
    }
    if !start_period.is_zero() || start_interval != HealthTiming::default().start_interval {
        text.push_str(&format!(", start_interval {}", span(start_interval)));
    }
    match on_unhealthy {
        OnUnhealthy::Restart => {}
        OnUnhealthy::None => text.push_str(", on_unhealthy none"),
        OnUnhealthy::Shutdown => text.push_str(", on_unhealthy shutdown"),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_variables_are_for_few() {
        let origins = [
            Origin::Container,
            Origin::Rinit,
            Origin::Definition(&Variable::Text("s3cret".into())),
            Origin::Definition(&Variable::Hidden("s3cret".into(), None)),
            Origin::Definition(&Variable::Hidden(
                "s3cret".into(),
                Some(std::path::Path::new("/x.env").into()),
            )),
            Origin::Definition(&Variable::File("/run/secrets/x".into())),
        ];
        let shown = |privileged: bool| {
            origins.map(|origin| {
                let report = variable(OsStr::new("A"), origin, None, privileged);
                let field = |name| report.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
                (field("from"), field("file"), field("value"))
            })
        };
        let expected = |value: &str| {
            [
                ("container", "", ""),
                ("rinit", "", ""),
                ("definition", "", value),
                ("put-together", "", ""),
                ("file", "/x.env", ""),
                ("file", "/run/secrets/x", ""),
            ]
            .map(|(from, file, value)| (from.to_owned(), file.to_owned(), value.to_owned()))
        };
        assert_eq!(shown(true), expected("s3cret"));
        assert_eq!(shown(false), expected(""));
    }
}
