//! A second rinit beside the init: it starts no service, whatever was typed.

use crate::support::launch::unshare_args;
use crate::support::services::Status;
use crate::support::{Launch, Output, PATIENCE, Running, rinit_bin, wait_for};
use crate::{require_namespace, require_root};
use nix::sys::signal::Signal;
use std::path::{Path, PathBuf};

const WORKER: &str =
    "command = ['sleep', '1000']\ndepends_on = { migrate = 'service_completed_successfully' }";

/// Puts the definitions of this directory at /etc/services.d, as an image does, for all that runs in the mount
/// namespace.
const IMAGE: &str = "cp -a /etc etc 2>/dev/null; mkdir -p etc/services.d && cp definitions/* etc/services.d && \
                     mount --bind etc /etc && exec \"$@\"";

/// A container with a migration that counts how often it ran, and a worker that needs it.
fn image(launch: Launch) -> (Launch, PathBuf) {
    let count = launch.dir().join("migrations");
    let migrate = format!("command = ['sh', '-c', 'echo once >> {}']\nrestart = 'no'\n", count.display());
    let launch = launch.file("definitions/migrate.toml", &migrate).file("definitions/worker.toml", WORKER);
    (launch.through(&["sh", "-c", IMAGE, "sh"]), count)
}

fn count(path: &Path) -> usize {
    std::fs::read_to_string(path).unwrap_or_default().lines().count()
}

/// Nobody started anything: one migration, one worker, one rinit.
#[track_caller]
fn assert_alone(init: &Running, migrations: &Path, told: &Output) {
    assert_eq!(count(migrations), 1, "the migration ran again: {told:?}");
    assert_eq!(init.find("sleep 1000").len(), 1, "a second worker: {told:?}");
    let inits = init.processes().into_iter().filter(|process| process.name == "rinit").count();
    assert_eq!(inits, 1, "an init was left behind: {told:?}");
}

#[test]
fn a_typing_mistake_starts_nothing() {
    require_namespace!();
    let (launch, migrations) = image(Launch::pid1().env("RINIT_SERVICES", "/etc/services.d"));
    let mut init = launch.start();
    init.wait_state("worker", "running");
    for (words, status, said) in [
        (
            &["staus"][..],
            2,
            "\"staus\" is no verb; did you mean \"status\"? rinit runs here already, as process 1,",
        ),
        (&[], 2, "rinit runs here already, as process 1, so nothing was started. Try 'rinit status'."),
        (&["--"], 2, "rinit runs here already, as process 1, so nothing was started."),
        (&["--log-level", "debug"], 2, "rinit runs here already, as process 1,"),
        (
            &["--socket", "/tmp/another", "staus"],
            2,
            "did you mean \"status\"? rinit runs here already, as process 1,",
        ),
        (&["log"], 2, "\"log\" is no verb; did you mean \"logs\"?"),
        (&["version"], 2, "did you mean \"--version\"?"),
        (&["id"], 2, "to run it as a command: rinit -- id."),
        (
            &["--", "no-such-program"],
            127,
            "cannot execute no-such-program: No such file or directory in PATH",
        ),
    ] {
        let told = init.rinit(words);
        assert_eq!(told.status, status, "{words:?}: {told:?}");
        assert!(told.stderr.contains(said) && told.stderr.lines().count() == 1, "{words:?}: {told:?}");
        assert_alone(&init, &migrations, &told);
    }
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
}

#[test]
fn a_command_under_another_reaper_runs_alone_and_without_a_word() {
    require_namespace!();
    let (launch, migrations) = image(Launch::pid1());
    // The image's own variables are there in every `docker exec`, too.
    let socket = launch.dir().join("run").join("given").display().to_string();
    let init = launch.env("RINIT_SOCKET", &socket).env("RINIT_SERVICES", "/etc/services.d").start();
    init.wait_state("worker", "running");
    let told = init.rinit(&["--", "sh", "-c", "echo here; exit 7"]);
    assert_eq!((told.status, told.stdout.as_str(), told.stderr.as_str()), (7, "here\n", ""));
    assert_alone(&init, &migrations, &told);
    // The socket is still the init's.
    assert_eq!(init.service("worker").state, "running");
}

