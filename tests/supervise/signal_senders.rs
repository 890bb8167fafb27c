//! Signals that rinit sends by a child, for want of the capability KILL.

use crate::pid1::puppeteer;
use crate::support::cpu_share::CpuShare;
use crate::support::{Launch, PATIENCE, wait_for};
use crate::{require_namespace, require_root};
use nix::sys::signal::Signal;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;

const NO_KILL: [&str; 3] = ["setpriv", "--bounding-set=-kill", "--inh-caps=-kill"];

/// Stops every process that it may, again and again, and says how often it has heard SIGHUP.
const HOSTILE: &str = r#"
import os, signal
heard = [0]
def hear(*_):
    heard[0] += 1
signal.signal(signal.SIGHUP, hear)
print("up", flush=True)
said = 0
while True:
    for _ in range(100):
        try:
            os.kill(-1, signal.SIGSTOP)
        except OSError:
            pass
    while said < heard[0]:
        said += 1
        print("heard", said, flush=True)
"#;

/// Who sends a signal to a user's process is not that user's to stop.
#[test]
fn a_service_cannot_stop_the_process_that_signals_it() {
    require_namespace!();
    require_root!();
    let hostile = format!("command = [\"python3\", \"-c\", '''{HOSTILE}''']\nuser = \"1000:1000\"\n");
    let mut init = Launch::pid1().service("hostile", &hostile).through(&NO_KILL).start();
    init.wait_line("it is up", |line| line == "up");
    for count in 1..=50 {
        init.rinit(&["signal", "HUP", "hostile"]).ok();
        init.wait_line("its signal", |line| line == format!("heard {count}"));
    }
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0, "{}", init.stderr());
    assert!(!init.stderr().contains("cannot send"), "{}", init.stderr());
}

/// With a small share of the processor, as Kubernetes gives by `cpu: 50m`, the child that sends signals runs late.
#[test]
fn a_signal_arrives_where_the_processor_is_scarce() {
    require_namespace!();
    require_root!();
    let Some(share) = CpuShare::new("signal-senders") else {
        crate::skip!("needs a cgroup with a limit of the processor");
    };
    let enter = format!("echo 0 >{}/cgroup.procs && exec \"$@\"", share.dir().display());
    let busy = "(while :; do :; done) & ".repeat(3);
    let script = format!("trap 'exit 0' TERM; {busy} echo up; while :; do :; done");
    let web = format!("command = [\"sh\", \"-c\", \"{script}\"]\nuser = \"1000:1000\"\n");
    let through: Vec<&str> = NO_KILL.into_iter().chain(["sh", "-c", &enter, "sh"]).collect();
    let mut init =
        Launch::pid1().service("web", &web).arg("--stop-timeout").arg("60s").through(&through).start();
    init.wait_line("it is up", |line| line == "up");
    share.limit(5);
    wait_for("the processor to be scarce", PATIENCE, || (share.waits() >= 5).then_some(()));
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0, "{}", init.stderr());
    let said = init.stderr();
    assert!(!said.contains("cannot send") && !said.contains("not known"), "{said}");
}

/// Stops every process that it may until there is a file `calm`, and lets them go on then. A process that is new and has
/// written nothing goes on for a moment at a time, so that it is stopped right after it has told that it begins.
const HOSTILE_ROOT: &str = r#"
import os, signal
def send(pid, signal):
    try:
        os.kill(pid, signal)
    except OSError:
        pass
def present():
    return {name for name in os.listdir("/proc") if name.isdigit()}
def has_written(pid):
    try:
        with open(f"/proc/{pid}/io") as counters:
            return "wchar: 0\n" not in counters.read()
    except OSError:
        return True
old = present()
print("up", flush=True)
while not os.path.exists("calm"):
    send(-1, signal.SIGSTOP)
    for pid in [pid for pid in present() - old if not has_written(pid)]:
        send(int(pid), signal.SIGCONT)
send(-1, signal.SIGCONT)
print("calm", flush=True)
signal.pause()
"#;

