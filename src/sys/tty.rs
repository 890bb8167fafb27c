//! The terminal, if standard input, or standard output, is one.

use nix::libc;
use std::io::{IsTerminal, stdin, stdout};

/// Whether standard input is a terminal.
pub fn is_stdin() -> bool {
    stdin().is_terminal()
}

/// Makes a process group the foreground group of the terminal on standard input. That there is no terminal, or that
/// it is somebody else's, is no error. To be called with SIGTTOU blocked: it would stop a caller in the background.
pub fn set_foreground(group: i32) {
    // SAFETY: the call takes numbers.
    unsafe {
        libc::tcsetpgrp(libc::STDIN_FILENO, group);
    }
}

/// Whether the caller's process group is the foreground group of the terminal on standard input.
pub fn is_foreground() -> bool {
    // SAFETY: neither call touches memory.
    unsafe { libc::tcgetpgrp(libc::STDIN_FILENO) == libc::getpgrp() }
}

/// Whether the caller leads its session: nobody waits for it to be stopped then, and to continue it.
pub fn is_session_leader() -> bool {
    // SAFETY: neither call touches memory.
    unsafe { libc::getsid(0) == libc::getpid() }
}

/// Gives up the controlling terminal on standard input, so that another session can have it. Returns whether the
/// kernel sends SIGHUP and SIGCONT for that, as it does to a session's leader.
pub fn detach() -> bool {
    // SAFETY: the request takes no argument.
    unsafe { libc::ioctl(libc::STDIN_FILENO, libc::TIOCNOTTY) == 0 && is_session_leader() }
}

/// Makes the terminal on standard input, if there is one that nobody has, the controlling one of the caller's session.
pub fn attach() {
    // SAFETY: the request takes a number: 0 for not taking it away from another session.
    unsafe {
        libc::ioctl(libc::STDIN_FILENO, libc::TIOCSCTTY, 0);
    }
}

/// Whether standard output is a terminal.
pub fn is_stdout() -> bool {
    stdout().is_terminal()
}

/// How many columns the terminal on standard output has, if it is one and knows.
pub fn columns() -> Option<usize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the kernel fills in the structure, which is of the type that the request wants.
    let result = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) };
    (result == 0 && size.ws_col > 0).then_some(size.ws_col.into())
}
