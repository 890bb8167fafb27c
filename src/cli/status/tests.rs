//! What `status` prints of the reports in `tests/status`. RINIT_BLESS=1 writes the expected texts anew.

use super::colour::Screen;
use super::*;
use crate::control::protocol::{ProbeResult, ServiceStatus, StatusReport};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/status").join(name)
}

/// A report, and the line of JSON that it was read from.
fn report(name: &str) -> (StatusReport, String) {
    let line = std::fs::read_to_string(path(name)).unwrap();
    (serde_json::from_str(&line).unwrap(), line)
}

fn golden(name: &str, text: &str) {
    if std::env::var_os("RINIT_BLESS").is_some() {
        std::fs::write(path(name), text).unwrap();
    }
    let expected = std::fs::read_to_string(path(name)).unwrap_or_default();
    assert!(text == expected, "{name} is not as expected (RINIT_BLESS=1 accepts it):\n{text}");
}

#[test]
fn the_table() {
    let (report, line) = report("all.json");
    let screen = |colour, columns| table::table(&report, &Screen { colour, columns });
    golden("table", &screen(false, None));
    golden("table-colour", &screen(true, None));
    golden("table-80-columns", &screen(false, Some(80)));
    golden("table-80-columns-colour", &screen(true, Some(80)));
    // Where nothing would be left of the last column the terminal may break the lines.
    assert_eq!(screen(false, Some(40)), screen(false, None));
    // What a script reads: no field is lost, renamed or moved without this being changed.
    assert_eq!(json(&report), line);
}

#[test]
fn the_details() {
    let (report, line) = report("named.json");
    let all = |colour| {
        report.services.iter().map(|service| details::details(service, colour)).collect::<Vec<_>>().join("\n")
    };
    golden("details", &all(false));
    golden("details-colour", &all(true));
    assert_eq!(json(&report), line);
}

/// Fields of a service that `status NAME` does not show, each with the reason.
const NOT_SHOWN: [(&str, &str); 1] = [("/exit_asked", "an end that was asked for is left out of the table")];

/// Without one of the fields of a service, or of its details, `status NAME` is another one. The page explains each.
#[test]
fn no_field_is_forgotten() {
    let (mut report, _) = report("named.json");
    report.services.push(ServiceStatus {
        name: "late".into(),
        reason: Some("dependency db failed".into()),
        waiting_for: vec!["db".into()],
        ..ServiceStatus::default()
    });
    let mut fields = BTreeMap::new();
    for service in &report.services {
        let whole = serde_json::to_value(service).unwrap();
        for place in ["", "/details"] {
            let object = whole.pointer(place).and_then(Value::as_object);
            for name in object.into_iter().flatten().map(|(name, _)| name) {
                let mut less = whole.clone();
                less.pointer_mut(place).unwrap().as_object_mut().unwrap().remove(name);
                for needed in ["name", "state"] {
                    less.as_object_mut().unwrap().entry(needed).or_insert("".into());
                }
                let less: ServiceStatus = serde_json::from_value(less).unwrap();
                let is_shown = details::details(&less, false) != details::details(service, false);
                *fields.entry(format!("{place}/{name}")).or_insert(false) |= is_shown;
            }
        }
    }
    assert!(fields.len() > 30, "{fields:?}");
    let page = include_str!("../../../docs/protocol.md");
    let cells = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let explained: Vec<&str> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    for (field, is_shown) in fields {
        let has_reason = NOT_SHOWN.iter().any(|(known, _)| *known == field);
        assert_eq!(is_shown, !has_reason, "{field}");
        let name = field.split('/').next_back().unwrap();
        assert!(explained.contains(&name), "docs/protocol.md does not explain {name}");
    }
}

#[test]
fn a_field_of_the_details_needs_no_line_of_its_own() {
    let details =
        serde_json::json!({ "cgroup": "/web", "idle_ms": 90_000, "threads_max": 7, "raw\u{1b}": true });
    let service =
        ServiceStatus { name: "a".into(), state: "running".into(), details, ..ServiceStatus::default() };
    let text = details::details(&service, false);
    for line in ["  cgroup          /web\n", "  idle            1m 30s\n", "  threads max     7\n"] {
        assert!(text.contains(line), "{text}");
    }
    assert!(!text.contains('\x1b'), "{text}");
}

