//! What services say over systemd's notification protocol, and which of them has said it.

#![forbid(unsafe_code)]

use crate::model::duration;
use crate::model::text::printable;
use crate::supervisor::News;
use crate::sys::notify::DatagramSocket;
use crate::sys::{proc_fs, process};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// A longer datagram is passed over.
const MAX_LENGTH: usize = 4096;

/// So many datagrams are read for one wake-up, however fast a service sends.
pub const DATAGRAMS_A_TURN: usize = 64;

/// And so many before children are reaped: more than the kernel's queue holds (net.unix.max_dgram_qlen, 10 or 512), so
/// that whatever was sent before a death is heard before it.
pub const DATAGRAMS_IN_QUEUE: usize = 1024;

/// So much of a status is kept.
const MAX_STATUS: usize = 256;

/// So far a sender's ancestors are looked through for a service's main process.
const MAX_ANCESTORS: usize = 32;

/// The socket for all services that notify so.
pub struct NotifySocket {
    socket: DatagramSocket,
    address: String,
}

impl NotifySocket {
    /// Opens it at an abstract address.
    pub fn open() -> io::Result<NotifySocket> {
        let socket = DatagramSocket::open()?;
        let address = format!("@{}", socket.name());
        Ok(NotifySocket { socket, address })
    }

    /// What goes into NOTIFY_SOCKET.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What has come in, each piece with the main process of the service that it is from. `is_main` knows these processes.
    /// At most `most` datagrams are read; if there are more, the descriptor stays readable.
    ///
    /// To be called before children are reaped: as long as a sender is a zombie, it can still be found out whose it
    /// was.
    pub fn receive(&self, most: usize, is_main: impl Fn(i32) -> bool) -> Vec<(i32, Vec<News>)> {
        let mut all = Vec::new();
        let mut buffer = [0_u8; MAX_LENGTH];
        for _ in 0..most {
            let received = match self.socket.receive(&mut buffer) {
                Ok(Some(received)) => received,
                Ok(None) => break,
                Err(e) => {
                    log::warn!("cannot read notifications: {e}");
                    break;
                }
            };
            let pid = received.pid;
            if received.truncated {
                log::debug!("passed over a notification of process {pid}: longer than {MAX_LENGTH} bytes");
                continue;
            }
            match main_process(pid, &is_main) {
                Some(main) => {
                    let messages = parse(buffer.get(..received.length).unwrap_or_default());
                    if !messages.is_empty() {
                        all.push((main, messages));
                    }
                }
                None => log::debug!("passed over a notification of process {pid}: it is of no service"),
            }
        }
        all
    }
}

impl AsFd for NotifySocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The main process to whose service a process belongs: it is that one, or in its group or session, or below it.
fn main_process(sender: i32, is_main: &impl Fn(i32) -> bool) -> Option<i32> {
    let mut pid = sender;
    for _ in 0..MAX_ANCESTORS {
        // 0 is outside of our PID namespace, 1 is no service.
        if pid <= 1 {
            return None;
        }
        let found = [Some(pid), process::group_of(pid), process::session_of(pid)];
        if let Some(main) = found.into_iter().flatten().find(|pid| is_main(*pid)) {
            return Some(main);
        }
        pid = proc_fs::parent(pid)?;
    }
    None
}

/// Reads the lines of a notification. What has no meaning for rinit is passed over.
fn parse(bytes: &[u8]) -> Vec<News> {
    bytes.split(|byte| *byte == b'\n').filter_map(parse_line).collect()
}

