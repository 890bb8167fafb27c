//! A process that writes to standard output or standard error in rinit's place, and may sleep there: for what rinit cannot open again, and
//! for files on another machine. rinit writes into a pipe to it, which does not block.
//!
//! It is a copy of rinit that makes nothing but a few system calls. To the rest of rinit it is a process that belongs to no
//! service: at the end of a stop it gets SIGTERM like the others, and ends, unless it is the logger's. It ends with its
//! pipe, too.

use super::mask::Mask;
use super::{descriptors, process};
use crate::model::Signal;
use nix::fcntl::OFlag;
use nix::libc;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

/// How many bytes it takes at a time.
const PIECE: usize = 4096;

/// The same for its pipe: one page.
const ROOM: i32 = 4096;

/// How long it waits, in milliseconds, before it tries again to write to a disk that is full.
const FULL: i32 = 1000;

/// How often it is looked whether it has ended, once it has got its last bytes.
const LOOK: Duration = Duration::from_millis(2);

/// What ends a relay beside the end of its pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndsBy {
    /// SIGTERM, with all that is left at the stop of the container.
    Sigterm,
    /// Who has made it, at its own end.
    Maker,
}

/// The running relay.
pub struct Relay {
    pipe: OwnedFd,
    pid: i32,
}

impl Relay {
    /// Makes the process, which writes to this descriptor of ours.
    ///
    /// # Errors
    /// There is no room for a pipe or a process.
    pub fn start(to: RawFd, ends_by: EndsBy) -> io::Result<Relay> {
        let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
        // Each end of a pipe has an open file of its own: the reader's goes on to block.
        nix::fcntl::fcntl(&writer, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        // What it has taken is not counted any more if it is killed: it takes little ahead.
        let _ = nix::fcntl::fcntl(&writer, nix::fcntl::FcntlArg::F_SETPIPE_SZ(ROOM));
        // SAFETY: rinit has one thread, and the child makes only system calls.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            // SAFETY: this is the child.
            0 => unsafe { carry(reader.as_raw_fd(), to, ends_by) },
            pid => Ok(Relay { pipe: writer, pid }),
        }
    }

    /// The end that rinit writes to.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }

    /// Its process.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Whether nobody reads what it is given any more.
    pub fn has_ended(&self) -> bool {
        let mut poll = libc::pollfd { fd: self.pipe.as_raw_fd(), events: 0, revents: 0 };
        // SAFETY: the kernel writes into the one structure.
        unsafe { libc::poll(&raw mut poll, 1, 0) > 0 }
    }

    /// Lets it write what it has, at most until `deadline`. Returns whether it has ended.
    pub fn finish(self, deadline: Instant) -> bool {
        let Relay { pipe, pid } = self;
        drop(pipe);
        // It may have been reaped with others.
        while matches!(process::reap_child(pid), Ok(None)) {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(LOOK);
        }
        true
    }

    /// Ends it, whatever it has still to write. To be called before it is reaped.
    pub fn kill(pid: i32) {
        let _ = process::kill(pid, Signal::KILL);
    }
}

/// The child: copies until the pipe ends or nobody takes what it writes any more.
///
/// # Safety
/// To be called in a child of a fork, which it ends.
unsafe fn carry(reader: RawFd, to: RawFd, ends_by: EndsBy) -> ! {
    // A terminal would stop a background process that writes to it, by SIGTTOU; and Ctrl-C is not meant for this one.
    let blocked = match ends_by {
        EndsBy::Sigterm => Mask::all().without(libc::SIGTERM),
        EndsBy::Maker => Mask::all(),
    };
    let _ = blocked.block();
    // SAFETY: this process is here for these calls alone, and has the buffer to itself.
    unsafe {
        libc::dup2(reader, libc::STDIN_FILENO);
        libc::close(if to == libc::STDOUT_FILENO { libc::STDERR_FILENO } else { libc::STDOUT_FILENO });
        // A directory that it stays in could not be unmounted.
        libc::chdir(c"/".as_ptr());
        // A socket or pipe of rinit's that stayed open here would outlive rinit's own.
        descriptors::close_now();
        let mut buffer = [0_u8; PIECE];
        loop {
            match libc::read(libc::STDIN_FILENO, buffer.as_mut_ptr().cast(), buffer.len()) {
                count @ 1.. => copy(to, buffer.get(..count.unsigned_abs()).unwrap_or_default()),
                0 => libc::_exit(0),
                _ if last_error() == libc::EINTR => {}
                _ => libc::_exit(1),
            }
        }
    }
}

/// Writes all of it, or ends.
///
/// # Safety
/// As for `carry`.
unsafe fn copy(to: RawFd, bytes: &[u8]) {
    let mut left = bytes;
    while !left.is_empty() {
        // SAFETY: `left` is valid for its length; `_exit` runs nothing of the parent's.
        unsafe {
            let written = libc::write(to, left.as_ptr().cast(), left.len());
            match usize::try_from(written) {
                Ok(written) => left = left.get(written..).unwrap_or_default(),
                Err(_) => match last_error() {
                    libc::EINTR => {}
                    libc::ENOSPC | libc::EDQUOT => _ = libc::poll(std::ptr::null_mut(), 0, FULL),
                    // Somebody else has made the open file non-blocking.
                    libc::EAGAIN => {
                        let mut poll = libc::pollfd { fd: to, events: libc::POLLOUT, revents: 0 };
                        libc::poll(&raw mut poll, 1, FULL);
                    }
                    _ => libc::_exit(1),
                },
            }
        }
    }
}

fn last_error() -> i32 {
    nix::errno::Errno::last_raw()
}
