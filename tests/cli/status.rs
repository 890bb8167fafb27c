//! `status` of a real init: on a terminal and not, and what it tells to whom.

use crate::pid1::terminal::Terminal;
use crate::require_root;
use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, Running, output_of, rinit_bin, wait_for_seen};
use serde_json::Value;
use std::process::Command;

const SLEEP: &str = "command = ['sleep', '1000']\n";

/// With secrets in every place that may hold one.
fn init() -> Running {
    let web = "command = ['sleep', '1000']
        depends_on = { db = 'service_started' }
        restart = 'on-failure:5'
        stop_signal = 'SIGQUIT'
        stop_grace_period = '3s'
        env_file = '../web.env'
        [environment]
        PORT = '8080'
        LATER = 'over the file'
        TOKEN = '${CONTAINER_SECRET}-x'
        PASSWORD = { file = '../password' }
        [healthcheck]
        test = ['CMD', 'sh', '-c', 'echo probe says no; exit 1']
        interval = '50ms'
        retries = 1
        on_unhealthy = 'none'";
    let launch = Launch::plain()
        .file("password", "secret-of-password\n")
        .file("web.env", "FROM_FILE=secret-of-file\nLATER=secret-of-later\n")
        .env("CONTAINER_SECRET", "secret-of-container")
        .service("db", SLEEP)
        .service("web", web)
        .service("late", &format!("{SLEEP}depends_on = {{ web = 'service_healthy' }}"))
        .service("broken", "command = ['sh', '-c', 'exit 3']\nrestart = 'no'");
    let init = launch.start();
    init.wait_service("web", "unhealthy", |web| web.health.as_deref() == Some("unhealthy"));
    init.wait_state("broken", "failed");
    init
}

#[track_caller]
fn has_lines(text: &str, lines: &[&str]) {
    let text = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    let text: Vec<String> = text.collect();
    for line in lines {
        assert!(text.iter().any(|it| it.contains(line)), "{line:?} is not in {text:#?}");
    }
}

#[test]
fn all_there_is_to_know_is_told_and_no_secret() {
    let init = init();
    let dir = init.dir().display().to_string();
    // Five probes.
    wait_for_seen("five results", PATIENCE, || {
        let told = init.rinit(&["status", "web"]).stdout;
        if told.matches("probe says no").count() >= 6 { Ok(()) } else { Err(told) }
    });
    let told = init.rinit(&["status", "web"]).ok();
    assert_eq!(told.matches(" ago: exit code 1").count(), 5, "{told}");
    has_lines(
        &told,
        &[
            "command sleep 1000",
            "needs db (service_started): met",
            "needed by late",
            "restart on-failure:5",
            "stop SIGQUIT, then 3s until SIGKILL",
            "health unhealthy, the last",
            "sh -c 'echo probe says no; exit 1'; interval 50ms, timeout 30s, retries 1",
            "FROM_FILE from",
            "PASSWORD from",
            "PORT=8080",
            "LATER=over the file",
            "TOKEN, with ${...} filled in from the container",
            "RINIT_SERVICE from rinit",
            &format!("defined in {dir}/services.d/web.toml"),
        ],
    );
    let (_, inherited) = told.split_once("from the container: ").unwrap();
    assert!(inherited.contains("CONTAINER_SECRET") && inherited.contains("PATH"), "{inherited}");
    assert!(told.lines().all(|line| line.chars().count() <= 100 || !line.contains(", ")), "{told}");
    has_lines(&init.rinit(&["status", "late"]).ok(), &["waiting for web", "web (service_healthy): not met"]);
    let broken = init.rinit(&["status", "broken"]).ok();
    has_lines(&broken, &["last exit exited with code 3,", "reason exited with code 3"]);
    let json: Value = serde_json::from_str(&init.rinit(&["status", "--json", "broken"]).ok()).unwrap();
    assert_eq!(json["services"][0]["details"]["exit"]["code"], 3);
    for words in [&["status"][..], &["status", "web"], &["status", "--json", "web"], &["status", "--json"]] {
        let told = init.rinit(words).ok();
        assert!(!told.contains("secret-of"), "{told}");
    }
}

