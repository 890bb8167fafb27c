//! Health checks, and `rinit health` in all its forms.

mod timeline;

use crate::require_namespace;
use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, Running, wait_for};
use nix::sys::signal::Signal;
use std::net::TcpListener;
use std::time::{Duration, Instant};

const QUICK: &str = r#"command = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"]"#;

fn checked(test: &str) -> String {
    format!("{QUICK}\n[healthcheck]\n{test}\ninterval = \"100ms\"\ntimeout = \"1s\"\nretries = 2\n")
}

#[test]
fn an_unhealthy_service_is_restarted_and_healthy_again() {
    require_namespace!();
    let dir = tempfile::tempdir().unwrap();
    let flag = dir.path().join("well");
    std::fs::write(&flag, "").unwrap();
    let test = format!("test = \"test -e {0} || {{ echo the flag is gone; exit 1; }}\"", flag.display());
    let init = Launch::pid1().service("web", &checked(&test)).start();
    init.wait_healthy(PATIENCE);
    std::fs::remove_file(&flag).unwrap();
    init.wait_line("the reason", |line| line.contains("web: unhealthy") && line.contains("the flag is gone"));
    init.wait_line("the stop", |line| line.contains("web: stopping with SIGTERM"));
    let health = init.rinit(&["health"]);
    assert_eq!(health.status, 1);
    assert!(health.stdout.contains("web"), "{health:?}");
    std::fs::write(&flag, "").unwrap();
    init.wait_healthy(PATIENCE);
    // The status says why the process before this one was ended.
    let expected = "unhealthy: the flag is gone (exited with code 0)";
    let status = init.rinit(&["status"]).ok();
    assert!(status.contains(expected), "{status}");
    let status = init.rinit(&["status", "web"]).ok();
    assert!(status.contains("ended because   unhealthy: the flag is gone"), "{status}");
}

/// What its last probe said is of the process before.
#[test]
fn health_after_a_restart_is_that_of_the_new_process() {
    require_namespace!();
    let toml = checked(
        "test = \"echo said by an old process; exit 1\"\non_unhealthy = \"none\"\nstart_interval = \"1h\"",
    )
    .replace("100ms", "1h");
    let init = Launch::pid1().service("web", &toml).start();
    init.wait_line("the start", |line| line.contains("web: started"));
    let health = init.rinit(&["health", "--now"]).stdout;
    assert_eq!(health, "web: starting: said by an old process\n");
    let earlier = |init: &Running| -> Vec<bool> {
        let status = init.rinit(&["status", "web", "--json"]).ok();
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        let probes = status["services"][0]["probes"].as_array().unwrap().clone();
        probes.iter().map(|probe| probe["earlier"] == true).collect()
    };
    assert_eq!(earlier(&init), [false]);
    init.rinit(&["restart", "web"]).ok();
    let health = init.rinit(&["health"]).stdout;
    assert_eq!(health, "web: starting: no result of its health check yet\n");
    // `rinit status` keeps it, and says whose it is.
    assert_eq!(earlier(&init), [true]);
    let status = init.rinit(&["status", "web"]).ok();
    assert!(status.contains("(an earlier process)"), "{status}");
    init.rinit(&["health", "--now"]);
    assert_eq!(earlier(&init), [true, false]);
}

#[test]
fn a_probe_that_hangs_is_killed_with_its_group_and_counts() {
    require_namespace!();
    let toml = checked("test = \"sleep 1234 & sleep 1234\"\non_unhealthy = \"none\"").replace("1s", "200ms");
    let init = Launch::pid1().service("web", &toml).start();
    init.wait_line("unhealthy", |line| {
        line.contains("web: unhealthy") && line.contains("no result within 200ms")
    });
    // Killed processes are there until they are reaped, so one look may see those of two probes.
    wait_for("one probe at a time: a shell and two sleeps", PATIENCE, || {
        (init.find("sleep 1234").len() <= 3).then_some(())
    });
}

