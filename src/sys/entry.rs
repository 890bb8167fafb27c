//! Where the C library hands over to rinit. Rust's own entry would ask for the bounds of the stack, install handlers
//! that report its overflow and look at the standard descriptors, and bring 100 KB of glibc that nothing else in rinit
//! needs. A stack that overflows ends PID 1 with or without a message.

use nix::libc;
use std::ffi::{CStr, CString, OsStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicPtr, Ordering};

/// What rinit was called by.
static NAME: AtomicPtr<c_char> = AtomicPtr::new(std::ptr::null_mut());

/// Defines the C function `main`, which runs a function with the command line and ends the process with the status that
/// it returns.
#[macro_export]
macro_rules! entry {
    ($run:path) => {
        #[unsafe(no_mangle)]
        extern "C" fn main(count: std::ffi::c_int, words: *const *const std::ffi::c_char) -> std::ffi::c_int {
            // SAFETY: the C library calls this, once, with the command line.
            let words = unsafe { $crate::sys::entry::begin(count, words) };
            std::process::exit($run(words).into())
        }
    };
}

/// Prepares the process as all of rinit expects it, and returns the command line.
///
/// # Safety
///
/// `words` points to that many strings, which nobody changes or frees.
pub unsafe fn begin(count: c_int, words: *const *const c_char) -> Vec<OsString> {
    // Writing to a pipe without a reader is an error like others, and no end.
    // SAFETY: the disposition runs no code.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    let count = usize::try_from(count).unwrap_or(0);
    let word = |at: usize| {
        // SAFETY: the caller vouches for the first `count`.
        let text = unsafe { CStr::from_ptr(*words.add(at)) };
        OsStr::from_bytes(text.to_bytes()).to_owned()
    };
    if count > 0 {
        // SAFETY: as above.
        NAME.store(unsafe { *words }.cast_mut(), Ordering::Relaxed);
    }
    (0..count).map(word).collect()
}

/// What rinit was called by; empty if nobody has said.
pub fn name() -> CString {
    let name = NAME.load(Ordering::Relaxed);
    if name.is_null() {
        return CString::default();
    }
    // SAFETY: it is the first word of the command line, which lasts as long as the process.
    unsafe { CStr::from_ptr(name) }.to_owned()
}
