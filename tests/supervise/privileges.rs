//! Where rinit has few privileges, or a sandbox refuses a system call.

use crate::pid1::{puppet, puppeteer};
use crate::support::{Launch, PATIENCE, output, rinit_bin};
use crate::{require_namespace, require_root};

const EPERM: &str = "1";
const ENOSYS: &str = "38";
const CLOSE_RANGE: &str = "436";
const PRLIMIT: &str = "302";
const NO_PROC: [&str; 4] = ["sh", "-c", "mount -t tmpfs none /proc; exec \"$@\"", "sh"];

/// What a task says that rinit runs through these programs, and the exit status.
#[track_caller]
fn told(through: &[&str], toml: &str) -> (String, String, i32) {
    let mut init = Launch::pid1().service("task", toml).through(through).start();
    let status = init.wait_exit(PATIENCE).status;
    (init.stdout(), init.stderr(), status)
}

/// Says which of the first descriptors it has, whether there is a `/proc` or not.
const SHOWS_DESCRIPTORS: &str = "restart = \"no\"\n\
    command = [\"sh\", \"-c\", \"for i in 3 4 5 6 7 8 9; do (: >&$i) 2>&- && echo has $i; done; echo shown\"]\n";

#[test]
fn a_service_gets_no_descriptor_where_close_range_is_refused() {
    require_namespace!();
    require_root!();
    let open = puppeteer(&["open", "5"]);
    let few = ["prlimit", "--nofile=64:64"];
    for error in [EPERM, ENOSYS] {
        let refused = puppeteer(&["refused", error, CLOSE_RANGE]);
        for through in [[&open[..], &refused].concat(), [&NO_PROC[..], &few, &open, &refused].concat()] {
            let (said, errors, status) = told(&through, SHOWS_DESCRIPTORS);
            assert_eq!((said.as_str(), status), ("shown\n", 0), "{through:?}: {errors}");
        }
    }
}

/// One that was open before the limit on descriptors was lowered below its number.
#[test]
fn a_service_gets_no_descriptor_above_the_limit() {
    require_namespace!();
    require_root!();
    let open = ["bash", "-c", "exec 100>/dev/null; exec \"$@\"", "bash"];
    let few = ["prlimit", "--nofile=64:64"];
    let refused = puppeteer(&["refused", ENOSYS, CLOSE_RANGE]);
    let toml = "restart = \"no\"\ncommand = ['bash', '-c', '(: >&100) 2>&- && echo has it; echo shown']\n";
    let (said, errors, status) = told(&[&NO_PROC[..], &open, &few, &refused].concat(), toml);
    assert_eq!((said.as_str(), status), ("shown\n", 0), "{errors}");
}

#[test]
fn a_start_fails_whose_descriptors_cannot_be_closed() {
    require_namespace!();
    require_root!();
    let words = ["refused", EPERM, CLOSE_RANGE, puppet(), "refused", EPERM, PRLIMIT];
    let (said, errors, status) = told(&[&NO_PROC[..], &puppeteer(&words)].concat(), SHOWS_DESCRIPTORS);
    assert_eq!((said.as_str(), status), ("", 125), "{errors}");
    assert!(errors.contains("cannot close the descriptors"), "{errors}");
}

#[test]
fn a_user_that_is_in_force_already_takes_no_privilege() {
    require_namespace!();
    require_root!();
    let none =
        ["setpriv", "--init-groups", "--reuid=0", "--regid=0", "--bounding-set=-all", "--inh-caps=-all"];
    let in_user_namespace = ["setpriv", "--groups=0,4321", "unshare", "--user", "--map-root-user"];
    for through in [&none[..], &in_user_namespace] {
        let toml =
            "command = [\"sh\", \"-c\", \"echo started as $(id -u)\"]\nuser = \"root\"\nrestart = \"no\"\n";
        let (said, errors, status) = told(through, toml);
        assert_eq!((said.trim(), status), ("started as 0", 0), "{through:?}: {errors}");
    }
}

#[test]
fn groups_that_came_along_are_gone_or_the_start_fails() {
    require_namespace!();
    require_root!();
    let toml = "command = [\"id\", \"-G\"]\nuser = \"1000:1000\"\nrestart = \"no\"\n";
    let (said, errors, status) = told(&["setpriv", "--groups=0,4321"], toml);
    assert_eq!((said.trim(), status), ("1000", 0), "{errors}");
    let as_user = ["setpriv", "--reuid=1000", "--regid=1000", "--groups=4321"];
    let (said, errors, status) = told(&as_user, toml);
    assert_eq!((said.trim(), status), ("", 125), "{errors}");
    assert!(errors.contains("SETGID"), "{errors}");
    // Nothing is to be changed here.
    let as_user = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"];
    let (said, errors, status) = told(&as_user, toml);
    assert_eq!((said.trim(), status), ("1000", 0), "{errors}");
}

