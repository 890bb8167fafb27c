//! What a request leaves behind: in the log, in the events and in the status.

use super::events::events;
use crate::require_namespace;
use crate::support::services::Status;
use crate::support::{Launch, Running};

const QUICK: &str = r#"command = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"]"#;

/// Fails at once, and is then not started again for a long time.
const FLAPPING: &str =
    "command = [\"sh\", \"-c\", \"exit 3\"]\nbackoff = { initial = \"1h\", max = \"1h\" }\n";

/// Waits for the line about a request, and returns who has made it.
#[track_caller]
fn who(init: &Running, what: &str) -> String {
    let start = format!("rinit: {what} by ");
    let line = init.wait_line(what, |line| line.starts_with(&start));
    line.strip_prefix(&start).unwrap().to_owned()
}

#[track_caller]
fn last_restart(init: &Running, name: &str) -> serde_json::Value {
    let told = events(init, &[name, "--kind", "restart"]);
    told.last().expect("it was restarted")["attributes"]["reason"].clone()
}

#[test]
fn the_log_says_who_has_asked_for_what() {
    require_namespace!();
    let mut init = Launch::pid1().service("web", QUICK).service("db", QUICK).start();
    init.rinit(&["wait", "web", "db"]).ok();
    let uid = nix::unistd::getuid();
    for (words, line) in [
        (&["restart", "db", "web"][..], "restart requested for db, web"),
        (&["pause", "web"], "pause requested for web"),
        (&["resume", "web"], "resume requested for web"),
        (&["signal", "HUP", "web"], "SIGHUP requested for web"),
        (&["stop", "web"], "stop requested for web"),
        (&["start", "web"], "start requested for web"),
        (&["reload"], "reload requested"),
    ] {
        init.rinit(words).ok();
        let who = who(&init, line);
        let is_client =
            who.strip_prefix(&format!("user {uid}, pid ")).is_some_and(|pid| pid.parse::<u32>().is_ok());
        assert!(is_client, "{line}: {who}");
    }
    // Who may only ask, and what is refused, leaves nothing.
    init.rinit(&["status"]).ok();
    assert_eq!(init.rinit(&["stop", "nobody"]).status, 1);
    init.rinit(&["shutdown"]).ok();
    who(&init, "shutdown requested");
    init.wait_exit(crate::support::PATIENCE);
    let lines = init.lines();
    let asked = lines.iter().filter(|line| line.text.contains(" requested ")).count();
    assert_eq!(asked, 8, "{lines:#?}");
}

#[test]
fn the_event_of_a_restart_says_why() {
    require_namespace!();
    let init = Launch::pid1().service("web", QUICK).start();
    init.rinit(&["wait", "web"]).ok();
    init.rinit(&["restart", "web"]).ok();
    assert_eq!(last_restart(&init, "web"), "restarted by request");
    std::fs::write(init.dir().join("services.d/web.toml"), format!("{QUICK}\numask = \"027\"\n")).unwrap();
    init.rinit(&["reload"]).ok();
    init.wait_service("web", "restarted", |web| web.restarts == 2 && web.state == "running");
    assert_eq!(last_restart(&init, "web"), "its definition has changed");
    init.wait_line("the log says it too", |line| {
        line == "rinit: web: restarting: its definition has changed"
    });
}

/// Nothing runs that could be stopped, but it was to be started.
#[test]
fn a_stop_of_what_waits_is_told() {
    require_namespace!();
    let init = Launch::pid1()
        .service("web", FLAPPING)
        .service("never", "command = [\"sleep\", \"1000\"]\nautostart = false\n")
        .service("gate", "command = [\"sleep\", \"1000\"]\nnotify = 3\n")
        .service("behind", &format!("{QUICK}\ndepends_on = [\"gate\"]\n"))
        .start();
    init.wait_state("web", "backoff");
    init.wait_state("behind", "waiting");
    for name in ["web", "behind"] {
        assert_eq!(init.rinit(&["stop", name]).ok(), format!("{name}: stopped"));
        let line = format!("rinit: {name}: stopped before it was started");
        init.wait_line("the log says so", |it| it == line);
        let told = events(&init, &[name, "--kind", "stop"]);
        assert_eq!(told.len(), 1, "{told:#?}");
        assert_eq!(told[0]["attributes"], serde_json::json!({}));
    }
    // What is stopped already is not stopped once more.
    init.rinit(&["stop", "web", "never"]).ok();
    assert_eq!(events(&init, &["--kind", "stop"]).len(), 2);
}

/// The old failure is not why it does not run.
#[test]
fn the_status_says_that_somebody_has_stopped_it() {
    require_namespace!();
    let init = Launch::pid1().service("web", FLAPPING).start();
    init.wait_state("web", "backoff");
    init.rinit(&["stop", "web"]).ok();
    let web = init.service("web");
    assert_eq!(web.reason.as_deref(), Some("stopped by hand"));
    assert_eq!(web.last_exit.as_deref(), Some("exited with code 3"));
    let shown = init.rinit(&["status", "web"]).ok();
    assert!(shown.contains("reason          stopped by hand\n"), "{shown}");
    assert!(shown.contains("last exit       exited with code 3, "), "{shown}");
}