#[test]
fn http_and_tcp_need_no_program_in_the_image() {
    require_namespace!();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 1024];
            let count = stream.read(&mut request).unwrap_or(0);
            let well = request[..count].starts_with(b"GET /well ");
            let answer = if well { "HTTP/1.1 204 No Content\r\n\r\n" } else { "HTTP/1.1 503 Busy\r\n\r\n" };
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let init = Launch::pid1()
        .service("well", &checked(&format!("http = \"http://127.0.0.1:{port}/well\"")))
        .service("open", &checked(&format!("tcp = \"127.0.0.1:{port}\"")))
        .service(
            "ill",
            &checked(&format!("http = \"http://127.0.0.1:{port}/ill?key=hunter2\"\non_unhealthy = \"none\"")),
        )
        .start();
    init.wait_line("the first", |line| line.ends_with("well: healthy"));
    init.wait_line("the second", |line| line.ends_with("open: healthy"));
    init.wait_line("the third", |line| line.contains("ill: unhealthy") && line.contains("503"));
    let health = init.rinit(&["health"]);
    assert_eq!(health.status, 1);
    // What it asked for is named, but not the query, which may hold a secret.
    let asked = format!("HTTP 503 Busy from http://127.0.0.1:{port}/ill");
    assert_eq!(health.stdout, format!("ill: unhealthy: {asked}\n"));
    // The result of such a probe is what it found, not the exit code of a program.
    for (name, expected) in
        [("well", "ago: HTTP 204 No Content, after"), ("ill", &*format!("ago: {asked}, after"))]
    {
        let status = init.rinit(&["status", name]).ok();
        assert!(status.contains(expected) && !status.contains("exit code"), "{status}");
    }
    assert!(init.rinit(&["status", "open"]).ok().contains("ago: connected to 127.0.0.1:"));
    assert_eq!(init.rinit(&["health", "well", "open"]).status, 0);
    assert_eq!(init.rinit(&["health", "--live"]).status, 0);
    assert_eq!(init.rinit(&["health", "--startup"]).status, 1);
}

#[test]
fn startup_live_and_ready_tell_what_their_names_say() {
    require_namespace!();
    let init = Launch::pid1()
        .service("web", QUICK)
        .service(
            "flaky",
            "command = [\"sh\", \"-c\", \"sleep 0.3; exit 1\"]\nbackoff = { initial = \"1h\", max = \"1h\" }",
        )
        .service("broken", "command = \"sh -c 'exit 1'\"\nrestart = \"no\"\nautostart = false")
        .start();
    init.wait_line("flaky has ended", |line| line.contains("flaky: exited with code 1"));
    assert_eq!(init.rinit(&["health", "--startup"]).status, 0, "all have been ready once");
    assert_eq!(init.rinit(&["health", "--live"]).status, 0, "nothing has failed for good");
    assert_eq!(init.rinit(&["health", "--ready"]).status, 1, "flaky is in backoff");
    let health = init.rinit(&["health"]);
    assert_eq!(health.status, 1);
    assert!(health.stdout.contains("flaky: backoff: exited with code 1, restarting in"), "{health:?}");
    assert_eq!(init.rinit(&["health", "web"]).status, 0);
    assert_eq!(init.rinit(&["health", "nosuch"]).status, 1);
}

#[test]
fn now_probes_at_once() {
    require_namespace!();
    let toml = format!("{QUICK}\n[healthcheck]\ntest = \"true\"\ninterval = \"1h\"");
    let init = Launch::pid1().service("web", &toml).start();
    init.wait_line("it is up", |line| line.contains("web: started"));
    assert_eq!(init.rinit(&["health"]).status, 1, "no probe has run");
    assert_eq!(init.rinit(&["health", "--now"]).status, 0);
    assert_eq!(init.rinit(&["health"]).status, 0);
}

