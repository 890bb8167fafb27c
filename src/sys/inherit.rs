//! What rinit was started with, recorded before `main` begins and anything can change it: the command is to find
//! everything as it was.

use nix::libc;
use std::ffi::{CStr, CString};
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

/// Bit N-1 is set if signal N was ignored.
static IGNORED: AtomicU64 = AtomicU64::new(0);
/// Bit N-1 is set if signal N was blocked.
static BLOCKED: AtomicU64 = AtomicU64::new(0);

/// Bit N is set if descriptor N, one of 0, 1 and 2, was closed.
static CLOSED: AtomicU64 = AtomicU64::new(0);
/// rinit's process group, if it was the foreground group of the terminal on standard input; -1: it was not.
static FOREGROUND: AtomicI32 = AtomicI32::new(-1);

/// Run by the C library before `main`, as the linker puts it into that section.
#[used]
#[unsafe(link_section = ".init_array")]
static RECORD: extern "C" fn() = record;

extern "C" fn record() {
    // SAFETY: a zeroed `sigset_t` and `sigaction` are valid values; both calls only write into the locals that
    // they are given, and change nothing.
    let (ignored, blocked) = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigprocmask(libc::SIG_BLOCK, std::ptr::null(), &mut set);
        let mut ignored = 0_u64;
        let mut blocked = 0_u64;
        let mut bit = 1_u64;
        for number in 1..=64 {
            let mut action: libc::sigaction = std::mem::zeroed();
            if libc::sigaction(number, std::ptr::null(), &mut action) == 0
                && action.sa_sigaction == libc::SIG_IGN
            {
                ignored |= bit;
            }
            if libc::sigismember(&set, number) == 1 {
                blocked |= bit;
            }
            bit = bit.rotate_left(1);
        }
        (ignored, blocked)
    };
    IGNORED.store(ignored, Ordering::Relaxed);
    BLOCKED.store(blocked, Ordering::Relaxed);
    CLOSED.store(fill_standard_descriptors(), Ordering::Relaxed);
    // SAFETY: both calls take numbers. In a PID namespace the group of a shell outside of it is 0, for both.
    let (terminal, own) = unsafe { (libc::tcgetpgrp(libc::STDIN_FILENO), libc::getpgrp()) };
    FOREGROUND.store(if terminal == own { own } else { -1 }, Ordering::Relaxed);
}

/// Opens those of 0, 1 and 2 that are closed, so that nothing that rinit opens gets one of these numbers. Returns a bit for each.
fn fill_standard_descriptors() -> u64 {
    let mut closed = 0_u64;
    let mut bit = 1_u64;
    for fd in 0..=2 {
        if flags(fd).is_none() {
            closed |= bit;
            // SAFETY: the path is a constant string, and both calls return the lowest free number, which is `fd`.
            unsafe {
                if libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) < 0 {
                    libc::eventfd(0, libc::EFD_NONBLOCK);
                }
            }
        }
        bit = bit.rotate_left(1);
    }
    closed
}

/// Whether one of the descriptors 0, 1 and 2 was closed when rinit was started. It is open now.
pub fn was_closed(fd: RawFd) -> bool {
    bit(&CLOSED, fd.saturating_add(1))
}

/// rinit's process group, if it was the foreground group of the terminal on standard input when rinit was started.
pub fn foreground_group() -> Option<i32> {
    Some(FOREGROUND.load(Ordering::Relaxed)).filter(|group| *group >= 0)
}

/// Whether a signal was ignored when rinit was started.
pub fn was_ignored(number: i32) -> bool {
    bit(&IGNORED, number)
}

/// Whether rinit itself changes what is done with a signal: it ignores SIGPIPE, and does not ignore SIGCHLD.
pub fn is_ours(number: i32) -> bool {
    matches!(number, libc::SIGPIPE | libc::SIGCHLD)
}

/// Whether a signal was blocked when rinit was started.
pub fn was_blocked(number: i32) -> bool {
    bit(&BLOCKED, number)
}

fn bit(set: &AtomicU64, number: i32) -> bool {
    let shift = u32::try_from(number).ok().and_then(|number| number.checked_sub(1));
    shift.and_then(|shift| set.load(Ordering::Relaxed).checked_shr(shift)).is_some_and(|bits| bits & 1 == 1)
}

/// The environment, entry by entry and byte for byte, also what is not `NAME=VALUE`.
pub fn environment() -> Vec<CString> {
    unsafe extern "C" {
        static environ: *const *const libc::c_char;
    }
    let mut entries = Vec::new();
    // SAFETY: `environ` is the C library's array, ended by a null pointer, of strings ended by a null byte. rinit
    // has one thread and never changes its own environment.
    unsafe {
        let mut at = environ;
        while !at.is_null() && !(*at).is_null() {
            entries.push(CStr::from_ptr(*at).to_owned());
            at = at.add(1);
        }
    }
    entries
}

/// Closes the descriptors of 3 and more that rinit was started with. They are told by their flag: what has come through
/// an exec is not closed by one, and everything that rinit opens is.
pub fn close_inherited() {
    let inherited: Vec<RawFd> = match std::fs::read_dir("/proc/self/fd") {
        Ok(entries) => {
            let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
            numbers.filter(|fd| is_inherited(*fd)).collect()
        }
        Err(_) => (0..1024).filter(|fd| is_inherited(*fd)).collect(),
    };
    for fd in inherited {
        // SAFETY: the flag says that rinit has not opened it, so no object of rinit owns it.
        unsafe {
            libc::close(fd);
        }
    }
}

fn is_inherited(fd: RawFd) -> bool {
    fd > libc::STDERR_FILENO && flags(fd).is_some_and(|flags| flags & libc::FD_CLOEXEC == 0)
}

/// The flags of a descriptor, if it is open.
fn flags(fd: RawFd) -> Option<i32> {
    // SAFETY: F_GETFD takes no argument and fails on a number that is no descriptor.
    Some(unsafe { libc::fcntl(fd, libc::F_GETFD) }).filter(|flags| *flags >= 0)
}
