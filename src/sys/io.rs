//! Reading that never waits, from descriptors of our own.

#![forbid(unsafe_code)]

use std::io;
use std::os::fd::BorrowedFd;

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
