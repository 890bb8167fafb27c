//! The schema of `rinit check --schema`, judged by a validator that knows nothing of rinit: it takes what rinit takes,
//! and refuses what it can see to be wrong.

use super::check;
use crate::skip;
use crate::support::{output, repository};
use serde_json::{Map, Value, json};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use toml::de::{DeTable, DeValue};

/// Prints a line for each that is taken or refused wrongly.
const JUDGE: &str = r#"
import json, sys
from jsonschema import Draft7Validator
given = json.load(sys.stdin)
Draft7Validator.check_schema(given["schema"])
validator = Draft7Validator(given["schema"])
for name, value in given["right"]:
    for error in validator.iter_errors(value):
        print(name, "is refused at", list(error.absolute_path), error.message[:200])
for name, value in given["wrong"]:
    if validator.is_valid(value):
        print(name, "is taken")
"#;

/// Mistakes that the schema sees, at least one for each key and form.
const WRONG: &str = r#"
comand = "a"
command = 1 | command = "" | command = ["a", 1]
description = 1 | description = "a\nb"
restart = "allways" | restart = "on-failure:0" | restart = "on-failure:" | restart = false
backoff = "1s" | backoff = { initial = 1 } | backoff = { factor = 0.5 } | backoff = { maximum = "1s" }
backoff = { max = "1" } | backoff = { reset_after = "soon" }
essential = "true" | autostart = 1 | no_new_privileges = "yes"
depends_on = "db" | depends_on = [1] | depends_on = ["a", "a"] | depends_on = { a = "healthy" }
depends_on = { a = { condition = "healthy" } } | depends_on = { a = { required = "no" } }
depends_on = { a = { restart = 1 } } | depends_on = { a = { wait = true } }
notify = "system" | notify = -1 | notify = 1024 | notify = "3"
start_timeout = "30" | watchdog = 20 | stop_grace_period = "10 parsecs"
user = 1000 | user = "" | user = ":a" | user = "a:b:c"
group_add = true | group_add = [1.5]
working_dir = "srv"
umask = 27.5 | umask = "888" | umask = "1777" | umask = 512
environment = "A=1" | environment = ["A"] | environment = { A = [] } | environment = { A = { path = "/x" } }
environment = { A = {} } | environment = { A = { file = "" } }
env_file = "" | env_file = [1]
stop_signal = 15 | stop_signal = "SIGTREM" | stop_signal = "SIG"
kill_mode = "all"
pre_start = [] | post_start = 1 | pre_stop = "" | post_stop = [1]
ulimits = 1 | ulimits = { files = 1 } | ulimits = { nofile = "many" } | ulimits = { nofile = -2 }
ulimits = { core = { soft = 1 } } | ulimits = { core = { soft = 1, hard = "x" } }
ulimits = { core = { soft = 1, hard = 1, middle = 1 } }
oom_score_adj = 1001 | oom_score_adj = "1" | nice = 20 | nice = -21 | nice = 1.5
cap_drop = "ALL" | cap_drop = ["EVERYTHING"] | cap_add = [1]
healthcheck = "true" | healthcheck = {} | healthcheck = { interval = "1s" }
healthcheck = { test = "true", tcp = "127.0.0.1:1" } | healthcheck = { test = [] }
healthcheck = { test = ["true"] } | healthcheck = { test = ["CMD", 1] } | healthcheck = { test = " " }
healthcheck = { http = "https://127.0.0.1" } | healthcheck = { tcp = "127.0.0.1" } | healthcheck = { unix = "x" }
healthcheck = { test = "a", interval = 1 } | healthcheck = { test = "a", timeout = "x" }
healthcheck = { test = "a", start_period = "1" } | healthcheck = { test = "a", start_interval = true }
healthcheck = { test = "a", retries = 0 } | healthcheck = { test = "a", on_unhealthy = "die" }
"#;

/// What the golden files of tests/config do not have.
const RIGHT: &str = r#"
command = "${A}" | command = ["${A:-x}"]
start_timeout = "1m 30s" | start_timeout = "1.5h" | start_timeout = "10 sec" | start_timeout = "500us2ms"
stop_signal = "15" | stop_signal = "term" | stop_signal = "SIGRTMIN+3" | stop_signal = "RTMAX-1" | stop_signal = "USR1"
stop_signal = "SIGSYS" | stop_signal = "SigTerm" | stop_signal = "SIGPOLL" | stop_signal = "STOP"
cap_add = ["net_admin", "CAP_CHOWN", "SYS_TIME", "all"]
working_dir = "${HOME:-/}" | user = "${USER:-a:b}" | healthcheck = { tcp = "${ADDRESS:-127.0.0.1:1}" }
umask = 0o027 | umask = "0027" | umask = "7"
"#;

