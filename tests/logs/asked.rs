//! `rinit logs`.

use super::{logger, sh};
use crate::support::services::Status;
use crate::support::{Launch, Output, PATIENCE, Running, output_of, wait_for_seen};
use crate::{require_namespace, require_root};
use nix::sys::signal::Signal;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

fn start() -> Running {
    let init = Launch::pid1()
        .service("web", &sh("echo one; echo two >&2; printf 'b\\377d\\n'; exec sleep 1000"))
        .service("database", &sh("echo up; exec sleep 1000"))
        .service("quiet", &(sh("echo nothing; exec sleep 1000") + "logging.driver = \"inherit\"\n"))
        .service("later", &(sh("echo later") + "autostart = false\n"))
        .arg("--log-driver")
        .arg("console")
        .start();
    init.wait_line("a line of web", |line| line.contains('b'));
    init.wait_line("a line of database", |line| line == "database  | up");
    // The last of them was written to the console before it was kept.
    wait_lines(&init, &[], 4);
    init
}

#[track_caller]
fn wait_lines(init: &Running, words: &[&str], count: usize) -> Vec<String> {
    wait_for_seen("lines", PATIENCE, || {
        let told = init.rinit(&[&["logs"], words].concat());
        let lines: Vec<String> = told.stdout.lines().map(str::to_owned).collect();
        if lines.len() >= count { Ok(lines) } else { Err(format!("{told:?}")) }
    })
}

fn failure(told: Output, status: i32) -> String {
    assert_eq!(told.status, status, "{told:?}");
    told.stderr
}

#[test]
fn the_last_lines_of_each_service_are_shown() {
    require_namespace!();
    let init = start();
    let mut lines = wait_lines(&init, &[], 4);
    lines.sort();
    assert_eq!(lines, ["database  | up", "web       | b\u{fffd}d", "web       | one", "web       | two"]);
    assert_eq!(wait_lines(&init, &["-n", "1", "w*"], 1).len(), 1);
    assert_eq!(wait_lines(&init, &["--since", "1h", "database"], 1), ["database  | up"]);
    assert_eq!(init.rinit(&["logs", "--until", "1h"]).ok(), "");
    let stamped = wait_lines(&init, &["-t", "database"], 1);
    assert!(stamped[0].starts_with("database  | 20") && stamped[0].ends_with("Z up"), "{stamped:?}");
    let json = wait_lines(&init, &["--json", "database"], 1);
    let json: serde_json::Value = serde_json::from_str(&json[0]).unwrap();
    assert_eq!(
        (&json["service"], &json["stream"], &json["log"]),
        (&"database".into(), &"stdout".into(), &"up".into())
    );
    assert_eq!(init.rinit(&["logs", "later"]).ok(), "", "it has not been started");

    let said = failure(init.rinit(&["logs", "quiet"]), 1);
    assert!(said.contains("quiet writes to rinit's own output: docker logs shows it"), "{said}");
    assert!(failure(init.rinit(&["logs", "wbe"]), 1).contains("did you mean web?"));
    assert!(failure(init.rinit(&["logs", "-n", "x"]), 2).contains("write a number, or all"));
}

#[test]
fn what_follows_is_shown_until_the_end() {
    require_namespace!();
    let mut init = start();
    let mut child = init.verb(&["logs", "-f", "-n", "0", "web"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| line.unwrap());
    // Not before it follows is something new written.
    let pid = logger(&init, None);
    wait_for_seen("the follower to be there", PATIENCE, || {
        let sockets = init.run(&["sh", "-c", &format!("ls -l /proc/{pid}/fd | grep -c socket:")]).stdout;
        if sockets.trim() == "2" { Ok(()) } else { Err(sockets) }
    });
    init.rinit(&["restart", "database", "web"]).ok();
    let mut seen: Vec<String> = lines.by_ref().take(3).collect();
    seen.sort();
    assert_eq!(seen, ["web  | b\u{fffd}d", "web  | one", "web  | two"]);
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    assert_eq!(lines.next(), None);
    assert_eq!(child.wait().unwrap().code(), Some(0), "the end was no cut");
}

#[test]
fn without_a_logger_it_is_said_where_to_look() {
    require_namespace!();
    let init = Launch::pid1().service("web", &sh("echo hello; exec sleep 1000")).start();
    init.wait_line("its line", |line| line == "hello");
    let said = failure(init.rinit(&["logs"]), 1);
    assert!(said.contains("every service writes to rinit's own output: docker logs shows it"), "{said}");
}

/// A line may hold a secret.
#[test]
fn only_root_and_the_own_user_may_read_logs() {
    require_namespace!();
    require_root!();
    let init = start();
    for words in [&["logs"][..], &["logs", "-f", "web"]] {
        let told = output_of(&mut init.verb_of_nobody(words)).unwrap();
        assert_eq!((told.status, told.stdout.as_str()), (1, ""), "{told:?}");
        assert!(told.stderr.contains("user 65534 may not read logs: only root"), "{told:?}");
    }
    // What others may see shows nothing of it.
    for words in [&["status", "web"][..], &["status", "--json", "-a"], &["events"], &["health"]] {
        let told = output_of(&mut init.verb_of_nobody(words)).unwrap();
        assert!(!told.stdout.contains("two"), "{told:?}");
    }
}

/// Those who ask are served by the logger, and have no place among the clients of PID 1.
#[test]
fn a_crowd_that_follows_keeps_nobody_out() {
    require_namespace!();
    let init = start();
    let followers: Vec<_> = (0..40)
        .map(|_| {
            let mut verb = init.verb(&["logs", "-f"]);
            verb.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    // The logger serves 16.
    wait_for_seen("somebody to be told to try again", PATIENCE, || {
        let told = init.rinit(&["logs", "web"]);
        if told.stderr.contains("too many read logs") { Ok(()) } else { Err(format!("{told:?}")) }
    });
    assert_eq!(init.rinit(&["health"]).status, 0);
    assert_eq!(init.service("web").state, "running");
    // Each is the child of the program that has entered the namespace.
    for follower in init.find("logs -f") {
        init.run(&["sh", "-c", &format!("kill -9 {} || true", follower.pid)]).ok();
    }
    followers.into_iter().for_each(|mut follower| _ = follower.wait().unwrap());
    // Whoever has gone is forgotten.
    let pid = logger(&init, None);
    wait_for_seen("the connections to be closed", PATIENCE, || {
        let sockets = init.run(&["sh", "-c", &format!("ls -l /proc/{pid}/fd | grep -c socket:")]).stdout;
        if sockets.trim() == "1" { Ok(()) } else { Err(sockets) }
    });
}
