//! A socket between two processes of rinit, over which descriptors go from one to the other. It keeps messages apart.

use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, Shutdown, SockFlag, SockType, recvmsg,
    sendmsg, shutdown, socketpair,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// The most descriptors that come with a message.
const MOST: usize = 2;

/// The longest message, in bytes.
pub const LONGEST: usize = 64 * 1024;

/// Both ends. Neither waits, if it is used by the functions here.
///
/// # Errors
/// `socketpair` fails: EMFILE, ENFILE or ENOMEM.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?)
}

/// Sends a message with copies of these descriptors.
///
/// # Errors
/// There is no room now (`WouldBlock`), or nobody reads it any more.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let numbers: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&numbers)];
    let control = if numbers.is_empty() { &[][..] } else { &rights };
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    match sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(bytes)], control, flags, None) {
        Ok(_) => Ok(()),
        // Too many descriptors are under way, or the kernel lacks memory: the other side takes them.
        Err(nix::errno::Errno::ETOOMANYREFS | nix::errno::Errno::ENOBUFS | nix::errno::Errno::ENOMEM) => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        Err(e) => Err(e.into()),
    }
}

/// Takes the next message into `buffer`. Returns its length, 0 at the end, and its descriptors.
///
/// # Errors
/// There is none now (`WouldBlock`), or a part of one was lost.
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = nix::cmsg_space!([RawFd; MOST]);
    let mut pieces = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut pieces, Some(&mut space), flags)?;
    let mut descriptors = Vec::new();
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(numbers) = control {
            // SAFETY: the kernel has just made these for this process, and nobody else has them.
            descriptors.extend(numbers.into_iter().map(|number| unsafe { OwnedFd::from_raw_fd(number) }));
        }
    }
    match message.flags.intersects(MsgFlags::MSG_TRUNC | MsgFlags::MSG_CTRUNC) {
        true => Err(io::ErrorKind::InvalidData.into()),
        false => Ok((message.bytes, descriptors)),
    }
}

/// Nothing more is sent. What was sent is still received, and then the end.
pub fn finish(socket: impl AsFd) {
    let _ = shutdown(socket.as_fd().as_raw_fd(), Shutdown::Write);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read, Write};

    #[test]
    fn descriptors_arrive_with_their_message() {
        let (ours, theirs) = pair().unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        send(ours.as_fd(), b"one", &[writer.as_fd(), reader.as_fd()]).unwrap();
        send(ours.as_fd(), b"two", &[]).unwrap();
        finish(&ours);
        drop((reader, writer));
        let mut buffer = [0; 16];
        let (length, mut descriptors) = receive(theirs.as_fd(), &mut buffer).unwrap();
        assert_eq!((&buffer[..length], descriptors.len()), (&b"one"[..], 2));
        File::from(descriptors.remove(0)).write_all(b"through").unwrap();
        let mut text = String::new();
        File::from(descriptors.remove(0)).read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
        let (length, descriptors) = receive(theirs.as_fd(), &mut buffer).unwrap();
        assert_eq!((&buffer[..length], descriptors.len()), (&b"two"[..], 0));
        assert_eq!(receive(theirs.as_fd(), &mut buffer).unwrap().0, 0, "the end");
    }

    #[test]
    fn nobody_waits() {
        let (ours, theirs) = pair().unwrap();
        let mut buffer = [0; 2];
        assert_eq!(receive(theirs.as_fd(), &mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let full = (0..100_000).find_map(|_| send(ours.as_fd(), &[0; 1024], &[]).err()).unwrap();
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(
            receive(theirs.as_fd(), &mut buffer).unwrap_err().kind(),
            io::ErrorKind::InvalidData,
            "cut"
        );
        drop(theirs);
        // What was not read makes a difference to the kernel's answer.
        let gone = send(ours.as_fd(), b"x", &[]).unwrap_err().kind();
        assert!(matches!(gone, io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset), "{gone:?}");
    }
}
