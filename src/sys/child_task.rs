//! Runs work that may wait for a disk in a short-lived child, which executes no program. PID 1 does not wait for it.

use super::mask::Mask;
use super::{descriptors, poll, spawn};
use nix::libc;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// The exit code of a child whose error has no number.
const UNKNOWN: i32 = libc::EIO;

/// A child that works.
pub struct ChildTask {
    /// Its process ID.
    pub pid: i32,
    /// Its other end closes with the child.
    end: OwnedFd,
}

/// Starts a child that does this. Its exit code is 0 or errno. The work must not write to the log, because the child has a
/// copy of the messages that wait to be written.
///
/// # Errors
/// `fork` or `pipe2` fails: EAGAIN, ENOMEM, EMFILE or ENFILE.
pub fn run(work: impl FnOnce() -> io::Result<()>) -> io::Result<ChildTask> {
    run_with(&[], work)
}

/// As [`run`]. The child also keeps these descriptors, which are closed on exec.
///
/// # Errors
/// As [`run`].
pub fn run_with(kept: &[RawFd], work: impl FnOnce() -> io::Result<()>) -> io::Result<ChildTask> {
    let (end, writer) = spawn::output_pipe()?;
    // SAFETY: rinit has one thread, so no lock can be held by another one in the child, which may allocate.
    match unsafe { libc::fork() } {
        0 => {
            give_up_all_but(|fd| fd == writer.as_raw_fd() || kept.contains(&fd));
            // SIGTERM ends it, also where that was ignored when rinit was started.
            spawn::set_disposition(libc::SIGTERM, false);
            let _ = Mask::default().block();
            let code = work().err().map_or(0, |e| e.raw_os_error().unwrap_or(UNKNOWN));
            // SAFETY: `_exit` runs nothing of the parent's.
            unsafe { libc::_exit(code) }
        }
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(ChildTask { pid, end }),
    }
}

/// For a child that executes no program: closes every descriptor but these. So a child that hangs keeps nothing of
/// rinit's open. A reader of standard error would wait for its end, for example.
pub(super) fn give_up_all_but(is_kept: impl Fn(RawFd) -> bool) {
    descriptors::close_marked(is_kept);
    give_up_streams();
}

/// Makes the three standard streams /dev/null, or closes them if it cannot be opened.
fn give_up_streams() {
    // SAFETY: the string ends with a null byte, and the other calls take numbers. The child owns all its descriptors, and
    // nothing refers to these three.
    unsafe {
        let null = libc::open(spawn::NULL.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
        for stream in 0..=2 {
            if null < 0 {
                libc::close(stream);
            } else {
                libc::dup2(null, stream);
            }
        }
        if null > 2 {
            libc::close(null);
        }
    }
}

impl ChildTask {
    /// Waits at most `limit` until the child ends. Returns whether it has ended. For the end of rinit, which has nothing else
    /// to do.
    pub fn wait(&self, limit: Duration) -> bool {
        poll::either(Some(self.end.as_fd()), None, Some(limit)).is_ok_and(|(ended, _)| ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::wait::{WaitStatus, waitpid};
    use nix::unistd::Pid;

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn its_error_is_its_exit_code() {
        for (error, code) in [(None, 0), (Some(libc::EROFS), libc::EROFS)] {
            let task =
                run(|| error.map_or(Ok(()), |error| Err(io::Error::from_raw_os_error(error)))).unwrap();
            assert!(task.wait(LONG));
            let pid = Pid::from_raw(task.pid);
            assert_eq!(waitpid(pid, None), Ok(WaitStatus::Exited(pid, code)));
        }
    }

    /// Who reads what rinit writes to standard error waits for all who have it.
    #[test]
    fn it_keeps_no_stream_and_ends_by_sigterm() {
        let check = || -> io::Result<()> {
            for stream in 0..=2 {
                if std::fs::read_link(format!("/proc/self/fd/{stream}"))? != std::path::Path::new("/dev/null")
                {
                    return Err(io::Error::from_raw_os_error(libc::EBADF));
                }
            }
            let status = std::fs::read_to_string("/proc/self/status")?;
            let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or_default();
            let ignored = u64::from_str_radix(ignored.trim(), 16).unwrap_or(u64::MAX);
            match ignored & (1 << (libc::SIGTERM - 1)) {
                0 => Ok(()),
                _ => Err(io::Error::from_raw_os_error(libc::EINTR)),
            }
        };
        let outer = run(|| {
            spawn::set_disposition(libc::SIGTERM, true);
            let inner = run(check)?;
            match waitpid(Pid::from_raw(inner.pid), None) {
                Ok(WaitStatus::Exited(_, 0)) => Ok(()),
                Ok(WaitStatus::Exited(_, code)) => Err(io::Error::from_raw_os_error(code)),
                _ => Err(io::Error::from_raw_os_error(libc::ECHILD)),
            }
        });
        let pid = Pid::from_raw(outer.unwrap().pid);
        assert_eq!(waitpid(pid, None), Ok(WaitStatus::Exited(pid, 0)));
    }

    #[test]
    fn one_that_hangs_is_not_waited_for() {
        let task = run(|| {
            std::thread::sleep(Duration::from_secs(1000));
            Ok(())
        });
        let task = task.unwrap();
        assert!(!task.wait(Duration::from_millis(1)));
        crate::sys::process::kill(task.pid, crate::model::Signal::KILL).unwrap();
        assert!(task.wait(LONG));
        waitpid(Pid::from_raw(task.pid), None).unwrap();
    }
}