fn schema() -> Value {
    let told = check(Path::new("/"), &["--schema"], &[]);
    assert_eq!((told.status, told.stderr.as_str()), (0, ""));
    serde_json::from_str(&told.stdout).unwrap()
}

/// TOML as a validator of JSON gets it from an editor.
fn converted(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => json!(text),
        DeValue::Integer(integer) => {
            // Beyond what TOML allows, some golden files go.
            i64::from_str_radix(integer.as_str(), integer.radix()).map_or(json!(1e300), Value::from)
        }
        DeValue::Float(float) => json!(float.as_str().parse::<f64>().unwrap()),
        DeValue::Boolean(boolean) => json!(boolean),
        DeValue::Datetime(time) => json!(time.to_string()),
        DeValue::Array(array) => array.iter().map(|item| converted(item.get_ref())).collect(),
        DeValue::Table(table) => object(table),
    }
}

fn object(table: &DeTable<'_>) -> Value {
    let entries = table.iter().map(|(key, value)| (key.get_ref().to_string(), converted(value.get_ref())));
    Value::Object(entries.collect::<Map<String, Value>>())
}

fn parsed(text: &str) -> Option<Value> {
    DeTable::parse(text).ok().map(|table| object(table.get_ref()))
}

/// Each definition of a list, with itself as its name.
fn listed(list: &str) -> Vec<(String, Value)> {
    let each = list.lines().filter(|line| !line.is_empty()).flat_map(|line| line.split(" | "));
    each.map(|text| (text.to_owned(), parsed(text).unwrap_or_else(|| panic!("no TOML: {text}")))).collect()
}

/// The definitions below a directory, with their paths.
fn files(dir: &Path) -> Vec<(PathBuf, Value)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|end| end == "toml")
            && let Ok(text) = fs::read_to_string(&path)
            && let Some(value) = parsed(&text)
        {
            found.push((path, value));
        }
    }
    found
}

/// The golden files, and whether rinit has found a mistake in each.
fn golden() -> Vec<(String, bool, Value)> {
    let base = repository().join("tests/config");
    let mut found = Vec::new();
    for entry in fs::read_dir(&base).unwrap().map(|entry| entry.unwrap().path()) {
        // With several directories a file may be replaced, and its mistakes are not looked at.
        if !entry.is_dir() || entry.join("dirs").exists() {
            continue;
        }
        let expected = fs::read_to_string(entry.join("expected")).unwrap();
        for (path, value) in files(&entry) {
            let place = format!("{}:", path.strip_prefix(&entry).unwrap().display());
            let is_wrong =
                expected.lines().any(|line| line.starts_with(&place) && line.contains(": error: "));
            found.push((path.strip_prefix(&base).unwrap().display().to_string(), is_wrong, value));
        }
    }
    found
}

/// What the validator has to say.
fn judge(right: &[(String, Value)], wrong: &[(String, Value)]) -> String {
    let mut child = Command::new("python3")
        .args(["-c", JUDGE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let given = json!({ "schema": schema(), "right": right, "wrong": wrong });
    child.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn it_takes_what_is_right_and_refuses_what_is_wrong() {
    if output("python3", &["-c", "import jsonschema"]).is_ok_and(|output| output.status != 0) {
        skip!("needs python3-jsonschema");
    }
    let mut right = listed(RIGHT);
    for dir in ["services.d", "examples", "tests/check/15-nothing-unwise"] {
        let found = files(&repository().join(dir));
        right.extend(found.into_iter().map(|(path, value)| (path.display().to_string(), value)));
    }
    let mut wrong = listed(WRONG);
    for (name, is_wrong, value) in golden() {
        if !is_wrong {
            right.push((name, value));
        } else if VISIBLE.iter().any(|case| name.starts_with(case)) {
            wrong.push((name, value));
        }
    }
    assert!(right.len() > 60 && wrong.len() > 100, "{} {}", right.len(), wrong.len());
    assert_eq!(judge(&right, &wrong), "");
}

/// Golden directories in which each file with a mistake has one that the schema sees.
const VISIBLE: [&str; 7] = ["11-", "12-", "13-", "14-", "52-", "54-", "56-"];

#[test]
fn every_default_is_right() {
    let schema = schema();
    let mut found = 0;
    let mut left = vec![("", &schema)];
    while let Some((name, value)) = left.pop() {
        if let (Some(default), Value::Object(entries)) = (value.get("default"), value) {
            // A default of the wrong type would be offered by editors and refused by rinit.
            let is_type = match entries.get("type").and_then(Value::as_str) {
                Some("boolean") => default.is_boolean(),
                Some("number" | "integer") => default.is_number(),
                _ => default.is_string(),
            };
            assert!(is_type, "{name}: {default}");
            found += 1;
        }
        if let Some(entries) = value.as_object() {
            left.extend(entries.iter().map(|(name, value)| (name.as_str(), value)));
        }
    }
    assert!(found > 15, "{found}");
}
