//! `rinit wait`: every condition, and what can never be met.

use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, Running, output_of};
use nix::sys::signal::Signal;
use std::process::Stdio;

const QUICK: &str = r#"command = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"]"#;

/// A task that ends with what is written into `end`.
const TASK: &str = r#"
command = ["sh", "-c", "until test -e end; do sleep 0.02; done; exit $(cat end)"]
restart = "no"
"#;

fn start(services: &[(&str, &str)]) -> Running {
    let launch = Launch::plain().service("web", QUICK);
    let mut init = services.iter().fold(launch, |launch, (name, toml)| launch.service(name, toml)).start();
    init.wait_line("web runs", |line| line.contains("web: started"));
    assert!(init.exit_within(std::time::Duration::ZERO).is_none());
    init
}

/// Waits, and lets it happen when the waiting has begun.
#[track_caller]
fn waits_until(init: &Running, words: &[&str], happen: impl FnOnce()) -> String {
    let mut command = init.verb(&[&["wait"], words].concat());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Whether it has asked already makes no difference to what it has to say.
    happen();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn each_condition_is_met_in_time() {
    let check = format!("{QUICK}\n[healthcheck]\ntest = \"test -e well\"\ninterval = \"10ms\"\n");
    let slow = "command = [\"sh\", \"-c\", \"until test -e up; do sleep 0.02; done; echo >&5; exec sleep 1000\"]\nnotify = 5\n";
    let init = start(&[("check", &check), ("task", TASK), ("slow", slow)]);
    let make = |file: &str, text: &str| {
        std::fs::write(init.dir().join(format!("{file}.new")), text).unwrap();
        std::fs::rename(init.dir().join(format!("{file}.new")), init.dir().join(file)).unwrap();
    };
    assert_eq!(init.rinit(&["wait", "web"]).ok(), "web: ready");
    assert_eq!(waits_until(&init, &["check", "--for", "healthy"], || make("well", "")), "check: healthy\n");
    assert_eq!(waits_until(&init, &["slow", "web"], || make("up", "")), "slow: ready\nweb: ready\n");
    assert_eq!(waits_until(&init, &["task", "--for=completed"], || make("end", "0")), "task: completed\n");
    assert_eq!(init.rinit(&["wait", "task", "--for", "ready"]).ok(), "task: ready");
    assert_eq!(init.rinit(&["wait", "task", "--for", "stopped"]).ok(), "task: stopped");
    let stop = || {
        init.rinit(&["stop", "web"]).ok();
    };
    assert_eq!(waits_until(&init, &["web", "--for", "stopped"], stop), "web: stopped\n");
    let json = init.rinit(&["wait", "task", "--json"]).ok();
    assert_eq!(json, r#"[{"service":"task","done":true,"message":"ready"}]"#);
}

#[test]
fn what_can_never_be_met_is_said_at_once() {
    let init = start(&[("task", TASK), ("never", &format!("{QUICK}\nautostart = false\n"))]);
    let never = |words: &[&str], why: &str| {
        let told = init.rinit(&[&["wait", "--timeout", "1h"], words].concat());
        assert!(told.status == 1 && told.stderr.contains(why), "{words:?}: {told:?}");
    };
    never(&["web", "--for", "healthy"], "web: it has no health check");
    never(&["web", "--for", "completed"], "web: it never completes");
    never(&["never"], "never: stopped");
    never(&["never", "--for", "failed"], "never: stopped");
    std::fs::write(init.dir().join("end"), "7").unwrap();
    init.rinit(&["wait", "task", "--for", "failed"]).ok();
    never(&["task", "--for", "completed"], "task: failed: exited with code 7");
    never(&["task"], "task: failed: exited with code 7");
    // One is enough, and the others are told as they are.
    never(&["web", "task"], "task: failed");
    never(&["nobody"], "no service is called nobody");
    assert_eq!(init.rinit(&["wait"]).status, 2);
    assert_eq!(init.rinit(&["wait", "web", "--for", "glory"]).status, 2);
    assert_eq!(init.rinit(&["wait", "web", "--for", "stopped", "--timeout", "0s"]).status, 2);
}

/// Each verb that takes names of services names the one that was likely meant.
#[test]
fn a_misspelt_name_gets_a_hint_from_every_verb() {
    let init = start(&[("database", QUICK)]);
    for words in [
        &["status"][..],
        &["start"],
        &["stop"],
        &["restart"],
        &["pause"],
        &["resume"],
        &["signal", "HUP"],
        &["wait"],
        &["health"],
        &["health", "--now"],
        &["events"],
        &["events", "--follow"],
    ] {
        let told = init.rinit(&[words, &["databse"]].concat());
        assert_eq!(told.status, 1, "{words:?}: {told:?}");
        assert_eq!(told.stderr, "rinit: no service is called databse; did you mean database?\n", "{words:?}");
    }
}

#[test]
fn one_that_fails_meanwhile_ends_the_wait() {
    let init = start(&[("task", TASK)]);
    let mut command = init.verb(&["wait", "task", "--for", "completed"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::fs::write(init.dir().join("end"), "7").unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("task: failed: exited with code 7"), "{said}");
}

#[test]
fn the_time_limit_is_kept_and_what_is_missing_is_said() {
    let check =
        format!("{QUICK}\n[healthcheck]\ntest = \"echo busy; false\"\ninterval = \"10ms\"\nretries = 1000\n");
    let init = start(&[("check", &check)]);
    let late = init.rinit(&["wait", "check", "web", "--for", "stopped", "--timeout", "50ms"]);
    assert_eq!(late.status, 1, "{late:?}");
    assert!(late.stderr.contains("web: running, not stopped within 50ms"), "{late:?}");
    let late = init.rinit(&["wait", "check", "--for", "healthy", "--timeout", "200ms"]);
    assert!(late.status == 1 && late.stderr.contains("not healthy within 200ms"), "{late:?}");
}

/// The answer comes before the end.
#[test]
fn the_stop_of_the_container_ends_the_wait() {
    let mut init = start(&[("task", TASK)]);
    let spawn =
        |words: &[&str]| init.verb(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let completed = spawn(&["wait", "task", "--for", "completed"]);
    let stopped = spawn(&["wait", "web", "task", "--for", "stopped"]);
    // Both have to be waiting: a third client is answered after them, but they may not have connected yet.
    crate::support::wait_for("both wait", PATIENCE, || {
        let open = std::fs::read_to_string("/proc/net/unix").unwrap();
        let socket = init.dir().join("run/socket").display().to_string();
        (open.lines().filter(|line| line.ends_with(&socket)).count() == 3).then_some(())
    });
    init.signal(Signal::SIGTERM);
    let completed = completed.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&completed.stderr);
    assert!(completed.status.code() == Some(1) && said.contains("task: "), "{completed:?}");
    assert!(said.contains("the container is being stopped") || said.contains("stopped"), "{said}");
    let stopped = stopped.wait_with_output().unwrap();
    assert!(stopped.status.success(), "{stopped:?}");
    init.wait_exit(PATIENCE);
}

/// What waits costs no time: nothing wakes up for it.
#[test]
fn a_service_that_flaps_is_seen_when_it_is_ready() {
    let init = start(&[("flap", "command = [\"sh\", \"-c\", \"sleep 0.02\"]\nbackoff.initial = \"20ms\"\n")]);
    for _ in 0..5 {
        assert_eq!(init.rinit(&["wait", "flap"]).ok(), "flap: ready");
    }
    init.rinit(&["stop", "flap"]).ok();
    assert_eq!(init.service("flap").state, "stopped");
    let _ = output_of(&mut init.verb(&["wait", "flap"])).map(|told| assert_eq!(told.status, 1));
}
