//! Waiting for descriptors: a thin, level-triggered `epoll`.

#![forbid(unsafe_code)]

use super::failed;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// Maximum number of events per wake-up. The next wake-up has the rest.
const BATCH: usize = 64;

/// What a descriptor is watched for. A hang-up or an error is always told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Data, or the end of it.
    Read,
    /// Room for data.
    Write,
    /// Both.
    ReadWrite,
    /// Only that the other side is gone.
    Hangup,
}

impl Interest {
    fn flags(self) -> EpollFlags {
        match self {
            Interest::Read => EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP,
            Interest::Write => EpollFlags::EPOLLOUT,
            Interest::ReadWrite => EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLRDHUP,
            Interest::Hangup => EpollFlags::empty(),
        }
    }
}

/// One descriptor that has something to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The number that it was added with.
    pub token: u64,
    /// Reading will not block.
    pub readable: bool,
    /// Writing will not block.
    pub writable: bool,
    /// The other side is gone, or the descriptor is in error.
    pub hangup: bool,
}

/// A set of watched descriptors.
pub struct Poller {
    epoll: Epoll,
}

impl Poller {
    /// Makes an empty set. Its descriptor is closed on exec.
    ///
    /// # Errors
    /// `epoll_create1` fails: EMFILE, ENFILE or ENOMEM.
    pub fn new() -> io::Result<Poller> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC);
        Ok(Poller { epoll: epoll.map_err(|e| failed("epoll_create", e.into()))? })
    }

    /// Watches `fd`. Its events carry `token`.
    ///
    /// # Errors
    /// `epoll_ctl` fails: ENOMEM, ENOSPC at the user's limit of watched descriptors, or EPERM for a regular file.
    pub fn add(&self, fd: BorrowedFd<'_>, token: u64, interest: Interest) -> io::Result<()> {
        let added = self.epoll.add(fd, EpollEvent::new(interest.flags(), token));
        added.map_err(|e| failed("epoll_ctl", e.into()))
    }

    /// Changes the events for which `fd` is watched.
    ///
    /// # Errors
    /// `epoll_ctl` fails: ENOENT if `fd` is not watched.
    pub fn modify(&self, fd: BorrowedFd<'_>, token: u64, interest: Interest) -> io::Result<()> {
        Ok(self.epoll.modify(fd, &mut EpollEvent::new(interest.flags(), token))?)
    }

    /// Stops watching `fd`. Call this before `fd` is closed.
    ///
    /// # Errors
    /// `epoll_ctl` fails: ENOENT if `fd` is not watched.
    pub fn remove(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        Ok(self.epoll.delete(fd)?)
    }

    /// Whether there may be more than what `wait` has just put into `ready`.
    pub fn may_have_more(&self, ready: &[Ready]) -> bool {
        ready.len() >= BATCH
    }

    /// Waits until a descriptor is ready or `timeout` is over (`None`: no limit), and puts the events into `ready`. If a
    /// signal interrupts it, `ready` is empty.
    ///
    /// # Errors
    /// `epoll_wait` fails, which a valid set never causes; seccomp can.
    pub fn wait(&self, ready: &mut Vec<Ready>, timeout: Option<Duration>) -> io::Result<()> {
        ready.clear();
        let mut events = [EpollEvent::empty(); BATCH];
        let count = match self.epoll.wait(&mut events, rounded_up(timeout)) {
            Ok(count) => count,
            Err(nix::errno::Errno::EINTR) => 0,
            Err(e) => return Err(failed("epoll_wait", e.into())),
        };
        ready.extend(events.iter().take(count).map(|event| {
            let flags = event.events();
            Ready {
                token: event.data(),
                readable: flags
                    .intersects(EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLHUP),
                writable: flags.contains(EpollFlags::EPOLLOUT),
                hangup: flags.intersects(EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR),
            }
        }));
        Ok(())
    }
}

/// Waits, without a set, until `input` can be read, `output` can be written to, or `timeout` is over (`None`: no limit).
/// Returns which of them is ready; neither if a signal interrupts it.
///
/// # Errors
/// `poll` fails: ENOMEM, or EINVAL where RLIMIT_NOFILE is below 2.
pub fn either(
    input: Option<BorrowedFd<'_>>,
    output: Option<BorrowedFd<'_>>,
    timeout: Option<Duration>,
) -> io::Result<(bool, bool)> {
    let input = input.map(|fd| PollFd::new(fd, PollFlags::POLLIN));
    let output = output.map(|fd| PollFd::new(fd, PollFlags::POLLOUT));
    let has_input = input.is_some();
    let mut fds: Vec<PollFd<'_>> = input.into_iter().chain(output).collect();
    let timeout = millis(timeout)
        .map_or(PollTimeout::NONE, |millis| PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX));
    match poll(&mut fds, timeout) {
        Ok(_) => {}
        Err(nix::errno::Errno::EINTR) => return Ok((false, false)),
        Err(e) => return Err(e.into()),
    }
    let mut ready = fds.iter().map(|fd| fd.any().unwrap_or(true));
    let input = has_input && ready.next().unwrap_or(false);
    Ok((input, ready.next().unwrap_or(false)))
}

fn rounded_up(timeout: Option<Duration>) -> EpollTimeout {
    millis(timeout)
        .map_or(EpollTimeout::NONE, |millis| EpollTimeout::try_from(millis).unwrap_or(EpollTimeout::MAX))
}

/// In whole milliseconds, rounded up: waking early would mean waking twice.
fn millis(timeout: Option<Duration>) -> Option<i32> {
    let millis = timeout?.as_nanos().div_ceil(1_000_000);
    Some(i32::try_from(millis).unwrap_or(i32::MAX))
}
