//! `rinit events`: what is told of a service's life, and how much of it is kept.

use crate::require_namespace;
use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, Running};
use serde_json::Value;

const QUICK: &str = r#"command = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"]"#;

/// The events as `rinit events --json` prints them.
#[track_caller]
pub fn events(init: &Running, words: &[&str]) -> Vec<Value> {
    let told = init.rinit(&[&["events", "--json"], words].concat()).ok();
    told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[track_caller]
fn kinds(init: &Running, words: &[&str]) -> Vec<String> {
    events(init, words).iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
}

/// Makes so many events, quickly.
#[track_caller]
pub fn make_events(init: &Running, name: &str, count: usize) {
    use std::io::{BufRead, BufReader, Write};
    let socket = init.dir().join("run/socket");
    let stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    let mut answer = String::new();
    for _ in 0..count {
        // A process that is not stopped takes no notice of it.
        let request = format!("{{\"v\":1,\"verb\":\"signal\",\"names\":[{name:?}],\"signal\":\"CONT\"}}\n");
        (&stream).write_all(request.as_bytes()).unwrap();
        answer.clear();
        answers.read_line(&mut answer).unwrap();
        assert!(answer.contains("SIGCONT sent to process"), "{answer}");
    }
}

#[test]
fn the_life_of_services_is_told_in_docker_s_words() {
    require_namespace!();
    let init = Launch::pid1()
        .service("web", QUICK)
        .service("check", &format!("{QUICK}\n[healthcheck]\ntest = \"true\"\ninterval = \"10ms\"\n"))
        .service(
            "crash",
            "command = [\"sh\", \"-c\", \"exit 3\"]\nrestart = \"on-failure:1\"\nbackoff.initial = \"10ms\"\n",
        )
        .service("task", "command = \"true\"\nrestart = \"no\"\n")
        .service("gone", "command = \"/nonexistent/program\"\n")
        .start();
    init.rinit(&["wait", "crash", "gone", "--for", "failed"]).ok();
    init.rinit(&["wait", "task", "--for", "completed"]).ok();
    init.rinit(&["wait", "check", "--for", "healthy"]).ok();
    assert_eq!(
        kinds(&init, &["crash"]),
        ["start", "ready", "die", "restart", "start", "ready", "die", "failed"]
    );
    assert_eq!(kinds(&init, &["task"]), ["start", "ready", "die", "completed"]);
    assert_eq!(kinds(&init, &["gone"]), ["failed"]);
    assert_eq!(
        kinds(&init, &["check"]),
        ["start", "ready", "health_status: starting", "health_status: healthy"]
    );

    init.rinit(&["pause", "web"]).ok();
    init.rinit(&["resume", "web"]).ok();
    init.rinit(&["restart", "web"]).ok();
    init.rinit(&["stop", "web"]).ok();
    init.rinit(&["reload"]).ok();
    let expected = [
        "start", "ready", "pause", "unpause", "kill", "die", "restart", "start", "ready", "kill", "die",
        "stop",
    ];
    assert_eq!(kinds(&init, &["web"]), expected);

    let all = events(&init, &[]);
    let numbers: Vec<u64> = all.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    let times: Vec<&str> = all.iter().map(|event| event["time"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert!(times.iter().all(|time| time.len() == "2026-01-02T03:04:05.678Z".len() && time.ends_with('Z')));
    let of = |name: &str, kind: &str| {
        let found = all.iter().find(|event| event["service"] == name && event["kind"] == kind);
        found.unwrap_or_else(|| panic!("no {kind} of {name}: {all:#?}"))["attributes"].clone()
    };
    assert_eq!(of("crash", "die")["exit_code"], 3);
    assert!(of("crash", "failed")["reason"].as_str().unwrap().contains("gave up after 1 restart"));
    assert!(of("gone", "failed")["reason"].as_str().unwrap().contains("/nonexistent/program"));
    assert!(of("web", "start")["pid"].as_u64().unwrap() > 1);
    assert_eq!(of("web", "kill")["signal"], "SIGTERM");
    assert_eq!(of("web", "kill")["grace_ms"], 10_000);
    let reload = all.last().unwrap();
    assert_eq!((&reload["kind"], &reload["service"]), (&"reload".into(), &Value::Null));
    assert_eq!(reload["attributes"]["changes"], "nothing has changed");
}

#[test]
fn who_kills_is_told() {
    require_namespace!();
    let init = Launch::pid1()
        .service("web", "command = \"sleep 1000\"\nbackoff.initial = \"1ms\"\n")
        .service("other", QUICK)
        .start();
    init.wait_healthy(PATIENCE);
    let pid = init.pid_of("web");
    init.rinit(&["signal", "KILL", "web"]).ok();
    init.wait_service("web", "another process", |web| web.pid.is_some_and(|new| new != pid));
    let told = events(&init, &["web", "--kind", "kill", "--kind", "die"]);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert_eq!(told[0]["attributes"], serde_json::json!({"signal": "SIGKILL", "to": "process"}));
    assert_eq!(
        (&told[1]["attributes"]["exit_code"], &told[1]["attributes"]["signal"]),
        (&137.into(), &"SIGKILL".into())
    );
    // From outside, nobody has told rinit.
    init.run(&["sh", "-c", &format!("kill -9 {}", init.pid_of("web"))]).ok();
    init.wait_service("web", "one more", |web| web.restarts == 2 && web.state == "running");
    assert_eq!(kinds(&init, &["web", "--kind", "kill", "--kind", "die"]), ["kill", "die", "die"]);
}

#[test]
fn lines_for_people_are_aligned() {
    let init = Launch::plain().service("web", QUICK).service("a-longer-name", QUICK).start();
    init.wait_healthy(PATIENCE);
    let text = init.rinit(&["events"]).ok();
    let columns: Vec<usize> = text
        .lines()
        .map(|line| {
            let kind = if line.contains("  start ") { "start" } else { "ready" };
            line.find(&format!("  {kind}")).unwrap_or_else(|| panic!("{line}"))
        })
        .collect();
    assert!(columns.len() == 4 && columns.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
    assert!(text.contains(" pid="), "{text}");
}

#[test]
fn what_is_not_kept_any_more_is_said() {
    let init = Launch::plain().service("web", QUICK).start();
    init.wait_healthy(PATIENCE);
    make_events(&init, "web", 1100);
    // 2 of the start, and those: 1,024 are left.
    let all = events(&init, &[]);
    assert_eq!(all.len(), 1024);
    assert_eq!((&all[0]["seq"], &all[1023]["seq"]), (&79.into(), &1102.into()));
    let lost = events(&init, &["--since", "50"]);
    assert_eq!(lost.len(), 1025);
    assert_eq!(lost[0], serde_json::json!({"lost": 28}));
    assert_eq!(lost[1]["seq"], 79);
    let text = init.rinit(&["events", "--since", "50"]);
    assert!(text.status == 0 && text.stderr.contains("28 older events are not kept"), "{}", text.stderr);
    assert_eq!(text.stdout.lines().count(), 1024);
    // From the last one that is known on, nothing is lost.
    let rest = events(&init, &["--since", "1100"]);
    assert_eq!(rest.iter().map(|event| event["seq"].as_u64().unwrap()).collect::<Vec<_>>(), [1101, 1102]);
    assert_eq!(events(&init, &["--since", "1102"]).len(), 0);
    let early = init.rinit(&["events", "--since", "1103"]);
    assert!(early.status == 1 && early.stderr.contains("there is no event 1103 yet"), "{early:?}");
    // By time: all of this was just now, and more of it is gone.
    let recent = events(&init, &["--since", "1h"]);
    assert_eq!((recent.len(), &recent[0]), (1025, &serde_json::json!({"lost": 78})));
    assert_eq!(events(&init, &["--since", "0s"]).len(), 0);
}

#[test]
fn what_there_is_not_cannot_be_asked_for() {
    let init = Launch::plain().service("web", QUICK).start();
    init.wait_healthy(PATIENCE);
    for (words, part) in [
        (&["nobody"][..], "no service is called nobody"),
        (&["x*"], "no service matches x*"),
        (&["--kind", "dying"], "no events of the kind dying; there are start, ready"),
    ] {
        let refused = init.rinit(&[&["events"], words].concat());
        assert!(refused.status == 1 && refused.stderr.contains(part), "{refused:?}");
        let refused = init.rinit(&[&["events", "-f"], words].concat());
        assert!(refused.status == 1 && refused.stderr.contains(part), "{refused:?}");
    }
    assert_eq!(init.rinit(&["events", "--since", "yesterday"]).status, 2);
    assert_eq!(kinds(&init, &["w?b", "--kind", "ready"]), ["ready"]);
}

/// The events of a service that a reload has taken away are still there, and can be asked for.
#[test]
fn a_reload_is_an_event_and_takes_none_away() {
    let init = Launch::plain().service("web", QUICK).service("old", QUICK).start();
    init.wait_healthy(PATIENCE);
    std::fs::remove_file(init.dir().join("services.d/old.toml")).unwrap();
    std::fs::write(init.dir().join("services.d/new.toml"), QUICK).unwrap();
    init.rinit(&["reload"]).ok();
    init.rinit(&["wait", "new"]).ok();
    let reload = events(&init, &["--kind", "reload"]);
    assert_eq!(reload[0]["attributes"]["changes"], "start new; stop old");
    assert_eq!(kinds(&init, &["new"]), ["start", "ready"]);
    assert_eq!(kinds(&init, &["old"])[..3], ["start", "ready", "kill"]);
    std::fs::write(init.dir().join("services.d/new.toml"), "comand = 1\n").unwrap();
    assert_eq!(init.rinit(&["reload"]).status, 1);
    let refused = events(&init, &["--kind", "reload"]);
    let error = refused[1]["attributes"]["error"].as_str().unwrap();
    assert!(error.contains("nothing was changed") && error.contains("comand"), "{error}");
}
