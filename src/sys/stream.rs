//! rinit's own way to standard output or standard error, on which no write sleeps.
//!
//! The open file behind descriptor 1 or 2 is shared with every service, and with whoever started the container. O_NONBLOCK
//! is a flag of the open file, so setting it there would change the file for all of them. What is used instead depends
//! on what standard error is:
//!
//! | the stream | how it is written | if that is refused |
//! |---|---|---|
//! | pipe | opened again, with O_NONBLOCK | `pwritev2` with RWF_NOWAIT, then the relay |
//! | pipe that nobody reads | tried with each message | |
//! | terminal | opened again, with O_NONBLOCK | /dev/tty where it is the controlling terminal, then the relay |
//! | other character device | opened again, with O_NONBLOCK | /dev/null and the like: written as it is; others: the relay |
//! | socket | `send` with MSG_DONTWAIT | |
//! | regular file | written as it is: a full disk is an error at once | |
//! | regular file on a network file system or FUSE | the relay | |
//! | closed | not at all | |
//!
//! It is opened again through `/proc/self/fd`. That is refused where `/proc` is not mounted, and where the pipe or
//! terminal belongs to another user. A regular file is not opened again: the copy would have a position of its own and
//! write over what services write. The relay (`relay.rs`) is a process that may sleep in our place.

use super::inherit;
use super::poll::{Interest, Poller};
pub use super::relay::EndsBy;
use super::relay::Relay;
use nix::libc;
use std::ffi::CStr;
use std::io;
use std::mem::zeroed;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

/// A relay that has ended is not replaced sooner than this after its start.
const PAUSE: Duration = Duration::from_secs(1);

/// Which of the two it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Number {
    /// Its descriptor.
    fn fd(self) -> RawFd {
        match self {
            Number::Stdout => libc::STDOUT_FILENO,
            Number::Stderr => libc::STDERR_FILENO,
        }
    }

    /// The same, which stays open as long as the process runs.
    fn borrowed(self) -> BorrowedFd<'static> {
        // SAFETY: nobody closes 1 or 2. Where one of them was closed at the start, the kernel says so.
        unsafe { BorrowedFd::borrow_raw(self.fd()) }
    }

    fn path(self) -> &'static CStr {
        match self {
            Number::Stdout => c"/proc/self/fd/1",
            Number::Stderr => c"/proc/self/fd/2",
        }
    }
}

/// Standard output or standard error.
pub struct Stream {
    number: Number,
    way: Way,
    /// A poller watches the descriptor of `way`, which stays as it is until then: a descriptor has to be taken from the
    /// poller before it is closed.
    watched: bool,
    /// Relays that are not reaped yet.
    relays: Vec<i32>,
    /// A relay may be made.
    may_relay: bool,
    relay_ends_by: EndsBy,
}

/// Why nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no room now.
    Full,
    /// The disk is full.
    NoSpace,
    /// A socket that takes only whole messages does not take one as long as this.
    TooLong,
    /// The reader or the terminal is gone.
    Gone,
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Refusal {
        match error.raw_os_error() {
            None | Some(libc::EAGAIN | libc::EINTR | libc::ENOBUFS | libc::ENOMEM) => Refusal::Full,
            Some(libc::ENOSPC | libc::EDQUOT) => Refusal::NoSpace,
            Some(libc::EMSGSIZE) => Refusal::TooLong,
            Some(_) => Refusal::Gone,
        }
    }
}

enum Way {
    /// Opened again, with O_NONBLOCK.
    Own(OwnedFd),
    /// Written as it is: the kernel never makes the writer wait for a reader.
    AsItIs,
    Socket,
    /// A pipe that could not be opened again.
    Pipe,
    /// A FIFO that nobody reads yet, or any more: it cannot be opened to be written to, without waiting.
    NoReader,
    /// By the relay, if one could be made then.
    Relay(Option<Relay>, Instant),
    Closed,
}

impl Stream {
    /// Finds out how to write. Nothing is opened before this. Without `may_relay` no relay is made.
    pub fn open(number: Number, may_relay: bool, relay_ends_by: EndsBy) -> Stream {
        let (way, relays) = (Way::Closed, Vec::new());
        let mut stream = Stream { number, way, watched: false, relays, may_relay, relay_ends_by };
        stream.choose(find(number));
        stream
    }