#[test]
fn services_that_are_given_start_beside_an_init_with_a_socket_of_their_own() {
    require_namespace!();
    let socket = |launch: &Launch| launch.dir().join("run").join("given").display().to_string();
    let launch = Launch::pid1().service("worker", "command = ['sleep', '1000']");
    let (given, other) = (socket(&launch), launch.dir().join("other.d").display().to_string());
    let marker = launch.dir().join("marker");
    let task = format!("command = ['touch', '{}']\nrestart = 'no'", marker.display());
    let init = launch.file("other.d/task.toml", &task).env("RINIT_SOCKET", &given).start();
    init.wait_state("worker", "running");
    let told = init.rinit(&["--services", &other, "--", "true"]);
    let refused = |told: &Output| {
        assert_eq!(told.status, 125, "{told:?}");
        assert!(told.stderr.contains("needs a --socket of its own"), "{told:?}");
        assert!(!marker.exists(), "{told:?}");
    };
    refused(&told);
    // That of PID 1 is not its own, under whatever name, and neither is one that the environment names.
    refused(&init.rinit(&["--services", &other, "--socket", &given, "--", "true"]));
    let link = init.dir().join("link").display().to_string();
    std::os::unix::fs::symlink(&given, &link).unwrap();
    refused(&init.rinit(&["--services", &other, "--socket", &link, "--", "true"]));
    let own = init.dir().join("own").display().to_string();
    let variable = format!("RINIT_SOCKET={own}");
    let rinit = rinit_bin().display().to_string();
    refused(&init.run(&["env", &variable, &rinit, "--services", &other, "--", "true"]));
    init.rinit(&["--services", &other, "--socket", &own, "--", "true"]).ok();
    assert!(marker.exists());
    assert_eq!(init.find("sleep 1000").len(), 1);
}

/// The engine's own init is PID 1, and rinit its child.
#[test]
fn under_the_engines_init_rinit_is_the_init_and_stays_the_only_one() {
    require_namespace!();
    let launch = Launch::pid1();
    let tini = launch.dir().join("docker-init");
    std::os::unix::fs::symlink(rinit_bin(), &tini).unwrap();
    let rinit = rinit_bin().display().to_string();
    let (launch, migrations) = image(launch.init(&tini).command(&["--", &rinit]));
    let init = launch.start();
    let ask = |words: &[&str]| init.run(&[&[rinit.as_str()], words].concat());
    wait_for("the worker", PATIENCE, || ask(&["status", "worker"]).stdout.contains("running").then_some(()));
    for words in [&["staus"][..], &[]] {
        let told = ask(words);
        assert_eq!(told.status, 2, "{told:?}");
        assert!(told.stderr.contains("rinit runs here already, as process "), "{told:?}");
        assert_alone(&init, &migrations, &told);
    }
    assert_eq!(ask(&["--", "true"]).status, 0);
}

/// There rinit has its socket in a directory of its own user, so that another user cannot ask it.
#[test]
fn under_the_engines_init_another_user_starts_nothing_either() {
    require_namespace!();
    require_root!();
    let launch = Launch::pid1();
    let tini = launch.dir().join("docker-init");
    std::os::unix::fs::symlink(rinit_bin(), &tini).unwrap();
    let copy = launch.dir().join("rinit");
    std::fs::copy(rinit_bin(), &copy).unwrap();
    let copy = copy.display().to_string();
    let (launch, migrations) = image(launch.init(&tini).command(&["--", &copy]));
    let init = launch.start();
    wait_for("the worker", PATIENCE, || {
        init.run(&[&copy, "status", "worker"]).stdout.contains("running").then_some(())
    });
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", &copy];
    let told = init.run(&[&nobody[..], &["staus"]].concat());
    assert_eq!(told.status, 2, "{told:?}");
    assert!(told.stderr.contains("rinit runs here already, as process "), "{told:?}");
    assert_alone(&init, &migrations, &told);
}

