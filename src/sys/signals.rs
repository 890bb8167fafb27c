//! Signals to rinit itself. All of them stay blocked, and are read from a descriptor that the loop watches: none can
//! interrupt anything, or get lost while a process is made. A fault that the kernel finds in rinit ends it all the same,
//! for the kernel forces the signals that it raises itself on a process that blocks them, PID 1 among them.

use super::failed;
use super::mask::Mask;
use crate::model::Signal;
use nix::libc;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Maximum number of signals read per call: room for each of the 31 standard ones, which come before real-time signals.
/// So SIGCHLD, where it waits, is always among the first that are read.
const BATCH: usize = 32;

/// A signal that has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceivedSignal {
    /// Which.
    pub signal: Signal,
    /// The kernel sent it (for the terminal, say), and no process.
    pub by_kernel: bool,
}

/// What reading does when no signal has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// It waits for one.
    Waits,
    /// It finds none.
    Returns,
}

/// Where they are read.
pub struct Signals {
    descriptor: OwnedFd,
}

impl Signals {
    /// Blocks every signal, and opens a descriptor to read them from. Signals that are already pending are read as well.
    /// With `Reading::Waits`, reading blocks until the next signal.
    ///
    /// # Errors
    /// `rt_sigprocmask` or `signalfd` fails: EMFILE, ENFILE, ENOMEM, or EPERM and ENOSYS under seccomp.
    pub fn catch_all(reading: Reading) -> io::Result<Signals> {
        let set = Mask::all();
        set.block().map_err(|e| failed("rt_sigprocmask", e))?;
        // Ignored, as it may have been inherited, it would let the children vanish unseen.
        // SAFETY: the default disposition runs no code.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
        let flags = match reading {
            Reading::Waits => libc::SFD_CLOEXEC,
            Reading::Returns => libc::SFD_CLOEXEC | libc::SFD_NONBLOCK,
        };
        let descriptor = set.descriptor(-1, flags).map_err(|e| failed("signalfd", e))?;
        // SAFETY: the descriptor was made a moment ago, and nobody else has it.
        Ok(Signals { descriptor: unsafe { OwnedFd::from_raw_fd(descriptor) } })
    }

    /// Whether SIGCHLD is told. What comes meanwhile is told later, as one.
    pub fn tell_of_children(&self, tell: bool) {
        let all = Mask::all();
        let set = if tell { all } else { all.without(libc::SIGCHLD) };
        // Cannot fail: the arguments are valid. The flags of a descriptor that is there stay as they are.
        let _ = set.descriptor(self.descriptor.as_raw_fd(), 0);
    }

    /// Puts the signals that have come into `signals`; where there are many, the rest comes with the next call. SIGCHLD
    /// comes first: what has happened is dealt with before what is asked for.
    /// Signals that rinit has sent to itself, SIGPIPE by writing to a pipe without a reader or SIGXFSZ, are nobody's
    /// business.
    pub fn read(&self, signals: &mut Vec<ReceivedSignal>) {
        // SAFETY: all zeros are a valid value.
        let mut buffer: [libc::signalfd_siginfo; BATCH] = unsafe { std::mem::zeroed() };
        // SAFETY: the kernel writes whole structures, at most as many as there is room for.
        let read = unsafe {
            libc::read(self.descriptor.as_raw_fd(), (&raw mut buffer).cast(), size_of_val(&buffer))
        };
        let one = const { std::num::NonZero::new(size_of::<libc::signalfd_siginfo>()) };
        let count = one.map_or(0, |one| usize::try_from(read).unwrap_or(0) / one);
        signals.extend(buffer.iter().take(count).filter_map(received));
        children_first(signals);
    }
}

/// The kernel orders signals by number: SIGTERM would come before the death that it finds.
fn children_first(signals: &mut [ReceivedSignal]) {
    signals.sort_by_key(|received| received.signal != Signal::CHLD);
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

fn received(info: &libc::signalfd_siginfo) -> Option<ReceivedSignal> {
    let signal = Signal::new(i32::try_from(info.ssi_signo).ok()?)?;
    let by_process = matches!(info.ssi_code, libc::SI_USER | libc::SI_QUEUE | libc::SI_TKILL);
    let is_own = by_process && info.ssi_pid == std::process::id();
    (!is_own).then_some(ReceivedSignal { signal, by_kernel: info.ssi_code > 0 })
}

/// Blocks every signal until dropped.
pub struct Blocked {
    before: Mask,
}

impl Blocked {
    /// For the time of a fork, and until the first signal can be read.
    pub fn all() -> Blocked {
        // If it failed, a signal could come early, no more.
        Blocked { before: Mask::all().block().unwrap_or_default() }
    }

    /// Leaves them blocked for good.
    pub fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        let _ = self.before.block();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_come_first_and_the_others_as_they_were() {
        let received = |signal| ReceivedSignal { signal, by_kernel: false };
        let mut signals = [Signal::HUP, Signal::TERM, Signal::CHLD, Signal::CONT].map(received);
        children_first(&mut signals);
        assert_eq!(signals.map(|it| it.signal), [Signal::CHLD, Signal::HUP, Signal::TERM, Signal::CONT]);
    }
}
