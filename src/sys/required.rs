//! Calls without which PID 1 cannot do its work, beside those that it makes at its start anyway. A seccomp profile may
//! refuse any of them, and what follows would be guesswork: children that have ended would be shown as running.

use super::failed;
use nix::libc;
use std::io;

/// Tries each of these calls in a way that changes nothing.
///
/// # Errors
/// One of them fails as it never does by itself. The error names the call.
pub fn check() -> io::Result<()> {
    let own = std::process::id();
    let (pid, id) = (libc::pid_t::try_from(own).unwrap_or(1), own);
    // No process is its own child, so the answer is that there is no such child.
    // SAFETY: waitpid may be given no place for the status.
    let waited = unsafe { libc::waitpid(pid, std::ptr::null_mut(), libc::WNOHANG) };
    expect("wait4", waited, Some(libc::ECHILD))?;
    // SAFETY: a zeroed siginfo_t is a valid value, and waitid only writes into it.
    let waited = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        libc::waitid(libc::P_PID, id, &mut info, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT)
    };
    expect("waitid", waited, Some(libc::ECHILD))?;
    // SAFETY: kill has no memory effects, and the number 0 sends nothing.
    expect("kill", unsafe { libc::kill(pid, 0) }, None)?;
    match nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC) {
        Ok(_) => Ok(()),
        Err(e) => Err(failed("pipe2", e.into())),
    }
}

/// An answer other than success or this error is one of who refuses the call.
fn expect(call: &str, result: i32, error: Option<i32>) -> io::Result<()> {
    if result >= 0 {
        return Ok(());
    }
    match io::Error::last_os_error() {
        e if error.is_some() && e.raw_os_error() == error => Ok(()),
        e => Err(failed(call, e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nothing_is_refused_nothing_is_found() {
        check().unwrap();
    }

    #[test]
    fn any_other_error_names_the_call() {
        // SAFETY: closes nothing, and sets errno.
        let result = unsafe { libc::close(-1) };
        let error = expect("wait4", result, Some(libc::ECHILD)).unwrap_err();
        assert_eq!(error.to_string(), "wait4: Bad file descriptor");
    }
}