/// As one that has not opened its socket yet, it is known by what it is.
#[test]
fn an_init_that_does_not_answer_is_an_init() {
    require_namespace!();
    let (launch, migrations) = image(Launch::pid1());
    let elsewhere = launch.dir().join("elsewhere").display().to_string();
    let init = launch.arg("--socket").arg(&elsewhere).start();
    wait_for("the worker", PATIENCE, || init.find("sleep 1000").pop());
    for words in [&["staus"][..], &[]] {
        let told = init.rinit(words);
        assert_eq!(told.status, 2, "{told:?}");
        assert!(told.stderr.contains("as process 1,"), "{told:?}");
        assert_alone(&init, &migrations, &told);
    }
}

#[test]
fn a_command_that_is_not_there_is_known_before_any_service_starts() {
    require_namespace!();
    let start = |words: &[&str], main: Option<&str>| {
        let launch = Launch::pid1().service("other", "command = ['sleep', '1000']");
        let marker = launch.dir().join("marker");
        let task = format!("command = ['touch', '{}']\nrestart = 'no'", marker.display());
        let mut launch = launch.service("task", &task).file("plain", "not executable").file("bin/x", "");
        if let Some(main) = main {
            launch = launch.service("main", main);
        }
        let mut init = launch.command(words).start();
        let status = init.wait_exit(PATIENCE).status;
        let started = init.stderr().contains(": started") || marker.exists();
        (status, started, init.stderr())
    };
    for (words, main, status, said) in [
        (&["staus"][..], None, 127, "did you mean \"status\"?"),
        (&["no-such-program"], None, 127, "No such file or directory in PATH; nothing was started"),
        (
            &["./missing"],
            None,
            127,
            "cannot execute ./missing: No such file or directory; nothing was started",
        ),
        (&["./plain"], None, 126, "cannot execute ./plain: Permission denied"),
        (&["sh"], Some("environment = { PATH = '/nonexistent' }"), 127, "cannot execute sh"),
        (&["./sh"], Some("working_dir = '/'"), 127, "cannot execute ./sh"),
    ] {
        let (got, started, stderr) = start(words, main);
        assert_eq!(got, status, "{words:?}: {stderr}");
        assert!(stderr.contains(said) && !started, "{words:?}: {stderr}");
    }
    for (words, main) in [(&["./true"][..], Some("working_dir = '/bin'")), (&["true"], None)] {
        let (got, started, stderr) = start(words, main);
        assert_eq!((got, started), (0, true), "{words:?}: {stderr}");
    }
}

/// A name in a network namespace that others share proves nothing.
#[test]
fn the_init_of_another_pid_namespace_is_not_ours() {
    require_namespace!();
    let launch = Launch::pid1().service("worker", "command = ['sleep', '1000']");
    let socket = format!("@rinit-test/{}", std::process::id());
    let first = launch.arg("--socket").arg(&socket).start();
    first.wait_line("the worker", |line| line.contains("worker: started"));
    // rinit below a shell that is PID 1 of another namespace: it is no init of a namespace, and none runs there.
    let rinit = rinit_bin().display().to_string();
    let script = format!("RINIT_SOCKET={socket} {rinit} echo mine; true");
    let mut words = unshare_args(crate::support::skip::is_root());
    words.extend(["sh", "-c", &script]);
    let told = crate::support::output("unshare", &words).unwrap();
    assert_eq!((told.status, told.stdout.as_str()), (0, "mine\n"), "{told:?}");
}

/// Two commands of one user, each under its own rinit, are nothing unusual.
#[test]
fn a_command_alone_that_is_not_pid_1_is_no_init() {
    let init = Launch::plain().default_socket().arg("sleep").arg("1000").start();
    wait_for("the first to answer", PATIENCE, || (init.rinit(&["status"]).status == 0).then_some(()));
    let told = init.rinit(&["sh", "-c", "echo second"]);
    assert_eq!((told.status, told.stdout.as_str(), told.stderr.as_str()), (0, "second\n", ""));
    // With services it is one.
    let init = Launch::plain().default_socket().service("web", "command = ['sleep', '1000']").start();
    init.wait_state("web", "running");
    let told = init.rinit(&["sh", "-c", "echo second"]);
    assert_eq!((told.status, told.stdout.as_str()), (2, ""), "{told:?}");
}
