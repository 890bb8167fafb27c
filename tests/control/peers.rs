//! Who may do what.

use crate::support::docker::{ContainerBuilder, SCRATCH, docker};
use crate::support::{Launch, Output, PATIENCE, Running, output, output_of, rinit_bin};
use crate::{require_docker, require_namespace, require_root};
use nix::sys::signal::Signal;

const QUICK: &str = r#"command = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"]"#;

#[test]
fn another_user_may_read_and_not_change() {
    require_namespace!();
    require_root!();
    let mut init = Launch::pid1().service("web", QUICK).start();
    init.wait_healthy(PATIENCE);
    let as_nobody = |words: &[&str]| output_of(&mut init.verb_of_nobody(words)).unwrap();
    assert_eq!(as_nobody(&["health"]).status, 0);
    let status = as_nobody(&["status"]).ok();
    assert!(status.contains("web") && status.contains("running"), "{status}");
    let refused = as_nobody(&["shutdown"]);
    assert_eq!(refused.status, 1, "{refused:?}");
    assert!(refused.stderr.contains("root"), "{refused:?}");
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
}

#[test]
fn a_peer_of_another_pid_namespace_is_refused() {
    require_namespace!();
    require_root!();
    let init = Launch::pid1().service("web", QUICK).start();
    init.wait_healthy(PATIENCE);
    // The same network namespace, and so the same abstract names, but other processes.
    let name = init.run(&["readlink", "/proc/self/ns/pid"]).ok();
    let inode = name.trim_start_matches("pid:[").trim_end_matches(']').to_owned();
    let bin = rinit_bin().display().to_string();
    let elsewhere =
        ["--pid", "--fork", "--mount-proc", &bin, "health", "--socket", &format!("@rinit/{inode}")];
    let refused = output("unshare", &elsewhere).unwrap();
    assert_ne!(refused.status, 0, "{refused:?}");
    assert!(refused.stderr.contains("another PID namespace"), "{refused:?}");
}

/// `rinit WORD...` as this user, in the PID namespace of the init.
fn as_user(init: &Running, uid: u32, words: &[&str]) -> Output {
    let copy = init.dir().join("rinit").display().to_string();
    let (target, user) = (format!("--target={}", init.pid()), format!("--reuid={uid}"));
    let before = [target.as_str(), "--pid", "--mount", "setpriv", &user, "--clear-groups", &copy];
    output("nsenter", &[&before[..], words].concat()).unwrap()
}

#[test]
fn rinit_s_own_user_and_root_may_change_and_a_third_may_not() {
    require_namespace!();
    require_root!();
    let init = Launch::pid1().user(1000).service("web", QUICK).start();
    init.wait_healthy(PATIENCE);
    for uid in [0, 1000, 2000] {
        assert_eq!(as_user(&init, uid, &["health"]).status, 0, "user {uid}");
        assert_eq!(as_user(&init, uid, &["status"]).status, 0, "user {uid}");
    }
    for uid in [0, 1000] {
        as_user(&init, uid, &["restart", "web"]).ok();
    }
    for words in [&["restart", "web"][..], &["stop", "web"], &["reload"], &["shutdown"]] {
        let refused = as_user(&init, 2000, words);
        assert_eq!(refused.status, 1, "{refused:?}");
        assert!(refused.stderr.contains("user 2000 may not "), "{refused:?}");
    }
    assert_eq!(init.rinit(&["health"]).status, 0);
}

/// A container inside of the container: its processes are seen from here, and their users count as any others.
#[test]
fn a_peer_of_a_child_pid_namespace_counts_as_any_other() {
    require_namespace!();
    require_root!();
    let init = Launch::pid1().service("web", QUICK).start();
    init.wait_healthy(PATIENCE);
    let name = init.run(&["stat", "-Lc", "@rinit/%i", "/proc/self/ns/pid"]).ok();
    let bin = rinit_bin().display().to_string();
    let child = ["unshare", "--pid", "--fork", "--mount-proc", &bin];
    assert_eq!(init.run(&[&child[..], &["health", "--socket", &name]].concat()).status, 0);
    init.run(&[&child[..], &["restart", "web", "--socket", &name]].concat()).ok();
    // By itself it looks for the init of its own namespace, which it is itself.
    let own = init.run(&[&child[..], &["health"]].concat());
    assert_eq!(own.status, 3, "{own:?}");
}

