//! What is wrong is said, with file, key and cause; a bad configuration starts nothing.

use crate::require_namespace;
use crate::support::{Launch, PATIENCE};
use nix::sys::signal::Signal;

const SLEEP: &str = "command = [\"sleep\", \"1000\"]";

#[test]
fn all_mistakes_of_all_files_are_shown_and_nothing_is_started() {
    require_namespace!();
    let mut init = Launch::pid1()
        .service("web", "comand = [\"sh\", \"-c\", \"echo started\"]\ncommand = \"sh -c 'echo started'\"\nrestart = \"allways\"\n")
        .service("db", "command = [\"sh\", \"-c\", \"echo started\"]\nstop_grace_period = 10\n")
        .service("fine", "command = [\"sh\", \"-c\", \"echo started\"]\n")
        .start();
    assert_eq!(init.wait_exit(PATIENCE).status, 125);
    let said = init.stderr();
    for expected in [
        "web.toml:1:1: error:",
        "did you mean \"command\"",
        "web.toml:3:11: error:",
        "did you mean \"always\"",
        "db.toml:2:21: error:",
        "^^",
        "3 errors, nothing was started",
    ] {
        assert!(said.contains(expected), "{expected} is missing in:\n{said}");
    }
    assert!(!init.stdout().contains("started"), "{}", init.stdout());
}

#[test]
fn a_missing_program_names_file_key_and_cause() {
    require_namespace!();
    let mut init = Launch::pid1()
        .service("fine", SLEEP)
        .service("web", "# the web server\ncommand = [\"ngnix\", \"-g\", \"daemon off;\"]\n")
        .start();
    let line = init.wait_line("the failure", |line| line.contains("cannot execute"));
    assert!(line.contains("web.toml:2: command: cannot execute ngnix: No such file or directory"), "{line}");
    assert_eq!(init.rinit(&["health"]).status, 1);
    let health = init.rinit(&["health"]).stdout;
    assert!(health.contains("web: failed: ") && health.contains("cannot execute ngnix"), "{health}");
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
}

#[test]
fn a_missing_user_and_a_missing_directory_name_file_key_and_cause() {
    require_namespace!();
    let mut init = Launch::pid1().service("web", &format!("{SLEEP}\nuser = \"nobdy\"")).start();
    assert_eq!(init.wait_exit(PATIENCE).status, 125);
    let said = init.stderr();
    assert!(
        said.contains("web.toml:2:8: error:") && said.contains("nobdy") && said.contains("nobody"),
        "{said}"
    );

    let init = Launch::pid1().service("web", &format!("{SLEEP}\nworking_dir = \"/no/such\"")).start();
    let line = init.wait_line("the failure", |line| line.contains("cannot change"));
    assert!(line.contains("web.toml:2: working_dir: cannot change to /no/such: No such file"), "{line}");
}

#[test]
fn a_directory_that_cannot_be_read_is_named() {
    let mut init = Launch::plain().services("/no/such/services.d".as_ref()).start();
    assert_eq!(init.wait_exit(PATIENCE).status, 125);
    let said = init.stderr();
    assert!(said.contains("cannot read directory /no/such/services.d: No such file or directory"), "{said}");
}

#[test]
fn a_cycle_is_shown_as_a_path() {
    let mut init = Launch::plain()
        .service("a", &format!("{SLEEP}\ndepends_on = [\"b\"]"))
        .service("b", &format!("{SLEEP}\ndepends_on = [\"c\"]"))
        .service("c", &format!("{SLEEP}\ndepends_on = [\"a\"]"))
        .start();
    assert_eq!(init.wait_exit(PATIENCE).status, 125);
    assert!(init.stderr().contains("a -> b -> c -> a"), "{}", init.stderr());
}

#[test]
fn a_command_that_is_not_there_or_cannot_be_run_is_127_or_126() {
    let mut init = Launch::plain().command(&["no-such-program"]).start();
    assert_eq!(init.wait_exit(PATIENCE).status, 127);
    assert!(init.stderr().contains("cannot execute no-such-program: No such file"), "{}", init.stderr());
    let mut init = Launch::plain().command(&["/etc/passwd"]).start();
    assert_eq!(init.wait_exit(PATIENCE).status, 126);
    assert!(init.stderr().contains("cannot execute /etc/passwd: Permission denied"), "{}", init.stderr());
}

/// What is missing is not what the user has named, so the message has to name it.
#[test]
fn a_container_without_dev_null_or_proc_is_told_so() {
    require_namespace!();
    let without_dev = ["sh", "-c", "mount -t tmpfs none /dev && exec \"$@\"", "sh"];
    let init = Launch::pid1().through(&without_dev).service("web", SLEEP).start();
    let line = init.wait_line("the failure", |line| line.contains("cannot open its standard input"));
    assert!(
        line.contains("No such file or directory (/dev/null cannot be opened: is /dev mounted?)"),
        "{line}"
    );
    let mut words = crate::support::launch::unshare_args(crate::support::skip::is_root());
    words.extend(without_dev);
    let rinit = crate::support::rinit_bin().display().to_string();
    words.extend([rinit.as_str(), "health", "--", "true"]);
    let told = crate::support::output("unshare", &words).unwrap();
    assert!(told.stderr.contains("cannot run: /dev/null cannot be opened: No such file"), "{told:?}");

    // Called by a name in PATH, as by most entrypoints: its own path is known from /proc alone.
    let by_name = "mount -t tmpfs none /proc && PATH=$(dirname \"$1\"):$PATH && shift && exec rinit \"$@\"";
    let without_proc = ["sh", "-c", by_name, "sh"];
    let check = "healthcheck = { tcp = '127.0.0.1:1', interval = '50ms' }";
    let init = Launch::pid1()
        .through(&without_proc)
        .service("probed", &format!("{SLEEP}\n{check}"))
        .service("low", &format!("{SLEEP}\noom_score_adj = 10"))
        .start();
    init.wait_line("the failure", |line| {
        line.contains("oom_score_adj: cannot set it to 10: No such file or directory (/proc is not mounted)")
    });
    let line = init.wait_line("the probe", |line| line.contains("cannot execute rinit"));
    assert!(line.contains("(/proc is not mounted, by which rinit finds its own program)"), "{line}");
}

/// There every number is another process: a service must not be judged by the flags of a thread of the kernel.
#[test]
fn a_proc_of_another_namespace_is_not_believed() {
    require_namespace!();
    let init = Launch::pid1()
        .through(&["sh", "-c", "umount -l /proc && test -e /proc/1/stat && exec \"$@\"", "sh"])
        .service("one", SLEEP)
        .service("two", SLEEP)
        .service("three", SLEEP)
        .start();
    for name in ["one", "two", "three"] {
        let started = format!("{name}: started");
        init.wait_line("its start", |line| line.contains(&started));
    }
}