/// Root can stop the child that sends signals. It is killed, and the next signal has another one.
#[test]
fn a_child_that_hangs_costs_one_signal() {
    require_namespace!();
    require_root!();
    let script = "trap 'echo heard' USR1; trap 'exit 5' TERM; echo there; while :; do sleep 0.05; done";
    let mut init = Launch::pid1()
        .service("hostile", &format!("command = [\"python3\", \"-c\", '''{HOSTILE_ROOT}''']\n"))
        .command(&puppeteer(&["as", "61234", "sh", "-c", script]))
        .through(&NO_KILL)
        .start();
    for line in ["there", "up"] {
        init.wait_line("it is up", |it| it == line);
    }
    wait_for("a child that hangs", PATIENCE, || {
        init.signal(Signal::SIGUSR1);
        init.stderr()
            .contains("not known whether SIGUSR1 was sent: the process that was to send it hung")
            .then_some(())
    });
    std::fs::write(init.dir().join("calm"), "").unwrap();
    init.wait_line("calm", |line| line == "calm");
    let before = init.lines().len();
    // On a busy machine a child may have no time to get on before its limit, and costs one more signal.
    wait_for("its signal", PATIENCE, || {
        init.signal(Signal::SIGUSR1);
        init.lines().iter().skip(before).any(|line| line.text == "heard").then_some(())
    });
    init.signal(Signal::SIGTERM);
    let status = init.wait_exit(PATIENCE).status;
    let is_lost = init.stderr().contains("not known whether SIGTERM was sent");
    assert_eq!(status, if is_lost { 137 } else { 5 }, "{}", init.stderr());
}

/// As another user than root, rinit has the capability SETUID still when it has been root for a signal.
#[test]
fn the_user_can_be_changed_for_each_of_several_signals() {
    require_namespace!();
    require_root!();
    let script = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done";
    let service = |user: &str| format!("command = [\"sh\", \"-c\", \"{script}\"]\nuser = \"{user}\"\n");
    let kept = ["--inh-caps=-all,+setuid,+setgid", "--ambient-caps=-all,+setuid,+setgid"];
    let user = ["setpriv", "--reuid=61000", "--regid=61000", "--clear-groups", kept[0], kept[1]];
    let launch = Launch::pid1().service("a", &service("0:0")).service("b", &service("61234:61234"));
    let mut init =
        launch.service("c", &service("0:0")).service("d", &service("61235:61235")).through(&user).start();
    wait_for("all four", PATIENCE, || {
        (init.lines().iter().filter(|line| line.text.ends_with("up")).count() == 4).then_some(())
    });
    init.signal(Signal::SIGTERM);
    let status = init.wait_exit(PATIENCE).status;
    let said = init.stderr();
    assert_eq!(status, 0, "{said}");
    assert!(!said.contains("cannot send"), "{said}");
}

/// rinit says what it did, and not what a child of rinit has yet to do.
#[test]
fn a_kill_that_a_child_has_to_send_is_not_said_to_be_sent() {
    require_namespace!();
    require_root!();
    let web = "command = [\"sh\", \"-c\", \"trap '' TERM; echo up; while :; do sleep 0.05; done\"]\n\
               user = \"1000:1000\"\nstop_grace_period = \"100ms\"\n";
    let mut init = Launch::pid1().service("web", web).through(&NO_KILL).start();
    init.wait_line("it is up", |line| line == "up");
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 137, "{}", init.stderr());
    let said = init.stderr();
    assert!(said.contains("web: still there after") && said.contains(": killing"), "{said}");
    assert!(!said.contains("ms: killed"), "{said}");
    assert!(!said.contains("cannot send") && !said.contains("not known"), "{said}");
}

/// A process that has come from outside, of a user whom rinit cannot signal.
#[test]
fn without_setuid_what_is_left_of_others_is_told() {
    require_namespace!();
    require_root!();
    let none = ["setpriv", "--bounding-set=-kill,-setuid", "--inh-caps=-kill,-setuid"];
    let mut init = Launch::pid1()
        .service("web", "command = [\"sleep\", \"1000\"]\n")
        .arg("--stop-timeout")
        .arg("1s")
        .through(&none)
        .start();
    init.wait_line("it is up", |line| line.contains("web: started"));
    let stranger = ["setpriv", "--reuid=61234", "--clear-groups", "sh", "-c", "echo there; exec sleep 1000"];
    let mut stranger = init.command(&stranger).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = [0; 5];
    stranger.stdout.take().unwrap().read_exact(&mut line).unwrap();
    init.signal(Signal::SIGTERM);
    init.wait_exit(PATIENCE);
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    let said = init.stderr();
    assert!(said.contains("cannot send SIGTERM") && said.contains("cannot send SIGKILL"), "{said}");
    assert!(said.contains("processes of no service are left"), "{said}");
    assert!(!said.contains("were left: kill"), "{said}");
}

