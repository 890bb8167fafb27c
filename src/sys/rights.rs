//! Refuses descriptors that are sent over a socket. rinit uses none. The kernel would close them in rinit's name, and the
//! sender decides how long that takes: a TCP socket with unsent data and SO_LINGER, for example.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Since Linux 6.16; the libc crate does not know it yet.
const SO_PASSRIGHTS: libc::c_int = 83;

/// Makes sending descriptors to this socket, or to one that is accepted from it, fail with EPERM.
///
/// # Errors
/// `setsockopt` fails: ENOPROTOOPT before Linux 6.16.
pub fn refuse(socket: impl AsFd) -> io::Result<()> {
    let no: libc::c_int = 0;
    let size = libc::socklen_t::try_from(size_of_val(&no)).unwrap_or_default();
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: the kernel reads `size` bytes of `no`, which is there during the call.
    match unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, SO_PASSRIGHTS, (&raw const no).cast(), size) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