/// Anybody may ask for a probe, as often as he likes: the service is not restarted for it.
#[test]
fn a_failure_that_was_asked_for_is_told_and_does_not_count() {
    require_namespace!();
    let dir = tempfile::tempdir().unwrap();
    let sick = dir.path().join("sick");
    let toml = format!(
        "{QUICK}\n[healthcheck]\ntest = \"test ! -e {}\"\ninterval = \"1h\"\nretries = 2",
        sick.display()
    );
    let init = Launch::pid1().service("web", &toml).start();
    init.wait_line("it is up", |line| line.contains("web: started"));
    init.rinit(&["health", "--now"]).ok();
    std::fs::write(&sick, "").unwrap();
    for _ in 0..5 {
        let health = init.rinit(&["health", "--now"]);
        assert_eq!(health.status, 1);
        assert!(
            health
                .stdout
                .contains("web: healthy, but the last probe failed: its health check exited with code 1")
        );
    }
    init.rinit(&["health"]).ok();
    assert_eq!(init.service("web").restarts, 0);
}

#[test]
fn on_unhealthy_shutdown_ends_the_container_with_1() {
    require_namespace!();
    let mut init =
        Launch::pid1().service("web", &checked("test = \"false\"\non_unhealthy = \"shutdown\"")).start();
    assert_eq!(init.wait_exit(PATIENCE).status, 1);
}

#[test]
fn a_command_is_run_with_a_time_limit_and_answers_0_or_1() {
    let init = Launch::plain().service("web", QUICK).start();
    for (command, status) in [("exit 0", 0), ("exit 1", 1), ("exit 2", 1), ("kill -9 $$", 1)] {
        assert_eq!(init.rinit(&["health", "--", "sh", "-c", command]).status, status, "{command}");
    }
    assert_eq!(init.rinit(&["health", "--", "no-such-program"]).status, 1);
    let begun = Instant::now();
    assert_eq!(
        init.rinit(&["health", "--timeout", "200ms", "--", "sh", "-c", "sleep 4321 & sleep 4321"]).status,
        1
    );
    assert!(begun.elapsed() < Duration::from_secs(60));
    wait_for("the group to be gone", PATIENCE, || init.find("sleep 4321").is_empty().then_some(()));
}

#[test]
fn without_an_init_the_status_is_3_and_the_remedy_is_named() {
    let mut init = Launch::plain().service("web", QUICK).start();
    init.wait_healthy(PATIENCE);
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    let health = init.rinit(&["health"]);
    assert_eq!(health.status, 3, "{health:?}");
    assert!(health.stderr.contains("no init answers"), "{health:?}");
}

#[test]
fn what_is_stopped_by_hand_is_told_and_nothing_at_all_is_not_well() {
    let init = Launch::plain()
        .service("db", QUICK)
        .service("web", QUICK)
        .service("debug", &format!("{QUICK}\nautostart = false"))
        .start();
    init.wait_healthy(PATIENCE);
    let health = |words: &[&str]| {
        let told = init.rinit(&[&["health"], words].concat());
        (told.status, told.stdout)
    };
    let said = |status, text: &str| (status, format!("{text}\n"));
    assert_eq!(health(&[]), said(0, "healthy: 2 services, 1 not started"));
    init.rinit(&["stop", "web"]).ok();
    assert_eq!(health(&[]), said(0, "healthy: 1 service, 1 stopped by hand, 1 not started"));
    assert_eq!(health(&["db"]), said(0, "healthy: 1 service"));
    assert_eq!(health(&["web"]), said(1, "web: stopped by hand"));
    assert_eq!(health(&["debug"]), said(1, "debug: not started"));
    init.rinit(&["stop", "db"]).ok();
    let nothing = "nothing is running: 2 stopped by hand, 1 not started";
    assert_eq!(health(&[]), said(1, nothing));
    assert_eq!(health(&["--ready"]), said(1, nothing));
    // An orchestrator is not to kill what somebody has stopped on purpose.
    assert_eq!(health(&["--live"]).0, 0);
    assert_eq!(health(&["--startup"]).0, 0);
    init.rinit(&["start", "db"]).ok();
    assert_eq!(health(&[]).0, 0);
}

