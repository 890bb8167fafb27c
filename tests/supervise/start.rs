//! Start order, the main process, and what a service finds around it.

use crate::support::{Launch, PATIENCE};
use crate::{require_namespace, require_root};
use nix::sys::signal::Signal;

const QUICK: &str = r#"command = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"]"#;

#[test]
fn services_start_when_their_dependencies_are_healthy_or_done() {
    require_namespace!();
    let dir = tempfile::tempdir().unwrap();
    let flag = dir.path().join("healthy").display().to_string();
    let init = Launch::pid1()
        .service("db", &format!("{QUICK}\n[healthcheck]\ntest = [\"CMD\", \"test\", \"-e\", \"{flag}\"]\ninterval = \"50ms\"\nretries = 1000"))
        .service("migrate", "command = [\"sh\", \"-c\", \"echo migrated\"]\nrestart = \"no\"\ndepends_on = { db = \"service_healthy\" }")
        .service("web", "command = [\"sh\", \"-c\", \"echo web up; exec sleep 1000\"]\ndepends_on = { migrate = \"service_completed_successfully\" }")
        .start();
    init.wait_line("the database is up", |line| line.contains("db: started"));
    let status = init.rinit(&["status"]).ok();
    assert!(status.contains("waiting"), "{status}");
    assert_eq!(init.rinit(&["health"]).status, 1);
    std::fs::write(&flag, "").unwrap();
    let (migrated, _) = init.wait_line_after(0, "the migration", |line| line == "migrated");
    init.wait_line_after(migrated, "the web server after it", |line| line == "web up");
    init.wait_healthy(PATIENCE);
}

#[test]
fn the_container_ends_with_the_main_process_after_the_services_in_order() {
    require_namespace!();
    let mut init = Launch::pid1()
        .service("db", QUICK)
        .service("web", &format!("{QUICK}\ndepends_on = [\"db\"]"))
        .service("task", "command = [\"sh\", \"-c\", \"echo task done\"]\nrestart = \"no\"")
        .command(&["sh", "-c", "echo main runs; exit 42"])
        .start();
    assert_eq!(init.wait_exit(PATIENCE).status, 42);
    let lines: Vec<String> = init.lines().into_iter().map(|line| line.text).collect();
    let at = |text: &str| {
        lines.iter().position(|line| line.contains(text)).unwrap_or_else(|| panic!("{text}: {lines:?}"))
    };
    assert!(at("task done") < at("main runs"));
    assert!(at("web: started") < at("main: started"));
    assert!(at("main: exited with code 42") < at("web: stopping"));
    assert!(at("web: stopped") < at("db: stopping"));
}

#[test]
fn a_service_finds_its_own_session_no_terminal_and_no_descriptors() {
    require_namespace!();
    let script = "echo pid $$; cut -d' ' -f5-7 /proc/$$/stat; ls /proc/$$/fd; readlink /proc/$$/fd/0; \
                  echo service $RINIT_SERVICE; echo end; exec sleep 1000";
    let init = Launch::pid1().service("web", &format!("command = [\"bash\", \"-c\", {script:?}]")).start();
    init.wait_line("the end", |line| line == "end");
    let out = init.stdout();
    let pid = out.lines().next().unwrap().strip_prefix("pid ").unwrap();
    let expected = format!("pid {pid}\n{pid} {pid} 0\n0\n1\n2\n/dev/null\nservice web\nend\n");
    assert_eq!(out, expected);
}

#[test]
fn a_service_starts_with_no_signal_blocked_or_ignored() {
    require_namespace!();
    // 32 and 33 are the C library's; a parent that ignores them is no reason for a service to.
    let ignore = "import signal, sys, os, ctypes\n\
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM])\n\
        signal.signal(signal.SIGUSR2, signal.SIG_IGN); signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n\
        act = (ctypes.c_ulong * 4)(1, 0, 0, 0)\n\
        [ctypes.CDLL(None).syscall(13, n, act, None, 8) for n in (32, 33)]\n\
        os.execv(sys.argv[1], sys.argv[1:])";
    let toml = "command = [\"grep\", \"-E\", \"^Sig(Blk|Ign)\", \"/proc/self/status\"]\nrestart = \"no\"";
    let mut init = Launch::pid1().service("web", toml).through(&["python3", "-c", ignore]).start();
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    let none = "0".repeat(16);
    assert_eq!(init.stdout(), format!("SigBlk:\t{none}\nSigIgn:\t{none}\n"));
}

#[test]
fn user_directory_and_environment_are_the_service_s() {
    require_namespace!();
    require_root!();
    let script = "echo $(id -u):$(id -g) $(pwd) $USER $HOME $A $B $PATH; exec sleep 1000";
    let init = Launch::pid1()
        .env("A", "outer")
        .env("PATH", "/usr/bin:/bin")
        .service("web", &format!("command = [\"sh\", \"-c\", {script:?}]\nuser = \"nobody\"\nworking_dir = \"/tmp\"\n[environment]\nA = \"inner\"\nB = 7"))
        .start();
    let line = init.wait_line("its surroundings", |line| line.contains("/tmp"));
    assert!(
        line.ends_with(" inner 7 /usr/bin:/bin") && line.starts_with("65534:65534 /tmp nobody "),
        "{line}"
    );
}

#[test]
fn rinit_keeps_out_of_the_way_of_a_command_alone() {
    require_namespace!();
    let mut init = Launch::pid1().env("ONE", "1").command(&["env"]).start();
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    assert!(!init.stdout().contains("RINIT_SERVICE"), "{}", init.stdout());
    assert_eq!(init.stderr(), "", "nothing to say");
    let mut init = Launch::pid1().command(&["sh", "-c", "exit 7"]).start();
    assert_eq!(init.wait_exit(PATIENCE).status, 7);
    assert_eq!(init.stderr(), "");
    let mut init = Launch::pid1().command(&["sh", "-c", "kill -9 $$"]).start();
    assert_eq!(init.wait_exit(PATIENCE).status, 137);
}

#[test]
fn a_signal_reaches_the_main_process() {
    require_namespace!();
    let script = "trap 'echo got HUP' HUP; trap 'echo got TERM; exit 3' TERM; echo up; while :; do sleep 1 & wait $!; done";
    let mut init = Launch::pid1().command(&["sh", "-c", script]).start();
    init.wait_line("it is up", |line| line == "up");
    init.signal(Signal::SIGHUP);
    init.wait_line("the hang-up", |line| line == "got HUP");
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 3);
    init.wait_line("the stop signal", |line| line == "got TERM");
}

#[test]
fn a_low_limit_of_open_files_is_told_at_the_start() {
    require_namespace!();
    // A service that logs needs two for each of its outputs, and the logger two.
    for (limit, driver, needed) in [
        ("12", "inherit", Some(64)),
        ("64", "inherit", None),
        ("69", "console", Some(70)),
        ("70", "console", None),
    ] {
        let script = format!("ulimit -n {limit}; exec \"$@\"");
        let init = Launch::pid1()
            .service("web", "command = [\"sleep\", \"1000\"]\n")
            .through(&["sh", "-c", &script, "sh"])
            .arg("--log-driver")
            .arg(driver)
            .start();
        init.wait_line("it is started", |line| line.contains("web: started"));
        let said = init.stderr();
        let line = format!(
            "the limit of open files is {limit} (ulimit -n): with less than {} rinit may be unable",
            needed.unwrap_or_default()
        );
        assert_eq!(said.contains("the limit of open files"), needed.is_some(), "{said}");
        assert_eq!(said.contains(&line), needed.is_some(), "{said}");
    }
}
