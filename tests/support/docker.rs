//! Containers, through the docker command line that a user has.

use super::processes::{Process, processes};
use super::{Output, PATIENCE, output, wait_for_seen};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// nginx and redis under rinit: what Dockerfile.example makes.
pub const EXAMPLE: &str = "rinit-example";
/// PostgreSQL, a migration, an application in Python and nginx under rinit: what examples/postgres makes.
pub const POSTGRES: &str = "rinit-example-postgres";
/// rinit and busybox and nothing else; no services.
pub const SCRATCH: &str = "rinit-scratch";

/// Runs `docker ARG...`.
#[track_caller]
pub fn docker(args: &[&str]) -> Output {
    output("docker", args).unwrap()
}

/// Waits for a condition that asks Docker; less often than others, because each question costs a process or two.
#[track_caller]
fn poll<T>(what: &str, deadline: Duration, mut condition: impl FnMut() -> Result<T, String>) -> T {
    wait_for_seen(what, deadline, || {
        condition().inspect_err(|_| std::thread::sleep(Duration::from_millis(100)))
    })
}

/// A container to be started.
pub struct ContainerBuilder {
    image: String,
    options: Vec<String>,
    command: Vec<String>,
    dir: tempfile::TempDir,
}

/// A container. Dropping it removes it; a failed test shows its log.
pub struct Container {
    name: String,
    dir: tempfile::TempDir,
}

impl ContainerBuilder {
    pub fn new(image: &str) -> ContainerBuilder {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::Builder::new().prefix("rinit-test.").tempdir().unwrap();
        // The container's user, whoever it is, reads what the test has put there.
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        ContainerBuilder { image: image.to_owned(), options: Vec::new(), command: Vec::new(), dir }
    }

    /// Options of `docker run`.
    pub fn options(mut self, options: &[&str]) -> ContainerBuilder {
        self.options.extend(options.iter().map(|&option| option.to_owned()));
        self
    }

    /// Defines a service: all that are defined here are mounted at /etc/services.d.
    pub fn service(mut self, name: &str, toml: &str) -> ContainerBuilder {
        let services = self.dir.path().join("services.d");
        if !services.exists() {
            std::fs::create_dir(&services).unwrap();
            self.options.push(format!("--volume={}:/etc/services.d:ro", services.display()));
        }
        std::fs::write(services.join(format!("{name}.toml")), toml).unwrap();
        self
    }

    /// Defines a service beside those of the image, or in place of one of them.
    pub fn added_service(mut self, name: &str, toml: &str) -> ContainerBuilder {
        let added = self.dir.path().join("added.d");
        if !added.exists() {
            std::fs::create_dir(&added).unwrap();
            self.options.push(format!("--volume={}:/etc/added.d:ro", added.display()));
            self.options.push("--env=RINIT_SERVICES=/etc/services.d:/etc/added.d".to_owned());
        }
        std::fs::write(added.join(format!("{name}.toml")), toml).unwrap();
        self
    }

    /// A directory that the container and the test share, at `path` in the container.
    pub fn shared(mut self, path: &str) -> ContainerBuilder {
        let shared = self.dir.path().join("shared");
        std::fs::create_dir(&shared).unwrap();
        self.options.push(format!("--volume={}:{path}", shared.display()));
        self
    }

    /// That directory on the host, for what must be in it before the container starts.
    pub fn shared_dir(&self) -> PathBuf {
        self.dir.path().join("shared")
    }

    /// What follows the image's name.
    pub fn command(mut self, words: &[&str]) -> ContainerBuilder {
        self.command = words.iter().map(|&word| word.to_owned()).collect();
        self
    }

    #[track_caller]
    pub fn start(self) -> Container {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        super::failures::tell_at_once();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("rinit-test-{}-{number}", std::process::id());
        let mut words = vec!["run", "--detach", "--name", &name];
        words.extend(self.options.iter().map(String::as_str));
        // A network only for who asks for one; the loopback interface is always there.
        if !self.options.iter().any(|option| option.starts_with("--network")) {
            words.push("--network=none");
        }
        words.push(&self.image);
        words.extend(self.command.iter().map(String::as_str));
        let container = Container { name: name.clone(), dir: self.dir };
        docker(&words).ok();
        container
    }
}

impl Container {
    /// A directory on the host that goes with the container.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `docker VERB OPTION... CONTAINER`.
    #[track_caller]
    pub fn docker(&self, words: &[&str]) -> Output {
        let words: Vec<&str> = words.iter().copied().chain([self.name.as_str()]).collect();
        docker(&words)
    }

    /// One value of `docker inspect`: `{{.State.Pid}}`.
    #[track_caller]
    pub fn inspect(&self, format: &str) -> String {
        self.docker(&["inspect", "--format", format]).ok()
    }

    /// Docker's own word for the container's health.
    #[track_caller]
    pub fn health(&self) -> String {
        self.inspect("{{.State.Health.Status}}")
    }

    #[track_caller]
    pub fn wait_health(&self, status: &str, deadline: Duration) {
        poll(&format!("Docker to report {status}"), deadline, || {
            let health = self.health();
            if health == status { Ok(()) } else { Err(health) }
        });
    }

    /// Runs a command in the container.
    #[track_caller]
    pub fn exec(&self, words: &[&str]) -> Output {
        let words: Vec<&str> = ["exec", &self.name].into_iter().chain(words.iter().copied()).collect();
        docker(&words)
    }

    /// Runs a command in the container as another user.
    #[track_caller]
    pub fn exec_as(&self, user: &str, words: &[&str]) -> Output {
        let words: Vec<&str> = ["exec", "--user", user, &self.name].iter().chain(words).copied().collect();
        docker(&words)
    }

