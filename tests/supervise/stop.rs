//! The stop of the container.

use crate::require_namespace;
use crate::support::{Launch, PATIENCE, wait_for};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

/// Ends on SIGTERM, two seconds later.
const SLOW: &str = r#"command = ["sh", "-c", "trap 'echo db got TERM; sleep 2; echo db is done; exit 0' TERM; echo up; while :; do sleep 1 & wait $!; done"]"#;

/// Does not end on SIGTERM.
const DEAF: &str = r#"command = ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done"]"#;

/// Ends at once on SIGTERM.
const QUICK: &str =
    r#"command = ["sh", "-c", "trap 'exit 0' TERM; echo up; while :; do sleep 1 & wait $!; done"]"#;

#[test]
fn a_hanging_service_is_killed_early_enough_for_the_one_behind_it() {
    require_namespace!();
    let mut init =
        Launch::pid1().service("db", SLOW).service("web", &format!("{DEAF}\ndepends_on = [\"db\"]")).start();
    let (first, _) = init.wait_line_after(0, "one is up", |line| line == "up");
    init.wait_line_after(first + 1, "both are up", |line| line == "up");
    let asked = Instant::now();
    init.signal(Signal::SIGTERM);
    let end = init.wait_exit(PATIENCE);
    let took = end.at.duration_since(asked);
    assert!(took < Duration::from_secs(9), "{took:?}");
    assert!(took > Duration::from_secs(2), "{took:?}");
    assert_eq!(end.status, 137);
    init.wait_line("the database got its signal", |line| line == "db got TERM");
    init.wait_line("the database got its time", |line| line == "db is done");
    let said = init.stderr();
    let last = said.lines().last().unwrap();
    assert!(last.contains("killed: web") && !last.contains("db"), "{last}");
}

#[test]
fn services_that_end_at_once_are_not_waited_for() {
    require_namespace!();
    let mut init = Launch::pid1()
        .service("db", QUICK)
        .service("app", &format!("{QUICK}\ndepends_on = [\"db\"]"))
        .service("web", &format!("{QUICK}\ndepends_on = [\"app\"]"))
        .start();
    let mut seen = 0;
    for _ in 0..3 {
        seen = init.wait_line_after(seen, "all are up", |line| line == "up").0 + 1;
    }
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    let order: Vec<String> = init
        .lines()
        .into_iter()
        .filter(|line| line.text.contains("stopping with SIGTERM"))
        .map(|line| line.text.trim_start_matches("rinit: ").chars().take_while(|c| *c != ':').collect())
        .collect();
    assert_eq!(order, ["web", "app", "db"]);
}

#[test]
fn every_stop_signal_stops_the_container_with_0() {
    require_namespace!();
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGQUIT, libc::SIGPWR, libc::SIGRTMIN() + 3] {
        let mut init = Launch::pid1().service("web", QUICK).start();
        init.wait_line("it is up", |line| line == "up");
        init.raw_signal(signal);
        assert_eq!(init.wait_exit(PATIENCE).status, 0, "signal {signal}");
    }
}

#[test]
fn a_second_interrupt_ends_the_grace() {
    require_namespace!();
    let mut init = Launch::pid1().service("web", DEAF).arg("--stop-timeout").arg("100s").start();
    init.wait_line("it is up", |line| line == "up");
    init.signal(Signal::SIGINT);
    init.wait_line("the stop has begun", |line| line.contains("web: stopping"));
    let asked = Instant::now();
    init.signal(Signal::SIGINT);
    let end = init.wait_exit(PATIENCE);
    assert_eq!(end.status, 137);
    let took = end.at.duration_since(asked);
    assert!(took < Duration::from_secs(50), "{took:?}, and the stop timeout was 100 seconds");
}

#[test]
fn a_service_in_its_own_session_is_stopped_with_what_it_left_behind() {
    require_namespace!();
    let left = "setsid sh -c 'trap \"echo orphan got TERM; exit\" TERM; echo orphan up; while :; do sleep 1 & wait $!; done' & exec sleep 1000";
    let mut init = Launch::pid1().service("web", &format!("command = [\"sh\", \"-c\", {left:?}]")).start();
    init.wait_line("the orphan is up", |line| line == "orphan up");
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    init.wait_line("the orphan was told", |line| line == "orphan got TERM");
    let said = init.stderr();
    let told = said.lines().find_map(|line| line.split_once(" of no service: pid "));
    assert!(
        told.is_some_and(|(before, after)| before.contains("stopping ") && after.contains(" (sh)")),
        "{said}"
    );
}

