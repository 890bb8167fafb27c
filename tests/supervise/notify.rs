//! Readiness that a service announces, on a descriptor as with s6 or by systemd's protocol; and what becomes of one that
//! does not.

use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, Running, output, wait_for};
use crate::{require_namespace, require_root, skip};
use std::process::{Child, Command, Stdio};

#[test]
fn a_newline_on_the_descriptor_is_what_makes_it_ready() {
    require_namespace!();
    let wait = |file: &str| format!("while ! test -e {file}; do sleep 0.02; done");
    let script = format!(
        "echo up; {}; printf text >&7; echo said; {}; printf ' and more\\n' >&7; exec 7>&-; exec sleep 1000",
        wait("speak"),
        wait("end")
    );
    let init = Launch::pid1()
        .service("web", &format!("command = [\"bash\", \"-c\", {script:?}]\nnotify = 7\n"))
        .service("behind", "command = \"sleep 1000\"\ndepends_on = [\"web\"]\n")
        .start();
    init.wait_line("it is up", |line| line == "up");
    assert_eq!(
        (init.service("web").state, init.service("behind").state),
        ("starting".into(), "waiting".into())
    );
    assert_eq!(init.rinit(&["health", "--ready"]).status, 1);
    std::fs::write(init.dir().join("speak"), "").unwrap();
    init.wait_line("some text", |line| line == "said");
    assert_eq!(init.service("web").state, "starting", "no newline yet");
    std::fs::write(init.dir().join("end"), "").unwrap();
    init.wait_state("behind", "running");
    init.wait_line("it is ready", |line| line.contains("web: ready"));
    init.wait_healthy(PATIENCE);
}

/// It has the descriptor that it was promised, and no other.
#[test]
fn only_a_service_with_notify_has_a_descriptor_more() {
    require_namespace!();
    let descriptors = |toml: &str| {
        let init = Launch::pid1().service("web", toml).start();
        // A shell opens descriptors of its own: it must have become the other program.
        wait_for("the program", PATIENCE, || {
            init.find("sleep 4711").iter().find(|p| p.name == "sleep").cloned()
        });
        let pid = init.wait_state("web", "running").pid.unwrap();
        init.run(&["ls", &format!("/proc/{pid}/fd")]).ok()
    };
    let command = "command = [\"sh\", \"-c\", \"echo >&5; exec sleep 4711\"]\n";
    assert_eq!(descriptors(&format!("{command}notify = 5\n")), "0\n1\n2\n5");
    assert_eq!(descriptors("command = [\"sleep\", \"4711\"]\n"), "0\n1\n2");
}

#[test]
fn a_service_that_is_not_ready_in_time_is_killed() {
    require_namespace!();
    let toml = "command = [\"sh\", \"-c\", \"echo up; exec sleep 4711\"]\nnotify = 3\nstart_timeout = \"300ms\"\n\
                restart = \"on-failure:1\"\nbackoff = { initial = \"10ms\" }\n";
    let init = Launch::pid1()
        .service("web", toml)
        .service("behind", "command = \"echo behind\"\ndepends_on = [\"web\"]\n")
        .service("other", "command = \"sleep 1000\"\n")
        .start();
    init.wait_line("why", |line| {
        line.contains("web: ") && line.contains("not ready") && line.contains("300ms")
    });
    init.wait_state("web", "failed");
    init.wait_state("behind", "failed");
    wait_for("its end", PATIENCE, || init.find("sleep 4711").is_empty().then_some(()));
    assert_eq!(init.stdout(), "up\nup\n");
}

/// A notification that never comes is none: the service closes the descriptor, or ends.
#[test]
fn a_task_that_ends_without_a_word_was_never_ready() {
    require_namespace!();
    let init = Launch::pid1()
        .service("task", "command = \"true\"\nrestart = \"no\"\nnotify = 3\n")
        .service("silent", "command = [\"bash\", \"-c\", \"exec 3>&-; exec sleep 1000\"]\nnotify = 3\n")
        .service("other", "command = \"sleep 1000\"\n")
        .start();
    init.wait_state("task", "failed");
    init.wait_state("other", "running");
    assert_eq!(init.service("silent").state, "starting");
}

/// Sends what it is told to NOTIFY_SOCKET.
const SEND: &str = r#"
import os, socket, sys, time
def send(*texts):
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.connect("\0" + os.environ["NOTIFY_SOCKET"][1:])
    for text in texts:
        notify.send(text)
"#;

pub(super) fn notifying(script: &str) -> String {
    format!("command = [\"python3\", \"-c\", {:?}]\nnotify = \"systemd\"\n", format!("{SEND}\n{script}"))
}

/// One null byte at the end, and a carriage return before a newline, are no part of a message.
#[test]
fn a_program_in_c_may_send_its_null_byte_along() {
    require_namespace!();
    let init = Launch::pid1()
        .service("web", &notifying("send(b'STATUS=serving\\r\\nREADY=1\\0')\ntime.sleep(1000)"))
        .start();
    init.wait_state("web", "running");
    assert_eq!(init.service("web").says.as_deref(), Some("serving"));
}