#[test]
fn another_user_sees_neither_arguments_nor_values() {
    require_root!();
    let init = init();
    // The socket of an init that is not PID 1 is in a directory that no other user may enter.
    std::fs::set_permissions(init.dir().join("run"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    let as_nobody = |words: &[&str]| output_of(&mut init.verb_of_nobody(words)).unwrap().ok();
    let told = as_nobody(&["status", "web"]);
    has_lines(&told, &["command sleep ...", "PORT", "PASSWORD from", "only for root and rinit's own user"]);
    let json = as_nobody(&["status", "--json", "web"]);
    for secret in ["8080", "1000\"", "over the file", "exit 1", "secret-of"] {
        assert!(!told.contains(secret) && !json.contains(secret), "{secret} in {told}{json}");
    }
}

/// What a terminal shows of `rinit WORD...`, the end awaited.
#[track_caller]
fn on_terminal(init: &Running, columns: &str, environment: &[(&str, &str)]) -> String {
    let socket = init.dir().join("run/socket").display().to_string();
    let bin = rinit_bin().display().to_string();
    let script = format!("stty cols {columns}; {bin} status; echo end$((40+2)).");
    let environment = [&[("RINIT_SOCKET", socket.as_str())], environment].concat();
    let mut terminal = Terminal::start(&["sh", "-c", &script], &environment);
    terminal.wait("end42.");
    terminal.text().replace("\r\n", "\n")
}

#[test]
fn a_terminal_gets_colours_and_no_line_that_is_too_long() {
    let init = init();
    let shown = on_terminal(&init, "80", &[("TERM", "xterm"), ("NO_COLOR", "")]);
    assert!(shown.contains("\x1b[1;31mweb "), "{shown}");
    assert!(shown.contains("\x1b[32mrunning\x1b[0m"), "{shown}");
    assert!(shown.contains("need attention: broken, web\x1b[0m"), "{shown}");
    for environment in [[("TERM", "xterm"), ("NO_COLOR", "1")], [("TERM", "dumb"), ("NO_COLOR", "")]] {
        let shown = on_terminal(&init, "66", &environment);
        assert!(!shown.contains('\x1b'), "{shown}");
        let rows: Vec<&str> = shown.lines().take_while(|line| !line.is_empty()).collect();
        assert!(rows.len() == 5 && rows.iter().all(|row| row.chars().count() <= 66), "{shown}");
        assert!(rows.iter().any(|row| row.ends_with('…')), "{shown}");
    }
    // A pipe gets all of it.
    let mut plain = Command::new(rinit_bin());
    let told =
        output_of(plain.arg("status").env("RINIT_SOCKET", init.dir().join("run/socket"))).unwrap().ok();
    assert!(!told.contains(['\x1b', '…']), "{told}");
}

#[test]
fn an_end_that_was_asked_for_is_no_news_once_it_runs_again() {
    let init = Launch::plain().service("web", SLEEP).start();
    init.wait_state("web", "running");
    let row = || {
        let told = init.rinit(&["status"]).ok();
        told.lines().find(|line| line.starts_with("web ")).unwrap_or_default().trim_end().to_owned()
    };
    init.rinit(&["restart", "web"]).ok();
    init.wait_service("web", "restarted", |web| web.state == "running" && web.restarts == 1);
    assert!(row().ends_with("  1         -"), "{}", row());
    has_lines(&init.rinit(&["status", "web"]).ok(), &["last exit killed by SIGTERM"]);
    let pid = init.pid_of("web").to_string();
    init.run(&["kill", "-9", &pid]).ok();
    init.wait_service("web", "restarted again", |web| web.state == "running" && web.restarts == 2);
    assert!(row().ends_with("killed by SIGKILL"), "{}", row());
}