/// Says which signals it gets, and ends on SIGTERM.
const TELLS: &str = "sh -c \\\"trap 'echo got HUP' HUP; trap 'echo got TERM; exit 0' TERM; echo up; while :; do sleep 0.05; done\\\"";

const NO_KILL: [&str; 3] = ["setpriv", "--bounding-set=-kill", "--inh-caps=-kill"];

#[test]
fn without_the_capability_to_kill_services_of_other_users_are_signalled_by_a_child() {
    require_namespace!();
    require_root!();
    let left = format!("setsid setpriv --reuid=61234 {} & exec sleep 1000", TELLS.replace("up;", "left;"));
    let mut init = Launch::pid1()
        .service("web", &format!("command = {:?}\nuser = \"1000:1000\"", TELLS.replace("\\\"", "\"")))
        .service("leaver", &format!("command = [\"sh\", \"-c\", \"{left}\"]"))
        .through(&NO_KILL)
        .start();
    let (first, _) = init.wait_line_after(0, "it is there", |line| line == "up");
    init.wait_line("the one that is left", |line| line == "left");
    init.wait_line("it is said", |line| line.contains("lacks the capability KILL") && line.contains("web"));
    let signalled = init.rinit(&["signal", "HUP", "web"]);
    assert!(signalled.stdout.contains("is being sent as its user"), "{signalled:?}");
    init.wait_line("SIGHUP", |line| line == "got HUP");
    let restarted = init.rinit(&["restart", "web"]);
    assert_eq!(restarted.status, 0, "{restarted:?}\n{}", init.stderr());
    let (second, _) = init.wait_line_after(first + 1, "SIGTERM", |line| line == "got TERM");
    init.wait_line_after(second, "it is there again", |line| line == "up");
    init.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0, "{}", init.stderr());
    assert_eq!(init.stdout().matches("got TERM").count(), 3, "{}{}", init.stdout(), init.stderr());
    assert!(!init.stderr().contains("cannot send"), "{}", init.stderr());
}

#[test]
fn a_signal_that_cannot_be_sent_is_told() {
    require_namespace!();
    require_root!();
    let kill = "62";
    let mut init = Launch::pid1()
        .service("web", "command = \"sleep 1000\"\nstop_grace_period = \"300ms\"")
        .arg("--stop-timeout")
        .arg("2s")
        .through(&puppeteer(&["refused", EPERM, kill]))
        .start();
    init.wait_line("it is there", |line| line.contains("web: started"));
    let signalled = init.rinit(&["signal", "HUP", "web"]);
    assert_eq!(signalled.status, 1, "{signalled:?}");
    assert!(format!("{signalled:?}").contains("cannot send SIGHUP"), "{signalled:?}");
    let restarted = init.rinit(&["restart", "web", "--timeout", "60s"]);
    assert_eq!(restarted.status, 1, "{restarted:?}");
    assert!(format!("{restarted:?}").contains("cannot send SIGTERM"), "{restarted:?}");
    init.wait_line("it is told", |line| line.contains("web: cannot send SIGKILL"));
    let status = init.rinit(&["status"]).ok();
    assert!(status.contains("stopping") && status.contains("cannot send SIGKILL"), "{status}");
    init.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 125, "{}", init.stderr());
    let said = init.stderr();
    assert!(!said.contains("sent SIGHUP") && !said.contains(": killed"), "{said}");
}

#[test]
fn missing_capabilities_are_warned_of() {
    require_root!();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("web.toml"), "command = \"true\"\nuser = \"1000:1000\"\n").unwrap();
    let services = format!("RINIT_SERVICES={}", dir.path().display());
    let rinit = rinit_bin().display().to_string();
    for (lost, said) in [
        ("-kill", "lacks the capability KILL here"),
        ("-kill,-setgid", "another user takes: SETGID, KILL"),
        ("-sys_time", ""),
    ] {
        let bounding = format!("--bounding-set={lost}");
        let words = [&bounding, "--inh-caps=-all", "env", &services, &rinit, "check"];
        let checked = output("setpriv", &words).unwrap();
        assert_eq!(checked.status, 0, "{checked:?}");
        assert!(checked.stderr.contains(said), "{checked:?}");
        assert_eq!(checked.stderr.contains("[capability-missing]"), !said.is_empty(), "{checked:?}");
    }
}