    fn choose(&mut self, found: Found) {
        self.way = match found {
            Found::Way(way) => way,
            Found::NeedsRelay => {
                let relay = match self.may_relay {
                    true => Relay::start(self.number.fd(), self.relay_ends_by).ok(),
                    false => None,
                };
                self.relays.extend(relay.as_ref().map(Relay::pid));
                Way::Relay(relay, Instant::now())
            }
        };
    }

    /// From now on no relay is made, until `renew`.
    pub fn make_no_relay(&mut self) {
        self.may_relay = false;
    }

    /// Whether this child is a relay, or was one and has not been reaped.
    pub fn is_relay(&self, pid: i32) -> bool {
        self.relays.contains(&pid)
    }

    /// A relay was reaped.
    pub fn reaped(&mut self, pid: i32) {
        self.relays.retain(|relay| *relay != pid);
    }

    /// Writes as much as is possible without blocking. Returns the number of bytes.
    ///
    /// # Errors
    /// See [`Refusal`]. Nothing was written then.
    pub fn write(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        if matches!(self.way, Way::NoReader) {
            self.choose(find(self.number));
        }
        let written = match self.write_by_way(bytes) {
            Err(e) if matches!(self.way, Way::Pipe) && is_unsupported(&e) => {
                // A pipe before Linux 6.4.
                self.choose(Found::NeedsRelay);
                self.write_by_way(bytes)
            }
            Err(e) if matches!(self.way, Way::Relay(..)) && e.raw_os_error() == Some(libc::EPIPE) => {
                if !self.replace_relay(PAUSE) {
                    return Err(Refusal::Full);
                }
                self.write_by_way(bytes)
            }
            other => other,
        };
        written.map_err(Refusal::from)
    }

    fn write_by_way(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.way {
            Way::Own(fd) => write(fd.as_fd(), bytes),
            Way::Relay(Some(relay), _) => write(relay.as_fd(), bytes),
            Way::Relay(None, _) | Way::NoReader => Err(io::Error::from_raw_os_error(libc::EPIPE)),
            Way::AsItIs => write(self.number.borrowed(), bytes),
            Way::Socket => send(self.number, bytes),
            Way::Pipe => write_no_wait(self.number.borrowed(), bytes),
            Way::Closed => Ok(bytes.len()),
        }
    }

    /// Has the poller tell of room, or no longer.
    ///
    /// # Errors
    /// There is nothing that a poller can watch.
    pub fn watch(&mut self, poller: &Poller, token: u64, wanted: bool) -> io::Result<()> {
        match (self.watched, wanted) {
            (false, true) => {
                let fd = self.watchable().ok_or(io::ErrorKind::Unsupported)?;
                poller.add(fd, token, Interest::Write)?;
            }
            (true, false) => _ = self.descriptor().map(|fd| poller.remove(fd)),
            (true, true) | (false, false) => {}
        }
        self.watched = wanted;
        Ok(())
    }

    /// A descriptor that `poll` and `epoll` can watch for room. None: there is nothing to wait for.
    pub fn watchable(&self) -> Option<BorrowedFd<'_>> {
        match &self.way {
            Way::Relay(Some(relay), _) if relay.has_ended() => None,
            _ => self.descriptor(),
        }
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.way {
            Way::Own(fd) => Some(fd.as_fd()),
            Way::Relay(Some(relay), _) => Some(relay.as_fd()),
            Way::Socket | Way::Pipe => Some(self.number.borrowed()),
            Way::Relay(None, _) | Way::AsItIs | Way::NoReader | Way::Closed => None,
        }
    }

    /// Before the last words, when no poller is asked any more: a relay that has ended is replaced at once.
    pub fn renew(&mut self) {
        (self.may_relay, self.watched) = (true, false);
        self.replace_relay(Duration::ZERO);
    }

    /// The end: what a relay has been given is written before `deadline`, or not.
    pub fn close(&mut self, deadline: Instant) {
        if let Way::Relay(relay, _) = &mut self.way
            && let Some(relay) = relay.take()
        {
            let pid = relay.pid();
            let has_ended = relay.finish(deadline) || !self.relays.contains(&pid);
            if self.relay_ends_by == EndsBy::Maker && !has_ended {
                // Nothing else would end it.
                Relay::kill(pid);
            }
        }
    }

    /// Returns whether that may be, it was old enough for that, and has ended.
    fn replace_relay(&mut self, pause: Duration) -> bool {
        let Way::Relay(relay, since) = &self.way else { return false };
        let may_be = self.may_relay && !self.watched;
        let is_due = may_be && since.elapsed() >= pause && relay.as_ref().is_none_or(Relay::has_ended);
        if is_due {
            // By now a FIFO may have a reader, say, and be opened again.
            self.choose(find(self.number));
        }
        is_due
    }
}

