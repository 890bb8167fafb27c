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
mod listen_pid;
mod mask;
pub mod memory;
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
pub mod timed;
pub mod tty;
