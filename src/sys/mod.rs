//! The one seam to the kernel: every system call, and every `unsafe`, of rinit is below this module. It knows no
//! service.

pub mod attributes;
pub mod caps;
pub mod cgroup;
pub mod container;
mod descriptors;
pub mod entry;
pub mod file;
pub mod inherit;
pub mod io;
#[cfg(all(lean, panic = "abort"))]
#[macro_use]
mod lean;
mod listen_pid;
mod mask;
pub mod memory;
#[cfg(all(no_stdio, panic = "abort"))]
mod no_stdio;
pub mod notify;
pub mod poll;
pub mod proc_fs;
pub mod process;
mod program;
mod rights;
pub mod signals;
pub mod socket;
pub mod spawn;
pub mod stage;
#[cfg(all(lean_start, panic = "abort"))]
mod start;
pub mod timed;
pub mod tty;
