//! `rinit logs` of services that log to files.

use super::{logger, sh};
use crate::require_namespace;
use crate::support::{Launch, PATIENCE, Running, wait_for_seen};
use nix::sys::signal::Signal;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

const LINES: usize = 20_000;

/// Two that write to files, one of them to many, and one that does not.
fn start() -> Running {
    let launch = Launch::pid1();
    let dir = launch.dir().display().to_string();
    let logging = |driver: &str, more: &str| {
        format!(
            "[logging]\ndriver = \"{driver}\"\noptions = {{ path = \"{dir}/logs/{{{{.Name}}}}.log\"{more} }}\n"
        )
    };
    let script = format!("seq -f 'web %08.0f' {LINES}; echo end >&2; exec sleep 1000");
    let rotated = ", max-size = \"200k\", max-file = 90, compress = true";
    let slow = "for i in 1 2 3; do echo db $i; done; exec sleep 1000";
    launch
        .service("web", &(sh(&script) + &logging("json-file", rotated)))
        .service("db", &(sh(slow) + &logging("file", "")))
        .service("console", &(sh("echo here; exec sleep 1000") + "logging.driver = \"console\"\n"))
        .start()
}

#[track_caller]
fn wait_lines(init: &Running, words: &[&str], count: usize) -> Vec<String> {
    wait_for_seen("lines", PATIENCE, || {
        let told = init.rinit(&[&["logs"], words].concat());
        let lines: Vec<String> = told.stdout.lines().map(str::to_owned).collect();
        if lines.len() >= count { Ok(lines) } else { Err(format!("{} lines, {}", lines.len(), told.stderr)) }
    })
}

fn numbers(lines: &[String]) -> Vec<usize> {
    lines.iter().filter_map(|line| line.split_once("| web ")?.1.parse().ok()).collect()
}

#[test]
fn files_are_read_whole_also_by_another_logger() {
    require_namespace!();
    let init = start();
    let expected: Vec<usize> = (1..=LINES).collect();
    let all = wait_lines(&init, &["web"], LINES + 1);
    assert!(numbers(&all) == expected, "something is missing or out of order");
    // All together, by their time: the plain lines, which have none, come first.
    let all = wait_lines(&init, &[], LINES + 5);
    assert_eq!(all[..3], ["db       | db 1", "db       | db 2", "db       | db 3"]);
    assert!(numbers(&all) == expected && all.iter().any(|line| line == "console  | here"));

    let pid = logger(&init, None);
    init.run(&["sh", "-c", &format!("kill -9 {pid}")]).ok();
    logger(&init, Some(pid));
    assert!(numbers(&wait_lines(&init, &["web"], LINES + 1)) == expected);
    let last = wait_lines(&init, &["-n", "11000", "web"], 11_000);
    assert!(numbers(&last) == expected[LINES - 10_999..]);
    assert_eq!(wait_lines(&init, &["-n", "2", "db"], 2), ["db  | db 2", "db  | db 3"]);
    assert_eq!(numbers(&wait_lines(&init, &["--since", "1h", "web"], LINES)).len(), LINES);
    assert_eq!(init.rinit(&["logs", "--until", "1h", "web"]).ok(), "");
    let json = init.rinit(&["logs", "--json", "-n", "1", "web"]).ok();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["log"], &json["stream"]), (&"end".into(), &"stderr".into()));
    // What has no time is shown without one.
    assert_eq!(wait_lines(&init, &["-t", "db"], 3)[0], "db  | db 1");
}

#[test]
fn who_follows_gets_the_files_and_then_what_comes() {
    require_namespace!();
    let mut init = start();
    wait_lines(&init, &["web"], LINES + 1);
    let mut child = init.verb(&["logs", "-f", "web", "db"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| line.unwrap());
    // It reads slowly, while the service writes anew.
    let first: Vec<String> = lines.by_ref().take(10).collect();
    init.rinit(&["restart", "db"]).ok();
    let mut rest: Vec<String> = lines.by_ref().take(LINES + 4 + 3 - 10).collect();
    let all = [first, std::mem::take(&mut rest)].concat();
    assert!(numbers(&all) == (1..=LINES).collect::<Vec<_>>());
    assert_eq!(all[LINES + 4..], ["db   | db 1", "db   | db 2", "db   | db 3"]);
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