/// Whoever has asked knows all mistakes; who reads the log learns that there are some, and how to see them.
#[test]
fn a_refused_reload_leaves_one_line_in_the_log() {
    require_namespace!();
    let init = Launch::pid1().service("web", QUICK).start();
    init.rinit(&["wait", "web"]).ok();
    let dir = init.dir().join("services.d");
    std::fs::write(dir.join("web.toml"), "command = \"true\"\nusr = \"x\"\nrestrt = \"no\"\n").unwrap();
    let refused = init.rinit(&["reload"]);
    assert!(refused.status == 1 && refused.stderr.contains("restrt"), "{refused:?}");
    let line = init.wait_line("the log says so", |line| line.contains("reload refused"));
    let (before, after) = line.split_once("; the first: ").expect("the first mistake");
    assert_eq!(before, "rinit: warning: reload refused: 2 errors, nothing was changed");
    let end = format!(". rinit check {} shows everything", dir.display());
    let first = after.strip_suffix(&end).unwrap_or_else(|| panic!("{line}"));
    assert!(first.contains("web.toml:2:1: ") && first.contains("usr"), "{first}");
    assert!(!init.stderr().contains("restrt"), "{}", init.stderr());
}

/// What does not run is not stopped, and stays what it is.
#[test]
fn a_stop_of_what_has_ended_says_that_there_is_nothing_to_stop() {
    require_namespace!();
    let init = Launch::pid1()
        .service("gone", "command = [\"sh\", \"-c\", \"exit 3\"]\nrestart = \"no\"\n")
        .service("done", "command = \"true\"\nrestart = \"no\"\n")
        .service("web", QUICK)
        .start();
    init.rinit(&["wait", "gone", "--for", "failed"]).ok();
    init.rinit(&["wait", "done", "--for", "completed"]).ok();
    let told = init.rinit(&["stop", "gone", "done", "web"]).ok();
    let nothing = "nothing to stop: ";
    assert_eq!(
        told,
        format!("gone: {nothing}failed: exited with code 3\ndone: {nothing}completed\nweb: stopped")
    );
}

/// A changed definition is tried at once: it may be what was missing.
#[test]
fn a_reload_starts_what_waits_for_a_restart_or_has_failed() {
    require_namespace!();
    const UNHEALTHY: &str = "command = [\"sleep\", \"1000\"]\nbackoff = { initial = \"1h\", max = \"1h\" }\n\
                             stop_grace_period = \"5s\"\n[healthcheck]\ninterval = \"10ms\"\nretries = 1\n";
    let check = |test: &str| format!("{UNHEALTHY}test = {test:?}\n");
    let once = |more: &str| format!("command = [\"sh\", \"-c\", \"exit 3\"]\nrestart = \"no\"\n{more}");
    let init = Launch::pid1()
        .service("web", &check("false"))
        .service("once", &once(""))
        .service("command", FLAPPING)
        .service("other", QUICK)
        .service("halted", &check("false"))
        .start();
    for name in ["web", "command", "halted"] {
        init.wait_state(name, "backoff");
    }
    init.wait_state("once", "failed");
    init.rinit(&["stop", "halted"]).ok();
    let write = |name: &str, text: &str| {
        std::fs::write(init.dir().join(format!("services.d/{name}.toml")), text).unwrap();
    };
    write("web", &check("true"));
    write("once", &once("description = \"new\"\n"));
    write("command", QUICK);
    write("halted", &check("true"));
    write("other", &format!("{QUICK}\ndescription = \"new\"\n"));
    let told = init.rinit(&["reload"]).ok();
    assert!(told.contains("changed without a restart: halted, other"), "{told}");
    let restarted = told.lines().find_map(|line| line.strip_prefix("restarted: ")).unwrap_or_default();
    let mut restarted: Vec<&str> = restarted.split(", ").collect();
    restarted.sort_unstable();
    assert_eq!(restarted, ["command", "once", "web"]);
    init.rinit(&["wait", "web", "--for", "healthy"]).ok();
    init.rinit(&["wait", "command"]).ok();
    assert_eq!(init.service("halted").state, "stopped");
    assert_eq!(init.service("other").restarts, 0);
    init.wait_service("once", "it is tried again", |once| once.restarts == 1 && once.state == "failed");
}

/// A service that runs is none that lacks nothing: what it needs may have been stopped.
#[test]
fn a_start_starts_what_a_running_service_depends_on() {
    require_namespace!();
    let init = Launch::pid1()
        .service("db", QUICK)
        .service("api", &format!("{QUICK}\ndepends_on = [\"db\"]\n"))
        .start();
    init.rinit(&["wait", "api"]).ok();
    init.rinit(&["stop", "db"]).ok();
    init.rinit(&["start", "api"]).ok();
    init.rinit(&["wait", "db"]).ok();
}