#[test]
fn systemd_notify_is_understood() {
    require_namespace!();
    if !output("systemd-notify", &["--version"]).is_ok_and(|it| it.status == 0) {
        skip!("needs systemd-notify");
    }
    let script = "systemd-notify --ready --status=open; exec sleep 1000";
    let toml = format!("command = ['sh', '-c', '{script}']\nnotify = 'systemd'\n");
    let init = Launch::pid1().service("web", &toml).start();
    init.wait_state("web", "running");
    assert_eq!(init.service("web").says.as_deref(), Some("open"));
}

/// A process that has left its service cannot be told from anybody else's.
#[test]
fn a_process_that_has_left_its_service_is_told_why_it_is_not_heard() {
    require_namespace!();
    let script = "if os.fork():\n    time.sleep(1000)\nos.setsid()\nif os.fork():\n    os._exit(0)\n\
                  while os.getppid() != 1:\n    time.sleep(0.01)\n\
                  send(b'STATUS=nothing to refuse', b'READY=1', b'READY=1')\ntime.sleep(1000)";
    let init = Launch::pid1().service("web", &notifying(script)).start();
    let line = init.wait_line("why", |line| line.contains("READY=1 of process"));
    assert!(line.contains("is refused: it is in no session"), "{line}");
    assert_eq!(init.service("web").state, "starting");
    assert_eq!(init.stderr().matches("is refused").count(), 1);
}

/// What rinit was told by whoever has started it is not meant for its services.
#[test]
fn the_variables_for_rinit_do_not_reach_services() {
    require_namespace!();
    let show = "env | grep -E '^(NOTIFY_SOCKET|WATCHDOG|LISTEN)' | sort";
    let toml = format!("command = ['sh', '-c', \"{show}; echo end\"]\nrestart = 'no'\n");
    let init = Launch::pid1()
        .env("NOTIFY_SOCKET", "/run/outer")
        .env("WATCHDOG_USEC", "1")
        .env("LISTEN_FDS", "1")
        .service("web", &toml)
        .command(&["sh", "-c", &format!("{show}; echo all; sleep 1000")])
        .start();
    init.wait_line("all of the service", |line| line == "end");
    init.wait_line("all of COMMAND", |line| line == "all");
    // COMMAND has them, and nobody else.
    let expected = "LISTEN_FDS=1\nNOTIFY_SOCKET=/run/outer\nWATCHDOG_USEC=1\nall\n";
    assert_eq!(init.stdout().replace("end\n", ""), expected);
}

/// A user's processes, as deep below each other as rinit looks, of which the last sends and sends.
const FLOOD: &str = r#"
import os, socket, sys
uid, address, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
os.setgroups([])
os.setgid(uid)
os.setuid(uid)
for _ in range(33):
    child = os.fork()
    if child:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    os.setsid()
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.connect("\0" + address[1:])
for _ in range(count):
    notify.send(b"READY=1")
"#;

fn flood(init: &Running, uid: u32, address: &str) -> Child {
    let mut command = Command::new("nsenter");
    command.args(["--target", &init.pid().to_string(), "--pid", "--mount", "python3", "-c", FLOOD]);
    command.args([&uid.to_string(), address, "3000"]).stdout(Stdio::null()).spawn().unwrap()
}

/// How often a process has read from a file. Sockets do not count.
fn reads(pid: i32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
    let line = text.lines().find(|line| line.starts_with("syscr")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Anybody may send. Who belongs to no service costs PID 1 no walk through /proc for each datagram: 6,000 cost 200,000
/// reads, and `status` took 620 ms meanwhile.
#[test]
fn a_flood_of_notifications_costs_little() {
    require_namespace!();
    require_root!();
    let script = "send(b'READY=1')\nprint(os.environ['NOTIFY_SOCKET'], flush=True)\ntime.sleep(1000)";
    let init = Launch::pid1().service("web", &notifying(script)).start();
    init.wait_healthy(PATIENCE);
    let address = init.wait_line("the address", |line| line.starts_with("@rinit-notify"));
    let before = reads(init.pid());
    let mut senders = [65534, 65533].map(|uid| flood(&init, uid, &address));
    let asked = std::time::Instant::now();
    init.rinit(&["status"]).ok();
    eprintln!("status within {:?} under the flood", asked.elapsed());
    for sender in &mut senders {
        assert!(sender.wait().unwrap().success());
    }
    init.rinit(&["status"]).ok();
    let reads = reads(init.pid()) - before;
    eprintln!("{reads} reads for 6,000 datagrams");
    assert!(reads < 4_000, "{reads} reads for 6,000 datagrams");
    assert_eq!(init.service("web").restarts, 0);
}
