//! The integration tests: the real binary in PID namespaces and containers. tests/run runs them with all they need.

// A test fails by panicking.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects
)]

mod support;

mod binary;
mod check;
mod cli;
mod config;
mod control;
mod core;
mod design;
mod docker;
mod documentation;
mod entry;
mod examples;
mod fuzz;
mod health;
mod init;
mod logs;
mod orchestrators;
mod output;
mod pid1;
mod simulation;
mod size;
mod supervise;
mod trees;
