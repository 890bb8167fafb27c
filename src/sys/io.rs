//! Reading and writing that never waits, on descriptors whose flags are not ours to change.

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// So much can be written to a pipe in one piece (POSIX's PIPE_BUF on Linux), and at once if poll says so.
const PIECE: usize = 4096;

/// Standard error, written without waiting: what finds no room is dropped, and counted. The open file is shared with
/// every service, so O_NONBLOCK must not be set on it.
pub struct Stderr {
    lost: u64,
}

impl Stderr {
    /// Nothing lost yet.
    pub fn new() -> Stderr {
        Stderr { lost: 0 }
    }

    fn report_lost(&mut self) -> io::Result<()> {
        if self.lost > 0 {
            let note = format!("rinit: {} messages lost: standard error was full\n", self.lost);
            write_now(io::stderr().as_fd(), note.as_bytes())?;
            self.lost = 0;
        }
        Ok(())
    }
}

impl Default for Stderr {
    fn default() -> Self {
        Stderr::new()
    }
}

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.report_lost().and_then(|()| write_now(io::stderr().as_fd(), bytes));
        if written.is_err() {
            self.lost = self.lost.saturating_add(1);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes all of `bytes` if that is possible without waiting.
fn write_now(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<()> {
    for piece in bytes.chunks(PIECE) {
        let mut left = piece;
        while !left.is_empty() {
            let written = write_some(fd, left)?;
            left = left.get(written..).unwrap_or_default();
        }
    }
    Ok(())
}

fn write_some(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    match write_no_wait(fd, bytes) {
        Err(e) if matches!(e.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EINVAL)) => {}
        Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(0),
        other => return other,
    }
    // Terminals, and pipes before Linux 6.4. With SIGTTOU blocked, a terminal whose foreground group is COMMAND's takes
    // what rinit writes.
    let mut fds = [PollFd::new(fd, PollFlags::POLLOUT)];
    match poll(&mut fds, PollTimeout::ZERO)? {
        0 => Err(io::ErrorKind::WouldBlock.into()),
        _ => Ok(nix::unistd::write(fd, bytes)?),
    }
}

/// `pwritev2` with RWF_NOWAIT: a write that fails in place of waiting.
fn write_no_wait(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    let piece = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: the vector has one entry, which points to `bytes`; a write does not change it. The position -1, in
    // two halves, means the current one.
    let written = unsafe {
        libc::syscall(
            libc::SYS_pwritev2,
            fd.as_raw_fd(),
            &raw const piece,
            1,
            -1_i64,
            -1_i64,
            libc::RWF_NOWAIT,
        )
    };
    usize::try_from(written).map_err(|_| io::Error::last_os_error())
}

/// Reads what is there from a descriptor of our own that does not wait. `Ok(0)`: the end.
pub fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match nix::unistd::read(fd, buffer) {
            Err(nix::errno::Errno::EINTR) => {}
            other => return Ok(other?),
        }
    }
}
