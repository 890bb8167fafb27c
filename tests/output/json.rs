//! With `--log-format json` every line is one JSON object, whatever the pressure, and none is missing in the count.

use super::Outlet;
use crate::pid1::{Init, Place, puppet};
use crate::require_namespace;
use crate::support::{Launch, PATIENCE, wait_for};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::time::Duration;

const ORPHANS: u64 = 6000;

fn parse(line: &str) -> Value {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line:?}"));
    let fields = value.as_object().unwrap_or_else(|| panic!("no object: {line:?}"));
    for field in ["time", "level", "service", "message"] {
        assert!(fields.contains_key(field), "no {field}: {line:?}");
    }
    value
}

/// How many messages a line stands for.
fn count(line: &str) -> u64 {
    match parse(line).get("dropped") {
        Some(dropped) => dropped.as_u64().unwrap(),
        None => 1,
    }
}

/// One message for each orphan, and no others.
#[test]
fn the_lines_and_those_dropped_add_up() {
    require_namespace!();
    for pause in [None, Some(Duration::from_millis(1))] {
        let mut outlet = Outlet::pipe();
        let script = format!("{} orphans {ORPHANS}; echo made; exec {} pause", puppet(), puppet());
        let init = Init::rinit().with(&["-w", "--log-format", "json"]);
        let mut running = init.launch(Place::Pid1, &["sh", "-c", &script]).stderr(outlet.stderr()).start();
        if pause.is_some() {
            outlet.read(pause);
        }
        running.wait_line("the orphans are made", |line| line == "paused");
        wait_for("the orphans to be reaped", PATIENCE, || running.zombies().is_empty().then_some(()));
        outlet.read(None);
        outlet.hurry();
        let is_all = |lines: &[&str]| lines.iter().map(|line| count(line)).sum::<u64>() == ORPHANS;
        let lines = outlet.wait_lines("a line or a count for each orphan", is_all);
        let notes = lines.iter().filter(|line| parse(line).get("dropped").is_some()).count();
        assert!(notes > 0, "nothing was dropped: {pause:?}");
        if pause.is_none() {
            // At its place: behind what was said before.
            assert_eq!(notes, 1);
            assert!(parse(lines.last().unwrap()).get("dropped").is_some());
        }
        outlet.assert_blocking();
        running.signal(Signal::SIGTERM);
        assert_eq!(running.wait_exit(PATIENCE).status, 143);
    }
}

/// A message of several times 4,096 bytes, to a reader who takes a hundred at a time, is not cut.
#[test]
fn a_long_message_is_one_line() {
    require_namespace!();
    let mut outlet = Outlet::pipe();
    outlet.read(Some(Duration::from_millis(1)));
    let init = Launch::pid1()
        .service("web", "command = 'sleep 1000'")
        .arg("--log-format")
        .arg("json")
        .stderr(outlet.stderr())
        .start();
    outlet.wait_lines("the start", |lines| lines.iter().any(|line| line.contains("started, pid")));
    let mistakes: String =
        (0..300).map(|number| format!("wrong{number}{} = 'mistake'\n", "_".repeat(60))).collect();
    std::fs::write(init.dir().join("services.d/web.toml"), format!("{mistakes}command = 'true'\n")).unwrap();
    init.signal(Signal::SIGHUP);
    let lines = outlet.wait_lines("the refusal", |lines| {
        lines.last().is_some_and(|line| line.contains("nothing was changed"))
    });
    let message = parse(lines.last().unwrap())["message"].as_str().unwrap().to_owned();
    assert!(message.len() > 20_000 && message.contains("wrong0") && message.contains("wrong99"), "{message}");
    lines.iter().for_each(|line| _ = parse(line));
}

/// What is refused at the start, and what is said about a COMMAND that is none.
#[test]
fn mistakes_are_json_too() {
    require_namespace!();
    let json = ["--log-format", "json"];
    let launch = Launch::pid1().service("web", "comand = 'true'\nrestart = 'x'");
    let mut init = json.iter().fold(launch, |launch, word| launch.arg(word)).start();
    assert_eq!(init.wait_exit(PATIENCE).status, 125);
    let lines: Vec<Value> = init.stderr().lines().map(parse).collect();
    assert!(lines.len() >= 3, "{lines:?}");
    let last = lines.last().unwrap();
    assert_eq!(last["level"], "error");
    assert!(last["message"].as_str().unwrap().ends_with("nothing was started"), "{last}");
    let mut init = Init::rinit().with(&json).launch(Place::Pid1, &["statos"]).start();
    let status = init.wait_exit(PATIENCE).status;
    assert!(status == 127 || status == 2, "{status}");
    init.stderr().lines().for_each(|line| _ = parse(line));
}
