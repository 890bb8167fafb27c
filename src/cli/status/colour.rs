//! How much a service wants to be looked at, and how that is shown on a terminal.

#![forbid(unsafe_code)]

use crate::cli::values::{Env, env};
use crate::control::protocol::ServiceStatus;
use crate::sys::tty;

/// What standard output can show.
#[derive(Clone, Copy, Debug, Default)]
pub struct Screen {
    /// Colours.
    pub colour: bool,
    /// Number of columns; `None`: lines of any length.
    pub columns: Option<usize>,
}

impl Screen {
    /// That of a terminal, if there is one: everything else gets plain text, and all of it.
    pub fn of_stdout() -> Screen {
        match tty::is_stdout() {
            true => Screen { colour: wanted(&env), columns: tty::columns() },
            false => Screen::default(),
        }
    }
}

/// Whether the user wants colours on a terminal: <https://no-color.org>.
fn wanted(env: Env<'_>) -> bool {
    env("NO_COLOR").is_none_or(|value| value.is_empty()) && env("TERM").is_none_or(|term| term != "dumb")
}

/// How a service looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Somebody should do something.
    Bad,
    /// It is on its way.
    Busy,
    /// As it should be.
    Good,
    /// Nothing is expected of it.
    Quiet,
}

impl Look {
    /// Of a service as a whole.
    pub fn of(service: &ServiceStatus) -> Look {
        // It was ended because it was not well, and it is not known to be well again.
        let is_unproven =
            [Some(service.state.as_str()), service.health.as_deref()].contains(&Some("starting"));
        let is_back = service.exit_reason.is_some() && !service.exit_asked && is_unproven;
        match service.health.as_deref().map(Look::of_word) {
            Some(Look::Bad) => Look::Bad,
            _ if is_back => Look::Bad,
            _ => Look::of_word(&service.state),
        }
    }

    /// Of a state, or of the health. A newer init may know others.
    pub fn of_word(word: &str) -> Look {
        match word {
            "failed" | "backoff" | "unhealthy" => Look::Bad,
            "running" | "completed" | "healthy" => Look::Good,
            "waiting" | "starting" | "stopping" | "paused" => Look::Busy,
            _ => Look::Quiet,
        }
    }

    /// The text in its colour.
    pub fn paint(self, text: &str, colour: bool) -> String {
        let code = match self {
            Look::Bad => "1;31",
            Look::Busy => "33",
            Look::Good => "32",
            Look::Quiet => "2",
        };
        if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    #[test]
    fn the_environment_switches_colours_off() {
        let with = |name: &'static str, value: &'static str| {
            wanted(&|asked| (asked == name).then(|| OsString::from(value)))
        };
        assert!(wanted(&|_| None));
        assert!(with("NO_COLOR", ""));
        assert!(!with("NO_COLOR", "0"));
        assert!(with("TERM", "xterm"));
        assert!(!with("TERM", "dumb"));
    }
}
