//! Sets of signals, by the kernel's own calls: the C library's leave out the signals that it keeps for its threads, which
//! are 32 and 33 with glibc, and 34 too, the first one that a program may use there, with musl.

use nix::libc;
use std::ffi::c_int;
use std::io;

/// A set of signals, as the kernel has them: bit N - 1 is signal N.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mask(u64);

/// A signal's bit in a set of them.
pub(super) fn bit(number: i32) -> u64 {
    let shift = u32::try_from(number).ok().and_then(|number| number.checked_sub(1));
    shift.and_then(|shift| 1_u64.checked_shl(shift)).unwrap_or(0)
}

/// The size of such a set.
const SIZE: usize = size_of::<u64>();

impl Mask {
    /// Every signal but 32 and 33, which no program is to block.
    pub fn all() -> Mask {
        Mask(!(bit(32) | bit(33)))
    }

    /// The same without one.
    pub fn without(self, signal: c_int) -> Mask {
        Mask(self.0 & !bit(signal))
    }

    /// What the process blocks.
    pub fn current() -> Mask {
        change(std::ptr::null()).unwrap_or_default()
    }

    /// Has the process block these, and no others. Returns what it has blocked before.
    ///
    /// # Errors
    /// None of the kernel's: the arguments are valid.
    pub fn block(self) -> io::Result<Mask> {
        change(&raw const self.0)
    }

    /// A descriptor on which these signals are read, with the flags of `signalfd`; or one that is there, -1 for none, is
    /// to be for these from now on.
    ///
    /// # Errors
    /// No descriptor or no memory can be had.
    pub fn descriptor(self, there: c_int, flags: c_int) -> io::Result<c_int> {
        // SAFETY: the kernel reads a set of the size that is said.
        let made = unsafe { libc::syscall(libc::SYS_signalfd4, there, &raw const self.0, SIZE, flags) };
        c_int::try_from(made).ok().filter(|made| *made >= 0).ok_or_else(io::Error::last_os_error)
    }
}

fn change(to: *const u64) -> io::Result<Mask> {
    let mut before = Mask::default();
    let how = libc::SIG_SETMASK;
    // SAFETY: `to` is null, for no change, or a set, and the kernel writes one; both have the size that is said.
    let done = unsafe { libc::syscall(libc::SYS_rt_sigprocmask, how, to, &raw mut before.0, SIZE) };
    if done == 0 { Ok(before) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_blocked_is_what_was_said() {
        let before = Mask::current();
        let all = Mask::all().without(libc::SIGKILL).without(libc::SIGSTOP);
        assert_eq!(all.block().unwrap(), before);
        assert_eq!(Mask::current(), all);
        assert_eq!((all.0 & bit(34), all.0 & (bit(32) | bit(33))), (bit(34), 0));
        before.block().unwrap();
        assert_eq!(Mask::current(), before);
    }
}
