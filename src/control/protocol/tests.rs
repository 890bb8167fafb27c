//! Requests and answers, through JSON and back, and the examples of the reference.

use super::*;

fn refusal(line: &str) -> String {
    Request::parse(line.as_bytes()).unwrap_err()
}

#[test]
fn requests_survive_the_journey() {
    let full = Request { mode: Mode::Ready, now: true, ..Request::new(Verb::Health, vec!["web".into()]) };
    let events = Request { since: Some(0), follow: true, ..Request::new(Verb::Events, vec![]) };
    let wait = Request { until: Some(Until::Failed), ..Request::new(Verb::Wait, vec!["web".into()]) };
    for request in
        [full, events, wait, Request::new(Verb::Status, vec![]), Request::new(Verb::Shutdown, vec![])]
    {
        let line = request.to_line();
        let (newline, json) = line.split_last().unwrap();
        assert_eq!(*newline, b'\n');
        assert_eq!(Request::parse(json), Ok(request));
    }
    assert_eq!(Request::new(Verb::Status, vec![]).to_line(), b"{\"v\":1,\"verb\":\"status\"}\n");
}

#[test]
fn what_is_refused_is_refused_with_a_reason() {
    let cases = [
        ("", "EOF"),
        ("hello", "expected"),
        ("[]", "cannot read the request"),
        ("{}", "missing field `v`"),
        (r#"{"v":1}"#, "missing field `verb`"),
        (r#"{"v":1,"verb":"dance"}"#, "unknown variant `dance`, expected one of `health`, `status`, `start`"),
        (r#"{"v":1,"verb":"status","colour":1}"#, "unknown field `colour`"),
        (r#"{"v":2,"verb":"status"}"#, "version 2 is not supported"),
        (r#"{"v":2,"verb":"dance","colour":1}"#, "version 2 is not supported"),
        (r#"{"v":-1,"verb":"status"}"#, "cannot read the request"),
        (r#"{"v":1,"verb":"status"} x"#, "trailing characters"),
        (r#"{"v":1,"v":1,"verb":"status"}"#, "duplicate field"),
        (r#"{"v":1,"verb":"status","now":true}"#, "status takes no \"now\""),
        (r#"{"v":1,"verb":"status","mode":"live"}"#, "status takes no \"mode\""),
        (r#"{"v":1,"verb":"shutdown","names":["web"]}"#, "shutdown takes no \"names\""),
        (r#"{"v":1,"verb":"health","mode":"fast"}"#, "unknown variant `fast`"),
        (r#"{"v":1,"verb":"stop"}"#, "stop takes \"names\""),
        (r#"{"v":1,"verb":"wait","for":"ready"}"#, "wait takes \"names\""),
        (r#"{"v":1,"verb":"wait","names":["web"]}"#, "wait takes \"for\""),
        (r#"{"v":1,"verb":"wait","names":["web"],"for":"glory"}"#, "unknown variant `glory`"),
        (r#"{"v":1,"verb":"signal","names":["web"]}"#, "signal takes \"signal\""),
        (r#"{"v":1,"verb":"stop","names":["web"],"signal":"HUP"}"#, "stop takes no \"signal\""),
        (r#"{"v":1,"verb":"stop","names":["web"],"group":true}"#, "stop takes no \"group\""),
        (r#"{"v":1,"verb":"pause","names":["web"],"no_wait":true}"#, "pause takes no \"no_wait\""),
        (r#"{"v":1,"verb":"status","timeout_ms":1}"#, "status takes no \"timeout_ms\""),
        (r#"{"v":1,"verb":"start","names":["web"],"for":"ready"}"#, "start takes no \"for\""),
        (r#"{"v":1,"verb":"status","since":1}"#, "status takes no \"since\""),
        (r#"{"v":1,"verb":"status","since_ms":1}"#, "status takes no \"since_ms\""),
        (r#"{"v":1,"verb":"status","kinds":["die"]}"#, "status takes no \"kinds\""),
        (r#"{"v":1,"verb":"status","follow":true}"#, "status takes no \"follow\""),
        (r#"{"v":1,"verb":"events","since":-1}"#, "cannot read the request"),
    ];
    for (line, part) in cases {
        assert!(refusal(line).contains(part), "{line}: {}", refusal(line));
    }
    assert!(Request::parse(b"{\"v\":1,\"verb\":\"\xc3").is_err());
    assert!(Request::parse("[".repeat(60_000).as_bytes()).is_err());
}

#[test]
fn responses_survive_the_journey() {
    let service = ServiceStatus {
        name: "web".into(),
        state: "running".into(),
        pid: Some(7),
        probes: vec![ProbeResult { output: "é\u{1b}\n".into(), ..ProbeResult::default() }],
        ..ServiceStatus::default()
    };
    let problem = Problem { service: "web".into(), message: "HTTP 503".into() };
    let responses = [
        Response::done(),
        Response::refused("no"),
        Response::health(HealthReport { services: 1, problems: vec![problem], ..HealthReport::default() }),
        Response::status(StatusReport { services: vec![service], stopping: true, last_stop: None }),
    ];
    for response in responses {
        let line = response.to_line();
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        assert_eq!(Response::parse(&line), Ok(response));
    }
}

#[test]
fn a_newer_init_is_understood() {
    let line = r#"{"v":1,"ok":true,"new":1,"status":{"new":2,"services":[{"name":"a","state":"dreaming","new":3}]}}"#;
    let status = Response::parse(line.as_bytes()).unwrap().status.unwrap();
    assert_eq!(status.services[0].state, "dreaming");
}

#[test]
fn an_answer_that_is_too_long_is_not_sent() {
    let service = ServiceStatus { name: "x".repeat(MAX_RESPONSE), ..ServiceStatus::default() };
    let line = Response::status(StatusReport { services: vec![service], stopping: false, last_stop: None })
        .to_line();
    assert!(Response::parse(&line).unwrap().error.unwrap().contains("too long"));
}

#[test]
fn every_example_of_the_reference_is_true() {
    let page = include_str!("../../../docs/protocol.md");
    let examples: Vec<&str> = page.lines().filter(|line| line.starts_with('{')).collect();
    // Of each message there is at least one.
    let verbs = "health status start stop restart signal wait events reload shutdown";
    for verb in verbs.split(' ') {
        let named = format!("\"verb\":\"{verb}\"");
        assert!(examples.iter().any(|example| example.contains(&named)), "no example of {verb}");
    }
    for payload in ["error", "health", "status", "results", "reload", "events", "event"] {
        let named = format!(",\"{payload}\":");
        let shown = examples.iter().any(|line| line.contains("\"ok\"") && line.contains(&named));
        assert!(shown, "no example of {payload}");
    }
    for example in examples {
        if example.contains("\"verb\"") {
            let request = Request::parse(example.as_bytes()).unwrap();
            assert_eq!(request.to_line(), [example.as_bytes(), b"\n"].concat());
        } else {
            let response = Response::parse(example.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(response.to_line()).unwrap(), format!("{example}\n"));
        }
    }
}
