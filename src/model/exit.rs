//! Exit statuses: rinit's own, and those that programs use for the same.

/// A verb has done what was asked, or the container has stopped within its grace.
pub const DONE: u8 = 0;

/// A verb could not do it, or what it looked at is not well.
pub const NOT_DONE: u8 = 1;

/// A verb was called wrongly; or, of the init, another rinit is the init here.
pub const USAGE: u8 = 2;

/// No init answers the verb.
pub const NO_INIT: u8 = 3;

/// rinit itself could not do it, as with env, timeout and docker.
pub const OWN_FAILURE: u8 = 125;

/// COMMAND is there and cannot be executed, as with a shell.
pub const NOT_EXECUTABLE: u8 = 126;

/// COMMAND is not there, as with a shell.
pub const NOT_FOUND: u8 = 127;

/// A service had to be killed: SIGKILL has ended it.
pub const KILLED: u8 = 137;

/// A signal of this number has ended it, as with a shell: 128 + N.
pub const fn by_signal(number: i32) -> i32 {
    number.saturating_add(128)
}

/// Whether a shell exits with this code when it cannot run the program that it was told to.
pub const fn is_not_run(code: i32) -> bool {
    code == NOT_EXECUTABLE as i32 || code == NOT_FOUND as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Signal;

    #[test]
    fn who_had_to_be_killed_was_ended_by_sigkill() {
        assert_eq!(by_signal(Signal::KILL.number()), i32::from(KILLED));
        assert_eq!(by_signal(i32::MAX), i32::MAX);
    }
}
