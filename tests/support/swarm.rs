//! The engine that is the one node of a swarm, on a network of its own: stacks, Compose projects, and a client that asks
//! them all the time.

use super::lines::Lines;
use super::{Output, PATIENCE, output_of, repository, wait_for_seen};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// nginx, an application and redis under rinit, in roles: what examples/visits makes.
pub const VISITS: &str = "rinit-example-visits";

/// The example that the orchestrators run.
pub fn visits() -> PathBuf {
    repository().join("examples/visits")
}

fn host() -> String {
    std::env::var("RINIT_SWARM_HOST").unwrap_or_default()
}

/// `docker ARG...` in the swarm's engine, with these variables.
#[track_caller]
pub fn docker_with(environment: &[(&str, &str)], args: &[&str]) -> Output {
    let mut command = Command::new("docker");
    command.args(args).env("DOCKER_HOST", host()).env("DOCKER_BUILDKIT", "0");
    command.envs(environment.iter().copied());
    output_of(&mut command).unwrap()
}

/// `docker ARG...` in the swarm's engine.
#[track_caller]
pub fn docker(args: &[&str]) -> Output {
    docker_with(&[], args)
}

/// As `wait_for`, for what each time costs some processes.
#[track_caller]
pub fn poll<T>(what: &str, deadline: Duration, mut condition: impl FnMut() -> Result<T, String>) -> T {
    wait_for_seen(what, deadline, || {
        condition().inspect_err(|_| std::thread::sleep(Duration::from_millis(200)))
    })
}

/// Why there are no tests in a swarm here, if there are none.
pub fn no_swarm() -> Option<String> {
    if host().is_empty() {
        return Some("tests/run starts it".to_owned());
    }
    let info = docker(&["info", "--format", "{{.Swarm.LocalNodeState}}"]);
    if info.stdout.trim() != "active" {
        return Some(format!("{info:?}"));
    }
    let image = docker(&["image", "inspect", "--format", "{{.Id}}", VISITS]);
    (image.status != 0).then(|| format!("{} (tests/run builds the images)", image.stderr.trim()))
}

/// tests/orchestrators/client.py in the engine's network: asks a port of the machine's, one request after the other,
/// and repeats none.
pub struct Client {
    child: Child,
    lines: Lines,
}

/// What the client has seen.
#[derive(Debug, serde::Deserialize)]
pub struct Answers {
    /// How many answers there were of each version.
    pub versions: std::collections::BTreeMap<String, u64>,
    /// What was no answer: whatever is not status 200 and a whole body within ten seconds.
    pub failures: Vec<String>,
}

impl Client {
    #[track_caller]
    pub fn start(port: u16) -> Client {
        let pid = std::env::var("RINIT_SWARM_PID").unwrap();
        let script = repository().join("tests/orchestrators/client.py");
        let mut command = Command::new("nsenter");
        command.args(["--net", "--target", &pid, "python3"]).arg(script).arg(port.to_string());
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let lines = Lines::new();
        lines.read("stdout", child.stdout.take().unwrap());
        lines.read("stderr", child.stderr.take().unwrap());
        Client { child, lines }
    }

    /// Waits until it has written `word` ("answer" or "failure"): it says so the first time.
    #[track_caller]
    pub fn wait(&self, word: &str) {
        self.lines.wait(word, 0, PATIENCE, |line| line.text == word);
    }

    /// Ends it; what it has seen.
    #[track_caller]
    pub fn stop(mut self) -> Answers {
        drop(self.child.stdin.take());
        self.lines.wait_end(PATIENCE);
        let report = self.lines.text("stdout");
        let last = report.lines().last().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|e| panic!("{e}: {}", self.lines.report()))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A Compose project of the example's, with an address of its own. Dropping it removes it and its volumes.
pub struct Project {
    name: String,
    files: Vec<PathBuf>,
    environment: Vec<(String, String)>,
}

impl Project {
    /// With a file that changes something, if anything is to be changed.
    pub fn new(name: &str, port: u16, override_file: Option<&Path>) -> Project {
        let example = visits().join("compose.yaml");
        Project {
            name: format!("rinit-test-{name}-{}", std::process::id()),
            files: std::iter::once(example).chain(override_file.map(Path::to_owned)).collect(),
            environment: vec![("PORT".to_owned(), port.to_string()), ("DOCKER_HOST".to_owned(), host())],
        }
    }

    /// `docker-compose ARG...`, to be run.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("docker-compose");
        command.args(["--project-name", &self.name]);
        for file in &self.files {
            command.arg("--file").arg(file);
        }
        command.args(args).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Output {
        output_of(&mut self.command(args)).unwrap()
    }

    /// One value of `docker inspect` of a service's only container; none if it has no container.
    #[track_caller]
    pub fn inspect(&self, service: &str, format: &str) -> Option<String> {
        let filters = [
            format!("label=com.docker.compose.project={}", self.name),
            format!("label=com.docker.compose.service={service}"),
        ];
        let ids = docker(&["ps", "--all", "--quiet", "--filter", &filters[0], "--filter", &filters[1]]).ok();
        let id = ids.lines().next()?;
        Some(docker(&["inspect", "--format", format, id]).ok())
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.run(&["logs", "--no-color"]).stdout);
        }
        self.run(&["down", "--volumes", "--timeout", "1"]);
    }
}
