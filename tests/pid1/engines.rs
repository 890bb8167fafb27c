//! In the hands of container engines: as `docker run --init` starts it, on the terminal of `docker run -it`, and as
//! podman's init.

use super::terminal::{Terminal, use_job_control};
use super::{puppet, which};
use crate::require_docker;
use crate::require_root;
use crate::support::docker::{ContainerBuilder, SCRATCH, docker};
use crate::support::{PATIENCE, output, rinit_bin, wait_for, wait_for_seen};
use std::time::{Duration, Instant};

/// No init of the image's own: what `--init` brings is PID 1.
const SHELL: [&str; 3] = ["--network=none", "--entrypoint=/bin/busybox", SCRATCH];

/// A container's name that no other test has.
fn name(of: &str) -> String {
    format!("rinit-pid1-{}-{of}", std::process::id())
}

/// Removes a container at the end of a test, however it ends.
struct Removed(String);

impl Drop for Removed {
    fn drop(&mut self) {
        docker(&["rm", "--force", "--volumes", &self.0]);
    }
}

#[test]
fn the_engine_shows_the_version_without_a_warning() {
    require_docker!();
    // tests/run starts dockerd with --init-path: docker-init there is a link to rinit.
    let info = docker(&["info", "--format", "{{.InitBinary}} {{.InitCommit.ID}}"]).ok();
    let (path, commit) = info.rsplit_once(' ').unwrap();
    assert!(path.ends_with("/docker-init"), "{info}");
    assert!(!commit.is_empty() && commit != "N/A", "{info}");
    let version = output(path, &["--version"]).unwrap().ok();
    assert!(version.starts_with("tini version "), "{version}");
    let link = std::fs::canonicalize(path).unwrap();
    assert_eq!(std::fs::read(link).unwrap(), std::fs::read(rinit_bin()).unwrap(), "{path} is not rinit");
    let all = docker(&["info"]);
    let about_init = |text: &str| text.lines().any(|line| line.contains("WARNING") && line.contains("init"));
    assert!(!about_init(&all.stderr) && !about_init(&all.stdout), "{all:?}");
    assert!(all.stdout.lines().any(|line| line.trim_start().starts_with("init version:")), "{all:?}");
}

#[test]
fn run_with_init_returns_the_status_and_reaps() {
    require_docker!();
    let script = "(sleep 0.1 &); tr '\\0' ' ' < /proc/1/cmdline; echo; \
        while grep -q '(sleep)' /proc/[0-9]*/stat 2> /dev/null; do :; done; exit 7";
    let result = docker(&[&["run", "--rm", "--init"][..], &SHELL, &["sh", "-c", script]].concat());
    assert_eq!(result.status, 7, "{result:?}");
    assert!(result.stdout.starts_with("/sbin/docker-init -- "), "{result:?}");
}

#[test]
fn run_with_init_on_a_terminal() {
    require_docker!();
    let name = name("terminal");
    let _removed = Removed(name.clone());
    let volume = format!("--volume={}:/bin/puppet:ro", puppet());
    let words =
        [&["docker", "run", "--rm", "--init", "-it", &volume, "--name", &name][..], &SHELL, &["sh", "-i"]]
            .concat();
    let mut terminal = Terminal::start(&words, &[]);
    use_job_control(&mut terminal, "# ", "/bin/puppet");
    terminal.type_in("exit 3\n");
    assert_eq!(terminal.wait_exit(), 3);
}

#[test]
fn run_on_a_terminal_and_detach() {
    require_docker!();
    let name = name("detach");
    let _removed = Removed(name.clone());
    // rinit as the image's entrypoint, by its own name.
    let volume = format!("--volume={}:/bin/puppet:ro", puppet());
    let words = ["docker", "run", "-it", &volume, "--name", &name, "--network=none", SCRATCH, "sh", "-i"];
    let mut terminal = Terminal::start(&words, &[]);
    use_job_control(&mut terminal, "# ", "/bin/puppet");
    terminal.type_in("\x10\x11");
    terminal.wait_exit();
    let state = docker(&["inspect", "--format", "{{.State.Running}}", &name]).ok();
    assert_eq!(state, "true");
    let mut terminal = Terminal::start(&["docker", "attach", &name], &[]);
    terminal.type_in("\necho again$((1+1)).\n");
    terminal.wait("again2.");
    terminal.type_in("exit 4\n");
    assert_eq!(terminal.wait_exit(), 4);
    let code = docker(&["inspect", "--format", "{{.State.ExitCode}}", &name]).ok();
    assert_eq!(code, "4");
}

