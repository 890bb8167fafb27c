//! Which processes there are: what ended together, what is left of a group, and what probes and hooks leave behind.

use crate::pid1::{Init, Place, puppet, puppeteer};
use crate::require_namespace;
use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, Running, wait_for};
use nix::sys::signal::Signal;
use std::time::Duration;

/// Its leader ends when it is told to. A member of its group, which ends as well, is the child of a process outside of
/// the group: that one waits for it, or not.
fn group_of_others(waits: bool) -> String {
    let script = format!(
        r#"
import os, signal, time
leader = os.getpid()
if os.fork() == 0:
    os.setpgid(0, 0)
    member = os.fork()
    if member == 0:
        os.setpgid(0, leader)
        # It takes its time, so that its leader is gone before.
        signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.3), os._exit(0)))
        os.write(1, b'member is there\n')
        time.sleep(1000)
    if {}:
        os.waitpid(member, 0)
        os.write(1, b'member was waited for\n')
    time.sleep(1000)
signal.pause()
"#,
        if waits { "True" } else { "False" }
    );
    format!("command = [\"python3\", \"-c\", '''{script}''']\nstop_grace_period = \"1s\"\n")
}

fn restarted(service: &str) -> Running {
    let init = Launch::pid1().service("web", service).service("other", "command = \"sleep 1000\"").start();
    let (first, _) = init.wait_line_after(0, "the group is there", |line| line == "member is there");
    let asked = init.rinit(&["restart", "web"]);
    assert_eq!(asked.status, 0, "{asked:?}\n{}", init.stderr());
    init.wait_line_after(first + 1, "it is there again", |line| line == "member is there");
    init
}

#[test]
fn a_group_whose_last_member_somebody_else_reaps_is_gone() {
    require_namespace!();
    let init = restarted(&group_of_others(true));
    let said = init.stderr();
    assert!(!said.contains("killed") && !said.contains("SIGKILL"), "{said}");
}

#[test]
fn a_group_of_which_only_zombies_are_left_is_gone() {
    require_namespace!();
    let init = restarted(&group_of_others(false));
    let said = init.stderr();
    assert!(!said.contains("killed") && !said.contains("SIGKILL"), "{said}");
}

#[test]
fn what_ended_with_the_cause_of_a_stop_is_not_told_to_stop() {
    require_namespace!();
    let mut init = Launch::pid1()
        .service("a", "command = \"sleep 1001\"\nrestart = \"no\"\nessential = true")
        .service("b", "command = \"sleep 1002\"")
        .start();
    let found = |text: &str| init.find(text).first().map(|process| process.pid);
    let pids = ["sleep 1001", "sleep 1002"].map(|text| wait_for(text, PATIENCE, || found(text)).to_string());
    init.signal(Signal::SIGSTOP);
    init.run(&["kill", "-KILL", &pids[0], &pids[1]]).ok();
    wait_for("both have ended", PATIENCE, || (init.zombies().len() == 2).then_some(()));
    init.signal(Signal::SIGCONT);
    assert_eq!(init.wait_exit(PATIENCE).status, 137);
    let said = init.stderr();
    assert!(!said.contains("stopping with"), "{said}");
    assert!(said.contains("b: killed by SIGKILL"), "{said}");
}

/// A process that a probe or a hook has left behind, and that rinit did not end, is still there when it has ended.
#[test]
fn what_probes_and_hooks_leave_behind_is_ended() {
    require_namespace!();
    let init = Launch::pid1()
        .service(
            "web",
            r#"command = "sleep 1000"
pre_start = ["sh", "-c", "sleep 304 & exit 0"]
post_start = ["sh", "-c", "sleep 305 & exit 0"]
pre_stop = ["sh", "-c", "sleep 306 & exit 0"]
post_stop = ["sh", "-c", "sleep 307 & exit 0"]
[healthcheck]
test = ["CMD", "sh", "-c", "sleep 303 & exit 0"]
interval = "200ms"
"#,
        )
        .service("other", "command = \"sleep 1000\"")
        .start();
    init.wait_healthy(PATIENCE);
    let stopped = init.rinit(&["stop", "web"]);
    assert_eq!(stopped.status, 0, "{stopped:?}");
    wait_for("nothing to be left", Duration::from_secs(5), || {
        ["sleep 303", "sleep 304", "sleep 305", "sleep 306", "sleep 307"]
            .iter()
            .all(|text| init.find(text).is_empty())
            .then_some(())
    });
}

/// Nobody here traces it, so it goes on.
#[test]
fn a_process_that_asks_its_parent_to_trace_it_goes_on() {
    require_namespace!();
    let traced = puppeteer(&["traced", "sh", "-c", "echo went on; exit 7"]);
    let mut init = Launch::pid1().command(&traced).start();
    assert_eq!(init.wait_exit(PATIENCE).status, 7, "COMMAND: {}", init.stderr());
    let mut init = Launch::pid1()
        .service("web", &format!("command = {traced:?}\nrestart = \"no\"\nessential = true"))
        .service("other", "command = \"sleep 1000\"")
        .start();
    assert_eq!(init.wait_exit(PATIENCE).status, 7, "a service: {}", init.stderr());
    let orphan = format!("(sleep 0.2; exec {} traced sh -c 'echo went on') & exit 0", puppet());
    let mut init = Launch::pid1().command(&["sh", "-c", &format!("sh -c {orphan:?}; read line")]);
    let (reader, writer) = std::io::pipe().unwrap();
    init = init.stdin(std::process::Stdio::from(reader));
    let mut init = init.start();
    init.wait_line("the orphan to go on", |line| line == "went on");
    drop(writer);
    init.wait_exit(PATIENCE);
}

/// Letting them go makes work for ever: rinit does a little of it at a time.
#[test]
fn processes_that_ask_for_it_again_and_again_do_not_keep_rinit() {
    require_namespace!();
    let many = puppeteer(&["traced-again", "32"]);
    let mut init = Launch::pid1()
        .service("many", &format!("command = {many:?}\nrestart = \"no\"\nkill_mode = \"process\""))
        .service("web", "command = \"sleep 1000\"")
        .start();
    init.wait_state("web", "running");
    init.wait_state("many", "completed");
    assert_eq!(init.rinit(&["restart", "web"]).status, 0);
    init.signal(Signal::SIGTERM);
    init.wait_exit(PATIENCE);
    let many = puppeteer(&["traced-again", "32"]).join(" ");
    let script = format!("{many}; sleep 0.2; exit 7");
    let mut init = Init::rinit_as("tini").launch(Place::Pid1, &["sh", "-c", &script]).start();
    assert_eq!(init.wait_exit(PATIENCE).status, 7);
}
