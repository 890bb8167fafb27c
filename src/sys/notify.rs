//! A datagram socket to which processes send, and by which the kernel tells who each of them is.

use super::socket::pid_namespace;
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, bind, getsockname, setsockopt, socket, sockopt,
};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Room for the sender's credentials and nothing else: for descriptors that somebody sends along there is none, so the
/// kernel closes them. A sender that waits for that (systemd's barrier) learns that the message was read.
const CONTROL_SIZE: usize = {
    // SAFETY: CMSG_SPACE computes a number.
    let size = unsafe { libc::CMSG_SPACE(size_of::<libc::ucred>() as u32) };
    size as usize
};

#[repr(C)]
union Control {
    bytes: [u8; CONTROL_SIZE],
    _aligned: libc::cmsghdr,
}

/// The socket. Reading does not wait.
pub struct DatagramSocket {
    fd: OwnedFd,
    name: String,
}

/// What was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// The sender's process ID; 0 if it is in a PID namespace that cannot be seen from here.
    pub pid: i32,
    /// The sender's user ID, as far as it can be seen from here.
    pub uid: u32,
    /// Number of bytes in the buffer.
    pub length: usize,
    /// There were more.
    pub truncated: bool,
}

impl DatagramSocket {
    /// Opens a socket at an abstract address, which needs no file system. If another process in this network namespace has
    /// taken the name, the kernel chooses a free one.
    ///
    /// # Errors
    /// `socket`, `setsockopt` or `bind` fails: EMFILE, ENFILE, ENOMEM, or EPERM under seccomp.
    pub fn open() -> io::Result<DatagramSocket> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket(AddressFamily::Unix, SockType::Datagram, flags, None)?;
        setsockopt(&fd, sockopt::PassCred, &true)?;
        let name = format!("rinit-notify/{}/{}", pid_namespace().unwrap_or_default(), std::process::id());
        match bind(fd.as_raw_fd(), &UnixAddr::new_abstract(name.as_bytes())?) {
            Ok(()) => Ok(DatagramSocket { fd, name }),
            // Somebody in this network namespace has taken the name. Then the kernel chooses a free one.
            Err(Errno::EADDRINUSE) => DatagramSocket::with_any_name(fd),
            Err(e) => Err(e.into()),
        }
    }

    fn with_any_name(fd: OwnedFd) -> io::Result<DatagramSocket> {
        bind(fd.as_raw_fd(), &UnixAddr::new_unnamed())?;
        let bound: UnixAddr = getsockname(fd.as_raw_fd())?;
        let name = bound.as_abstract().and_then(|name| std::str::from_utf8(name).ok()).map(str::to_owned);
        let name = name.ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(DatagramSocket { fd, name })
    }

    /// Its name in the abstract space.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The next message; `None` if there is none.
    ///
    /// # Errors
    /// `recvmsg` fails for another reason than EAGAIN: ENOMEM or ENOBUFS, for example.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<Received>> {
        let mut control = Control { bytes: [0; CONTROL_SIZE] };
        let mut piece = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
        // SAFETY: a zeroed msghdr is a valid value.
        let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
        header.msg_iov = &raw mut piece;
        header.msg_iovlen = 1;
        header.msg_control = (&raw mut control).cast();
        header.msg_controllen = CONTROL_SIZE as _;
        let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
        // SAFETY: the header points to one piece of `buffer` and to `control`, with their lengths; both live until
        // the end of this function.
        let received = unsafe { libc::recvmsg(self.fd.as_raw_fd(), &raw mut header, flags) };
        let Ok(length) = usize::try_from(received) else {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::WouldBlock { Ok(None) } else { Err(error) };
        };
        let truncated = header.msg_flags & libc::MSG_TRUNC != 0;
        let (pid, uid) = sender(&header);
        Ok(Some(Received { pid, uid, length, truncated }))
    }
}