fn parse_line(line: &[u8]) -> Option<News> {
    let equals = line.iter().position(|byte| *byte == b'=')?;
    let (name, value) = line.split_at_checked(equals)?;
    let value = value.get(1..)?;
    match (name, value) {
        (b"READY", b"1") => Some(News::Ready),
        (b"STOPPING", b"1") => Some(News::Stopping),
        (b"RELOADING", b"1") => Some(News::Reloading),
        (b"WATCHDOG", b"1") => Some(News::Alive),
        (b"WATCHDOG", b"trigger") => Some(News::Trigger),
        (b"STATUS", text) => Some(News::Status(printable(text, MAX_STATUS).trim().to_owned())),
        (b"EXTEND_TIMEOUT_USEC", number) => {
            let microseconds = std::str::from_utf8(number).ok()?.parse().ok()?;
            Some(News::Extend(Duration::from_micros(microseconds).min(duration::MAX)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    #[test]
    fn what_has_a_meaning_is_read() {
        assert_eq!(
            parse(b"READY=1\nSTATUS=serving \x1b[1m 3\nMAINPID=7\n"),
            [News::Ready, News::Status("serving  [1m 3".into())]
        );
        assert_eq!(parse(b"STATUS=\nSTOPPING=1"), [News::Status(String::new()), News::Stopping]);
        assert_eq!(parse(b"RELOADING=1\nMONOTONIC_USEC=1"), [News::Reloading]);
        assert_eq!(parse(b"WATCHDOG=1\nWATCHDOG=trigger"), [News::Alive, News::Trigger]);
        let extend = |micros| News::Extend(Duration::from_micros(micros));
        assert_eq!(parse(b"EXTEND_TIMEOUT_USEC=1500000"), [extend(1_500_000)]);
        assert_eq!(
            parse(format!("EXTEND_TIMEOUT_USEC={}", u64::MAX).as_bytes()),
            [News::Extend(duration::MAX)]
        );
    }

    #[test]
    fn what_has_none_is_passed_over() {
        for odd in [
            &b""[..],
            b"\n\n",
            b"READY",
            b"READY=",
            b"READY=0",
            b"READY=1 ",
            b"ready=1",
            b"=1",
            b"\xff=\xff",
            b"WATCHDOG=TRIGGER",
            b"EXTEND_TIMEOUT_USEC=-1",
            b"EXTEND_TIMEOUT_USEC=18446744073709551616",
            b"BARRIER=1",
        ] {
            assert_eq!(parse(odd), [], "{odd:?}");
        }
        let long = [b"STATUS=".as_slice(), &b"x".repeat(4000)].concat();
        assert_eq!(parse(&long), [News::Status("x".repeat(256))]);
    }

    #[test]
    fn a_message_is_ascribed_to_who_has_sent_it() {
        let socket = NotifySocket::open().unwrap();
        let name = socket.address().strip_prefix('@').unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        sender.connect_addr(&SocketAddr::from_abstract_name(name).unwrap()).unwrap();
        let us = i32::try_from(std::process::id()).unwrap();
        let is_us = |pid| pid == us;
        sender.send(b"READY=1").unwrap();
        sender.send(&[b'x'; 5000]).unwrap();
        sender.send(b"STOPPING=1").unwrap();
        let expected = [(us, vec![News::Ready]), (us, vec![News::Stopping])];
        assert_eq!(socket.receive(DATAGRAMS_A_TURN, is_us), expected);
        assert_eq!(socket.receive(DATAGRAMS_A_TURN, is_us), []);
        sender.send(b"READY=1").unwrap();
        assert_eq!(socket.receive(DATAGRAMS_A_TURN, |_| false), []);
        // By group or session, or as a descendant.
        let parent = proc_fs::parent(us).unwrap();
        for main in [process::group_of(us).unwrap(), process::session_of(us).unwrap(), parent] {
            if main > 1 {
                sender.send(b"READY=1").unwrap();
                assert_eq!(socket.receive(DATAGRAMS_A_TURN, |pid| pid == main), [(main, vec![News::Ready])]);
            }
        }
    }

    /// What was sent before a death has to be heard before it, however much came in between.
    #[test]
    fn a_full_queue_is_read_at_once() {
        let socket = NotifySocket::open().unwrap();
        let name = socket.address().strip_prefix('@').unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        sender.connect_addr(&SocketAddr::from_abstract_name(name).unwrap()).unwrap();
        sender.set_nonblocking(true).unwrap();
        let queued = (0..DATAGRAMS_IN_QUEUE).take_while(|_| sender.send(b"WATCHDOG=1").is_ok()).count();
        let us = i32::try_from(std::process::id()).unwrap();
        assert_eq!(socket.receive(4, |pid| pid == us).len(), 4);
        assert_eq!(socket.receive(DATAGRAMS_IN_QUEUE, |pid| pid == us).len(), queued - 4);
        let limit = std::fs::read_to_string("/proc/sys/net/unix/max_dgram_qlen").unwrap();
        assert!(limit.trim().parse::<usize>().unwrap() < DATAGRAMS_IN_QUEUE, "{limit}");
    }

    #[test]
    fn a_flood_is_read_in_turns() {
        let socket = NotifySocket::open().unwrap();
        let name = socket.address().strip_prefix('@').unwrap().to_owned();
        let us = i32::try_from(std::process::id()).unwrap();
        let flood = std::thread::spawn(move || {
            let sender = UnixDatagram::unbound().unwrap();
            sender.connect_addr(&SocketAddr::from_abstract_name(name).unwrap()).unwrap();
            for _ in 0..1000 {
                // Waits while the queue is full.
                sender.send(b"WATCHDOG=1").unwrap();
            }
        });
        let mut count = 0;
        while count < 1000 {
            let turn = socket.receive(DATAGRAMS_A_TURN, |pid| pid == us).len();
            assert!(turn <= DATAGRAMS_A_TURN);
            count += turn;
        }
        flood.join().unwrap();
        assert_eq!(count, 1000);
    }

    #[test]
    fn nobody_s_processes_are_nobody_s() {
        for pid in [-1, 0, 1, i32::MAX] {
            assert_eq!(main_process(pid, &|_| true).filter(|_| pid <= 1), None, "{pid}");
            assert_eq!(main_process(pid, &|_| false), None, "{pid}");
        }
    }
}
