//! MAINPID=: a service names another process, which is its main process when the present one has ended.

use super::notify::notifying;
use crate::require_namespace;
use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, Running, wait_for};
use nix::sys::signal::Signal;

/// What the process does that takes over: it says its number, and when it is told to stop.
const SERVE: &str = r#"
import signal
def serve():
    def bye(*_):
        print("bye of", os.getpid(), flush=True)
        os._exit(0)
    signal.signal(signal.SIGTERM, bye)
    print("serving", os.getpid(), flush=True)
    while True:
        time.sleep(1000)
"#;

fn start(script: &str) -> Running {
    let launch = Launch::pid1();
    let dir = launch.dir().display().to_string();
    launch.env("DIR", &dir).service("web", &notifying(&format!("{SERVE}\n{script}"))).start()
}

/// The process ID in the first line from number `skip` on that begins with these words; and the next line's number.
fn number(init: &Running, skip: usize, words: &str) -> (i32, usize) {
    let (at, line) = init.wait_line_after(skip, words, |line| line.starts_with(words));
    (line.text.rsplit(' ').next().unwrap().parse().unwrap(), at + 1)
}

#[track_caller]
fn await_main(init: &Running, pid: i32) {
    wait_for("the new main process", PATIENCE, || {
        let web = init.service("web");
        (web.pid == Some(pid) && web.state == "running").then_some(())
    });
}

/// It forks, and its first process ends: in the same session, and in one of its own.
#[test]
fn a_daemon_may_go_into_the_background() {
    require_namespace!();
    for session in ["pass", "os.setsid()"] {
        let init = start(&format!(
            "child = os.fork()\nif child:\n    send(b'MAINPID=%d\\nREADY=1' % child)\n    os._exit(0)\n{session}\nserve()"
        ));
        let (pid, seen) = number(&init, 0, "serving");
        await_main(&init, pid);
        assert_eq!(init.service("web").restarts, 0, "{session}");
        // Its death is that of the service.
        init.run(&["kill", "-9", &pid.to_string()]).ok();
        let (next, _) = number(&init, seen, "serving");
        assert_ne!(next, pid);
        await_main(&init, next);
        assert_eq!(init.service("web").restarts, 1, "{session}");
        // And a stop is told to it.
        init.rinit(&["stop", "web"]).ok();
        init.wait_line("its end", |line| line == format!("bye of {next}"));
        assert_eq!(init.service("web").state, "stopped");
        assert!(init.find("NOTIFY_SOCKET").is_empty(), "{:#?}", init.processes());
    }
}

/// It forks twice, so that nothing connects the daemon with its service but the word of the first process.
#[test]
fn a_daemon_may_fork_twice() {
    require_namespace!();
    let mut init = start(
        "print('up', flush=True)\nwhile not os.path.exists(os.environ['DIR'] + '/go'):\n    time.sleep(0.01)\n\
         ready, told = os.pipe()\nnamed, name = os.pipe()\nif os.fork():\n    pid = int(os.read(ready, 20))\n    \
         while open('/proc/%d/stat' % pid).read().rsplit(')')[1].split()[1] != '1':\n        time.sleep(0.01)\n    \
         send(b'MAINPID=%d' % pid)\n    os.write(name, b'x')\n    os._exit(0)\n\
         os.setsid()\nif os.fork():\n    os._exit(0)\nos.write(told, b'%d' % os.getpid())\n\
         os.read(named, 1)\nsend(b'READY=1')\nserve()",
    );
    init.wait_line("it runs", |line| line == "up");
    // While PID 1 stands still, all of it happens: what is said later depends on what is said before.
    init.signal(Signal::SIGSTOP);
    std::fs::write(init.dir().join("go"), "").unwrap();
    let (pid, _) = number(&init, 0, "serving");
    init.signal(Signal::SIGCONT);
    await_main(&init, pid);
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    assert!(init.stdout().contains(&format!("bye of {pid}")), "{}", init.stdout());
}

/// As gunicorn does at SIGUSR2: a new master beside the old one, which ends when the new one serves.
const MASTER: &str = r#"
def upgrade(*_):
    if os.fork() == 0:
        os.execv("/proc/self/exe", ["python3", "-c", open("/proc/self/cmdline").read().split("\0")[2]])
signal.signal(signal.SIGUSR2, upgrade)
send(b"MAINPID=%d\nREADY=1" % os.getpid())
serve()
"#;

#[test]
fn an_old_master_may_be_replaced_by_a_new_one() {
    require_namespace!();
    let init = start(MASTER);
    let (old, seen) = number(&init, 0, "serving");
    init.wait_state("web", "running");
    // An upgrade that is taken back leaves everything as it was.
    init.rinit(&["signal", "USR2", "web"]).ok();
    let (failed, seen) = number(&init, seen, "serving");
    init.run(&["kill", &failed.to_string()]).ok();
    let (_, seen) = number(&init, seen, "bye of");
    await_main(&init, old);
    // One that is not is seen when the old one ends.
    init.rinit(&["signal", "USR2", "web"]).ok();
    let (new, seen) = number(&init, seen, "serving");
    await_main(&init, old);
    init.run(&["kill", &old.to_string()]).ok();
    await_main(&init, new);
    init.wait_line("the log", |line| {
        line.contains(&format!("main process {old} has ended, {new} is in its place"))
    });
    // It is the master of the next one.
    init.rinit(&["signal", "USR2", "web"]).ok();
    let (newest, _) = number(&init, seen, "serving");
    init.run(&["kill", &new.to_string()]).ok();
    await_main(&init, newest);
    assert_eq!(init.service("web").restarts, 0);
    init.rinit(&["restart", "web"]).ok();
    assert_eq!(init.service("web").restarts, 1);
    assert!(init.find(&newest.to_string()).is_empty());
}