/// A member of its group is of a user whom rinit cannot signal.
#[test]
fn without_setuid_a_group_that_is_reached_in_part_is_told() {
    require_namespace!();
    require_root!();
    let none = ["setpriv", "--bounding-set=-kill,-setuid", "--inh-caps=-kill,-setuid"];
    let init = Launch::pid1().arg("--stop-timeout").arg("1s").through(&none);
    // A program that may become this user without the capability.
    let copy = init.dir().join("puppet");
    std::fs::copy(puppeteer(&[])[0], &copy).unwrap();
    std::os::unix::fs::chown(&copy, Some(61234), None).unwrap();
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o4755)).unwrap();
    let script =
        // The leader does not end by it: alone, the other one could not be reached at all, and the kernel would say so.
        format!(
            "trap '' TERM; {} become 61234 sh -c 'echo up; exec sleep 1000' & while :; do sleep 0.05; done",
            copy.display()
        );
    let web = format!(
        "command = [\"sh\", \"-c\", \"{script}\"]\nkill_mode = \"group\"\nstop_grace_period = \"100ms\"\n"
    );
    let mut init = init.service("web", &web).start();
    init.wait_line("it is up", |line| line == "up");
    init.signal(Signal::SIGTERM);
    init.wait_exit(PATIENCE);
    let said = init.stderr();
    assert!(said.contains("web: cannot send SIGTERM") && said.contains("web: cannot send SIGKILL"), "{said}");
    assert!(!said.contains(": killed"), "{said}");
}

/// Without SYS_PTRACE such a `/proc` shows no processes of other users.
#[test]
fn where_proc_hides_others_a_signal_that_cannot_be_sent_is_told() {
    require_namespace!();
    require_root!();
    let web = "command = [\"sh\", \"-c\", \"echo up; exec sleep 1000\"]\nuser = \"1000:1000\"\n\
               kill_mode = \"group\"\nstop_grace_period = \"100ms\"\n";
    let hidden = ["sh", "-c", "mount -t proc -o hidepid=2,gid=4000 none /proc && exec \"$@\"", "sh"];
    let less = ["setpriv", "--bounding-set=-kill,-sys_ptrace", "--inh-caps=-kill,-sys_ptrace"];
    let mut init = Launch::pid1()
        .service("web", web)
        .arg("--stop-timeout")
        .arg("1s")
        .through(&[&hidden[..], &less].concat())
        .start();
    init.wait_line("it is up", |line| line == "up");
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 125, "{}", init.stderr());
    let said = init.stderr();
    assert!(said.contains("cannot send SIGTERM") && said.contains("web: cannot send SIGKILL"), "{said}");
    assert!(!said.contains(": killed"), "{said}");
}

/// Without `/proc` nobody knows of which users the members of a group are.
#[test]
fn without_proc_a_signal_that_cannot_be_sent_is_told() {
    require_namespace!();
    require_root!();
    let web = "command = [\"sh\", \"-c\", \"echo up; exec sleep 1000\"]\nuser = \"1000:1000\"\n\
               kill_mode = \"group\"\nstop_grace_period = \"100ms\"\n";
    let no_proc = ["sh", "-c", "mount -t tmpfs none /proc && exec \"$@\"", "sh"];
    let mut init = Launch::pid1()
        .service("web", web)
        .arg("--stop-timeout")
        .arg("1s")
        .through(&[&no_proc[..], &NO_KILL].concat())
        .start();
    init.wait_line("it is up", |line| line == "up");
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 125, "{}", init.stderr());
    let said = init.stderr();
    assert!(said.contains("cannot send SIGTERM") && said.contains("web: cannot send SIGKILL"), "{said}");
    assert!(!said.contains(": killed"), "{said}");
}
