//! What services say over systemd's notification protocol, and which of them has said it.

#![forbid(unsafe_code)]

mod news;
mod senders;

use crate::model::duration;
use crate::model::text::printable;
use crate::supervisor::{News, ServiceId, Time};
use crate::sys::notify::DatagramSocket;
use senders::{Kernel, Sender, Senders};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// A longer datagram is passed over.
const MAX_LENGTH: usize = 4096;

/// Maximum number of datagrams read for one wake-up, however fast a service sends.
pub const DATAGRAMS_A_TURN: usize = 32;

/// Maximum number of them before children are reaped: more than the kernel's queue holds (net.unix.max_dgram_qlen, 10 or
/// 512), so that whatever was sent before a death is heard before it.
pub const DATAGRAMS_IN_QUEUE: usize = 1024;

/// Maximum length of a status that is kept.
const MAX_STATUS: usize = 256;

/// How long nothing more is said of refused notifications after a line about one: anybody may send.
const REFUSALS_REST: Duration = Duration::from_secs(10);

/// A line of a notification.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// What is for the supervisor.
    News(News),
    /// `MAINPID=`: another process is to be the main process.
    MainPid(i32),
}

/// A notification of a service.
#[derive(Debug, PartialEq)]
pub struct Message {
    /// Whose it is.
    pub service: ServiceId,
    /// The user of the process that has sent it.
    pub uid: u32,
    /// Its lines.
    pub said: Vec<Said>,
}

/// The socket for all services that notify so.
pub struct NotifySocket {
    socket: DatagramSocket,
    address: String,
    senders: Senders,
    /// The same for processes that services name by MAINPID=. Such a process need not belong to the service yet.
    named: Senders,
    /// When a line about a refused notification may be written again.
    may_complain: Time,
}

impl NotifySocket {
    /// Opens the socket at an abstract address.
    ///
    /// # Errors
    /// As [`DatagramSocket::open`].
    pub fn open() -> io::Result<NotifySocket> {
        let socket = DatagramSocket::open()?;
        let address = format!("@{}", socket.name());
        let (senders, named) = (Senders::default(), Senders::default());
        Ok(NotifySocket { socket, address, senders, named, may_complain: Time::ZERO })
    }

    /// What goes into NOTIFY_SOCKET.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Writes a line about what is refused, unless it has written one a moment ago.
    pub fn complain(&mut self, now: Time, why: &str) {
        let level = if now >= self.may_complain { log::Level::Warn } else { log::Level::Debug };
        log::log!(level, "{why}");
        if level == log::Level::Warn {
            self.may_complain = now.saturating_add(REFUSALS_REST);
        }
    }

    /// The service of a process that a user's process has named. The look-up counts for that user's share.
    pub fn whose_named(
        &mut self,
        now: Time,
        named: (i32, u32),
        owner: &impl Fn(i32) -> Option<ServiceId>,
    ) -> Sender {
        self.named.find(now, named, &Kernel, owner)
    }

    /// The next datagram, with the service that it is from. `owner` knows the services of main processes. `None`: there is
    /// no datagram; `Some(None)`: it is passed over. One datagram at a time, because it may decide which service the next
    /// one belongs to.
    ///
    /// To be called before children are reaped: the service of a sender can be found only until the sender is reaped.
    pub fn receive(
        &mut self,
        now: Time,
        owner: impl Fn(i32) -> Option<ServiceId>,
    ) -> Option<Option<Message>> {
        let mut buffer = [0_u8; MAX_LENGTH];
        let received = match self.socket.receive(&mut buffer) {
            Ok(received) => received?,
            Err(e) => {
                log::warn!("cannot read notifications: {e}");
                return None;
            }
        };
        let (pid, uid) = (received.pid, received.uid);
        if received.truncated {
            log::debug!("passed over a notification of process {pid}: longer than {MAX_LENGTH} bytes");
            return Some(None);
        }
        let said = parse(buffer.get(..received.length).unwrap_or_default());
        match self.senders.find(now, (pid, uid), &Kernel, &owner) {
            Sender::Of(service) => {
                return Some((!said.is_empty()).then_some(Message { service, uid, said }));
            }
            Sender::Nobody if said.contains(&Said::News(News::Ready)) => self.complain(
                now,
                &format!(
                    "READY=1 of process {pid} (user {uid}) is refused: it is in no session or process group of a \
                     service, nor below a main process. A program that notifies has to stay in the foreground, or \
                     its first process names it by MAINPID="
                ),
            ),
            Sender::Nobody => {
                log::debug!("passed over a notification of process {pid}: it is of no service");
            }
            Sender::NotLookedUp => {
                log::debug!("passed over a notification of process {pid}: user {uid} sends too many");
            }
        }
        Some(None)
    }
}

impl AsFd for NotifySocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Reads the lines of a notification. What has no meaning for rinit is passed over. As systemd does, it drops one null
/// byte at the end, which a program in C may send along, and a carriage return before a newline.
fn parse(bytes: &[u8]) -> Vec<Said> {
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let lines = bytes.split(|byte| *byte == b'\n');
    let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut said: Vec<Said> = lines.filter_map(parse_line).collect();
    // A process that is named costs looks at /proc: of several the last one counts.
    let last = said.iter().rposition(|said| matches!(said, Said::MainPid(_)));
    let mut at = 0..;
    said.retain(|said| {
        let is_last = at.next() == last;
        is_last || !matches!(said, Said::MainPid(_))
    });
    said
}

fn parse_line(line: &[u8]) -> Option<Said> {
    let equals = line.iter().position(|byte| *byte == b'=')?;
    let (name, value) = line.split_at_checked(equals)?;
    let value = value.get(1..)?;
    match name {
        b"MAINPID" => std::str::from_utf8(value).ok()?.parse().ok().map(Said::MainPid),
        _ => news(name, value).map(Said::News),
    }
}