/// It is Docker who kills here: what is called docker-init leaves the time to the engine.
#[test]
fn stop_of_a_command_that_ignores_sigterm() {
    require_docker!();
    for terminal in [false, true] {
        let script = "trap '' TERM; echo there; while :; do sleep 1000; done";
        let options: &[&str] = if terminal { &["--init", "--tty"] } else { &["--init"] };
        let container = ContainerBuilder::new(SCRATCH)
            .options(options)
            .options(&["--entrypoint=/bin/busybox"])
            .command(&["sh", "-c", script])
            .start();
        container.wait_log(&["there"], PATIENCE);
        let start = Instant::now();
        container.docker(&["stop", "--time", "2"]).ok();
        let took = start.elapsed();
        assert_eq!(container.exit_code(), 137, "terminal: {terminal}");
        assert!(took >= Duration::from_secs(2), "{took:?}");
    }
}

#[test]
fn stop_of_a_command_that_ends_on_sigterm_needs_no_kill() {
    require_docker!();
    let container = ContainerBuilder::new(SCRATCH)
        .options(&["--init", "--entrypoint=/bin/busybox"])
        .command(&["sleep", "1000"]);
    let container = container.start();
    container.stop();
    assert_eq!(container.exit_code(), 143);
}

/// podman's `--init`, with rinit as its init. podman has a store of its own here.
struct Podman {
    dir: tempfile::TempDir,
}

impl Podman {
    fn words(&self) -> Vec<String> {
        let dir = |name: &str| self.dir.path().join(name).display().to_string();
        let words = ["podman", "--cgroup-manager=cgroupfs", "--events-backend=none", "--storage-driver=vfs"];
        let mut words = words.map(str::to_owned).to_vec();
        words.extend([
            "--root".to_owned(),
            dir("root"),
            "--runroot".to_owned(),
            dir("run"),
            "--tmpdir".to_owned(),
            dir("tmp"),
        ]);
        words
    }

    fn run(&self, words: &[&str]) -> crate::support::Output {
        let mut all = self.words();
        all.extend(words.iter().map(|&word| word.to_owned()));
        output(&all[0], &all[1..]).unwrap()
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        self.run(&["rm", "--all", "--force", "--time=0"]);
    }
}

#[test]
fn podman_run_with_init() {
    require_root!();
    let Some(busybox) = which("podman").and_then(|_| which("busybox")) else {
        crate::skip!("needs podman and busybox");
    };
    let podman = Podman { dir: tempfile::Builder::new().prefix("rinit-test.").tempdir().unwrap() };
    let root = podman.dir.path().join("image");
    std::fs::create_dir_all(root.join("bin")).unwrap();
    std::fs::copy(busybox, root.join("bin/busybox")).unwrap();
    std::os::unix::fs::symlink("busybox", root.join("bin/sh")).unwrap();
    let tar = podman.dir.path().join("image.tar").display().to_string();
    output("tar", &["-C", &root.display().to_string(), "-cf", &tar, "."]).unwrap().ok();
    podman.run(&["import", &tar, "rinit-podman"]).ok();
    let rinit = rinit_bin().display().to_string();
    // Limits of our own: podman's are higher than what a machine may allow.
    let limits = ["--ulimit=nofile=1024:1024", "--ulimit=nproc=1000:1000"];
    let run = ["--init", "--init-path", &rinit, "--network=none", limits[0], limits[1], "rinit-podman"];

    let script = "busybox tr '\\0' ' ' < /proc/1/cmdline; exit 7";
    let result = podman.run(&[&["run", "--rm"][..], &run, &["sh", "-c", script]].concat());
    assert_eq!(result.status, 7, "{result:?}");
    assert!(result.stdout.contains("init -- sh"), "{result:?}");

    let script = "trap 'exit 5' TERM; echo there; while :; do busybox sleep 0.05; done";
    podman.run(&[&["run", "--detach", "--name=stopped"][..], &run, &["sh", "-c", script]].concat()).ok();
    wait_for_seen("the command", PATIENCE, || {
        let logs = podman.run(&["logs", "stopped"]);
        if logs.stdout.contains("there") { Ok(()) } else { Err(format!("{logs:?}")) }
    });
    podman.run(&["stop", "stopped"]).ok();
    let code = wait_for("the exit code", PATIENCE, || {
        let code =
            podman.run(&["inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "stopped"]).ok();
        code.strip_prefix("exited ").map(str::to_owned)
    });
    assert_eq!(code, "5");
}
