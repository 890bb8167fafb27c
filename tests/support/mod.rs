//! The harness of the integration tests: starts the real binary, in a PID namespace or a container, and waits for
//! conditions with a deadline.
//!
//! - `launch`: `Launch::pid1()` and `Launch::plain()` prepare an init with its service files and start it
//! - `running`: the init that runs: its lines, its processes, signals, its end
//! - `docker`: containers
//! - `cpu_share`: a cgroup with little of the processor
//! - `services`: what either says of its services
//! - `swarm`: the engine of the orchestrators' tests
//! - `failures`: tells them at once
//! - `wait`, `lines`, `processes`, `skip`: what these are made of

#![allow(dead_code, unused_imports)] // not every test file needs all of it

pub mod cpu_share;
pub mod docker;
pub mod failures;
pub mod launch;
pub mod lines;
pub mod processes;
pub mod running;
pub mod services;
pub mod skip;
pub mod swarm;
pub mod wait;

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

pub use launch::Launch;
pub use running::{End, Running};
pub use wait::{PATIENCE, wait_for, wait_for_seen};

/// The binary under test: RINIT_BIN, which tests/run sets to the release build, or cargo's build for these tests.
pub fn rinit_bin() -> PathBuf {
    std::env::var_os("RINIT_BIN").map_or_else(|| env!("CARGO_BIN_EXE_rinit").into(), PathBuf::from)
}

/// The repository.
pub fn repository() -> PathBuf {
    env!("CARGO_MANIFEST_DIR").into()
}

/// A new terminal. Both ends are closed on exec from the start: with openpty, programs that other tests start meanwhile would
/// inherit them.
pub fn open_terminal() -> nix::pty::OpenptyResult {
    use nix::fcntl::OFlag;
    use std::os::fd::AsFd;
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let master = nix::pty::posix_openpt(flags).unwrap();
    nix::pty::grantpt(&master).unwrap();
    nix::pty::unlockpt(&master).unwrap();
    let name = nix::pty::ptsname_r(&master).unwrap();
    let slave = nix::fcntl::open(name.as_str(), flags, nix::sys::stat::Mode::empty()).unwrap();
    nix::pty::OpenptyResult { master: master.as_fd().try_clone_to_owned().unwrap(), slave }
}

/// What a command has done.
#[derive(Debug, Clone)]
pub struct Output {
    /// The exit status, or 128+N for signal N.
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Standard output, less the last newline; fails the test if the command has failed.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.status, 0, "a command failed: {self:?}");
        self.stdout.trim_end().to_owned()
    }
}

/// Runs a command to its end.
pub fn output<A: AsRef<OsStr>>(program: &str, args: &[A]) -> std::io::Result<Output> {
    output_of(Command::new(program).args(args))
}

/// Runs a prepared command to its end; it is killed when it has none within a minute and a half.
pub fn output_of(command: &mut Command) -> std::io::Result<Output> {
    use std::os::unix::process::ExitStatusExt;
    // coreutils' timeout has the deadline: std's Command has none.
    let mut limited = Command::new("timeout");
    limited.args(["--kill-after=5", "90"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    let output = limited.stdin(Stdio::null()).output()?;
    let status = output.status.code().or_else(|| output.status.signal().map(|signal| 128 + signal));
    Ok(Output {
        status: status.unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
