//! Reading that never waits, from descriptors of our own.

#![forbid(unsafe_code)]

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use std::io;
use std::os::fd::BorrowedFd;

/// From here on reading from a pipe of our own does not wait.
///
/// # Errors
/// `fcntl` fails: EBADF, which no open descriptor gives.
pub fn wait_no_more(fd: BorrowedFd<'_>) -> io::Result<()> {
    fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok(())
}

/// Reads what is there from a non-blocking descriptor. 0 means the end of the file.
///
/// # Errors
/// `read` fails; `WouldBlock` means that nothing is there now. EINTR is retried.
pub fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match nix::unistd::read(fd, buffer) {
            Err(nix::errno::Errno::EINTR) => {}
            other => return Ok(other?),
        }
    }
}
