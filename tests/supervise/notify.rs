//! Readiness that a service announces on a descriptor, as with s6; and what becomes of one that does not.

use crate::require_namespace;
use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, wait_for};

#[test]
fn a_newline_on_the_descriptor_is_what_makes_it_ready() {
    require_namespace!();
    let wait = |file: &str| format!("while ! test -e {file}; do sleep 0.02; done");
    let script = format!(
        "echo up; {}; printf text >&7; echo said; {}; printf ' and more\\n' >&7; exec 7>&-; exec sleep 1000",
        wait("speak"),
        wait("end")
    );
    let init = Launch::pid1()
        .service("web", &format!("command = [\"bash\", \"-c\", {script:?}]\nnotify = 7\n"))
        .service("behind", "command = \"sleep 1000\"\ndepends_on = [\"web\"]\n")
        .start();
    init.wait_line("it is up", |line| line == "up");
    assert_eq!(
        (init.service("web").state, init.service("behind").state),
        ("starting".into(), "waiting".into())
    );
    assert_eq!(init.rinit(&["health", "--ready"]).status, 1);
    std::fs::write(init.dir().join("speak"), "").unwrap();
    init.wait_line("some text", |line| line == "said");
    assert_eq!(init.service("web").state, "starting", "no newline yet");
    std::fs::write(init.dir().join("end"), "").unwrap();
    init.wait_state("behind", "running");
    init.wait_line("it is ready", |line| line.contains("web: ready"));
    init.wait_healthy(PATIENCE);
}

/// It has the descriptor that it was promised, and no other.
#[test]
fn only_a_service_with_notify_has_a_descriptor_more() {
    require_namespace!();
    let descriptors = |toml: &str| {
        let init = Launch::pid1().service("web", toml).start();
        // A shell opens descriptors of its own: it must have become the other program.
        wait_for("the program", PATIENCE, || {
            init.find("sleep 4711").iter().find(|p| p.name == "sleep").cloned()
        });
        let pid = init.wait_state("web", "running").pid.unwrap();
        init.run(&["ls", &format!("/proc/{pid}/fd")]).ok()
    };
    let command = "command = [\"sh\", \"-c\", \"echo >&5; exec sleep 4711\"]\n";
    assert_eq!(descriptors(&format!("{command}notify = 5\n")), "0\n1\n2\n5");
    assert_eq!(descriptors("command = [\"sleep\", \"4711\"]\n"), "0\n1\n2");
}

#[test]
fn a_service_that_is_not_ready_in_time_is_killed() {
    require_namespace!();
    let toml = "command = [\"sh\", \"-c\", \"echo up; exec sleep 4711\"]\nnotify = 3\nstart_timeout = \"300ms\"\n\
                restart = \"on-failure:1\"\nbackoff = { initial = \"10ms\" }\n";
    let init = Launch::pid1()
        .service("web", toml)
        .service("behind", "command = \"echo behind\"\ndepends_on = [\"web\"]\n")
        .service("other", "command = \"sleep 1000\"\n")
        .start();
    init.wait_line("why", |line| {
        line.contains("web: ") && line.contains("not ready") && line.contains("300ms")
    });
    init.wait_state("web", "failed");
    init.wait_state("behind", "failed");
    wait_for("its end", PATIENCE, || init.find("sleep 4711").is_empty().then_some(()));
    assert_eq!(init.stdout(), "up\nup\n");
}

/// A notification that never comes is none: the service closes the descriptor, or ends.
#[test]
fn a_task_that_ends_without_a_word_was_never_ready() {
    require_namespace!();
    let init = Launch::pid1()
        .service("task", "command = \"true\"\nrestart = \"no\"\nnotify = 3\n")
        .service("silent", "command = [\"bash\", \"-c\", \"exec 3>&-; exec sleep 1000\"]\nnotify = 3\n")
        .service("other", "command = \"sleep 1000\"\n")
        .start();
    init.wait_state("task", "failed");
    init.wait_state("other", "running");
    assert_eq!(init.service("silent").state, "starting");
}
