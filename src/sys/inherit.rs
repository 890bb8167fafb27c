//! What rinit was started with, recorded before `main` begins and anything can change it: the command is to find
//! everything as it was.

use super::mask::{Mask, bit};
use nix::libc;
use std::ffi::{CStr, c_char};
use std::os::fd::RawFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

/// The signals whose disposition rinit may change: CHLD and PIPE always, the others while a verb runs a command.
const CHANGED: [i32; 6] =
    [libc::SIGCHLD, libc::SIGPIPE, libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM];

/// Bit N-1 is set if signal N, one of `CHANGED`, was ignored.
static IGNORED: AtomicU64 = AtomicU64::new(0);
/// The same for all signals, once somebody has asked.
static ALL_IGNORED: OnceLock<u64> = OnceLock::new();
/// The signals that were blocked.
static BLOCKED: OnceLock<Mask> = OnceLock::new();

/// Bit N is set if descriptor N, one of 0, 1 and 2, was closed.
static CLOSED: AtomicU64 = AtomicU64::new(0);
/// rinit's process group, if it was the foreground group of the terminal on standard input; -1: it was not.
static FOREGROUND: AtomicI32 = AtomicI32::new(-1);

/// Run by the C library before `main`, as the linker puts it into that section.
#[used]
#[unsafe(link_section = ".init_array")]
static RECORD: extern "C" fn() = record;

extern "C" fn record() {
    let _ = BLOCKED.set(Mask::current());
    IGNORED.store(those_ignored(CHANGED), Ordering::Relaxed);
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
    CLOSED.load(Ordering::Relaxed) & bit(fd.saturating_add(1)) != 0
}

/// rinit's process group, if it was the foreground group of the terminal on standard input when rinit was started.
pub fn foreground_group() -> Option<i32> {
    Some(FOREGROUND.load(Ordering::Relaxed)).filter(|group| *group >= 0)
}

/// Which of the signals that rinit may change were ignored when it was started: bit N-1 stands for signal N.
pub fn ignored_of_changed() -> u64 {
    IGNORED.load(Ordering::Relaxed)
}

/// Which signals were ignored when rinit was started: bit N-1 stands for signal N.
pub fn ignored() -> u64 {
    // The others are still as they were.
    *ALL_IGNORED.get_or_init(|| {
        ignored_of_changed() | those_ignored((1..=64).filter(|number| !CHANGED.contains(number)))
    })
}

/// Which of these signals are ignored.
fn those_ignored(numbers: impl IntoIterator<Item = i32>) -> u64 {
    numbers.into_iter().filter(|number| is_ignored(*number)).fold(0, |set, number| set | bit(number))
}

fn is_ignored(number: i32) -> bool {
    // The C library's function refuses the signals that it keeps for itself. The handler is the first of the kernel's
    // structure, which has room here.
    let mut action = [0_usize; 8];
    // SAFETY: the kernel writes the structure, with a signal set of 8 bytes, and changes nothing.
    let result = unsafe {
        libc::syscall(
            libc::SYS_rt_sigaction,
            number,
            std::ptr::null::<usize>(),
            action.as_mut_ptr(),
            std::mem::size_of::<u64>(),
        )
    };
    result == 0 && action.first() == Some(&libc::SIG_IGN)
}

/// The signals that were blocked when rinit was started.
pub fn blocked() -> Mask {
    BLOCKED.get().copied().unwrap_or_default()
}

/// The environment, entry by entry and byte for byte, also what is not `NAME=VALUE`.
pub fn environment() -> Vec<&'static CStr> {
    unsafe extern "C" {
        static environ: *const *const c_char;
    }
    let mut entries = Vec::new();
    // SAFETY: `environ` is the C library's array, ended by a null pointer, of strings ended by a null byte, which last
    // as long as the process. rinit has one thread and never changes its own environment.
    unsafe {
        let mut at = environ;
        while !at.is_null() && !(*at).is_null() {
            entries.push(CStr::from_ptr(*at));
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
