//! All there is to know of one service.

#![forbid(unsafe_code)]

use super::colour::Look;
use super::text::{MAX_TEXT, one_line, span};
use crate::control::protocol::{ProbeResult, ServiceStatus};
use crate::model::text::{printable, wrapped};
use crate::model::{exit, words};
use serde_json::Value;

/// Where the facts begin.
const COLUMN: usize = 18;

/// Maximum length of a line, but of one with a command or a variable: those can be copied.
const WIDTH: usize = 100;

/// Why a service may have less than its grace.
const SHARED: &str = "all graces have to fit into --stop-timeout";

/// What of the details has a line of its own making. Everything else is shown by its name, as it comes.
const COMPOSED: [&str; 21] = [
    "autostart",
    "command",
    "container_stop_grace_ms",
    "environment",
    "essential",
    "exit",
    "healthcheck",
    "needed_by",
    "needs",
    "notify",
    "probe",
    "restart",
    "settings",
    "start_timeout_ms",
    "stop_grace_ms",
    "stop_signal",
    "user",
    "watchdog_left_ms",
    "watchdog_ms",
    "withheld",
    "working_dir",
];

/// Facts, each with its name before it.
#[derive(Default)]
struct Facts(String);

impl Facts {
    /// A fact, if there is one.
    fn add(&mut self, name: &str, value: Option<String>) {
        self.lines(
            name,
            value.iter().flat_map(|value| wrapped(&one_line(value), WIDTH.saturating_sub(COLUMN))),
        );
    }

    /// A word in its colour, and more.
    fn painted(&mut self, name: &str, word: &str, more: &str, colour: bool) {
        let word = Look::of_word(word).paint(&one_line(word), colour);
        let left = format!("  {name}");
        self.0.push_str(&format!("{left:COLUMN$}{word}{more}\n"));
    }

    /// A fact of several lines, the name before the first.
    fn lines(&mut self, name: &str, lines: impl IntoIterator<Item = String>) {
        let mut name = name;
        for line in lines {
            let left = format!("  {name}");
            self.0.push_str(&format!("{left:COLUMN$}{}\n", one_line(&line)));
            name = "";
        }
    }
}

/// What it does, what it was defined as, and what its health check has said.
pub fn details(service: &ServiceStatus, colour: bool) -> String {
    // Taken apart whole, so that no field is forgotten here.
    let ServiceStatus {
        name,
        description,
        state,
        health,
        pid,
        since_ms,
        restarts,
        last_exit,
        exit_asked: _,
        exit_reason,
        reason,
        says,
        waiting_for,
        restart_in_ms,
        failing_streak,
        probes,
        file,
        details,
    } = service;
    let mut facts = Facts(format!("{}\n", Look::of(service).paint(&one_line(name), colour)));
    facts.add("description", description.clone());
    facts.painted("state", state, &format!(" for {}", span(*since_ms)), colour);
    facts.add("waiting for", Some(waiting_for.join(", ")).filter(|names| !names.is_empty()));
    facts.add("reason", reason.clone());
    facts.add("says", says.clone());
    if let Some(health) = health {
        facts.painted("health", health, &streak(*failing_streak), colour);
    }
    facts.add("pid", pid.map(|pid| pid.to_string()));
    facts.add("restarts", Some(restarts.to_string()));
    facts.add("starts again in", restart_in_ms.map(span));
    let ended = details.get("exit").unwrap_or(&Value::Null);
    facts.add("last exit", last_exit.as_ref().map(|text| exit(text, ended)));
    facts.add("ended because", exit_reason.clone());
    facts.add("defined in", file.clone());
    if !details.is_null() {
        definition(&mut facts, details);
    }
    let mut text = facts.0;
    if !probes.is_empty() {
        text.push_str("  last probes\n");
        let is_own = is_probe_of_rinit(details);
        text.extend(probes.iter().map(|result| probe(result, is_own)));
    }
    text
}

fn streak(failed: Option<u32>) -> String {
    match failed {
        Some(1) => ", the last probe failed".to_owned(),
        Some(count @ 2..) => format!(", the last {count} probes failed"),
        Some(0) | None => String::new(),
    }
}

/// What is in the details of a newer init, or an older one, is taken as it comes.
fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str()
}

fn milliseconds(object: &Value, name: &str) -> Option<String> {
    Some(span(object.get(name)?.as_u64()?))
}

fn is(object: &Value, name: &str) -> bool {
    object.get(name).and_then(Value::as_bool).unwrap_or(false)
}

fn list<'a>(object: &'a Value, name: &str) -> &'a [Value] {
    object.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn exit(text: &str, exit: &Value) -> String {
    match (milliseconds(exit, "ago_ms"), milliseconds(exit, "ran_ms")) {
        (Some(ago), Some(ran)) => format!("{text}, {ago} ago, after {ran}"),
        _ => text.to_owned(),
    }
}

