//! A mount that does not answer, as of a network file system whose server is gone. PID 1 never waits for it.

use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, Running, skip, wait_for};
use crate::{require_namespace, skip};
use nix::sys::signal::Signal;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Mounts a file or a directory of FUSE and never serves it: whoever opens it waits for ever.
const MOUNTS: &str = r#"
import ctypes, os, sys, time
path, mode = sys.argv[1:]
fuse = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={fuse},rootmode={mode},user_id=0,group_id=0,allow_other".encode()
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b"hung", path.encode(), b"fuse", 0, options) != 0:
    sys.exit(f"cannot mount: {os.strerror(ctypes.get_errno())}")
print("mounted", flush=True)
time.sleep(1000)
"#;

macro_rules! require_fuse {
    () => {
        require_namespace!();
        if !skip::is_root() || !Path::new("/dev/fuse").exists() {
            skip!("needs root and /dev/fuse");
        }
    };
}

/// rinit as PID 1, with a mount at `NAME` in its directory that hangs, and what else is launched.
fn start(launch: Launch, name: &str, mode: &str) -> Running {
    let path = launch.dir().join(name);
    let server = format!(
        "command = [\"python3\", \"-c\", \'\'\'{MOUNTS}\'\'\', \"{}\", \"{mode}\"]\nrestart = \"no\"\n",
        path.display()
    );
    let init = launch.service("server", &server).start();
    init.wait_line("the mount", |line| line == "mounted");
    init
}

/// The same, but served from outside of the container: it hangs also when all services have stopped.
struct Outside(Child);

impl Outside {
    fn mount(init: &Running, name: &str, mode: &str) -> Outside {
        let namespace = format!("--mount=/proc/{}/ns/mnt", init.pid());
        let path = init.dir().join(name);
        let mut server = Command::new("nsenter");
        server.args([&namespace, "python3", "-c", MOUNTS]).arg(path).arg(mode).stdout(Stdio::piped());
        let mut server = Outside(server.spawn().unwrap());
        // To its end: without a reader it could not write the rest.
        let mut said = [0; 8];
        server.0.stdout.take().unwrap().read_exact(&mut said).unwrap();
        assert_eq!(&said, b"mounted\n");
        server
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The child of rinit that has not executed its program yet.
fn wait_child(init: &Running) -> i32 {
    wait_for("the child that waits for the file", PATIENCE, || {
        let waits = init.processes().into_iter().find(|it| it.pid != 1 && it.state == 'D');
        waits.map(|process| process.pid)
    })
}

#[test]
fn a_value_in_a_file_that_hangs_is_waited_for_by_the_service_alone() {
    require_fuse!();
    let launch = Launch::pid1().file("hung", "");
    let hung = launch.dir().join("hung");
    let service = |kind: &str| {
        format!("autostart = false\nenvironment = {{ A = {{ file = \"{}\" }} }}\n{kind}\n", hung.display())
    };
    let launch = launch
        .service("web", &service("command = \"true\""))
        .service("db", "command = [\"sleep\", \"1000\"]\n");
    let init = start(launch, "hung", "100644");
    assert_eq!(init.rinit(&["start", "--no-wait", "web"]).status, 0);
    let child = wait_child(&init);
    // Everything else goes on.
    init.wait_state("web", "starting");
    assert_eq!(init.rinit(&["restart", "db"]).status, 0);
    // Nobody waits for what the child has of rinit's.
    let open = init.run(&["ls", &format!("/proc/{child}/fd")]).ok();
    assert!(open.lines().count() <= 6, "{open}");
    assert_eq!(init.rinit(&["stop", "web"]).status, 0);
    init.wait_state("web", "stopped");
}

/// The pipe over which it reports ends with it, as with an exec.
#[test]
fn one_that_is_killed_before_its_program_runs_has_not_started() {
    require_fuse!();
    let launch = Launch::pid1().file("hung/x", "");
    let web = format!(
        "command = \"true\"\nrestart = \"no\"\nautostart = false\nworking_dir = \"{}\"\n",
        launch.dir().join("hung").display()
    );
    let app = "command = [\"sleep\", \"1000\"]\nautostart = false\ndepends_on = [\"web\"]\n";
    let init = start(launch.service("web", &web).service("app", app), "hung", "40755");
    assert_eq!(init.rinit(&["start", "--no-wait", "app"]).status, 0);
    let child = wait_child(&init);
    init.run(&["kill", "-KILL", &child.to_string()]).ok();
    init.wait_line("what has ended it", |line| {
        line.contains("web: cannot start: killed by SIGKILL before its program ran")
    });
    init.wait_state("app", "failed");
    let said = init.stderr();
    assert!(!said.contains("web: started") && !said.contains("app: started"), "{said}");
}

/// Neither a stop by hand nor the end waits for a state directory that hangs.
#[test]
fn a_state_directory_that_hangs_hinders_nothing() {
    require_fuse!();
    let launch = Launch::pid1().file("state/x", "");
    let state = launch.dir().join("state");
    let sleep = "command = [\"sleep\", \"1000\"]\nrestart = \"unless-stopped\"\n";
    let launch = launch.service("web", sleep).service("db", sleep).arg("--stop-timeout").arg("5s");
    let mut init = launch.arg("--state-dir").arg(state.to_str().unwrap()).start();
    init.wait_healthy(PATIENCE);
    let _outside = Outside::mount(&init, "state", "40755");
    assert_eq!(init.rinit(&["stop", "web"]).status, 0);
    wait_child(&init);
    assert_eq!(init.rinit(&["stop", "db"]).status, 0);
    assert_eq!(init.rinit(&["start", "web"]).status, 0);
    init.wait_state("web", "running");
    let begun = Instant::now();
    init.signal(Signal::SIGTERM);
    let end = init.wait_exit(PATIENCE);
    assert_eq!(end.status, 0);
    assert!(end.at - begun < Duration::from_secs(6), "{:?}", end.at - begun);
    let said = init.stderr();
    let no_answer = "the state directory does not answer: how this stop has gone is not remembered";
    assert_eq!(said.matches(no_answer).count(), 1, "{said}");
    // The child that writes there is nobody's business.
    assert!(!said.contains("of no service"), "{said}");
}

/// What cannot be read says so as before, and is tried again by the restart policy once it was there.
#[test]
fn a_probe_whose_value_cannot_be_read_does_not_count() {
    let launch = Launch::plain().file("secret", "x");
    let secret = launch.dir().join("secret");
    let init = launch
        .service(
            "web",
            &format!(
                "command = [\"sleep\", \"1000\"]\nenvironment = {{ A = {{ file = \"{}\" }} }}\n\
                 [healthcheck]\ntest = [\"CMD\", \"true\"]\ninterval = \"50ms\"\nretries = 1\n",
                secret.display()
            ),
        )
        .start();
    init.wait_healthy(PATIENCE);
    std::fs::remove_file(&secret).unwrap();
    let text = format!("environment: A: cannot read {}: No such file or directory", secret.display());
    init.wait_line("why it is not probed", |line| line.contains(&text));
    let web = init.service("web");
    assert_eq!((web.health.as_deref(), web.restarts), (Some("healthy"), 0));
    assert_eq!(init.rinit(&["restart", "web"]).status, 1);
    init.wait_line("why it is not started", |line| line.contains("web:") && line.contains(&text));
}