/// Takes the name of PID 1's socket before it is there, and says that all is lost.
const IMPOSTOR: &str = r#"
import os, socket, sys
there, tell = os.pipe()
if os.fork():
    os.read(there, 1)
    os.execvp(sys.argv[1], sys.argv[1:])
name = "\0rinit/%d" % os.stat("/proc/self/ns/pid").st_ino
server = socket.socket(socket.AF_UNIX)
server.bind(name)
server.listen()
os.write(tell, b"x")
while True:
    client = server.accept()[0]
    try:
        client.sendall(b'{"v":1,"ok":true,"health":{"healthy":false,"services":0,"problems":[]}}\n')
    except BrokenPipeError:
        pass
"#;

#[test]
fn an_impostor_is_not_believed_and_does_not_hide_the_init() {
    require_namespace!();
    let init = Launch::pid1().service("web", QUICK).through(&["python3", "-c", IMPOSTOR]).start();
    init.wait_healthy(PATIENCE);
    let name = init.run(&["stat", "-Lc", "@rinit/%i", "/proc/self/ns/pid"]).ok();
    // Whoever names the place has said whom to believe.
    assert_eq!(init.rinit(&["health", "--socket", &name]).status, 1);
}

#[test]
fn containers_that_share_a_network_namespace_do_not_meet() {
    require_docker!();
    let toml = "command = ['sleep', '100000']";
    let first = ContainerBuilder::new(SCRATCH).service("web", toml).start();
    first.wait_healthy(PATIENCE);
    let name = first.exec(&["stat", "-Lc", "@rinit/%i", "/proc/self/ns/pid"]).ok();
    let network = format!("--network=container:{}", first.name());
    let second = ContainerBuilder::new(SCRATCH).options(&[&network]).service("other", toml).start();
    second.wait_healthy(PATIENCE);
    assert!(second.exec(&["/sbin/rinit", "status"]).ok().contains("other"));
    for words in [["health", "--socket"], ["shutdown", "--socket"]] {
        let refused = second.exec(&[&["/sbin/rinit"], &words[..], &[&name]].concat());
        assert_eq!(refused.status, 1, "{refused:?}");
        assert!(refused.stderr.contains("you are in another PID namespace"), "{refused:?}");
    }
    first.wait_healthy(PATIENCE);
}

#[test]
fn a_socket_on_a_shared_volume_does_not_let_other_containers_in() {
    require_docker!();
    let toml = "command = ['sleep', '100000']";
    let socket = "--env=RINIT_SOCKET=/shared/rinit.sock";
    let first = ContainerBuilder::new(SCRATCH).service("web", toml).shared("/shared").options(&[socket]);
    let volume = format!("--volume={}:/shared", first.shared_dir().display());
    let first = first.start();
    first.wait_healthy(PATIENCE);
    let options = ["run", "--rm", "--network=none", &volume, socket, SCRATCH];
    for verb in ["health", "shutdown"] {
        let refused = docker(&[&options[..], &["/sbin/rinit", verb]].concat());
        assert_eq!(refused.status, 1, "{refused:?}");
        assert!(refused.stderr.contains("you are in another PID namespace"), "{refused:?}");
    }
    // Inside it is there for all, and for root to change.
    assert_eq!(first.exec_as("65534", &["/sbin/rinit", "health"]).status, 0);
    assert_eq!(first.exec_as("65534", &["/sbin/rinit", "stop", "web"]).status, 1);
    first.exec(&["/sbin/rinit", "restart", "web"]).ok();
}

#[test]
fn nobody_may_ask_in_a_container() {
    require_docker!();
    let toml = "command = ['sleep', '100000']";
    let container = ContainerBuilder::new(SCRATCH).service("web", toml).start();
    container.wait_healthy(PATIENCE);
    assert_eq!(container.exec_as("65534", &["/sbin/rinit", "health"]).status, 0);
    let refused = container.exec_as("65534", &["/sbin/rinit", "restart", "web"]);
    assert_eq!(refused.status, 1, "{refused:?}");
}
