//! Gives memory back that was needed for a moment: an idle rinit keeps only what it needs to wait.

#![forbid(unsafe_code)]

use crate::control::protocol::Verb;
use crate::sys::memory;
use std::time::Duration;

/// How long nothing has to have happened before memory is given back.
pub const QUIET: Duration = Duration::from_millis(100);

/// What is to be given back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tidy {
    /// Nothing.
    #[default]
    Nothing,
    /// The pages of the program that served an answer.
    Program,
    /// These and the holes in the heap, after a configuration was read.
    Everything,
}

impl Tidy {
    /// What a request leaves behind.
    pub fn after(verb: Verb) -> Tidy {
        match verb {
            Verb::Reload => Tidy::Everything,
            _ => Tidy::Program,
        }
    }

    /// Gives it back.
    pub fn carry_out(self) {
        if self == Tidy::Everything {
            memory::trim_heap();
        }
        if self > Tidy::Nothing {
            memory::release_program();
        }
    }
}