fn definition(facts: &mut Facts, details: &Value) {
    let plain = |name: &str| text(details, name).map(str::to_owned);
    let command = list(details, "command").iter().filter_map(Value::as_str).map(str::to_owned);
    let rest = if is(details, "withheld") { " ..." } else { "" };
    facts.lines("command", Some(words::join(command) + rest));
    facts.add("user", plain("user"));
    facts.add("working dir", plain("working_dir"));
    facts.lines("needs", list(details, "needs").iter().map(need));
    let needed_by: Vec<&str> = list(details, "needed_by").iter().filter_map(Value::as_str).collect();
    facts.add("needed by", Some(needed_by.join(", ")).filter(|names| !names.is_empty()));
    let mut restart = plain("restart").unwrap_or_default();
    restart.push_str(if is(details, "essential") { "; the container ends with it" } else { "" });
    restart.push_str(if is(details, "autostart") { "" } else { "; is started by hand" });
    facts.add("restart", Some(restart));
    let signal = text(details, "stop_signal").unwrap_or("the signal that rinit gets");
    let grace = milliseconds(details, "stop_grace_ms").unwrap_or_default();
    let share = milliseconds(details, "container_stop_grace_ms");
    facts.add("stop", Some(format!("{signal}, then {grace} until SIGKILL")));
    facts.add(
        "",
        share.map(|share| format!("{share} in place of {grace} when the container stops: {SHARED}")),
    );
    facts.add("ready", ready(details));
    let left = milliseconds(details, "watchdog_left_ms").map(|left| format!(", of which {left} are left"));
    let watchdog = milliseconds(details, "watchdog_ms");
    facts.add("watchdog", watchdog.map(|limit| limit + &left.unwrap_or_default()));
    facts.add("health check", plain("healthcheck"));
    for (name, value) in details.as_object().into_iter().flatten() {
        if !COMPOSED.contains(&name.as_str()) {
            other(facts, name, value);
        }
    }
    facts.lines("settings", settings(details));
    facts.lines("environment", environment(list(details, "environment")));
    let note = "(arguments and values: only for root and rinit's own user)";
    facts.add("", is(details, "withheld").then(|| note.to_owned()));
}

/// A field of the details by its name: a time span, where it says so, or the value as it is.
fn other(facts: &mut Facts, name: &str, value: &Value) {
    let (name, value) = match (name.strip_suffix("_ms"), value) {
        (Some(name), Value::Number(ms)) => (name, ms.as_u64().map(span)),
        (_, Value::String(text)) => (name, Some(text.clone())),
        (_, value) => (name, Some(value.to_string())),
    };
    facts.add(&one_line(name).replace('_', " "), value);
}

/// What else its definition says, a line for each key.
fn settings(details: &Value) -> Vec<String> {
    let settings = details.get("settings").and_then(Value::as_object);
    let line = |(key, value): (&String, &Value)| Some(format!("{key} = {}", value.as_str()?));
    settings.into_iter().flatten().filter_map(line).collect()
}

fn need(need: &Value) -> String {
    let field = |name| text(need, name).unwrap_or_default();
    let met = if is(need, "met") { "met" } else { "not met" };
    let optional = need.get("required").and_then(Value::as_bool) == Some(false);
    let optional = if optional { ", not required" } else { "" };
    let restart = if is(need, "restart") { ", restarts with it" } else { "" };
    format!("{} ({}): {met}{optional}{restart}", field("service"), field("condition"))
}

/// When it counts as ready; nothing to say of one that does as soon as it runs.
fn ready(details: &Value) -> Option<String> {
    let mut how = match text(details, "notify")? {
        "systemd" => "when it says READY=1".to_owned(),
        number => format!("when it writes a newline to descriptor {number}"),
    };
    if let Some(limit) = milliseconds(details, "start_timeout_ms") {
        how = how + ", within " + &limit;
    }
    Some(how)
}

/// One line for each variable of the definition; those of the container are all on the last one.
fn environment(variables: &[Value]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut inherited = Vec::new();
    for variable in variables {
        let field = |name| text(variable, name).unwrap_or_default();
        let name = field("name");
        lines.push(match field("from") {
            "container" => {
                inherited.push(name);
                continue;
            }
            "rinit" => format!("{name} from rinit"),
            "put-together" => format!("{name}, with ${{...}} filled in from the container"),
            "file" => format!("{name} from {}", field("file")),
            _ => match text(variable, "value") {
                Some(value) => format!("{name}={value}"),
                None => name.to_owned(),
            },
        });
    }
    if !inherited.is_empty() {
        let text = format!("from the container: {}", inherited.join(", "));
        lines.extend(wrapped(&text, WIDTH.saturating_sub(COLUMN)));
    }
    lines
}

/// Whether the probes are rinit's own, which say what they found on the first line.
fn is_probe_of_rinit(details: &Value) -> bool {
    matches!(text(details, "probe"), Some("http" | "tcp" | "unix"))
}

/// One result. That of a program is its exit code, that of a probe of rinit's own what it found.
fn probe(result: &ProbeResult, is_own: bool) -> String {
    let output = printable(result.output.as_bytes(), MAX_TEXT);
    let mut output = output.lines().peekable();
    let found = output.next_if(|line| is_own && !result.timed_out && !line.is_empty());
    let ended = match (result.timed_out, result.exit_code) {
        (true, _) => "timed out".to_owned(),
        (false, _) if found.is_some() => found.unwrap_or_default().to_owned(),
        (false, Some(code)) if exit::is_not_run(code) => {
            format!("exit code {code} (the probe itself could not be run)")
        }
        (false, Some(code)) => format!("exit code {code}"),
        (false, None) => "no result".to_owned(),
    };
    let whose = if result.earlier { " (an earlier process)" } else { "" };
    let (ago, took) = (span(result.started_ms_ago), span(result.took_ms));
    let mut text = format!("    {ago} ago: {ended}, after {took}{whose}\n");
    for line in output {
        text.extend(["      ", line, "\n"]);
    }
    text
}