impl AsFd for DatagramSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The process ID and the user ID in the credentials; 0 and nobody's if there are none.
fn sender(header: &libc::msghdr) -> (i32, u32) {
    // SAFETY: the kernel has filled the control buffer that the header points to, and its length says how far. The
    // credentials are copied, as the C library promises no alignment of what follows a control header.
    unsafe {
        let first = libc::CMSG_FIRSTHDR(header);
        if first.is_null()
            || (*first).cmsg_level != libc::SOL_SOCKET
            || (*first).cmsg_type != libc::SCM_CREDENTIALS
        {
            return (0, u32::MAX);
        }
        let credentials = libc::CMSG_DATA(first).cast::<libc::ucred>().read_unaligned();
        (credentials.pid, credentials.uid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{MsgFlags, sendto};
    use std::io::Read;
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
    use std::time::{Duration, Instant};

    fn sender_to(socket: &DatagramSocket) -> UnixDatagram {
        let sender = UnixDatagram::unbound().unwrap();
        sender.connect_addr(&SocketAddr::from_abstract_name(socket.name()).unwrap()).unwrap();
        sender
    }

    #[test]
    fn the_sender_is_known() {
        // Also where the usual name is taken, be it by another test.
        let sockets = [DatagramSocket::open().unwrap(), DatagramSocket::open().unwrap()];
        assert_ne!(sockets[0].name(), sockets[1].name());
        for socket in &sockets {
            let mut buffer = [0; 8];
            assert_eq!(socket.receive(&mut buffer).unwrap(), None);
            let sender = sender_to(socket);
            sender.send(b"READY=1").unwrap();
            sender.send(b"STATUS=much").unwrap();
            sender.send(b"").unwrap();
            let pid = i32::try_from(std::process::id()).unwrap();
            let received = |length, truncated| {
                Some(Received { pid, uid: crate::sys::process::user_id(), length, truncated })
            };
            assert_eq!(socket.receive(&mut buffer).unwrap(), received(7, false));
            assert_eq!(&buffer[..7], b"READY=1");
            assert_eq!(socket.receive(&mut buffer).unwrap(), received(8, true));
            assert_eq!(socket.receive(&mut buffer).unwrap(), received(0, false));
            assert_eq!(socket.receive(&mut buffer).unwrap(), None);
        }
    }

    #[test]
    fn descriptors_that_are_sent_along_are_closed() {
        let socket = DatagramSocket::open().unwrap();
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let sender = sender_to(&socket);
        send_with_descriptor(&sender, b"BARRIER=1", theirs.as_raw_fd());
        drop(theirs);
        ours.set_nonblocking(true).unwrap();
        assert_eq!(ours.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(socket.receive(&mut [0; 64]).unwrap().map(|received| received.length), Some(9));
        // Another test's child may have the other end, too, until it executes its program.
        let begun = Instant::now();
        while let Err(e) = ours.read(&mut [0]) {
            assert_eq!(e.kind(), io::ErrorKind::WouldBlock);
            assert!(begun.elapsed() < Duration::from_secs(20), "the descriptor is not closed");
            std::thread::yield_now();
        }
        // An address of the same name without the null byte in front is a file.
        let path = UnixAddr::new(socket.name()).unwrap();
        assert!(sendto(sender.as_raw_fd(), b"x", &path, MsgFlags::MSG_DONTWAIT).is_err());
    }

    fn send_with_descriptor(socket: &UnixDatagram, bytes: &[u8], fd: i32) {
        let mut control = [0_u64; 8];
        let mut piece = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        // SAFETY: all that the header points to lives on the stack; the control buffer has room for one descriptor.
        let sent = unsafe {
            let mut header: libc::msghdr = std::mem::zeroed();
            header.msg_iov = &raw mut piece;
            header.msg_iovlen = 1;
            header.msg_control = control.as_mut_ptr().cast();
            header.msg_controllen = libc::CMSG_SPACE(4) as _;
            let first = libc::CMSG_FIRSTHDR(&raw const header);
            (*first).cmsg_level = libc::SOL_SOCKET;
            (*first).cmsg_type = libc::SCM_RIGHTS;
            (*first).cmsg_len = libc::CMSG_LEN(4) as _;
            libc::CMSG_DATA(first).cast::<i32>().write_unaligned(fd);
            libc::sendmsg(socket.as_raw_fd(), &raw const header, 0)
        };
        assert_eq!(sent, bytes.len() as isize);
    }
}