/// What was found out.
enum Found {
    Way(Way),
    /// Only a relay can write to it.
    NeedsRelay,
}

fn find(number: Number) -> Found {
    // SAFETY: all zeros are a valid value, and the kernel writes one into it.
    let mut stat: libc::stat = unsafe { zeroed() };
    // SAFETY: as above.
    let found = unsafe { libc::fstat(number.fd(), &raw mut stat) } == 0;
    if !found || inherit::was_closed(number.fd()) {
        return Found::Way(Way::Closed);
    }
    Found::Way(match stat.st_mode & libc::S_IFMT {
        libc::S_IFSOCK => Way::Socket,
        libc::S_IFREG | libc::S_IFBLK if can_hang(number) => return Found::NeedsRelay,
        libc::S_IFREG | libc::S_IFBLK => Way::AsItIs,
        libc::S_IFIFO => match reopen(number.path()) {
            Ok(fd) => Way::Own(fd),
            Err(e) if e.raw_os_error() == Some(libc::ENXIO) => Way::NoReader,
            Err(_) => Way::Pipe,
        },
        libc::S_IFCHR => match reopen(number.path()) {
            Ok(fd) => Way::Own(fd),
            Err(_) => return device(number, stat.st_rdev),
        },
        _ => return Found::NeedsRelay,
    })
}

/// A character device that could not be opened again.
fn device(number: Number, device: libc::dev_t) -> Found {
    // Of /dev/null, /dev/full and the others of the kernel's memory devices none makes a writer wait.
    const MEMORY: u32 = 1;
    if libc::major(device) == MEMORY {
        return Found::Way(Way::AsItIs);
    }
    // Only of its own controlling terminal the kernel tells a process the session. Everybody may open /dev/tty.
    // SAFETY: the call takes a number.
    let is_controlling = unsafe { libc::tcgetsid(number.fd()) } >= 0;
    let own = is_controlling.then(|| reopen(c"/dev/tty").ok()).flatten();
    own.map_or(Found::NeedsRelay, |fd| Found::Way(Way::Own(fd)))
}

/// A pipe or device, by a new open file. Opening one with these flags does not wait.
fn reopen(path: &CStr) -> io::Result<OwnedFd> {
    let flags = libc::O_WRONLY | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC | libc::O_APPEND;
    // SAFETY: the path ends with a null byte.
    let fd = unsafe { libc::open(path.as_ptr(), flags) };
    match fd {
        ..0 => Err(io::Error::last_os_error()),
        // SAFETY: a descriptor that was opened a moment ago is nobody else's.
        _ => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
    }
}

/// Whether the file is on a file system that another machine or process serves: if that hangs, so does a write.
fn can_hang(number: Number) -> bool {
    const SERVED: [u64; 9] = [
        0x6969,      // NFS
        0x6573_5546, // FUSE
        0xff53_4d42, // CIFS
        0xfe53_4d42, // SMB 2 and later
        0x517b,      // SMB
        0x00c3_6400, // Ceph
        0x0102_1997, // 9P
        0x5346_414f, // AFS
        0x7375_7245, // Coda
    ];
    // SAFETY: all zeros are a valid value, and the kernel writes one into it.
    let mut about: libc::statfs = unsafe { zeroed() };
    // SAFETY: as above.
    let known = unsafe { libc::fstatfs(number.fd(), &raw mut about) } == 0;
    // The type is a number of 32 bits, with or without a sign.
    known && SERVED.contains(&(about.f_type as u64 & 0xffff_ffff))
}

fn is_unsupported(error: &io::Error) -> bool {
    // EPERM and EACCES: by seccomp.
    let unsupported = [libc::EOPNOTSUPP, libc::ENOSYS, libc::EINVAL, libc::EPERM, libc::EACCES];
    error.raw_os_error().is_some_and(|code| unsupported.contains(&code))
}

fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    Ok(nix::unistd::write(fd, bytes)?)
}

fn send(number: Number, bytes: &[u8]) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: `bytes` is valid for its length.
    let sent = unsafe { libc::send(number.fd(), bytes.as_ptr().cast(), bytes.len(), flags) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
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
