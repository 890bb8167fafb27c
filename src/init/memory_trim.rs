//! Returns memory to the kernel that was needed for a moment. An idle rinit keeps only what it needs to wait.

#![forbid(unsafe_code)]

use crate::control::protocol::Verb;
use crate::sys::memory;
use std::time::Duration;

/// How long rinit has to be idle before it returns memory.
pub const QUIET: Duration = Duration::from_millis(100);

/// Which memory to return.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemoryTrim {
    /// Nothing.
    #[default]
    Nothing,
    /// The pages of the program that served an answer.
    Program,
    /// These and the free parts of the heap, after definitions were read.
    Everything,
}

impl MemoryTrim {
    /// Which memory to return after a request.
    pub fn after(verb: Verb) -> MemoryTrim {
        match verb {
            Verb::Reload => MemoryTrim::Everything,
            _ => MemoryTrim::Program,
        }
    }

    /// Returns it to the kernel.
    pub fn carry_out(self) {
        if self == MemoryTrim::Everything {
            memory::trim_heap();
        }
        if self > MemoryTrim::Nothing {
            memory::release_program();
        }
    }
}
