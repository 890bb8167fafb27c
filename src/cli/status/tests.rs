//! What `status` prints of the reports in `tests/status`. RINIT_BLESS=1 writes the expected texts anew.

use super::colour::Screen;
use super::*;
use crate::control::protocol::{ProbeResult, ServiceStatus, StatusReport};
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
