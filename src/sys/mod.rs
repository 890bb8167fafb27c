//! The one seam to the kernel: every system call, and every `unsafe`, of rinit is below this module. It knows no
//! service.

use crate::model::text::cause;

pub mod attributes;
pub mod bytes;
pub mod caps;
pub mod cgroup;
mod check;
pub mod child_task;
pub mod container;
pub mod deadline;
mod descriptors;
pub mod entry;
pub mod file;
pub mod handover;
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
mod relay;
pub mod required;
mod rights;
pub mod signal_sender;
pub mod signals;
pub mod socket;
pub mod spawn;
pub mod stage;
pub mod stream;
pub mod timed;
pub mod tty;
mod values;

/// Names the call that has failed, for what may have refused it is not to be guessed without.
fn failed(call: &str, error: std::io::Error) -> std::io::Error {
    let hint = match error.raw_os_error() {
        Some(nix::libc::EPERM | nix::libc::EACCES | nix::libc::ENOSYS) => {
            ", is it refused by a seccomp profile?"
        }
        _ => "",
    };
    std::io::Error::new(error.kind(), format!("{call}: {}{hint}", cause(&error)))
}
