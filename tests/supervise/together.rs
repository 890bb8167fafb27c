//! What is stopped and started together, by the real binary and its verbs.

use crate::require_namespace;
use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, Running, wait_for, wait_for_seen};
use nix::sys::signal::Signal;

/// Says when it starts and when it has drained, which takes half a second.
fn draining(name: &str, more: &str) -> String {
    let script = format!(
        "trap 'sleep 0.5; echo {name} has drained; exit 0' TERM; echo {name} is up; while :; do sleep 1 & wait $!; done"
    );
    format!("command = [\"sh\", \"-c\", {script:?}]\n{more}\n")
}

fn web_and_db(restart: bool) -> Launch {
    let depends = format!("depends_on = {{ db = {{ restart = {restart} }} }}");
    Launch::pid1().service("db", &draining("db", "")).service("web", &draining("web", &depends))
}

/// The lines of the services so far, in order. Those that start one right after the other may say so in either order.
fn said(init: &Running) -> Vec<String> {
    let all = init.lines().into_iter().map(|line| line.text);
    let mut said: Vec<String> =
        all.filter(|line| line.ends_with("is up") || line.ends_with("has drained")).collect();
    let is_up = |line: &String| line.ends_with("is up");
    said.chunk_by_mut(|one, next| is_up(one) && is_up(next)).for_each(<[String]>::sort);
    said
}

/// They have said this, and nothing else. What they say is there a moment later than what rinit knows.
#[track_caller]
fn wait_said(init: &Running, expected: Vec<&str>) {
    wait_for_seen("what the services say", PATIENCE, || {
        let seen = said(init);
        if seen == expected { Ok(()) } else { Err(format!("{seen:?}")) }
    });
}

const STARTED: [&str; 2] = ["db is up", "web is up"];
const DRAINED: [&str; 2] = ["web has drained", "db has drained"];

#[test]
fn a_stop_of_several_drains_dependents_first_and_waits_for_all() {
    require_namespace!();
    for names in [["web", "db"], ["db", "web"]] {
        let init = web_and_db(false).start();
        init.wait_line("web is up", |line| line == "web is up");
        init.rinit(&["stop", names[0], names[1]]).ok();
        wait_said(&init, [STARTED, DRAINED].concat());
        for name in names {
            assert_eq!(init.service(name).state, "stopped");
        }
    }
}

#[test]
fn a_stop_that_is_not_waited_for_says_what_each_waits_for() {
    require_namespace!();
    let init = web_and_db(false).start();
    init.wait_line("web is up", |line| line == "web is up");
    let told = init.rinit(&["stop", "web", "db", "--no-wait"]).ok();
    assert!(told.contains("db: running, waits until web has stopped"), "{told}");
    init.wait_line("the end", |line| line == "db has drained");
    wait_said(&init, [STARTED, DRAINED].concat());
    let late = web_and_db(false).start();
    late.wait_line("web is up", |line| line == "web is up");
    let told = late.rinit(&["stop", "web", "db", "--timeout", "10ms"]);
    assert_eq!(told.status, 1);
    assert!(told.stderr.contains("waits until web has stopped, not done within"), "{told:?}");
    late.wait_line("the end all the same", |line| line == "db has drained");
}

#[test]
fn a_restart_of_several_drains_dependents_first_and_starts_dependencies_first() {
    require_namespace!();
    let init = web_and_db(false).start();
    init.wait_line("web is up", |line| line == "web is up");
    init.rinit(&["restart", "web", "db"]).ok();
    // It is started; the line may still be on its way.
    wait_for("web to be up again", PATIENCE, || {
        (init.stdout().matches("web is up\n").count() == 2).then_some(())
    });
    wait_said(&init, [STARTED, DRAINED, STARTED].concat());
}

#[test]
fn a_dependent_that_wants_it_is_drained_before_its_dependency_is_restarted() {
    require_namespace!();
    let init = web_and_db(true).start();
    let (seen, _) = init.wait_line_after(0, "web is up", |line| line == "web is up");
    init.rinit(&["restart", "db"]).ok();
    init.wait_line_after(seen + 1, "web is up again", |line| line == "web is up");
    wait_said(&init, [STARTED, DRAINED, STARTED].concat());
}

#[test]
fn a_reload_that_changes_both_drains_the_dependent_first() {
    require_namespace!();
    let init = web_and_db(false).start();
    let (seen, _) = init.wait_line_after(0, "web is up", |line| line == "web is up");
    for name in ["db", "web"] {
        let file = init.dir().join(format!("services.d/{name}.toml"));
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("umask = \"027\"\n{text}")).unwrap();
    }
    init.rinit(&["reload"]).ok();
    init.wait_line_after(seen + 1, "web is up again", |line| line == "web is up");
    wait_said(&init, [STARTED, DRAINED, STARTED].concat());
}

