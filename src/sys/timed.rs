//! Runs a program for a limited time and waits for it. For verbs only: in PID 1 nobody but its loop reaps.

#![forbid(unsafe_code)]

use super::attributes::Attributes;
use super::inherit;
use super::process::{self, Status};
use super::spawn::{self, Program, Session, Spec, WorkingDir, c_string};
use crate::model::Signal;
use crate::model::text::cause;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::{flag, low_level};
use std::borrow::Cow;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// On a busy machine, a wake-up may come late by this.
const TOLERATED: Duration = Duration::from_secs(1);

/// How the program has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With this exit code.
    Exited(i32),
    /// A signal of this number ended it.
    Killed(i32),
    /// Its time was over; its process group was killed.
    TimedOut,
    /// This process was told to end; the program's group was killed.
    Interrupted,
}

/// Runs `command` in its own process group, with the output of this process and an empty input.
///
/// # Errors
/// The program cannot be executed, or no pipe or process can be made. A program that fails is no error.
pub fn run(command: &[OsString], timeout: Duration) -> io::Result<Outcome> {
    let mut deadline = Instant::now().checked_add(timeout);
    let nothing = File::open("/dev/null")
        .map_err(|e| io::Error::new(e.kind(), format!("/dev/null cannot be opened: {}", cause(&e))))?;
    let mut wake = Wake::new()?;
    let child = spawn::spawn(&spec(command, &nothing)?, None)?;
    loop {
        if let Some(status) = process::reap_child(child.pid)? {
            return match spawn::read_report(child.status.as_fd()) {
                spawn::Outcome::Failed(_, e) => Err(e),
                spawn::Outcome::Executed | spawn::Outcome::NotExecuted | spawn::Outcome::Pending => {
                    Ok(outcome(status))
                }
            };
        }
        if wake.interrupted() {
            end(child.pid)?;
            return Ok(Outcome::Interrupted);
        }
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            end(child.pid)?;
            return Ok(Outcome::TimedOut);
        }
        let asleep = Instant::now();
        wake.wait(left)?;
        // Stopped or frozen with the program, perhaps: then it has what it had left before.
        let slept = asleep.elapsed();
        if left.is_some_and(|left| slept > left.saturating_add(TOLERATED)) {
            deadline = deadline.and_then(|at| at.checked_add(slept));
        }
    }
}

fn spec(command: &[OsString], stdin: &File) -> io::Result<Spec> {
    let program = command.first().ok_or(io::ErrorKind::InvalidInput)?;
    let environment = inherit::environment();
    Ok(Spec {
        program: Program::named(program, &environment),
        arguments: command.iter().map(|word| c_string(word)).collect(),
        environment: environment.into_iter().map(Cow::Borrowed).collect(),
        values: Vec::new(),
        working_dir: WorkingDir::Unchanged,
        ids: None,
        attributes: Attributes::default(),
        notify: None,
        streams: [Some(stdin.as_raw_fd()), None, None],
        death_tally: None,
        session: Session::Background,
        as_inherited: true,
        resets_ignored: false,
        blocks_signals: false,
    })
}

fn outcome(status: Status) -> Outcome {
    match status {
        Status::Code(code) => Outcome::Exited(code),
        Status::Signal(number) => Outcome::Killed(number),
    }
}

fn end(child: i32) -> io::Result<()> {
    process::kill_group(child, Signal::KILL)?;
    process::await_end(child)
}

/// Told by signal handlers when there is something to look at.
struct Wake {
    pipe: UnixStream,
    interrupted: Arc<AtomicBool>,
}

impl Wake {
    fn new() -> io::Result<Wake> {
        let (pipe, write_end) = UnixStream::pair()?;
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
            // Handlers run in this order: the flag is up when the pipe tells of it.
            flag::register(signal, Arc::clone(&interrupted))?;
            low_level::pipe::register(signal, write_end.try_clone()?)?;
        }
        low_level::pipe::register(SIGCHLD, write_end)?;
        Ok(Wake { pipe, interrupted })
    }

    fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::SeqCst)
    }

    fn wait(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.pipe.set_read_timeout(limit)?;
        match self.pipe.read(&mut [0; 64]) {
            Ok(_) => Ok(()),
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(()),
            Err(e) => Err(e),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn shell(script: &str, timeout: Duration) -> io::Result<Outcome> {
        run(&["/bin/sh".into(), "-c".into(), script.into()], timeout)
    }

    #[test]
    fn the_end_of_a_program_is_told() {
        assert_eq!(shell("exit 0", LONG).unwrap(), Outcome::Exited(0));
        assert_eq!(shell("exit 7", LONG).unwrap(), Outcome::Exited(7));
        assert_eq!(shell("kill -TERM $$", LONG).unwrap(), Outcome::Killed(15));
        assert!(run(&["/nonexistent/program".into()], LONG).is_err());
    }

    #[test]
    fn at_the_timeout_the_whole_group_is_killed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let script = format!("sleep 1000 & echo $! > {}; wait", file.display());
        let started = Instant::now();
        assert_eq!(shell(&script, Duration::from_millis(300)).unwrap(), Outcome::TimedOut);
        assert!(started.elapsed() < LONG);
        let pid = std::fs::read_to_string(&file).unwrap();
        // Gone, or a zombie that its new parent has not reaped yet.
        let ended = || match std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())) {
            Ok(stat) => stat.contains(") Z "),
            Err(_) => true,
        };
        while !ended() {
            assert!(started.elapsed() < LONG, "the child of the program lives");
            std::thread::yield_now();
        }
    }
}