/// A service cannot take what is not its own.
#[test]
fn a_process_of_another_service_is_refused() {
    require_namespace!();
    let script =
        "send(b'READY=1')\nother = int(open('other').read())\nsend(b'MAINPID=%d' % other)\ntime.sleep(1000)";
    let launch = Launch::pid1().service("other", "command = ['sleep', '100000']");
    let wait =
        "while not os.path.exists('other.new'):\n    time.sleep(0.02)\nos.rename('other.new', 'other')\n";
    let dir = launch.dir().display().to_string();
    let init = launch.service("web", &notifying(&format!("os.chdir({dir:?})\n{wait}{script}"))).start();
    let other = init.wait_state("other", "running").pid.unwrap();
    std::fs::write(init.dir().join("other.new"), other.to_string()).unwrap();
    let line = init.wait_line("the refusal", |line| line.contains("MAINPID="));
    assert!(
        line.contains(&format!("MAINPID={other} of web is refused: that is no process of the service")),
        "{line}"
    );
    assert_ne!(init.service("web").pid, Some(other));
}

/// It may leave the group that it was in when it took over: that one is nobody's then.
#[test]
fn a_successor_that_has_left_its_group_is_reached() {
    require_namespace!();
    let init = start(
        "child = os.fork()\nif child:\n    send(b'MAINPID=%d\\nREADY=1' % child)\n    os._exit(0)\n\
         def leave(*_):\n    os.setsid()\n    print('alone', os.getpid(), flush=True)\n\
         signal.signal(signal.SIGUSR1, leave)\n\
         signal.signal(signal.SIGUSR2, lambda *_: print('heard', os.getpid(), flush=True))\nserve()",
    );
    let (pid, seen) = number(&init, 0, "serving");
    await_main(&init, pid);
    init.rinit(&["signal", "USR1", "web"]).ok();
    let (_, seen) = number(&init, seen, "alone");
    init.rinit(&["signal", "--group", "USR2", "web"]).ok();
    assert_eq!(number(&init, seen, "heard").0, pid);
}

/// Two services cannot have the same main process: here both have named one, of which nobody else can say whose it is.
#[test]
fn a_process_that_another_service_has_named_is_refused() {
    require_namespace!();
    let leave = "if os.fork() == 0:\n    os.setsid()\n    if os.fork():\n        os._exit(0)\n    \
                 while os.getppid() != 1:\n        time.sleep(0.01)\n    os.chdir(os.environ['DIR'])\n    \
                 open('new', 'w').write(str(os.getpid()))\n    os.rename('new', 'heir')\n    time.sleep(1000)\n";
    let name = "os.chdir(os.environ['DIR'])\nwhile not os.path.exists('heir'):\n    time.sleep(0.02)\n\
                send(b'MAINPID=%d\\nREADY=1' % int(open('heir').read()))\ntime.sleep(1000)";
    let launch = Launch::pid1();
    let dir = launch.dir().display().to_string();
    let init = launch
        .env("DIR", &dir)
        .service("a", &notifying(&format!("{leave}{name}")))
        .service("b", &format!("depends_on = ['a']\n{}", notifying(name)))
        .start();
    let line = init.wait_line("the refusal", |line| line.contains("MAINPID="));
    assert!(line.contains("of b is refused: another service has named that process"), "{line}");
}

/// That a service has named a process of another one, which does not notify, lets that one say nothing.
#[test]
fn a_service_that_does_not_notify_is_not_heard_because_another_one_names_it() {
    require_namespace!();
    let plain = "import os, socket, time\nos.chdir(os.environ['DIR'])\nif os.fork():\n    time.sleep(1000)\nos.setsid()\n\
                 open('new', 'w').write(str(os.getpid()))\nos.rename('new', 'child')\n\
                 while not os.path.exists('address'):\n    time.sleep(0.01)\n\
                 to = open('address').read().replace('@', '\\0', 1)\n\
                 socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'STATUS=not asked', to)\n\
                 print('sent', flush=True)\ntime.sleep(1000)";
    let web = "os.chdir(os.environ['DIR'])\nwhile not os.path.exists('child'):\n    time.sleep(0.01)\n\
               send(b'MAINPID=%d\\nREADY=1' % int(open('child').read()))\n\
               open('text', 'w').write(os.environ['NOTIFY_SOCKET'])\nos.rename('text', 'address')\ntime.sleep(1000)";
    let launch = Launch::pid1();
    let dir = launch.dir().display().to_string();
    let init = launch
        .env("DIR", &dir)
        .service("plain", &format!("command = ['python3', '-c', {plain:?}]"))
        .service("web", &notifying(web))
        .start();
    init.wait_line("it sends", |line| line == "sent");
    init.wait_state("web", "running");
    assert_eq!(init.service("plain").says, None);
}
