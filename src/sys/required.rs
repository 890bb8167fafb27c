//! Calls without which PID 1 cannot do its work, beside those that it makes at its start anyway. A seccomp profile may
//! refuse any of them, and what follows would be guesswork: children that have ended would be shown as running.

use super::failed;
use nix::libc;
use std::io;

/// Tries each of these calls in a way that changes nothing. Whether it may send signals is not looked at: without that it can
/// still start and reap, and it tells of each signal that is refused.
///
/// # Errors
/// One of them fails as it never does by itself. The error names the call.
pub fn check() -> io::Result<()> {
    check_reaping()?;
    // SAFETY: a zeroed siginfo_t is a valid value, and waitid only writes into it.
    let waited = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        libc::waitid(libc::P_PID, std::process::id(), &mut info, options)
    };
    expect("waitid", waited, &[libc::ECHILD])?;
    let pipe = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC);
    // There may be room later.
    expect_of("pipe2", pipe.map(drop).map_err(Into::into), &[libc::EMFILE, libc::ENFILE, libc::ENOMEM])
}

/// The same for who does nothing but start one command and reap.
///
/// # Errors
/// As with `check`.
pub fn check_reaping() -> io::Result<()> {
    let own = libc::pid_t::try_from(std::process::id()).unwrap_or(1);
    // No process is its own child, so the answer is that there is no such child.
    // SAFETY: waitpid may be given no place for the status.
    let waited = unsafe { libc::waitpid(own, std::ptr::null_mut(), libc::WNOHANG) };
    expect("wait4", waited, &[libc::ECHILD])
}

/// An answer other than success or one of these errors is one of who refuses the call.
fn expect(call: &str, result: i32, errors: &[i32]) -> io::Result<()> {
    let result = if result >= 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
    expect_of(call, result, errors)
}

fn expect_of(call: &str, result: io::Result<()>, errors: &[i32]) -> io::Result<()> {
    match result {
        Err(e) if !e.raw_os_error().is_some_and(|number| errors.contains(&number)) => Err(failed(call, e)),
        _ => Ok(()),
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
        let error = expect("wait4", result, &[libc::ECHILD]).unwrap_err();
        assert_eq!(error.to_string(), "wait4: Bad file descriptor");
    }

    #[test]
    fn what_may_pass_is_no_refusal() {
        let full = || Err(io::Error::from_raw_os_error(libc::EMFILE));
        assert!(expect_of("pipe2", full(), &[libc::EMFILE, libc::ENFILE]).is_ok());
        assert!(expect_of("pipe2", full(), &[libc::ENOMEM]).is_err());
    }
}
