//! Signals to rinit itself: each one puts its number into a pipe that the loop watches.

use crate::model::Signal;
use nix::fcntl::OFlag;
use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Signals that are not caught: two cannot be, and the others are how the kernel reports a fault of rinit itself.
const NOT_CAUGHT: [i32; 9] = [
    libc::SIGKILL,
    libc::SIGSTOP,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGSEGV,
    libc::SIGSYS,
];

/// The reading end. Dropping it does not end the catching.
pub struct Signals {
    pipe: OwnedFd,
    child: Arc<AtomicBool>,
}

impl Signals {
    /// Catches every signal that can be caught, and unblocks all.
    pub fn catch_all() -> io::Result<Signals> {
        let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        let writer = Arc::new(writer);
        let child = Arc::new(AtomicBool::new(false));
        for signal in Signal::all().filter(|signal| !NOT_CAUGHT.contains(&signal.number())) {
            catch(signal, &writer, &child)?;
        }
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
        Ok(Signals { pipe: reader, child })
    }

    /// Puts the signals that have come into `signals`, in order. SIGCHLD is told once, however many children have
    /// ended, so that they cannot crowd out the others.
    pub fn read(&self, signals: &mut Vec<Signal>) {
        let mut buffer = [0_u8; 256];
        loop {
            let count = match nix::unistd::read(&self.pipe, &mut buffer) {
                Ok(0) => return,
                Ok(count) => count,
                Err(nix::errno::Errno::EINTR) => continue,
                Err(_) => return,
            };
            for signal in buffer.iter().take(count).filter_map(|byte| Signal::new(i32::from(*byte))) {
                if signal == Signal::CHLD {
                    // Before the reaping, so that whoever ends after it is told anew.
                    self.child.store(false, Ordering::SeqCst);
                }
                signals.push(signal);
            }
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

fn catch(signal: Signal, writer: &Arc<OwnedFd>, child: &Arc<AtomicBool>) -> io::Result<()> {
    let number = signal.number();
    let byte = u8::try_from(number).unwrap_or_default();
    let writer = Arc::clone(writer);
    let child = (signal == Signal::CHLD).then(|| Arc::clone(child));
    let action = move || {
        if child.as_ref().is_some_and(|pending| pending.swap(true, Ordering::SeqCst)) {
            return;
        }
        // SAFETY: `write` may be called in a signal handler; the buffer lives on the stack, and the descriptor as
        // long as the closure. A full pipe (65,536 signals unread) loses the signal, as the kernel would.
        unsafe {
            libc::write(writer.as_raw_fd(), (&raw const byte).cast(), 1);
        }
    };
    // SAFETY: the action uses atomics and `write`, which are safe in a signal handler; it does not allocate.
    unsafe { signal_hook::low_level::register(number, action) }.map(|_| ())
}

/// Blocks every signal until dropped: for the time of a fork.
pub struct Blocked {
    before: SigSet,
}

impl Blocked {
    /// Blocks every signal.
    pub fn all() -> Blocked {
        let mut before = SigSet::empty();
        // Cannot fail: the arguments are valid. If it did, a signal could come early, no more.
        let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), Some(&mut before));
        Blocked { before }
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.before), None);
    }
}
