//! rinit: a small static PID-1 init and process supervisor for containers.
//!
//! The library exists for the binary and its tests; the modules depend on each other in one direction:
//! `cli → init → {supervisor, control, config, sys} → model`, and `logger` beside `init`.

#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

pub mod cli;
pub mod config;
pub mod control;
pub mod init;
pub mod logger;
pub mod model;
pub mod probe;
pub mod supervisor;
pub mod sys;
