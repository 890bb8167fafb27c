//! `status NAME` shows every key of the reference: a definition with the key looks different from one without.

use crate::support::{Launch, PATIENCE, repository, wait_for};
use rinit::config::keys::{Key, SERVICE, TABLES};
use serde_json::Value;
use std::collections::BTreeMap;

/// Keys that `status` does not show, each with the reason.
const ABSENT: [(&str, &str); 3] = [
    ("bundles", "a bundle is a name for services, and every verb takes it"),
    ("env_file.required", "it says how a file is read; what was read is shown"),
    ("env_file.format", "as env_file.required"),
];

/// What a key needs beside its example, or in its place, to stand in a definition that is valid: lines of the
/// definition without the key, and of that with it.
const IN_PLACE: [(&str, &str, &str); 19] = [
    ("env_file.path", "", "env_file = [{ path = '../some.env' }]"),
    ("command", "", "command = ['sleep', '1001']"),
    ("autostart", "autostart = false", "autostart = true"),
    ("watchdog", "notify = 'systemd'", "notify = 'systemd'\nwatchdog = '20s'"),
    ("env_file", "", "env_file = '../some.env'"),
    ("post_stop_timeout", "post_stop = 'true'", "post_stop = 'true'\npost_stop_timeout = '5s'"),
    ("finish", "post_stop = 'true'", "post_stop = 'true'\nfinish = 's6'"),
    (
        "max_death_tally",
        "post_stop = 'true'\nfinish = 's6'",
        "post_stop = 'true'\nfinish = 's6'\nmax_death_tally = 20",
    ),
    ("healthcheck.test", "", "healthcheck = { test = ['CMD', 'true'] }"),
    ("healthcheck.http", "", "healthcheck = { http = 'http://127.0.0.1:8080/health' }"),
    ("healthcheck.tcp", "", "healthcheck = { tcp = '127.0.0.1:6379' }"),
    ("healthcheck.unix", "", "healthcheck = { unix = '/run/app.sock' }"),
    (
        "healthcheck.start_interval",
        "healthcheck = { tcp = '127.0.0.1:1' }",
        "healthcheck = { tcp = '127.0.0.1:1', start_interval = '7s' }",
    ),
    (
        "depends_on.NAME.condition",
        "depends_on = { db = { condition = 'service_started' } }",
        "depends_on = { db = { condition = 'service_healthy' } }",
    ),
    ("environment.NAME.file", "", "environment = { X = { file = '/run/secrets/x' } }"),
    (
        "ulimits.NAME.soft",
        "ulimits = { nofile = { soft = 9, hard = 2048 } }",
        "ulimits = { nofile = { soft = 1024, hard = 2048 } }",
    ),
    (
        "ulimits.NAME.hard",
        "ulimits = { nofile = { soft = 9, hard = 2048 } }",
        "ulimits = { nofile = { soft = 9, hard = 2049 } }",
    ),
    (
        "logging.options",
        "logging = { driver = 'console' }",
        "logging = { driver = 'console', options = { format = 'json' } }",
    ),
    ("ulimits.nice", "", "ulimits = { nice = 20 }"),
];

/// The name of a key with that of its table.
fn full_name(table: &str, key: &Key) -> String {
    format!("{table}{}{}", if table.is_empty() { "" } else { "." }, key.name)
}

/// Lines of a definition without and with a key.
fn lines(table: &str, key: &Key) -> (String, String) {
    let name = full_name(table, key);
    if let Some((_, without, with)) = IN_PLACE.iter().find(|(of, ..)| *of == name) {
        return ((*without).to_owned(), (*with).to_owned());
    }
    let example = key.example;
    match table {
        "" => (String::new(), example.to_owned()),
        "depends_on.NAME" => (
            "depends_on = { db = { condition = 'service_started' } }".to_owned(),
            format!("depends_on = {{ db = {{ condition = 'service_started', {example} }} }}"),
        ),
        "backoff" if key.name == "window" => {
            ("backoff = { limit = 5 }".to_owned(), format!("backoff = {{ limit = 5, {example} }}"))
        }
        "healthcheck" => (
            "healthcheck = { tcp = '127.0.0.1:1' }".to_owned(),
            format!("healthcheck = {{ tcp = '127.0.0.1:1', {example} }}"),
        ),
        table => (String::new(), format!("{table} = {{ {example} }}")),
    }
}

/// What is said of a service beside its name, its place, and how long it has been so.
fn said(text: &str) -> String {
    let is_own = |line: &&str| {
        let line = line.trim_start();
        !line.starts_with("state ") && !line.starts_with("defined in ") && !line.starts_with("pid ")
    };
    text.lines().skip(1).filter(is_own).collect::<Vec<_>>().join("\n")
}

/// Every field of an answer is in the reference.
fn explained(answer: &str) {
    let answer: Value = serde_json::from_str(answer).unwrap();
    let page = std::fs::read_to_string(repository().join("docs/protocol.md")).unwrap();
    let cells = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let known: Vec<&str> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    let services = answer["services"].as_array().unwrap().iter();
    let objects = services.flat_map(|service| [service, &service["details"]]);
    let names = objects.flat_map(|object| object.as_object().unwrap().keys());
    let unknown: Vec<&String> = names.filter(|name| !known.contains(&name.as_str())).collect();
    assert_eq!(unknown, [""; 0], "docs/protocol.md does not explain");
}

#[test]
fn no_key_is_forgotten() {
    const STOPPED: &str = "autostart = false\n";
    let tables = [("", SERVICE)].into_iter().chain(TABLES.iter().map(|(name, keys)| (*name, *keys)));
    let mut launch = Launch::plain()
        .file("some.env", "A=1\n")
        .service("db", &format!("{STOPPED}command = 'sleep 1000'\nhealthcheck.tcp = '127.0.0.1:1'"))
        .service("web-log", &format!("{STOPPED}command = 'sleep 1000'"));
    let mut keys = Vec::new();
    for (table, key) in tables.flat_map(|(table, keys)| keys.iter().map(move |key| (table, key))) {
        if ABSENT.iter().any(|(absent, _)| full_name(table, key) == *absent) {
            continue;
        }
        let number = keys.len();
        let (without, with) = lines(table, key);
        for (side, lines) in [("without", without), ("with", with)] {
            let has = |key: &str| lines.lines().any(|line| line.split(' ').next() == Some(key));
            let stopped = if has("autostart") { "" } else { STOPPED };
            let command = if has("command") { "" } else { "command = ['sleep', '1000']\n" };
            launch = launch.service(&format!("{number}-{side}"), &format!("{stopped}{command}{lines}\n"));
        }
        keys.push((table, key.name));
    }
    let init = launch.start();
    wait_for("the init", PATIENCE, || (init.rinit(&["status"]).status == 0).then_some(()));
    let told = init.rinit(&["status", "*-with*"]).ok();
    let told: BTreeMap<&str, String> = told
        .split("\n\n")
        .map(|one| (one.trim_start().lines().next().unwrap_or_default(), said(one.trim_start())))
        .collect();
    for (number, key) in keys.iter().enumerate() {
        let [without, with] = ["without", "with"].map(|side| &told[format!("{number}-{side}").as_str()]);
        assert_ne!(without, with, "`rinit status NAME` does not show {key:?}");
    }
    assert!(keys.len() > 60, "{}", keys.len());
    explained(&init.rinit(&["status", "--json", "*-with"]).ok());
}
