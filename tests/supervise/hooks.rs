//! The four hooks: their order, and what comes of one that fails.

use crate::require_namespace;
use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, Running};
use nix::sys::signal::Signal;

/// A main process that says when it begins and when it is told to end, and then ends with this code.
fn main_process(code: i32) -> String {
    let script = format!(
        "trap 'echo told; exit {code}' TERM; echo main; echo >&3; while :; do sleep 1 & wait $!; done"
    );
    format!("command = [\"bash\", \"-c\", {script:?}]\nnotify = 3\n")
}

const HOOKS: &str = r#"
pre_start = ["sh", "-c", "sleep 0.2; echo pre_start $RINIT_SERVICE"]
post_start = "echo post_start"
pre_stop = ["sh", "-c", "sleep 0.2; echo pre_stop"]
post_stop = ["sh", "-c", "sleep 0.2; echo post_stop code=$RINIT_EXIT_CODE signal=$RINIT_EXIT_SIGNAL"]
"#;

/// What services have written, less what rinit has.
fn story(init: &Running) -> Vec<String> {
    init.lines().into_iter().filter(|line| line.stream == "stdout").map(|line| line.text).collect()
}

#[test]
fn hooks_run_in_their_order() {
    require_namespace!();
    let mut init = Launch::pid1()
        .service("web", &format!("{}{HOOKS}", main_process(7)))
        .service("behind", "command = \"sh -c 'echo behind; exec sleep 1000'\"\ndepends_on = [\"web\"]\n")
        .start();
    init.wait_line("the start", |line| line == "post_start");
    init.wait_line("its dependent", |line| line == "behind");
    init.signal(Signal::SIGTERM);
    init.wait_exit(PATIENCE);
    let mut told = story(&init);
    // Both begin when it is ready.
    told[2..4].sort_unstable();
    let expected =
        ["pre_start web", "main", "behind", "post_start", "pre_stop", "told", "post_stop code=7 signal="];
    assert_eq!(told, expected);
}

#[test]
fn every_end_has_its_post_stop_and_every_start_its_pre_start() {
    require_namespace!();
    let init = Launch::pid1().service("web", &format!("{}{HOOKS}", main_process(0))).start();
    let (seen, _) = init.wait_line_after(0, "the start", |line| line == "post_start");
    let pid = init.pid_of("web");
    init.run(&["sh", "-c", &format!("kill -9 {pid}")]).ok();
    let (seen, _) = init.wait_line_after(seen, "the end", |line| line == "post_stop code= signal=9");
    let (seen, _) = init.wait_line_after(seen, "the next start", |line| line == "pre_start web");
    init.wait_line_after(seen, "the next start", |line| line == "post_start");
    assert_ne!(init.pid_of("web"), pid);
    assert!(!story(&init).contains(&"pre_stop".to_owned()), "it was not told to stop");

    init.rinit(&["stop", "web"]).ok();
    // It was written before the answer, and may be read after it.
    init.wait_line("the last", |line| line == "post_stop code=0 signal=");
    let told = story(&init);
    assert_eq!(told[told.len() - 3..], ["pre_stop", "told", "post_stop code=0 signal="]);
}

#[test]
fn without_its_pre_start_nothing_starts() {
    require_namespace!();
    let toml = "command = \"echo main\"\nrestart = \"on-failure:2\"\nbackoff = { initial = \"10ms\" }\n\
                pre_start = [\"sh\", \"-c\", \"echo pre_start; exit 3\"]\npost_start = \"echo post_start\"\n";
    let init = Launch::pid1()
        .service("web", toml)
        .service("behind", "command = \"echo behind\"\ndepends_on = [\"web\"]\n")
        .service("other", "command = \"sleep 1000\"\n")
        .start();
    let web = init.wait_state("web", "failed");
    let reason = web.reason.unwrap();
    assert!(reason.contains("pre_start failed") && reason.contains("code 3"), "{reason}");
    init.wait_state("behind", "failed");
    assert_eq!(story(&init), ["pre_start"; 3], "once, and twice again");

    // A program that is not there is said with the file and the key.
    let init =
        Launch::pid1().service("web", "command = \"echo main\"\npre_start = \"no-such-program\"\n").start();
    init.wait_line("the reason", |line| {
        line.contains("web.toml:2") && line.contains("pre_start") && line.contains("no-such-program")
    });
}

#[test]
fn a_hook_that_fails_or_hangs_does_not_hold_up_the_stop() {
    require_namespace!();
    let mut init = Launch::pid1()
        .service("fails", &format!("{}pre_stop = \"false\"\npost_stop = \"false\"\n", main_process(0)))
        .service(
            "hangs",
            &format!(
                "{}pre_stop = \"sleep 1000\"\npost_stop = \"sleep 1000\"\nstop_grace_period = \"500ms\"\n",
                main_process(0)
            ),
        )
        .arg("--stop-timeout")
        .arg("100s")
        .start();
    init.wait_state("fails", "running");
    init.wait_state("hangs", "running");
    let asked = std::time::Instant::now();
    init.signal(Signal::SIGTERM);
    let end = init.wait_exit(PATIENCE);
    assert!((end.at - asked).as_secs() < 50, "{:?}", end.at - asked);
    for expected in ["fails: pre_stop failed", "fails: post_stop failed"] {
        init.wait_line(expected, |line| line.contains(expected));
    }
    assert_eq!(init.zombies().len(), 0);
}
