//! Tasks that are undone, commands that stop, and limits of time of their own.

use crate::require_namespace;
use crate::support::services::Status;
use crate::support::{Launch, PATIENCE};
use nix::sys::signal::Signal;

/// A task that says what it does and what it undoes.
fn task(name: &str) -> String {
    format!("command = \"echo up {name}\"\nstop_command = \"echo down {name}\"\nrestart = \"no\"\n")
}

fn says(name: &str) -> String {
    format!(
        "command = ['sh', '-c', 'trap \"echo told {name}; exit\" TERM; echo begun {name}; while :; do sleep 1 & wait $!; done']\n"
    )
}

#[test]
fn what_tasks_have_done_is_undone_in_reverse_order() {
    require_namespace!();
    let after = |name: &str, condition: &str| format!("depends_on = {{ {name} = \"{condition}\" }}\n");
    let mut init = Launch::pid1()
        .service("disk", &task("disk"))
        .service("mount", &format!("{}{}", task("mount"), after("disk", "service_completed_successfully")))
        .service("db", &format!("{}{}", says("db"), after("mount", "service_completed_successfully")))
        .service("broken", "command = \"false\"\nstop_command = \"echo never\"\nrestart = \"no\"\n")
        .start();
    init.wait_line("the service", |line| line == "begun db");
    assert_eq!(init.service("mount").state, "completed");
    let started = init.rinit(&["start", "mount"]).ok();
    assert_eq!(started, "mount: completed", "it is done, and not done again");
    init.wait_state("broken", "failed");
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    let told: Vec<String> = init.stdout().lines().map(str::to_owned).collect();
    assert_eq!(told, ["up disk", "up mount", "begun db", "told db", "down mount", "down disk"]);
}

#[test]
fn a_task_is_undone_by_request_and_done_again() {
    require_namespace!();
    let init =
        Launch::pid1().service("mount", &task("mount")).service("x", "command = \"sleep 1000\"\n").start();
    init.wait_state("mount", "completed");
    assert_eq!(init.rinit(&["stop", "mount"]).ok(), "mount: stopped");
    for verb in ["start", "restart"] {
        init.rinit(&[verb, "mount"]).ok();
        init.wait_state("mount", "completed");
    }
    // A reload undoes by the old definition.
    let file = init.dir().join("services.d/mount.toml");
    std::fs::write(file, "command = \"echo other\"\nrestart = \"no\"\n").unwrap();
    init.rinit(&["reload"]).ok();
    init.wait_line("the new one", |line| line == "other");
    let told: Vec<String> = init.stdout().lines().map(str::to_owned).collect();
    assert_eq!(told, ["up mount", "down mount", "up mount", "down mount", "up mount", "down mount", "other"]);
}

#[test]
fn an_undoing_that_hangs_is_killed_within_its_share_of_the_stop() {
    require_namespace!();
    let hangs = "command = \"true\"\nstop_command = \"sleep 1000\"\nrestart = \"no\"\nstop_grace_period = \"200ms\"\n";
    let mut init = Launch::pid1()
        .service("hangs", hangs)
        .service("ends", &task("ends"))
        .service("x", "command = \"sleep 1000\"\ndepends_on = { hangs = \"service_completed_successfully\", ends = \"service_completed_successfully\" }\n")
        .start();
    init.wait_state("x", "running");
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 137);
    init.wait_line("who was killed", |line| line.contains("killed: hangs"));
    assert!(init.stdout().contains("down ends"));
}

#[test]
fn a_command_stops_a_service_in_place_of_the_signal() {
    require_namespace!();
    let launch = Launch::pid1();
    let asks = format!(
        "stop_command = ['sh', '-c', 'echo asked; kill -USR1 $(cat {}/pid)']\n",
        launch.dir().display()
    );
    let asked = format!(
        "command = ['sh', '-c', 'trap \"echo by command; exit\" USR1; trap \"echo by signal\" TERM; echo $$ > {}/pid; echo >&3; while :; do sleep 1 & wait $!; done']\nnotify = 3\n",
        launch.dir().display()
    );
    let mut init = launch
        .service("web", &format!("{asked}{asks}"))
        .service("fails", &format!("{}stop_command = \"false\"\n", says("fails")))
        .start();
    init.wait_state("web", "running");
    init.wait_line("the other one", |line| line == "begun fails");
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    let told = init.stdout();
    assert!(
        told.contains("asked\n") && told.contains("by command\n") && !told.contains("by signal"),
        "{told}"
    );
    assert!(told.contains("told fails"), "{told}");
    assert!(init.stderr().contains("fails: stop_command failed"), "{}", init.stderr());
}

#[test]
fn what_runs_for_too_long_has_failed() {
    require_namespace!();
    let init = Launch::pid1()
        .service("task", "command = \"sleep 1000\"\nrestart = \"no\"\nrun_timeout = \"200ms\"\n")
        .service("behind", "command = \"true\"\ndepends_on = { task = \"service_completed_successfully\" }\nrestart = \"no\"\n")
        .service("x", "command = \"sleep 1000\"\n")
        .start();
    let task = init.wait_state("task", "failed");
    assert_eq!(task.reason.unwrap(), "still running after 200ms");
    init.wait_state("behind", "failed");
}

#[test]
fn post_stop_has_a_limit_of_its_own() {
    require_namespace!();
    let web = "command = \"true\"\npost_stop = \"sleep 1000\"\npost_stop_timeout = \"200ms\"\nbackoff = { initial = \"10ms\" }\n";
    let init = Launch::pid1().service("web", web).start();
    init.wait_service("web", "restarts", |web| web.restarts >= 2);
}

#[test]
fn a_stop_by_hand_is_refused_where_the_definition_says_so() {
    require_namespace!();
    let mut init = Launch::pid1()
        .service("db", "command = \"sleep 1000\"\nrefuse_manual_stop = true\n")
        .service("web", "command = \"sleep 1000\"\n")
        .start();
    init.wait_state("db", "running");
    for verb in ["stop", "restart"] {
        let refused = init.rinit(&[verb, "web", "db"]);
        assert_eq!(refused.status, 1, "{refused:?}");
        let expected = format!("db refuses to be stopped by hand: {verb} --force does it all the same");
        assert!(refused.stderr.contains(&expected), "{refused:?}");
    }
    assert_eq!(init.service("web").restarts, 0, "nothing of a refused request is done");
    init.rinit(&["stop", "--force", "db"]).ok();
    init.wait_state("db", "stopped");
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
}
