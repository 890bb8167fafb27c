//! Crowds of clients that mean no good: nobody else is kept out, and PID 1 does not grow.

use super::hostile::{SCRIPT, number};
use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, Running, output_of, rinit_bin, wait_for};
use crate::{require_namespace, require_root};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A command inside the PID namespace, as root, whoever the init's user is.
fn inside(init: &Running, words: &[&str]) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["--target", &init.pid().to_string(), "--pid", "--mount"]).args(words);
    command
}

/// Processes that go when the test does.
struct Crowd(Child);

impl Crowd {
    fn start(init: &Running, uid: u32, count: u32) -> Crowd {
        let (uid, count) = (uid.to_string(), count.to_string());
        let mut command = inside(init, &["python3", "-c", SCRIPT, "crowd", &uid, &count]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Crowd(child)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        // Those in the PID namespace end with its PID 1.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How long a verb took that has to succeed.
fn timed(mut command: Command) -> Duration {
    let begun = Instant::now();
    output_of(&mut command).unwrap().ok();
    begun.elapsed()
}

fn copy_for_all(init: &Running) -> String {
    let copy = init.dir().join("rinit-for-all");
    std::fs::copy(rinit_bin(), &copy).unwrap();
    copy.display().to_string()
}

/// Asks and stops an init that runs as `own` while two users do what they can. Times are printed and not judged: the 300
/// processes need the same processors. That nobody has to wait for long is judged: a verb has 30 seconds.
fn under_attack(own: u32, hostile: [u32; 2]) {
    let mut launch = Launch::pid1().service("web", "command = ['sleep', '100000']");
    if own != 0 {
        launch = launch.user(own);
    }
    let mut init = launch.start();
    init.wait_healthy(PATIENCE);
    let rinit = copy_for_all(&init);
    let _crowds = hostile.map(|uid| Crowd::start(&init, uid, 150));
    let asked = |uid: u32, words: &[&str]| {
        let uid = format!("--reuid={uid}");
        timed(inside(&init, &[&["setpriv", &uid, "--clear-groups", &rinit], words].concat()))
    };
    let mut times: Vec<Duration> =
        [own, own, 0, 0, 4321, own, 0].iter().map(|uid| asked(*uid, &["health", "--timeout=30s"])).collect();
    times.sort();
    let stop = asked(0, &["shutdown", "--timeout=30s"]);
    eprintln!(
        "rinit of user {own}, attacked by {hostile:?}: health within {times:?}, shutdown within {stop:?}"
    );
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
}

#[test]
fn three_hundred_of_two_users_keep_nobody_out() {
    require_namespace!();
    require_root!();
    under_attack(0, [1000, 1001]);
}

/// Also where one of them is rinit's own user.
#[test]
fn three_hundred_keep_nobody_out_of_an_init_without_root() {
    require_namespace!();
    require_root!();
    under_attack(1000, [1000, 1001]);
}

/// A cgroup with a limit for memory, gone at the end.
struct Cgroup(PathBuf);

impl Cgroup {
    /// With version 1 of cgroups, which has a hierarchy of its own for memory.
    fn limited(bytes: &str) -> Option<Cgroup> {
        let dir = PathBuf::from(format!("/sys/fs/cgroup/memory/rinit-test-{}", std::process::id()));
        std::fs::create_dir(&dir).ok()?;
        let cgroup = Cgroup(dir);
        std::fs::write(cgroup.0.join("memory.limit_in_bytes"), bytes).ok()?;
        Some(cgroup)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // It is empty when the last process in it was reaped.
        wait_for("an empty cgroup", PATIENCE, || std::fs::remove_dir(&self.0).ok());
    }
}

/// Whoever does not finish its request, or does not read its answer, holds memory of PID 1: all together 1.25 MiB.
#[test]
fn a_small_container_survives_unfinished_requests_and_unread_answers() {
    require_namespace!();
    let cgroup = Cgroup::limited("6m");
    // The answers are long: what there is to tell of both.
    let variables: String = (0..20).map(|n| format!("V{n} = '{}'\n", "x".repeat(1000))).collect();
    let talks = format!("command = ['sleep', '100000']\n[environment]\n{variables}");
    let launch = Launch::pid1().service("a", &talks).service("b", &talks);
    let join = cgroup
        .as_ref()
        .map(|cgroup| format!("echo 0 > {}; exec \"$@\"", cgroup.0.join("cgroup.procs").display()));
    let init = match &join {
        Some(join) => launch.through(&["sh", "-c", join, "sh"]),
        None => launch,
    }
    .start();
    init.wait_healthy(PATIENCE);
    std::fs::write(format!("/proc/{}/clear_refs", init.pid()), "5").unwrap();
    let before = number(&init, "status", "VmHWM:");
    for attack in ["unfinished", "unread_answers", "unfinished", "unread_answers"] {
        init.run(&["python3", "-c", SCRIPT, attack, "64"]).ok();
        init.rinit(&["health"]).ok();
    }
    let after = number(&init, "status", "VmHWM:");
    let limit = if cgroup.is_some() { "6 MiB" } else { "no limit: no cgroup for memory" };
    eprintln!("PID 1: {before} KiB before, {after} KiB at the most, {limit}");
    assert!(after < before + 4 * 1024, "{before} KiB before, {after} KiB at the most");
    assert_eq!(init.service("a").restarts, 0);
    drop(init);
    drop(cgroup);
}

/// Takes the name of PID 1, fills the queue of those who connect, accepts nobody, and then executes rinit.
const TAKE_NAME: &str = r#"
import os, signal, socket, sys
ready, told = os.pipe()
if os.fork() == 0:
    listener = socket.socket(socket.AF_UNIX)
    name = "\0rinit/%d" % os.stat("/proc/self/ns/pid").st_ino
    listener.bind(name)
    listener.listen(0)
    waiting = []
    try:
        while True:
            waiting.append(socket.socket(socket.AF_UNIX))
            waiting[-1].setblocking(False)
            waiting[-1].connect(name)
    except BlockingIOError:
        pass
    os.write(told, b"x")
    while True:
        signal.pause()
os.read(ready, 1)
os.execv(sys.argv[1], sys.argv[1:])
"#;

/// Somebody outside of the PID namespace can take the abstract name before PID 1 does, and never accept: PID 1 then
/// listens at its user's own path, and verbs find it there at once.
#[test]
fn a_taken_name_does_not_hold_up_a_verb() {
    require_namespace!();
    let init = Launch::pid1()
        .service("web", "command = ['sleep', '100000']")
        .through(&["python3", "-c", TAKE_NAME])
        .start();
    init.wait_healthy(PATIENCE);
    let asked = timed(init.verb(&["health", "--timeout=60s"]));
    assert!(asked < Duration::from_secs(30), "{asked:?}");
    assert!(init.dir().join("run/rinit.sock").exists());
}
