//! The control socket of the real binary: who may do what.

use crate::support::{Launch, PATIENCE, output, rinit_bin};
use crate::{require_namespace, require_root};
use nix::sys::signal::Signal;

const QUICK: &str = r#"command = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"]"#;

#[test]
fn another_user_may_read_and_not_change() {
    require_namespace!();
    require_root!();
    let mut init = Launch::pid1().service("web", QUICK).start();
    init.wait_healthy(PATIENCE);
    let copy = init.dir().join("rinit-for-all");
    std::fs::copy(rinit_bin(), &copy).unwrap();
    let copy = copy.display().to_string();
    let as_nobody = |words: &[&str]| {
        let before = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", &copy];
        init.run(&[&before[..], words].concat())
    };
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
