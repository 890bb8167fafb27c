//! `rinit reload` and SIGHUP: a changed configuration is taken over whole, and nothing runs anew without need.

use crate::control::events::make_events;
use crate::require_namespace;
use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, Running, wait_for};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A service that can be told from the others.
fn sleep(number: usize) -> String {
    format!("command = [\"sleep\", \"{}\"]\n", 10_000 + number)
}

fn start() -> Running {
    let launch = (0..50)
        .fold(Launch::pid1(), |launch, number| launch.service(&format!("s{number:02}"), &sleep(number)));
    let init = launch.start();
    init.wait_healthy(PATIENCE);
    init
}

fn file(init: &Running, name: &str) -> PathBuf {
    init.dir().join(format!("services.d/{name}.toml"))
}

fn define(init: &Running, name: &str, toml: &str) {
    std::fs::write(file(init, name), toml).unwrap();
}

/// What `rinit reload` says of a change that it has carried out.
#[track_caller]
fn reload(init: &Running) -> String {
    init.rinit(&["reload"]).ok()
}

/// The services whose process is not the one that it was, or is gone, or is new.
fn changed(before: &BTreeMap<String, i32>, after: &BTreeMap<String, i32>) -> Vec<String> {
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    names.filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

#[test]
fn a_reload_with_mistakes_changes_nothing_and_shows_them_all() {
    require_namespace!();
    let init = start();
    let before = init.pids();
    define(&init, "s07", "comand = [\"sleep\", \"7\"]\n");
    define(&init, "s09", &format!("{}stop_grace_period = 10\n", sleep(9)));
    define(&init, "s11", &sleep(1111)); // right, but not alone
    define(&init, "s50", &sleep(50));
    let refused = init.rinit(&["reload"]);
    assert_eq!((refused.status, refused.stdout.as_str()), (1, ""), "{refused:?}");
    for expected in ["s07.toml:1:1: error:", "did you mean \"command\"", "^^", "s09.toml:2:21: error:"] {
        assert!(refused.stderr.contains(expected), "{expected} is missing in:\n{}", refused.stderr);
    }
    assert!(refused.stderr.contains("nothing was changed"), "{}", refused.stderr);
    assert_eq!(init.pids(), before);

    init.signal(Signal::SIGHUP);
    init.wait_line("the mistake", |line| line.contains("s09.toml:2:21: error:"));
    init.wait_line("the caret", |line| line.contains("^^"));
    assert_eq!(init.pids(), before);
    assert_eq!(init.rinit(&["health"]).status, 0);

    // A cycle has no line of its own, but is as wrong.
    define(&init, "s07", &format!("{}depends_on = [\"s09\"]\n", sleep(7)));
    define(&init, "s09", &format!("{}depends_on = [\"s07\"]\n", sleep(9)));
    let refused = init.rinit(&["reload"]);
    assert!(refused.status == 1 && refused.stderr.contains("s07 -> s09 -> s07"), "{refused:?}");
    std::fs::remove_dir_all(init.dir().join("services.d")).unwrap();
    let refused = init.rinit(&["reload"]);
    assert!(refused.status == 1 && refused.stderr.contains("cannot read directory"), "{refused:?}");
    assert_eq!(init.pids(), before);
}

#[test]
fn a_change_of_one_of_fifty_services_restarts_that_one_alone() {
    require_namespace!();
    let mut init = start();
    let before = init.pids();
    assert_eq!(reload(&init), "nothing has changed");
    define(&init, "s07", &format!("# a remark\n\n{}", sleep(7)));
    assert_eq!(reload(&init), "nothing has changed", "only the words are other ones");
    assert_eq!(init.pids(), before);

    define(&init, "s07", &sleep(7777));
    assert_eq!(reload(&init), "restarted: s07");
    init.wait_service("s07", "another process", |s07| {
        s07.state == "running" && s07.pid.is_some_and(|pid| pid != before["s07"])
    });
    assert_eq!(changed(&before, &init.pids()), ["s07"]);
    assert_eq!((init.find("sleep 17777").len(), init.find("sleep 10007").len()), (1, 0));
    init.wait_healthy(PATIENCE);

    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
}

#[test]
fn a_change_of_a_health_check_restarts_nothing() {
    require_namespace!();
    let init = start();
    let before = init.pids();
    let check = |test: &str| {
        format!("{}[healthcheck]\ntest = {test:?}\ninterval = \"20ms\"\non_unhealthy = \"none\"\n", sleep(7))
    };
    define(&init, "s07", &check("true"));
    assert_eq!(reload(&init), "changed without a restart: s07");
    init.wait_service("s07", "healthy", |s07| s07.health.as_deref() == Some("healthy"));
    define(&init, "s07", &check("echo out of order; false"));
    assert_eq!(reload(&init), "changed without a restart: s07");
    init.wait_service("s07", "unhealthy", |s07| s07.health.as_deref() == Some("unhealthy"));
    assert!(init.rinit(&["status", "s07"]).ok().contains("out of order"));
    define(&init, "s07", &sleep(7));
    assert_eq!(reload(&init), "changed without a restart: s07");
    assert_eq!(init.service("s07").health, None);
    assert_eq!(init.rinit(&["health"]).status, 0);
    assert_eq!(init.pids(), before);
}

#[test]
fn new_services_start_and_gone_ones_stop() {
    require_namespace!();
    let init = start();
    let before = init.pids();
    std::fs::remove_file(file(&init, "s03")).unwrap();
    define(&init, "s50", &format!("{}depends_on = [\"s51\"]\n", sleep(50)));
    define(&init, "s51", &sleep(51));
    assert_eq!(reload(&init), "started: s50, s51\nstopped: s03");
    init.wait_state("s50", "running");
    wait_for("the end of s03", PATIENCE, || init.find("sleep 10003").is_empty().then_some(()));
    assert!(!init.services().contains_key("s03"));
    assert_eq!(init.rinit(&["status", "s03"]).status, 1);
    assert_eq!(changed(&before, &init.pids()), ["s03", "s50", "s51"]);

    // And back again, by the signal.
    define(&init, "s03", &sleep(3));
    std::fs::remove_file(file(&init, "s50")).unwrap();
    std::fs::remove_file(file(&init, "s51")).unwrap();
    init.signal(Signal::SIGHUP);
    init.wait_line("the difference", |line| {
        line.contains("reload: ") && line.contains("start s03") && line.contains("stop s50, s51")
    });
    init.wait_state("s03", "running");
    wait_for("the end of s50 and s51", PATIENCE, || init.find("sleep 1005").is_empty().then_some(()));
    assert_eq!(changed(&before, &init.pids()), ["s03"]);
}

/// The stop signal, the grace and the restart policy that hold are those of the last reload.
#[test]
fn a_policy_holds_from_the_reload_on() {
    require_namespace!();
    let script = "trap 'echo got USR1; exit 0' USR1; trap 'echo got TERM' TERM; echo up; while :; do sleep 1 & wait $!; done";
    let command = format!("command = [\"sh\", \"-c\", {script:?}]\nstop_grace_period = \"500ms\"\n");
    let mut init = Launch::pid1().service("web", &command).service("one", &sleep(1)).start();
    init.wait_line("it is up", |line| line == "up");
    let before = init.pids();
    define(&init, "web", &format!("{command}stop_signal = \"SIGUSR1\"\ndescription = \"patient\"\n"));
    define(&init, "one", &format!("{}restart = \"no\"\n", sleep(1)));
    assert_eq!(reload(&init), "changed without a restart: one, web");
    assert_eq!(init.pids(), before);
    init.run(&["sh", "-c", &format!("kill -9 {}", before["one"])]).ok();
    init.wait_state("one", "failed");
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    init.wait_line("its new stop signal", |line| line == "got USR1");
}

/// The reload names it as restarted, and it does not run.
#[test]
fn that_a_service_stays_stopped_is_said() {
    require_namespace!();
    let init = Launch::pid1()
        .service("web", "command = [\"sleep\", \"1000\"]")
        .service("db", "command = [\"sleep\", \"1000\"]")
        .start();
    init.rinit(&["stop", "web"]).ok();
    std::fs::write(init.dir().join("services.d/web.toml"), "command = [\"sleep\", \"1001\"]").unwrap();
    init.rinit(&["reload"]).ok();
    init.wait_line("it stays stopped", |line| line == "rinit: web: stays stopped: it was stopped by request");
    assert_eq!(init.service("web").state, "stopped");
}

/// Ten seconds are long enough for a line in the log.
#[test]
fn whoever_waits_for_long_says_for_whom() {
    require_namespace!();
    let sick = "command = [\"sleep\", \"1000\"]\nhealthcheck = { test = \"echo not yet; exit 1\" }";
    let init = Launch::pid1()
        .service("db", sick)
        .service("web", "command = [\"sleep\", \"1000\"]\ndepends_on = { db = \"service_healthy\" }")
        .start();
    init.wait_line("web says so", |line| {
        line.starts_with("rinit: web: waiting for db to be healthy (starting: not yet), for 10")
            && line.ends_with(" so far")
    });
}

/// A dependent with `restart = true` is restarted with the service that has changed; another one is not.
#[test]
fn a_changed_service_takes_those_with_it_that_want_to() {
    require_namespace!();
    let depends = |number, restart| {
        format!(
            "{}depends_on = {{ db = {{ condition = \"service_started\", restart = {restart} }} }}\n",
            sleep(number)
        )
    };
    let init = Launch::pid1()
        .service("db", &sleep(1))
        .service("with", &depends(2, true))
        .service("without", &depends(3, false))
        .start();
    init.wait_healthy(PATIENCE);
    let before = init.pids();
    define(&init, "db", &sleep(4));
    assert_eq!(reload(&init), "restarted: db");
    init.wait_service("with", "another process", |with| {
        with.state == "running" && with.pid.is_some_and(|pid| pid != before["with"])
    });
    assert_eq!(changed(&before, &init.pids()), ["db", "with"]);
}

/// The first time, the directories are read as the user wrote them.
#[test]
fn another_name_of_the_same_files_is_no_change() {
    let init = Launch::plain()
        .file("web.env", "A=1\n")
        .file("definitions/web.toml", &format!("{}env_file = \"../web.env\"\n", sleep(1)))
        .arg("--services")
        .arg("definitions")
        .start();
    init.wait_healthy(PATIENCE);
    assert_eq!(reload(&init), "nothing has changed");
    std::fs::write(init.dir().join("web.env"), "A=2\n").unwrap();
    assert_eq!(reload(&init), "restarted: web");
}

/// A container that is reloaded again and again, each time with a service of another name.
#[test]
fn what_is_gone_leaves_nothing_behind() {
    let init = Launch::plain().service("web", "command = [\"sleep\", \"1000\"]\n").start();
    init.wait_healthy(PATIENCE);
    // Not the heap alone: musl's allocator has most of its memory elsewhere.
    let memory = || {
        let path = format!("/proc/{}/smaps_rollup", init.pid());
        let maps = std::fs::read_to_string(path).unwrap();
        let size = maps.lines().find_map(|line| line.strip_prefix("Anonymous:")).unwrap();
        size.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    let change = |number: usize| {
        let _ = std::fs::remove_file(file(&init, &format!("new-{}", number.saturating_sub(1))));
        define(&init, &format!("new-{number}"), &sleep(number));
        reload(&init);
        let gone = format!("sleep {}", 10_000 + number - 1);
        wait_for("the end of the one before", PATIENCE, || init.find(&gone).is_empty().then_some(()));
    };
    // As many events as are kept: they take their memory once.
    make_events(&init, "web", 1100);
    (1..20).for_each(change);
    let before = memory();
    (20..220).for_each(change);
    let grown = memory().saturating_sub(before);
    // If nothing were freed: 364 KB with musl, 484 with glibc. As it is: 32 and 12.
    assert!(grown <= 132, "{grown} KB more");
    // What is told of those that are gone has their names.
    let events = init.rinit(&["events", "new-200"]).ok();
    assert!(events.contains("new-200") && !events.contains("new-219"), "{events}");
    let unknown = init.rinit(&["events", "new-1000"]);
    assert!(unknown.stderr.contains("no service is called new-1000"), "{}", unknown.stderr);
    let names: Vec<String> = init.pids().into_keys().collect();
    assert_eq!(names, ["new-219", "web"]);
}