#[test]
fn an_empty_report_and_an_older_init() {
    let screen = Screen::default();
    assert_eq!(table::table(&StatusReport::default(), &screen), "no services\n");
    let old = r#"{"services":[{"name":"a","state":"running"}]}"#;
    let old: StatusReport = serde_json::from_str(old).unwrap();
    assert!(details::details(&old.services[0], false).starts_with("a\n  state           running for 0ms\n"));
}

/// It looks well between two restarts, and is not known to be.
#[test]
fn one_that_was_unhealthy_needs_attention_until_it_is_well_again() {
    let service = |state: &str, health: Option<&str>, reason: Option<&str>, exit_asked| ServiceStatus {
        name: "sick".into(),
        state: state.into(),
        health: health.map(str::to_owned),
        exit_reason: reason.map(str::to_owned),
        exit_asked,
        ..ServiceStatus::default()
    };
    let needs_attention = |service: ServiceStatus| {
        let report = StatusReport { services: vec![service], ..StatusReport::default() };
        table::table(&report, &Screen::default()).contains("need attention: sick")
    };
    let why = Some("unhealthy: HTTP 503");
    assert!(needs_attention(service("running", Some("starting"), why, false)));
    assert!(needs_attention(service("starting", None, why, false)));
    assert!(!needs_attention(service("running", Some("healthy"), why, false)));
    assert!(!needs_attention(service("running", None, why, false)));
    assert!(!needs_attention(service("running", Some("starting"), None, false)));
    assert!(!needs_attention(service("running", Some("starting"), Some("restarted with db"), true)));
}

#[test]
fn many_in_need_are_counted() {
    let failed = |number| ServiceStatus {
        name: format!("s{number}"),
        state: "failed".into(),
        ..ServiceStatus::default()
    };
    let services = (0..30).map(failed).collect();
    let text = table::table(&StatusReport { services, ..StatusReport::default() }, &Screen::default());
    let last = "30 of 30 need attention: s0, s1, s2, s3, s4, s5, s6, s7, s8, s9 and 20 more\n";
    assert!(text.ends_with(last), "{text}");
}

#[test]
fn nothing_that_a_service_says_reaches_the_terminal_raw() {
    let wild = "\x1b[2J\n\u{202e}x".to_owned();
    let service = ServiceStatus {
        name: wild.clone(),
        state: wild.clone(),
        health: Some(wild.clone()),
        reason: Some(wild.clone()),
        says: Some(wild.clone()),
        description: Some(wild.clone()),
        file: Some(wild.clone()),
        waiting_for: vec![wild.clone()],
        probes: vec![ProbeResult { output: wild, ..ProbeResult::default() }],
        ..ServiceStatus::default()
    };
    let report = StatusReport { services: vec![service.clone()], ..StatusReport::default() };
    for text in [table::table(&report, &Screen::default()), details::details(&service, false)] {
        assert!(!text.contains(['\x1b', '\u{202e}']), "{text:?}");
    }
}

/// What a service waits for does not hide how it has failed before.
#[test]
fn who_waits_again_shows_its_last_failure() {
    let waits = |asked: bool| ServiceStatus {
        name: "web".into(),
        state: "waiting".into(),
        waiting_for: vec!["db".into()],
        last_exit: Some("exited with code 1".into()),
        exit_asked: asked,
        ..ServiceStatus::default()
    };
    let table = |asked| {
        let report = StatusReport { services: vec![waits(asked)], ..StatusReport::default() };
        table::table(&report, &Screen::default())
    };
    assert!(table(false).contains("waiting for db; exited with code 1\n"), "{}", table(false));
    assert!(table(true).contains("waiting for db\n"), "{}", table(true));
}

/// A grace that is shorter at the stop of the container says in place of what, and why.
#[test]
fn a_shorter_grace_is_explained() {
    let details = serde_json::json!({"stop_grace_ms": 10000, "container_stop_grace_ms": 9000, "stop_signal": "SIGTERM"});
    let text = details::details(&ServiceStatus { details, ..ServiceStatus::default() }, false);
    let share = "9s in place of 10s when the container stops: all graces have to fit into --stop-timeout";
    // Long lines are wrapped.
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(share), "{text}");
}
