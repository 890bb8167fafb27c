//! Trees of s6, s6-rc and runit.
//!
//! - `golden`: each of `cases/` is read, and what comes out is compared with what the case says
//! - `malformed`: what such a case cannot hold
//! - `written`: `rinit check --toml`, and back
//! - `peers`: the same trees under s6, runit and rinit, side by side, with `recorder.c` in place of the services
//! - `running`: what only rinit can show: s6-rc, reloads, the command line
//! - `text`: trees as text

mod golden;
mod malformed;
mod peers;
mod running;
pub mod text;
mod written;