    /// Starts a command in the container as a user, and does not wait for it.
    #[track_caller]
    pub fn exec_detached(&self, user: &str, words: &[&str]) {
        docker(&[&["exec", "--detach", "--user", user, &self.name], words].concat()).ok();
    }

    /// Waits until `rinit health`, asked through `docker exec`, says that all is well.
    #[track_caller]
    pub fn wait_healthy(&self, deadline: Duration) {
        poll("`docker exec rinit health` to be 0", deadline, || {
            let health = self.exec(&["/sbin/rinit", "health"]);
            if health.status == 0 { Ok(()) } else { Err(format!("{health:?}")) }
        });
    }

    /// What was written to both streams, in the order in which Docker took it: that of a line on one stream and a
    /// line on the other is roughly the order in which they were written, no more.
    #[track_caller]
    pub fn logs(&self) -> Vec<String> {
        let output = self.docker(&["logs", "--timestamps"]);
        assert_eq!(output.status, 0, "docker logs failed: {output:?}");
        let mut lines: Vec<&str> = output.stdout.lines().chain(output.stderr.lines()).collect();
        lines.sort_by_key(|line| line.split_once(' ').map(|(time, _)| time)); // stable, and of one width
        lines.iter().map(|line| line.split_once(' ').map_or("", |(_, text)| text).to_owned()).collect()
    }

    /// Waits for a line that contains all of `words`.
    #[track_caller]
    pub fn wait_log(&self, words: &[&str], deadline: Duration) {
        poll(&format!("a log line with {words:?}"), deadline, || {
            let logs = self.logs();
            let found = logs.iter().any(|line| contains(line, words));
            if found { Ok(()) } else { Err(format!("{:?}", logs.last())) }
        });
    }

    /// How many lines contain all of `words`.
    #[track_caller]
    pub fn count_log(&self, words: &[&str]) -> usize {
        self.logs().iter().filter(|line| contains(line, words)).count()
    }

    /// Waits until standard error, where rinit writes, tells this story: for each entry a line that contains all of its
    /// words, in this order, with whatever else between them. The engine reads what rinit writes some time later, when
    /// rinit may already have told the same by other means.
    #[track_caller]
    pub fn wait_story(&self, story: &[&[&str]]) {
        poll(&format!("the story {story:#?}"), PATIENCE, || {
            let logs = self.docker(&["logs"]).stderr;
            let mut lines = logs.lines();
            match story.iter().find(|words| !lines.any(|line| contains(line, words))) {
                Some(words) => Err(format!("no line with {words:?} at its place")),
                None => Ok(()),
            }
        });
    }

    /// The process id of the container's PID 1, as the host sees it.
    #[track_caller]
    pub fn pid(&self) -> i32 {
        self.inspect("{{.State.Pid}}").parse().unwrap()
    }

    /// What runs in the container, with the container's process ids. Needs root.
    pub fn processes(&self) -> Vec<Process> {
        processes(&PathBuf::from(format!("/proc/{}/root/proc", self.pid())))
    }

    /// The processes whose command line contains `text`.
    pub fn find(&self, text: &str) -> Vec<Process> {
        self.processes().into_iter().filter(|process| process.command.contains(text)).collect()
    }

    /// Waits until no zombie is left: a process that has just ended is one for a moment.
    #[track_caller]
    pub fn wait_no_zombies(&self) {
        wait_for_seen("no zombie", PATIENCE, || {
            let all = self.processes();
            if all.iter().any(Process::is_zombie) { Err(format!("{all:#?}")) } else { Ok(()) }
        });
    }

    /// Sends a signal to a process of the container, from inside, by its process id there.
    #[track_caller]
    pub fn signal(&self, signal: &str, pid: i32) {
        // Not by `docker exec kill`, for which not every image has the program, nor every container the pids.
        let init = self.pid().to_string();
        let kill = format!("kill -{signal} {pid}");
        output("nsenter", &["--target", &init, "--pid", "sh", "-c", &kill]).unwrap().ok();
    }

    /// Where the container is reached from the host; it must have a network.
    #[track_caller]
    pub fn address(&self, port: u16) -> SocketAddr {
        let address = self.inspect("{{.NetworkSettings.IPAddress}}");
        SocketAddr::new(address.parse().expect("the container has no address"), port)
    }

    /// `docker stop`, and how long it took.
    #[track_caller]
    pub fn stop(&self) -> Duration {
        let start = Instant::now();
        self.docker(&["stop"]).ok();
        start.elapsed()
    }

    /// Waits until the container has ended; its exit code.
    #[track_caller]
    pub fn wait_exit(&self, deadline: Duration) -> i32 {
        poll("the container to end", deadline, || {
            let state = self.inspect("{{.State.Status}}");
            if state == "exited" { Ok(()) } else { Err(state) }
        });
        self.exit_code()
    }

    /// The exit code of a container that has ended.
    #[track_caller]
    pub fn exit_code(&self) -> i32 {
        self.inspect("{{.State.ExitCode}}").parse().unwrap()
    }

    /// Waits until this many processes match; returns them.
    #[track_caller]
    pub fn wait_processes(&self, text: &str, count: usize) -> Vec<Process> {
        wait_for_seen(&format!("{count} processes with {text:?}"), PATIENCE, || {
            let found = self.find(text);
            if found.len() == count { Ok(found) } else { Err(format!("{:#?}", self.processes())) }
        })
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let output = docker(&["logs", "--timestamps", &self.name]);
            eprintln!("{} has written on stdout:\n{}on stderr:\n{}", self.name, output.stdout, output.stderr);
        }
        docker(&["rm", "--force", "--volumes", &self.name]);
    }
}

fn contains(line: &str, words: &[&str]) -> bool {
    words.iter().all(|word| line.contains(word))
}