#[test]
fn a_task_is_done_again_with_its_dependency_and_what_failed_with_it_is_started() {
    require_namespace!();
    let launch = Launch::pid1();
    let flag = launch.dir().join("repaired").display().to_string();
    let init = launch
        .service("db", &draining("db", ""))
        .service(
            "migrate",
            &format!(
                "command = [\"sh\", \"-c\", \"echo migrating; test -e {flag}\"]\nrestart = \"no\"\n\
                 depends_on = {{ db = {{ restart = true }} }}"
            ),
        )
        .service("web", &draining("web", "depends_on = { migrate = \"service_completed_successfully\" }"))
        .start();
    let failed = |line: &str| line.contains("web: failed: dependency migrate failed");
    let (seen, _) = init.wait_line_after(0, "web fails with it", failed);
    std::fs::write(&flag, "").unwrap();
    init.rinit(&["start", "migrate"]).ok();
    let (seen, _) = init.wait_line_after(seen + 1, "web is started by itself", |line| line == "web is up");
    init.rinit(&["restart", "db"]).ok();
    init.wait_line_after(seen + 1, "the migration is made again", |line| line == "migrating");
    init.wait_service("migrate", "done again", |migrate| migrate.state == "completed");
    assert_eq!(init.service("web").state, "running", "it does not want to be restarted");
}

/// With which dependency a service is restarted is said, whether somebody has restarted that one or it has crashed.
#[test]
fn a_restart_with_a_dependency_names_it() {
    require_namespace!();
    let init = Launch::pid1()
        .service("db", "command = [\"sleep\", \"1000\"]")
        .service("web", "command = [\"sleep\", \"1000\"]\ndepends_on = { db = { restart = true } }")
        .start();
    init.wait_line("web is up", |line| line.starts_with("rinit: web: started"));
    let told = |seen: usize| {
        let is_told = |line: &str| line == "rinit: web: restarting: restarted with db";
        let (seen, _) = init.wait_line_after(seen, "the dependency is named", is_told);
        let is_up = |line: &str| line.starts_with("rinit: web: started");
        init.wait_line_after(seen + 1, "web is up again", is_up).0 + 1
    };
    init.rinit(&["restart", "db"]).ok();
    let seen = told(0);
    assert!(init.rinit(&["status", "web"]).ok().contains("ended because   restarted with db\n"));
    init.rinit(&["signal", "KILL", "db"]).ok();
    let seen = told(seen);
    let events = init.rinit(&["events", "web", "--kind", "restart"]).ok();
    assert_eq!(events.matches("reason=\"restarted with db\"").count(), 2, "{events}");
    // The reason of one restart is not that of the next.
    init.rinit(&["restart", "web"]).ok();
    let by_request = |line: &str| line == "rinit: web: restarting: restarted by request";
    init.wait_line_after(seen, "no dependency is named", by_request);
    assert!(!init.rinit(&["status", "web"]).ok().contains("ended because"));
}

/// A grace that the stop of the container cuts is shown as what it is, before and at the stop.
#[test]
fn a_grace_that_is_cut_is_shown() {
    require_namespace!();
    let mut init = Launch::pid1()
        .service("db", "command = [\"sleep\", \"1000\"]")
        .service("web", "command = [\"sleep\", \"1000\"]\ndepends_on = [\"db\"]\nstop_grace_period = \"5s\"")
        .start();
    init.wait_line("web is up", |line| line.starts_with("rinit: web: started"));
    let status = init.rinit(&["status", "web"]).ok();
    assert!(status.contains("SIGTERM, then 5s until SIGKILL\n"), "{status}");
    assert!(status.contains("3s in place of 5s when the container stops"), "{status}");
    init.rinit(&["restart", "web"]).ok();
    init.signal(Signal::SIGTERM);
    init.wait_exit(PATIENCE);
    let of_web: Vec<String> = init.lines().into_iter().map(|line| line.text).collect();
    let of_web: Vec<&String> = of_web.iter().filter(|line| line.contains("web: stopping with")).collect();
    assert_eq!(of_web.len(), 2);
    assert!(of_web[0].ends_with(", grace 5s"), "{of_web:?}");
    assert!(of_web[1].ends_with(" in place of 5s"), "{of_web:?}");
}

#[test]
fn a_service_that_cannot_be_stopped_by_hand_keeps_all_from_it() {
    require_namespace!();
    let init = Launch::pid1()
        .service("db", &draining("db", "refuse_manual_stop = true"))
        .service("web", &draining("web", "depends_on = [\"db\"]"))
        .start();
    init.wait_line("web is up", |line| line == "web is up");
    assert_eq!(init.rinit(&["stop", "web", "db"]).status, 1);
    assert_eq!(init.service("web").state, "running");
    init.rinit(&["stop", "web", "db", "--force"]).ok();
    wait_said(&init, [STARTED, DRAINED].concat());
}
