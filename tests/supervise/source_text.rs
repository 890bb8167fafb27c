//! A value that `${NAME}` was put into is shown nowhere: the text of the definition stands in its place.

use crate::require_namespace;
use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, Running, wait_for};
use nix::sys::signal::Signal;
use std::io::{Read, Write};
use std::net::TcpListener;

/// What nobody may see: in a word, and as a port.
const SECRET: &str = "hunter2";
const PORT: &str = "47113";

const SLEEP: &str = "command = [\"sleep\", \"1000\"]";

/// One service for each key that takes `${NAME}`. Everything that can fail does.
fn services() -> Vec<(String, String)> {
    let program = "[\"/no/${SECRET}/program\", \"${SECRET}\"]";
    let mut services = vec![
        ("command".to_owned(), format!("command = {program}")),
        ("words".to_owned(), "command = \"/no/${SECRET}/program '${SECRET}'\"".to_owned()),
        ("dir".to_owned(), format!("{SLEEP}\nworking_dir = \"/no/${{SECRET}}/dir\"")),
        ("file".to_owned(), format!("{SLEEP}\nenvironment.A = {{ file = \"/no/${{SECRET}}/file\" }}")),
        ("value".to_owned(), format!("{SLEEP}\nenvironment.A = \"${{SECRET}}\"")),
        ("fine".to_owned(), "command = [\"sh\", \"-c\", \"true ${SECRET}; exec sleep 1000\"]".to_owned()),
    ];
    for hook in ["pre_start", "post_start", "pre_stop", "stop_command", "post_stop"] {
        services.push((hook.replace('_', "-"), format!("{SLEEP}\n{hook} = {program}")));
    }
    services
        .push(("control".to_owned(), format!("{SLEEP}\ncontrol = {{ usr1 = {program}, up = {program} }}")));
    for (name, probe) in [
        ("test", format!("test = [\"CMD\", {}", &program[1..])),
        ("shell", "test = \"test -e /no/${SECRET}\"".to_owned()),
        ("unix", "unix = \"/no/${SECRET}.sock\"".to_owned()),
        ("tcp", "tcp = \"127.0.0.1:${PORT}\"".to_owned()),
        ("http", "http = \"http://127.0.0.1:${PORT}/${SECRET}\"".to_owned()),
    ] {
        let times = "interval = \"100ms\", start_interval = \"100ms\", retries = 1, on_unhealthy = \"none\"";
        services.push((name.to_owned(), format!("{SLEEP}\nhealthcheck = {{ {probe}, {times} }}")));
    }
    services
}

fn launch(format: &str) -> Running {
    let launch = Launch::pid1().env("SECRET", SECRET).env("PORT", PORT);
    let launch = launch.arg("--log-format").arg(format).arg("--log-level").arg("debug");
    services().iter().fold(launch, |launch, (name, text)| launch.service(name, text)).start()
}

/// All that the verbs show to root, each with what was asked.
fn shown(init: &Running) -> String {
    let services = init.dir().join("services.d").display().to_string();
    let mut text = String::new();
    let mut ask = |words: &[&str]| {
        let output = init.rinit(words);
        text.push_str(&format!("{words:?}\n{}{}\n", output.stdout, output.stderr));
    };
    for json in [&[][..], &["--json"]] {
        ask(&[&["status"], json].concat());
        ask(&[&["status", "*"], json].concat());
        ask(&[&["events"], json].concat());
        ask(&[&["check", "--services", &services], json].concat());
    }
    for words in [&["health"][..], &["health", "--now"], &["start", "command", "dir"], &["reload"]] {
        ask(words);
    }
    ask(&["signal", "USR1", "control"]);
    // A reload reads the definitions in a child.
    ask(&["status", "*"]);
    text
}

/// A line of `rinit status` has the names of the container's variables, but no value of them.
fn assert_hidden(text: &str) {
    for line in text.lines() {
        assert!(!line.contains(SECRET) && !line.contains(PORT), "{line}\nin:\n{text}");
    }
}

fn scenario(format: &str) {
    let mut init = launch(format);
    for name in ["test", "shell", "unix", "tcp", "http"] {
        init.wait_service(name, "unhealthy", |service| service.health.as_deref() == Some("unhealthy"));
    }
    for name in ["command", "words", "dir", "file", "pre-start"] {
        init.wait_service(name, "failed", |service| matches!(&*service.state, "failed" | "backoff"));
    }
    let text = shown(&init);
    assert_hidden(&text);
    for expected in [
        "cannot execute /no/${SECRET}/program",
        "cannot change to /no/${SECRET}/dir",
        "cannot read /no/${SECRET}/file",
        "cannot connect to /no/${SECRET}.sock",
        "cannot connect to 127.0.0.1:${PORT}",
        "unix /no/${SECRET}.sock",
        "/no/${SECRET}/program",
    ] {
        assert!(text.contains(expected), "{expected} is missing in:\n{text}");
    }
    init.signal(Signal::SIGTERM);
    init.wait_exit(PATIENCE);
    let log = init.stdout() + &init.stderr();
    assert!(log.contains("cannot change to /no/${SECRET}/dir"), "{log}");
    assert_hidden(&log);
    let stop = std::fs::read_to_string(init.dir().join("state/last-stop.json")).unwrap();
    assert!(stop.contains("SIGTERM"), "{stop}");
    assert_hidden(&stop);
}

#[test]
fn a_value_is_shown_nowhere() {
    require_namespace!();
    scenario("text");
}

#[test]
fn a_value_is_shown_nowhere_in_json() {
    require_namespace!();
    scenario("json");
}

/// A server repeats the path in its answer, and a reload that changes the health check alone comes before that answer.
#[test]
fn a_probe_is_shown_as_the_definition_says_that_it_runs_by() {
    require_namespace!();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let service = |probe: &str, interval: &str| {
        let times = format!("interval = \"{interval}\", start_interval = \"{interval}\"");
        let times = format!("{times}, timeout = \"1h\", retries = 1, on_unhealthy = \"none\"");
        format!("{SLEEP}\nhealthcheck = {{ {probe}, {times} }}")
    };
    let first = service(&format!("http = \"http://127.0.0.1:{port}/health/${{TOKEN}}\""), "100ms");
    let launch = Launch::pid1().env("TOKEN", SECRET).service("web", &first);
    let file = launch.dir().join("services.d/web.toml");
    let init = launch.start();
    listener.set_nonblocking(true).unwrap();
    let mut probe = wait_for("the probe", PATIENCE, || listener.accept().ok()).0;
    probe.set_nonblocking(false).unwrap();
    let mut request = [0; 1024];
    let count = probe.read(&mut request).unwrap();
    let path = format!("/health/{SECRET}");
    assert!(String::from_utf8_lossy(&request[..count]).contains(&path));
    std::fs::write(&file, service("test = \"true\"", "1h")).unwrap();
    init.rinit(&["reload"]).ok();
    let answer =
        format!("HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n<pre>Cannot GET {path}</pre>\n");
    probe.write_all(answer.as_bytes()).unwrap();
    drop(probe);
    let status = wait_for("its result", PATIENCE, || {
        let status = init.rinit(&["status", "web"]).ok();
        status.contains("HTTP 404").then_some(status)
    });
    assert!(status.contains("HTTP 404 (its text is not shown"), "{status}");
    assert_hidden(
        &(status + &init.rinit(&["events", "--json"]).ok() + &init.rinit(&["status", "web", "--json"]).ok()),
    );
}
