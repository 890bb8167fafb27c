//! Programs that open `/dev/stdout` by its name, as another user than the one that rinit runs as.

use super::{lines_of, sh};
use crate::support::{Launch, PATIENCE};
use crate::{require_namespace, require_root};

const OPENS: &str = "echo out > /dev/stdout; echo err > /dev/stderr; echo again >> /dev/stdout";
const AS_NOBODY: &str = "setpriv --reuid=65534 --regid=65534 --clear-groups";

#[test]
fn a_service_of_another_user_may_open_its_streams() {
    require_namespace!();
    require_root!();
    let mut init = Launch::pid1()
        .service("own", &(sh(OPENS) + "restart = \"no\"\nuser = \"65534:65534\"\n"))
        // As nginx and php-fpm do: a worker that is no longer root opens its log.
        .service("worker", &(sh(&format!("exec {AS_NOBODY} sh -c '{OPENS}'")) + "restart = \"no\"\n"))
        .arg("--log-driver")
        .arg("console")
        .start();
    assert_eq!(init.wait_exit(PATIENCE).status, 0, "{}", init.stderr());
    for name in ["own", "worker"] {
        assert_eq!(lines_of(&init, name), ["out", "again"]);
        let errors = init
            .stderr()
            .lines()
            .filter(|line| line.starts_with(name))
            .map(str::to_owned)
            .collect::<Vec<_>>();
        assert_eq!(errors.len(), 1, "{errors:?}");
    }
}

/// The same where the output is another service's input, which may be opened by its name as well.
#[test]
fn so_may_those_that_share_a_pipe() {
    require_namespace!();
    require_root!();
    let to = "restart = \"no\"\nstdout = \"service:log\"\n";
    let mut init = Launch::pid1()
        .service("own", &(sh("echo own > /dev/stdout") + to + "user = \"65534:65534\"\n"))
        .service("other", &(sh("echo other > /dev/stdout") + to + "user = \"65533:65533\"\n"))
        .service("worker", &(sh(&format!("exec {AS_NOBODY} sh -c 'echo worker > /dev/stdout'")) + to))
        .service("log", &(sh("exec cat /dev/stdin") + "user = \"65532:65532\"\n"))
        .start();
    for name in ["own", "other", "worker"] {
        init.wait_line(name, |line| line == name);
    }
    init.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
}