#[test]
fn an_exit_is_said_to_be_that_of_the_health_check() {
    let init = Launch::plain()
        .service(
            "db",
            &format!("{QUICK}\nhealthcheck = {{ test = 'exit 1', interval = '50ms', retries = 1000 }}"),
        )
        .start();
    wait_for("the first result", PATIENCE, || {
        (init.rinit(&["health"]).stdout == "db: starting: its health check exited with code 1\n")
            .then_some(())
    });
}

/// With Docker's counting alone it would take half a minute.
#[test]
fn with_default_times_what_is_well_is_healthy_within_moments() {
    require_namespace!();
    let begun = Instant::now();
    let init = Launch::pid1()
        .service("db", &format!("{QUICK}\n[healthcheck]\ntest = \"true\""))
        .service("web", &format!("{QUICK}\ndepends_on = {{ db = \"service_healthy\" }}"))
        .start();
    init.wait_line("it waits for that", |line| line.contains("web: started"));
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
}

#[test]
fn a_probe_that_cannot_be_run_says_so_everywhere_and_the_log_advises() {
    require_namespace!();
    let init = Launch::pid1()
        .service(
            "web",
            &format!("{QUICK}\n[healthcheck]\ntest = \"no-such-probe\"\nstart_interval = \"50ms\"\nretries = 2"),
        )
        .service(
            "direct",
            &format!(
                "{QUICK}\n[healthcheck]\ntest = [\"CMD\", \"/no/such/probe\"]\nstart_interval = \"50ms\"\nretries = 2"
            ),
        )
        .start();
    for name in ["web", "direct"] {
        init.wait_line("the advice", |line| {
            line.contains(&format!("{name}: health check: the probe itself could not be run"))
                && line.contains("http, tcp or unix")
        });
        let health = init.rinit(&["health", name]);
        assert_eq!(health.status, 1);
        assert!(health.stdout.contains("the probe itself could not be run"), "{health:?}");
        let status = init.rinit(&["status", name]).ok();
        assert!(status.contains("exit code 127 (the probe itself could not be run)"), "{status}");
    }
}

#[test]
fn now_says_at_once_that_no_process_can_be_made() {
    require_namespace!();
    let launch = Launch::pid1();
    let dir = launch.dir().display().to_string();
    let secret = format!("{dir}/secret");
    std::fs::write(&secret, "x").unwrap();
    let toml = format!(
        "{QUICK}\nenvironment = {{ TOKEN = {{ file = \"{secret}\" }} }}\n[healthcheck]\ntest = \"true\"\ninterval = \"1h\"\n\
         start_interval = \"1h\""
    );
    let init = launch.service("web", &toml).start();
    init.wait_line("it is up", |line| line.contains("web: started"));
    // Without what its environment needs the probe cannot be made either.
    std::fs::remove_file(&secret).unwrap();
    let health = init.rinit(&["health", "--now", "--timeout", "1h"]);
    assert_eq!(health.status, 1, "{health:?}");
    assert!(health.stdout.contains("its health check could not run"), "{health:?}");
    std::fs::write(&secret, "x").unwrap();
    init.rinit(&["health", "--now"]).ok();
}

#[test]
fn a_reload_of_the_health_check_holds_from_now_on() {
    require_namespace!();
    let launch = Launch::pid1();
    let file = launch.dir().join("services.d/web.toml");
    let toml = |interval: &str, policy: &str| {
        format!(
            "{QUICK}\n[healthcheck]\ntest = \"false\"\ninterval = \"{interval}\"\nstart_interval = \"1h\"\nretries = 1\n\
             on_unhealthy = \"{policy}\""
        )
    };
    let init = launch.service("web", &toml("1h", "none")).start();
    init.wait_line("it is up", |line| line.contains("web: started"));
    std::fs::write(&file, toml("100ms", "none")).unwrap();
    init.rinit(&["reload"]).ok();
    init.wait_line("the new interval", |line| line.contains("web: unhealthy"));
    assert_eq!(init.service("web").restarts, 0);
    std::fs::write(&file, toml("100ms", "restart")).unwrap();
    init.rinit(&["reload"]).ok();
    init.wait_service("web", "the new policy", |web| web.restarts > 0);
}