#[test]
fn orphans_that_do_not_end_are_killed_at_the_stop_timeout() {
    require_namespace!();
    let left = "setsid sh -c 'trap \"\" TERM; echo orphan up; while :; do sleep 1; done' & exec sleep 1000";
    let mut init = Launch::pid1()
        .service("web", &format!("command = [\"sh\", \"-c\", {left:?}]"))
        .arg("--stop-timeout")
        .arg("1s")
        .start();
    init.wait_line("the orphan is up", |line| line == "orphan up");
    let asked = Instant::now();
    init.signal(Signal::SIGTERM);
    let end = init.wait_exit(PATIENCE);
    assert_eq!(end.status, 0, "no service had to be killed");
    let took = end.at.duration_since(asked);
    assert!(took >= Duration::from_secs(1), "{took:?}");
}

#[test]
fn a_stopped_service_can_still_stop() {
    require_namespace!();
    let mut init = Launch::pid1().service("web", QUICK).start();
    init.wait_line("it is up", |line| line == "up");
    let pid = init.rinit(&["status", "--json"]).ok();
    let pid = pid.split("\"pid\":").nth(1).unwrap().split(&[',', '}'][..]).next().unwrap().trim().to_owned();
    init.run(&["kill", "-STOP", &pid]).ok();
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
}

#[test]
fn a_plain_init_stops_what_it_started_and_its_orphans() {
    let left = "setsid sh -c 'trap \"echo orphan got TERM; exit\" TERM; echo orphan up; while :; do sleep 1 & wait $!; done' & exec sleep 1000";
    let mut init = Launch::plain().service("web", &format!("command = [\"sh\", \"-c\", {left:?}]")).start();
    init.wait_line("the orphan is up", |line| line == "orphan up");
    init.signal(Signal::SIGINT);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    init.wait_line("the orphan was told", |line| line == "orphan got TERM");
}

#[test]
fn the_verb_shutdown_stops_the_container() {
    require_namespace!();
    let mut init = Launch::pid1().service("web", QUICK).start();
    init.wait_line("it is up", |line| line == "up");
    // Where nothing holds the stop up, the client may die with the PID namespace before it can say that it is done.
    let asked = init.rinit(&["shutdown"]);
    assert!([0, 137].contains(&asked.status), "{asked:?}");
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
}

/// A health check of the engine's, as HEALTHCHECK runs it, is not stopped, and not waited for. A second rinit is.
#[test]
fn a_client_from_outside_holds_up_no_stop() {
    require_namespace!();
    let rinit = crate::support::rinit_bin().display().to_string();
    for (words, is_client) in [(&["health", "--"][..], true), (&["--"], false)] {
        let mut init = Launch::pid1().service("web", "command = [\"sleep\", \"1000\"]").start();
        init.wait_line("it runs", |line| line.contains("web: started"));
        let file = init.dir().join("said");
        let script = format!(
            "exec > {}; trap 'echo told; exit 0' TERM; echo up; while :; do sleep 0.05; done",
            file.display()
        );
        let words = [&[rinit.as_str()], words, &["sh", "-c", &script]].concat();
        let mut entered = init.command(&words).spawn().unwrap();
        let said = || std::fs::read_to_string(&file).unwrap_or_default();
        wait_for("it to have entered", PATIENCE, || (said() == "up\n").then_some(()));
        init.signal(Signal::SIGTERM);
        assert_eq!(init.wait_exit(PATIENCE).status, 0, "{}", init.stderr());
        entered.wait().unwrap();
        assert_eq!(said().contains("told"), !is_client, "{}", init.stderr());
        assert_eq!(init.stderr().contains("of no service"), !is_client, "{}", init.stderr());
    }
}

/// As by `docker exec`: its parent is outside of the PID namespace.
#[test]
fn who_has_entered_the_container_is_told_and_has_time() {
    require_namespace!();
    let service = "command = [\"sh\", \"-c\", \"setsid sleep 1000 & exec sleep 1000\"]";
    for with_orphan in [false, true] {
        let toml = if with_orphan { service } else { "command = [\"sleep\", \"1000\"]" };
        let mut init = Launch::pid1().service("web", toml).start();
        init.wait_line("it runs", |line| line.contains("web: started"));
        let file = init.dir().join("said");
        let script = format!(
            "exec > {}; trap 'echo told; sleep 1; echo finished; exit 0' TERM; echo up; while :; do sleep 0.05; done",
            file.display()
        );
        let mut entered = init.command(&["sh", "-c", &script]).spawn().unwrap();
        let said = || std::fs::read_to_string(&file).unwrap_or_default();
        wait_for("it to have entered", PATIENCE, || (said() == "up\n").then_some(()));
        init.signal(Signal::SIGTERM);
        assert_eq!(init.wait_exit(PATIENCE).status, 0, "{}", init.stderr());
        entered.wait().unwrap();
        assert_eq!(said(), "up\ntold\nfinished\n", "{}", init.stderr());
    }
}
