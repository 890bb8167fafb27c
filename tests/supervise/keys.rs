//! What the keys of a definition do to its process, seen from outside of it, in /proc.

use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, Running};
use crate::{require_namespace, require_root};
use nix::sys::signal::Signal;

const SLEEP: &str = "command = [\"sleep\", \"1000\"]\n";

/// Starts one service with these keys.
fn start(keys: &str) -> Running {
    let init = Launch::pid1().service("web", &format!("{SLEEP}{keys}")).start();
    init.wait_state("web", "running");
    init
}

/// A file of the service's process in /proc.
#[track_caller]
fn proc(init: &Running, file: &str) -> String {
    let path = format!("/proc/{}/root/proc/{}/{file}", init.pid(), init.pid_of("web"));
    std::fs::read_to_string(path).unwrap()
}

/// What stands behind a word in the process's status.
#[track_caller]
fn status(init: &Running, key: &str) -> String {
    let status = proc(init, "status");
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {key} in {status}")).trim().to_owned()
}

#[test]
fn limits_umask_and_priorities() {
    require_namespace!();
    require_root!();
    let init = start(
        "umask = \"027\"\nnice = 5\noom_score_adj = 321\n\
         ulimits = { nofile = 1234, core = 0, stack = { soft = 1048576, hard = 2097152 } }\n",
    );
    assert_eq!(status(&init, "Umask"), "0027");
    assert_eq!(proc(&init, "oom_score_adj").trim(), "321");
    let stat = proc(&init, "stat");
    // "PID (NAME) STATE ...": the nice value is the nineteenth.
    let nice = stat.rsplit(')').next().unwrap().split_whitespace().nth(16);
    assert_eq!(nice, Some("5"), "{stat}");
    let limits = proc(&init, "limits");
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
    let limits: Vec<String> = limits.lines().map(words).collect();
    for expected in [
        "Max open files 1234 1234 files",
        "Max core file size 0 0 bytes",
        "Max stack size 1048576 2097152 bytes",
    ] {
        assert!(limits.iter().any(|line| line == expected), "{expected} is not in {limits:#?}");
    }
}

#[test]
fn capabilities_groups_and_privileges() {
    require_namespace!();
    require_root!();
    // CAP_KILL is bit 5, CAP_NET_BIND_SERVICE bit 10.
    let init = start("cap_drop = [\"ALL\"]\ncap_add = [\"NET_BIND_SERVICE\"]\n");
    for set in ["CapPrm", "CapEff", "CapBnd"] {
        assert_eq!(status(&init, set), format!("{:016x}", 1 << 10), "{set}");
    }
    assert_eq!(status(&init, "NoNewPrivs"), "0");

    let init = start(
        "user = \"nobody\"\ngroup_add = [2000, \"tty\"]\ncap_drop = [\"ALL\"]\n\
         cap_add = [\"NET_BIND_SERVICE\", \"CAP_KILL\"]\nno_new_privileges = true\n",
    );
    for set in ["CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(status(&init, set), format!("{:016x}", 1 << 10 | 1 << 5), "{set}");
    }
    assert_eq!(status(&init, "NoNewPrivs"), "1");
    assert_eq!(status(&init, "Uid"), "65534\t65534\t65534\t65534");
    let groups = status(&init, "Groups");
    let groups: Vec<&str> = groups.split_whitespace().collect();
    assert!(groups.contains(&"2000") && groups.contains(&"5"), "{groups:?}");

    let init = start("user = \"nobody\"\n");
    for set in ["CapPrm", "CapEff", "CapAmb", "CapInh"] {
        assert_eq!(status(&init, set), "0".repeat(16), "{set}");
    }
}

/// A value from a file is read at each start, and shown nowhere but to the service.
#[test]
fn a_secret_is_read_at_each_start_and_shown_nowhere() {
    require_namespace!();
    let script = "echo $TOKEN > got; echo up; exec sleep 1000";
    let toml = format!(
        "command = [\"sh\", \"-c\", {script:?}]\n[environment]\nTOKEN = {{ file = \"../token\" }}\n\
         [healthcheck]\ntest = \"test -n $TOKEN\"\ninterval = \"50ms\"\n"
    );
    let mut init = Launch::pid1()
        .file("token", "hunter2-first\n")
        .service("web", &toml)
        .service("other", SLEEP)
        .arg("--log-level=trace")
        .start();
    let (seen, _) = init.wait_line_after(0, "it is up", |line| line == "up");
    init.wait_healthy(PATIENCE);
    let got = |init: &Running| std::fs::read_to_string(init.dir().join("got")).unwrap();
    assert_eq!(got(&init), "hunter2-first\n");
    std::fs::write(init.dir().join("token"), "hunter2-second\n").unwrap();
    assert_eq!(init.rinit(&["reload"]).ok(), "nothing has changed");
    init.rinit(&["restart", "web"]).ok();
    init.wait_line_after(seen + 1, "it is up again", |line| line == "up");
    assert_eq!(got(&init), "hunter2-second\n");
    init.wait_healthy(PATIENCE);
    for words in [&["status"][..], &["status", "web"], &["status", "--json"], &["health", "--json"]] {
        let told = init.rinit(words);
        assert!(!format!("{told:?}").contains("hunter2"), "{told:?}");
    }

    // Without the file there is no start, and that is said.
    std::fs::remove_file(init.dir().join("token")).unwrap();
    assert_eq!(init.rinit(&["restart", "web"]).status, 1);
    init.wait_line("what is missing", |line| line.contains("token") && line.contains("No such file"));
    init.signal(Signal::SIGTERM);
    init.wait_exit(PATIENCE);
    assert!(!init.stderr().contains("hunter2"));
}

/// Who hears of the stop: the main process, or all of its group.
#[test]
fn the_stop_signal_goes_to_whom_kill_mode_says() {
    require_namespace!();
    let said = |kill_mode: &str| {
        let inner = "trap 'echo child told' USR1; echo child up; until test -e go; do sleep 0.02; done";
        let script = format!(
            "sh -c {inner:?} & trap 'echo main told; echo > go' USR1; echo main up; wait; wait; exit 0"
        );
        let toml = format!(
            "command = [\"sh\", \"-c\", {script:?}]\nstop_signal = \"SIGUSR1\"\nkill_mode = \"{kill_mode}\"\n"
        );
        let mut init = Launch::pid1().service("web", &toml).start();
        init.wait_line("the child", |line| line == "child up");
        init.wait_line("the main process", |line| line == "main up");
        init.signal(Signal::SIGTERM);
        assert_eq!(init.wait_exit(PATIENCE).status, 0);
        (init.stdout().contains("main told"), init.stdout().contains("child told"))
    };
    assert_eq!(said("mixed"), (true, false));
    assert_eq!(said("process"), (true, false));
    assert_eq!(said("group"), (true, true));
}

/// A program that is being written cannot be executed: that passes.
#[test]
fn a_pre_start_that_is_busy_is_tried_again() {
    require_namespace!();
    let launch = Launch::pid1();
    let program = launch.dir().join("prepare");
    std::fs::copy("/bin/true", &program).unwrap();
    let busy = std::fs::OpenOptions::new().append(true).open(&program).unwrap();
    let toml = format!("command = [\"sleep\", \"1000\"]\nrestart = \"no\"\npre_start = [{program:?}]\n");
    let init = launch.service("web", &toml).service("other", "command = [\"sleep\", \"1001\"]\n").start();
    init.wait_line("that it is busy", |line| line.contains("Text file busy"));
    drop(busy);
    init.wait_service("web", "running", |web| web.state == "running");
}
