//! Unix stream sockets: names, listening, connecting, and who is on the other side.

#![forbid(unsafe_code)]

use super::process::user_id;
use super::rights;
use crate::model::text::escaped;
use nix::fcntl::OFlag;
use nix::sys::socket as nix_socket;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, sockopt};
use nix::sys::stat::Mode;
use nix::sys::time::TimeVal;
use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What `sockaddr_un` has room for, less the byte that ends a path or begins an abstract name.
pub const MAX_NAME: usize = 107;

/// The name of a Unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A name in the network namespace's own space; needs no file system.
    Abstract(Vec<u8>),
    /// A file.
    Path(PathBuf),
}

impl Address {
    /// Reads `PATH`, or `@NAME` for an abstract address.
    ///
    /// # Errors
    /// The name is empty, is longer than [`MAX_NAME`], or contains a NUL byte.
    pub fn parse(text: &OsStr) -> Result<Address, String> {
        let bytes = text.as_bytes();
        let (name, address) = match bytes.strip_prefix(b"@") {
            Some(name) => (name, Address::Abstract(name.to_vec())),
            None => (bytes, Address::Path(PathBuf::from(text))),
        };
        match name.len() {
            0 => Err("it is empty: give a path, or @NAME for an abstract socket".to_owned()),
            1..=MAX_NAME if !name.contains(&0) => Ok(address),
            1..=MAX_NAME => Err("it contains a NUL byte".to_owned()),
            length => Err(format!("it is {length} bytes long; a socket's name has room for {MAX_NAME}")),
        }
    }

    /// Removes the socket's file, if it has one.
    pub fn remove(&self) {
        if let Address::Path(path) = self {
            let _ = fs::remove_file(path);
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Abstract(name) => write!(f, "@{}", String::from_utf8_lossy(name).escape_debug()),
            Address::Path(path) => f.write_str(&escaped(&path.to_string_lossy())),
        }
    }
}

/// The process on the other side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerCred {
    /// Its process ID as seen from here; 0 if it is in a PID namespace that cannot be seen from here.
    pub pid: i32,
    /// Its user.
    pub uid: u32,
}

/// Makes a non-blocking socket that listens. A socket file gets this mode, whatever the umask. A socket file on which nobody
/// listens is replaced.
///
/// # Errors
/// `AddrInUse` if another process listens there, `AlreadyExists` if the file is not a socket. Otherwise `socket`, `bind` or
/// `listen` fails: EACCES, ENOENT, EROFS or EMFILE, for example.
pub fn listen(address: &Address, mode: u32) -> io::Result<UnixListener> {
    let listener = match address {
        Address::Abstract(name) => UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?,
        Address::Path(path) => {
            let listener = match UnixListener::bind(path) {
                Err(e) if e.kind() == io::ErrorKind::AddrInUse => {
                    remove_if_stale(path)?;
                    UnixListener::bind(path)
                }
                other => other,
            }?;
            set_mode(path, mode);
            listener
        }
    };
    listener.set_nonblocking(true)?;
    // Where the kernel is too old for it, docs/protocol.md says what that means.
    let _ = rights::refuse(&listener);
    Ok(listener)
}

/// Removes a socket file that nobody listens on any more.
fn remove_if_stale(path: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        return Err(io::Error::from(io::ErrorKind::AlreadyExists));
    }
    // Connecting must not wait for a place in the queue of somebody who is there but busy: EAGAIN is a sign of life.
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = nix_socket::socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    match nix_socket::connect(socket.as_raw_fd(), &UnixAddr::new(path)?) {
        Ok(()) | Err(nix::errno::Errno::EAGAIN) => Err(io::Error::from(io::ErrorKind::AddrInUse)),
        Err(nix::errno::Errno::ECONNREFUSED) => fs::remove_file(path),
        Err(e) => Err(e.into()),
    }
}

/// Sets a socket file's mode, but never that of what somebody may have put in its place. Not to succeed is no
/// error: the umask has made the file narrower than wanted, not wider than the umask allows.
fn set_mode(path: &Path, mode: u32) {
    // Not by `OpenOptions`: with musl its flag for how a file is opened has O_PATH in it, which is then left out.
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    if let Ok(file) = nix::fcntl::open(path, flags, Mode::empty()).map(File::from)
        && file.metadata().is_ok_and(|meta| meta.file_type().is_socket())
    {
        // A descriptor opened with O_PATH takes no fchmod; through /proc it does.
        let by_descriptor = format!("/proc/self/fd/{}", file.as_raw_fd());
        let _ = fs::set_permissions(by_descriptor, Permissions::from_mode(mode));
    }
}