fn news(name: &[u8], value: &[u8]) -> Option<News> {
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

    fn parse(bytes: &[u8]) -> Vec<News> {
        let news = super::parse(bytes).into_iter().filter_map(|said| match said {
            Said::News(news) => Some(news),
            Said::MainPid(_) => None,
        });
        news.collect()
    }

    #[test]
    fn what_has_a_meaning_is_read() {
        assert_eq!(super::parse(b"MAINPID=7\nMAINPID=\nMAINPID=x"), [Said::MainPid(7)]);
        let many = [b"MAINPID=7\n".repeat(300), b"READY=1\nMAINPID=8\nWATCHDOG=1".to_vec()].concat();
        let said = [Said::News(News::Ready), Said::MainPid(8), Said::News(News::Alive)];
        assert_eq!(super::parse(&many), said);
        assert_eq!(
            parse(b"READY=1\nSTATUS=serving \x1b[1m 3\nMAINPID=7\n"),
            [News::Ready, News::Status("serving  [1m 3".into())]
        );
        assert_eq!(parse(b"STATUS=\nSTOPPING=1"), [News::Status(String::new()), News::Stopping]);
        for ready in [&b"READY=1\0"[..], b"READY=1\r\n", b"READY=1\n\0", b"READY=1\r\n\0"] {
            assert_eq!(parse(ready), [News::Ready], "{ready:?}");
        }
        assert_eq!(parse(b"STATUS=a\r\nREADY=1\0"), [News::Status("a".into()), News::Ready]);
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
            b"READY=1\0\0",
            b"READY=1\0\nSTATUS",
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

    const WEB: ServiceId = ServiceId(2);

    /// The socket, one that sends to it, and this process.
    fn scene() -> (NotifySocket, UnixDatagram, i32) {
        let socket = NotifySocket::open().unwrap();
        let name = socket.address().strip_prefix('@').unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        sender.connect_addr(&SocketAddr::from_abstract_name(name).unwrap()).unwrap();
        (socket, sender, i32::try_from(std::process::id()).unwrap())
    }

    fn receive(
        socket: &mut NotifySocket,
        now: Time,
        most: usize,
        owner: impl Fn(i32) -> Option<ServiceId>,
    ) -> Vec<Message> {
        (0..most).map_while(|_| socket.receive(now, &owner)).flatten().collect()
    }

    #[test]
    fn a_message_is_ascribed_to_who_has_sent_it() {
        let (mut socket, sender, us) = scene();
        let is_us = |pid| (pid == us).then_some(WEB);
        sender.send(b"READY=1").unwrap();
        sender.send(&[b'x'; 5000]).unwrap();
        sender.send(b"STOPPING=1").unwrap();
        let said = |news| Message {
            service: WEB,
            uid: crate::sys::process::user_id(),
            said: vec![Said::News(news)],
        };
        let expected = [said(News::Ready), said(News::Stopping)];
        assert_eq!(receive(&mut socket, Time::ZERO, DATAGRAMS_A_TURN, is_us), expected);
        assert_eq!(receive(&mut socket, Time::ZERO, DATAGRAMS_A_TURN, is_us), []);
        sender.send(b"READY=1").unwrap();
        assert_eq!(receive(&mut socket, Time::ZERO, DATAGRAMS_A_TURN, |_| None), []);
        // By group or session, or as a descendant.
        let parent = crate::sys::proc_fs::parent(us).unwrap();
        let leaders = [crate::sys::process::group_of(us), crate::sys::process::session_of(us), Some(parent)];
        for (number, main) in (1..).zip(leaders.into_iter().flatten()) {
            if main > 1 {
                sender.send(b"READY=1").unwrap();
                let now = Duration::from_secs(2 * number);
                let found = receive(&mut socket, now, DATAGRAMS_A_TURN, |pid| (pid == main).then_some(WEB));
                assert_eq!(found, [said(News::Ready)]);
            }
        }
    }

    /// What was sent before a death has to be heard before it, however much came in between.
    #[test]
    fn a_full_queue_is_read_at_once() {
        let (mut socket, sender, us) = scene();
        sender.set_nonblocking(true).unwrap();
        let queued = (0..DATAGRAMS_IN_QUEUE).take_while(|_| sender.send(b"WATCHDOG=1").is_ok()).count();
        let is_us = |pid| (pid == us).then_some(WEB);
        assert_eq!(receive(&mut socket, Time::ZERO, 4, is_us).len(), 4);
        assert_eq!(receive(&mut socket, Time::ZERO, DATAGRAMS_IN_QUEUE, is_us).len(), queued - 4);
        let limit = std::fs::read_to_string("/proc/sys/net/unix/max_dgram_qlen").unwrap();
        assert!(limit.trim().parse::<usize>().unwrap() < DATAGRAMS_IN_QUEUE, "{limit}");
    }

    #[test]
    fn a_flood_is_read_in_turns() {
        let (mut socket, sender, us) = scene();
        let flood = std::thread::spawn(move || {
            for _ in 0..1000 {
                // Waits while the queue is full.
                sender.send(b"WATCHDOG=1").unwrap();
            }
        });
        let mut count = 0;
        while count < 1000 {
            let turn =
                receive(&mut socket, Time::ZERO, DATAGRAMS_A_TURN, |pid| (pid == us).then_some(WEB)).len();
            assert!(turn <= DATAGRAMS_A_TURN);
            count += turn;
        }
        flood.join().unwrap();
        assert_eq!(count, 1000);
    }
}
