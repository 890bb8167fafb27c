//! Descriptors that others send along. rinit takes none; but one that is thrown away is closed by whom it was sent to,
//! and that may take as long as its sender likes: a TCP socket with data left and SO_LINGER set.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Since Linux 6.16; the libc crate does not know it yet.
const SO_PASSRIGHTS: libc::c_int = 83;

/// Whoever sends descriptors to this socket, or to one that is accepted from it, gets EPERM.
///
/// # Errors
/// An older kernel does not know this.
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
