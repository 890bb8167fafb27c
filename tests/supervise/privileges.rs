//! Where rinit has few privileges, or a sandbox refuses a system call.

use crate::pid1::{puppet, puppeteer};
use crate::support::{Launch, PATIENCE};
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
