//! The terminal, if standard input is one.

use nix::libc;
use std::io::{IsTerminal, stdin};

/// Whether standard input is a terminal.
pub fn is_stdin() -> bool {
    stdin().is_terminal()
}

/// Makes the calling process's group the foreground group of the terminal on standard input. To be called with
/// SIGTTOU blocked. That there is no terminal, or that it is somebody else's, is no error.
pub fn take_foreground() {
    // SAFETY: neither call touches memory.
    unsafe {
        libc::tcsetpgrp(libc::STDIN_FILENO, libc::getpgrp());
    }
}
