//! Every option and every verb, defined once: the parser, the help, the man page and the completions come from these
//! tables.

#![forbid(unsafe_code)]

mod entry;
mod flags;
mod placeholders;
mod verbs;

pub use entry::{Command, Flag, Opt, Verb};
pub use flags::*;
pub use placeholders::{Kind, Operand, PLACEHOLDERS, kind};
pub use verbs::{COMMANDS, find};