/// The next pending connection, as a non-blocking socket.
///
/// # Errors
/// `accept4` fails: EAGAIN if none is pending, ECONNABORTED if the client has gone, EMFILE, ENFILE or ENOMEM.
pub fn accept(listener: &UnixListener) -> io::Result<UnixStream> {
    let (stream, _) = listener.accept()?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// What the kernel holds of what a connection has been sent and not read; it takes twice that in memory. It is memory of
/// ours, not of the other side's: for 64 who do not read, the usual 208 KiB each would be 13 MiB.
const SEND_BUFFER: usize = 16 * 1024;

/// Limits how much the kernel buffers for a peer that does not read.
///
/// # Errors
/// `setsockopt` fails: EPERM under seccomp.
pub fn limit_unread(stream: &UnixStream) -> io::Result<()> {
    Ok(nix_socket::setsockopt(stream, sockopt::SndBuf, &SEND_BUFFER)?)
}

/// Connects. Waits at most `timeout` for a place in the listener's queue. The socket blocks.
///
/// # Errors
/// `connect` fails: ENOENT or ECONNREFUSED if nobody listens, EACCES, or `WouldBlock` when `timeout` is over.
pub fn connect(address: &Address, timeout: Duration) -> io::Result<UnixStream> {
    let socket = nix_socket::socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    let limit = TimeVal::new(
        i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        i64::from(timeout.subsec_micros()).max(i64::from(timeout.as_secs() == 0)),
    );
    nix_socket::setsockopt(&socket, sockopt::SendTimeout, &limit)?;
    let address = match address {
        Address::Abstract(name) => UnixAddr::new_abstract(name)?,
        Address::Path(path) => UnixAddr::new(path)?,
    };
    nix_socket::connect(socket.as_raw_fd(), &address)?;
    Ok(UnixStream::from(socket))
}

/// Connects without waiting. The socket blocks afterwards.
///
/// # Errors
/// `connect` fails: ENOENT or ECONNREFUSED if nobody listens, EACCES, or `WouldBlock` if the listener's queue is full.
pub fn try_connect(address: &Address) -> io::Result<UnixStream> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = nix_socket::socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    let address = match address {
        Address::Abstract(name) => UnixAddr::new_abstract(name)?,
        Address::Path(path) => UnixAddr::new(path)?,
    };
    nix_socket::connect(socket.as_raw_fd(), &address)?;
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// The process at the other end: the one that has connected, or the one that listens.
///
/// # Errors
/// `getsockopt` fails: EPERM under seccomp.
pub fn peer(stream: &UnixStream) -> io::Result<PeerCred> {
    let cred = nix_socket::getsockopt(stream, sockopt::PeerCredentials)?;
    Ok(PeerCred { pid: cred.pid(), uid: cred.uid() })
}

/// Sends what fits into the buffer and returns its length. Never waits, never raises SIGPIPE.
///
/// # Errors
/// `send` fails: EAGAIN if the buffer is full, EPIPE or ECONNRESET if the peer has closed the connection.
pub fn send(stream: &UnixStream, bytes: &[u8]) -> io::Result<usize> {
    let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
    Ok(nix_socket::send(stream.as_raw_fd(), bytes, flags)?)
}

/// The inode number of this PID namespace, which no other one on the machine has.
///
/// # Errors
/// `/proc` is not mounted.
pub fn pid_namespace() -> io::Result<u64> {
    Ok(fs::metadata("/proc/self/ns/pid")?.ino())
}

/// Makes a directory that only this user can enter. A directory like that may exist already.
///
/// # Errors
/// `PermissionDenied` if something else has this name: a file, or a directory that others can write to. Otherwise `mkdir`
/// fails: ENOENT, EACCES or EROFS, for example.
pub fn make_private_dir(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
        _ if is_private_dir(path) => Ok(()),
        _ => Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "it is not a directory of this user that others cannot write to",
        )),
    }
}

/// Whether this is a directory, not a link to one, that belongs to this user and that nobody else can write to: what
/// is found in it was not put there by somebody else.
pub fn is_private_dir(path: &Path) -> bool {
    fs::symlink_metadata(path)
        .is_ok_and(|meta| meta.is_dir() && meta.uid() == user_id() && meta.mode() & 0o022 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_shown() {
        let parse = |text: &str| Address::parse(OsStr::new(text));
        assert_eq!(parse("/run/rinit.sock"), Ok(Address::Path("/run/rinit.sock".into())));
        assert_eq!(parse("@rinit/1"), Ok(Address::Abstract(b"rinit/1".to_vec())));
        assert_eq!(parse("@rinit/1").unwrap().to_string(), "@rinit/1");
        for wrong in ["", "@", "a\0b", &"x".repeat(108), &format!("@{}", "x".repeat(108))] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(parse(&"x".repeat(107)).is_ok());
    }

    /// Another test's child has the listener, too, until it executes its program.
    fn wait_until_stale(address: &Address) {
        let begun = std::time::Instant::now();
        while connect(address, Duration::from_secs(5)).is_ok() {
            assert!(begun.elapsed() < Duration::from_secs(20), "somebody listens");
            std::thread::yield_now();
        }
        let error = connect(address, Duration::from_secs(5)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let address = Address::Path(path.clone());
        drop(listen(&address, 0o600).unwrap());
        assert!(path.exists());
        wait_until_stale(&address);
        let live = listen(&address, 0o666).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o666);
        assert_eq!(listen(&address, 0o600).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert!(connect(&address, Duration::from_secs(5)).is_ok());
        drop(live);
        wait_until_stale(&address);
    }

    #[test]
    fn what_is_not_a_socket_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        fs::write(&path, "precious").unwrap();
        let address = Address::Path(path.clone());
        assert_eq!(listen(&address, 0o600).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn the_peer_of_an_abstract_socket_is_known() {
        let address = Address::Abstract(format!("rinit-test/{}", std::process::id()).into_bytes());
        let listener = listen(&address, 0).unwrap();
        let client = connect(&address, Duration::from_secs(5)).unwrap();
        let server = accept(&listener).unwrap();
        for side in [&client, &server] {
            let cred = peer(side).unwrap();
            assert_eq!(cred.pid, i32::try_from(std::process::id()).unwrap());
            assert_eq!(cred.uid, user_id());
        }
        assert_eq!(listen(&address, 0).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_directory_that_others_can_write_to_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("d");
        make_private_dir(&path).unwrap();
        make_private_dir(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o770)).unwrap();
        assert!(make_private_dir(&path).is_err());
        let link = dir.path().join("l");
        let own = dir.path().join("own");
        make_private_dir(&own).unwrap();
        std::os::unix::fs::symlink(&own, &link).unwrap();
        assert!(make_private_dir(&link).is_err());
        fs::write(dir.path().join("f"), "").unwrap();
        assert!(make_private_dir(&dir.path().join("f")).is_err());
    }
}
