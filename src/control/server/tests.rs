//! The server under clients of every kind, over real sockets, with a clock that only the test moves.

use super::*;
use crate::control::connection::READ_LIMIT;
use crate::control::protocol::{HealthReport, Mode, Problem, Verb};
use crate::sys::socket;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

mod driven;

const LONG: Duration = Duration::from_secs(20);
const TOKEN: u64 = 100;

/// A server in a thread of its own. Every request is answered with its names, but those with `now` are held until
/// `release` is set.
struct Running {
    path: PathBuf,
    clock_ms: Arc<AtomicU64>,
    clients: Arc<AtomicUsize>,
    release: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    seen: Receiver<Incoming>,
    thread: Option<JoinHandle<()>>,
    _dir: tempfile::TempDir,
}

impl Running {
    fn new() -> Running {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let listener = socket::listen(&socket::Address::Path(path.clone()), 0o600).unwrap();
        let (clock_ms, clients) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicUsize::new(0)));
        let (release, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (sender, seen) = channel();
        let thread = {
            let (clock_ms, clients) = (clock_ms.clone(), clients.clone());
            let (release, stop) = (release.clone(), stop.clone());
            std::thread::spawn(move || {
                let poller = Poller::new().unwrap();
                let mut server = Server::new(listener, TOKEN);
                server.register(&poller).unwrap();
                let (mut held, mut ready) = (Vec::new(), Vec::new());
                let begun = Instant::now();
                while !stop.load(Ordering::SeqCst) {
                    let now = || begun + Duration::from_millis(clock_ms.load(Ordering::SeqCst));
                    let due = server.deadline().map(|at| at.saturating_duration_since(now()));
                    let wait = due.unwrap_or(LONG).min(Duration::from_millis(5));
                    poller.wait(&mut ready, Some(wait)).unwrap();
                    server.begin_turn();
                    for event in &ready {
                        assert!(server.owns(event.token));
                        server.ready(&poller, now(), *event);
                    }
                    if server.deadline().is_some_and(|at| at <= now()) {
                        server.expire(&poller, now());
                    }
                    if let Some(client) = server.runnable()
                        && let Some(request) = server.advance(&poller, now(), client)
                    {
                        sender.send(request.clone()).unwrap();
                        held.push(request);
                    }
                    let release = release.load(Ordering::SeqCst);
                    for request in held.extract_if(.., |held| release || !held.request.now) {
                        server.reply(&poller, now(), request.client, &echo(&request.request));
                    }
                    clients.store(server.clients.len(), Ordering::SeqCst);
                }
                server.flush_and_close(&poller, begun);
            })
        };
        Running { path, clock_ms, clients, release, stop, seen, thread: Some(thread), _dir: dir }
    }

    fn connect(&self) -> UnixStream {
        connect(&self.path)
    }

    fn advance_clock(&self, by: Duration) {
        self.clock_ms.fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Waits until the server has this number of clients.
    fn await_clients(&self, count: usize) {
        let deadline = Instant::now() + LONG;
        while self.clients.load(Ordering::SeqCst) != count {
            assert!(Instant::now() < deadline, "{} clients", self.clients.load(Ordering::SeqCst));
            std::thread::yield_now();
        }
    }

    fn next_seen(&self) -> Incoming {
        self.seen.recv_timeout(LONG).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let result = self.thread.take().unwrap().join();
        assert!(result.is_ok() || std::thread::panicking());
    }
}

fn connect(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.set_write_timeout(Some(LONG)).unwrap();
    stream
}

/// An answer that tells which request it is for; a big one if that is what the request names.
fn echo(request: &Request) -> Response {
    let message = match request.names.first().map_or("", String::as_str) {
        "big" => "x".repeat(600_000),
        "medium" => "x".repeat(10_000), // the kernel takes a few of these
        _ => request.names.join(" "),
    };
    let problems = vec![Problem { service: String::new(), message }];
    Response::health(HealthReport { healthy: true, problems, ..HealthReport::default() })
}

fn request(name: &str) -> Vec<u8> {
    Request::new(Verb::Health, vec![name.to_owned()]).to_line()
}

fn held_request(name: &str) -> Vec<u8> {
    Request { now: true, ..Request::new(Verb::Health, vec![name.to_owned()]) }.to_line()
}

fn read_answer(reader: &mut impl BufRead) -> Response {
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line).unwrap();
    Response::parse(&line).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&line)))
}

fn echoed(response: Response) -> String {
    response.health.unwrap().problems[0].message.clone()
}

/// The end of the connection; that data was left unread may make it a reset.
fn is_closed(mut reader: impl Read) -> bool {
    match reader.read(&mut [0; 16]) {
        Ok(count) => count == 0,
        Err(e) => e.kind() == io::ErrorKind::ConnectionReset,
    }
}

#[test]
fn a_request_may_come_in_pieces() {
    let server = Running::new();
    let mut client = server.connect();
    for byte in request("web") {
        client.write_all(&[byte]).unwrap();
    }
    assert_eq!(echoed(read_answer(&mut BufReader::new(&client))), "web");
    let seen = server.next_seen();
    assert_eq!(seen.peer.pid, i32::try_from(std::process::id()).unwrap());
    assert!(seen.peer.may_change);
}

#[test]
fn a_thousand_requests_in_one_write_are_answered_in_order() {
    let server = Running::new();
    let mut client = server.connect();
    let lines: Vec<u8> = (0..1000).flat_map(|n| request(&n.to_string())).collect();
    let writer = {
        let mut client = client.try_clone().unwrap();
        std::thread::spawn(move || client.write_all(&lines).unwrap())
    };
    let mut reader = BufReader::new(&client);
    for n in 0..1000 {
        assert_eq!(echoed(read_answer(&mut reader)), n.to_string());
    }
    writer.join().unwrap();
    client.write_all(&request("more")).unwrap();
    assert_eq!(echoed(read_answer(&mut BufReader::new(&client))), "more");
}

#[test]
fn garbage_is_refused_and_the_next_line_is_heard() {
    let server = Running::new();
    let mut client = server.connect();
    client.write_all(b"\x00\xff\xc3 \n\n  \r\n{\"v\":1,\"verb\":\"dance\"}\n{\"v\":3}\n").unwrap();
    client.write_all(&request("web")).unwrap();
    let mut reader = BufReader::new(&client);
    for part in ["cannot read", "dance", "version 3"] {
        let error = read_answer(&mut reader).error.unwrap();
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(echoed(read_answer(&mut reader)), "web");
}

#[test]
fn half_a_request_is_waited_for_five_seconds() {
    let server = Running::new();
    let mut client = server.connect();
    client.write_all(b"{\"v\":1,").unwrap();
    server.await_clients(1);
    server.advance_clock(Duration::from_millis(4_500));
    let mut other = server.connect();
    other.write_all(&request("other")).unwrap();
    assert_eq!(echoed(read_answer(&mut BufReader::new(&other))), "other");
    server.await_clients(2);
    server.advance_clock(Duration::from_millis(500));
    let mut reader = BufReader::new(&client);
    let late = read_answer(&mut reader);
    assert_eq!(late.error.unwrap(), "no whole request came within 5s");
    assert!(late.busy, "the machine may have been slow, and not the client");
    assert!(is_closed(reader));
}

#[test]
fn a_line_without_end_is_refused() {
    let server = Running::new();
    let client = server.connect();
    let writer = {
        let mut client = client.try_clone().unwrap();
        // The server closes before it has read everything.
        std::thread::spawn(move || client.write_all(&vec![b'x'; 1_000_000]).is_err())
    };
    let mut reader = BufReader::new(&client);
    assert_eq!(read_answer(&mut reader).error.unwrap(), "the request is longer than 64 KiB");
    assert!(is_closed(reader));
    assert!(writer.join().unwrap());
    server.await_clients(0);
}

#[test]
fn the_longest_request_is_taken() {
    let server = Running::new();
    let mut client = server.connect();
    let name = "x".repeat(64 * 1024 + 1 - request("").len());
    client.write_all(&request(&name)).unwrap();
    let mut reader = BufReader::new(&client);
    assert_eq!(echoed(read_answer(&mut reader)), name);
    (&client).write_all(&request(&format!("{name}x"))).unwrap();
    assert!(read_answer(&mut reader).error.unwrap().contains("longer"));
}

#[test]
fn who_does_not_read_is_cut_off() {
    let server = Running::new();
    let mut client = server.connect();
    client.write_all(&[request("big"), request("big"), request("never")].concat()).unwrap();
    assert_eq!(server.next_seen().request.names, ["big"]);
    server.await_clients(1);
    server.advance_clock(Duration::from_secs(6));
    server.await_clients(0);
    // The second request was never looked at.
    assert!(server.seen.try_recv().is_err());
    let mut rest = Vec::new();
    let _ = client.read_to_end(&mut rest);
    assert!(!rest.contains(&b'\n'));
}

#[test]
fn who_reads_slowly_gets_everything() {
    let server = Running::new();
    let mut client = server.connect();
    client.write_all(&[request("big"), request("web")].concat()).unwrap();
    let mut reader = BufReader::with_capacity(1000, &client);
    assert_eq!(echoed(read_answer(&mut reader)).len(), 600_000);
    assert_eq!(echoed(read_answer(&mut reader)), "web");
}

/// How many clients these tests may have at a time: root all places, any other user half of them.
fn own_share() -> usize {
    if process::user_id() == 0 { MAX_CLIENTS } else { MAX_CLIENTS / 2 }
}

/// As a client does that is told that others are served.
fn ask_until_served(path: &Path, name: &str) -> Response {
    loop {
        let mut client = connect(path);
        let _ = client.write_all(&request(name));
        let answer = read_answer(&mut BufReader::new(client));
        if !answer.busy {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn who_wants_nothing_makes_room() {
    let server = Running::new();
    let mut idle: Vec<UnixStream> = (0..own_share()).map(|_| server.connect()).collect();
    server.await_clients(own_share());
    // One of them waits for an answer: it is not idle.
    idle[0].write_all(&held_request("held")).unwrap();
    assert_eq!(server.next_seen().request.names, ["held"]);
    // The others have just come.
    let refused = read_answer(&mut BufReader::new(&server.connect()));
    assert!(refused.busy && refused.error.unwrap().ends_with("try again later"));
    server.advance_clock(YIELD_AFTER);
    assert_eq!(echoed(ask_until_served(&server.path, "late")), "late");
    let mut displaced = None;
    server.advance_clock(CROWDED_LIMIT - YIELD_AFTER);
    for client in &idle[1..] {
        let answer = read_answer(&mut BufReader::new(client));
        assert!(answer.busy);
        let error = answer.error.unwrap();
        match error.starts_with("others need your place") {
            true => assert_eq!(displaced.replace(error), None),
            false => assert_eq!(error, "no whole request came within 250ms"),
        }
    }
    assert!(displaced.is_some());
    server.release.store(true, Ordering::SeqCst);
    assert_eq!(echoed(read_answer(&mut BufReader::new(&idle[0]))), "held");
}

#[test]
fn a_hundred_clients_at_once_are_all_answered() {
    let server = Running::new();
    let path = &server.path;
    std::thread::scope(|scope| {
        for n in 0..100 {
            scope.spawn(move || {
                let name = n.to_string();
                assert_eq!(echoed(ask_until_served(path, &name)), name);
            });
        }
    });
    server.await_clients(0);
}

#[test]
fn the_next_request_waits_for_the_answer_to_the_last() {
    let server = Running::new();
    let mut client = server.connect();
    client.write_all(&[held_request("first"), request("second")].concat()).unwrap();
    assert_eq!(server.next_seen().request.names, ["first"]);
    let mut other = server.connect();
    other.write_all(&request("other")).unwrap();
    assert_eq!(echoed(read_answer(&mut BufReader::new(&other))), "other");
    assert_eq!(server.next_seen().request.names, ["other"]);
    assert!(server.seen.try_recv().is_err());
    // However long that takes.
    server.advance_clock(Duration::from_secs(3600));
    server.release.store(true, Ordering::SeqCst);
    let mut reader = BufReader::new(&client);
    assert_eq!(echoed(read_answer(&mut reader)), "first");
    assert_eq!(echoed(read_answer(&mut reader)), "second");
}

#[test]
fn an_answer_for_a_client_that_has_gone_reaches_nobody_else() {
    let server = Running::new();
    let mut client = server.connect();
    client.write_all(&held_request("gone")).unwrap();
    server.next_seen();
    drop(client);
    server.await_clients(0);
    let mut next = server.connect();
    next.write_all(&held_request("next")).unwrap();
    server.next_seen();
    server.release.store(true, Ordering::SeqCst);
    assert_eq!(echoed(read_answer(&mut BufReader::new(&next))), "next");
}

#[test]
fn who_sends_no_more_still_gets_the_answers() {
    let server = Running::new();
    let mut client = server.connect();
    let mut lines = [request("a"), held_request("b"), request("c")].concat();
    assert_eq!(lines.pop(), Some(b'\n'));
    client.write_all(&lines).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    server.next_seen();
    assert_eq!(server.next_seen().request.names, ["b"]);
    server.release.store(true, Ordering::SeqCst);
    let mut reader = BufReader::new(&client);
    for name in ["a", "b", "c"] {
        assert_eq!(echoed(read_answer(&mut reader)), name);
    }
    assert!(is_closed(reader));
    server.await_clients(0);
}

#[test]
fn a_request_left_behind_is_carried_out() {
    let server = Running::new();
    let mut client = server.connect();
    client.write_all(&Request::new(Verb::Shutdown, vec![]).to_line()).unwrap();
    drop(client);
    assert_eq!(server.next_seen().request.verb, Verb::Shutdown);
    server.await_clients(0);
}

#[test]
fn only_root_and_the_own_user_may_change() {
    let peer = |may_change| Peer { uid: 33, pid: 5, may_change };
    let shutdown = Request::new(Verb::Shutdown, vec![]);
    assert!(permit(shutdown.clone(), peer(true)).is_ok());
    assert!(permit(shutdown, peer(false)).unwrap_err().contains("user 33 may not"));
    // A line of a log may hold a secret.
    let logs = Request::new(Verb::Logs, vec![]);
    assert!(permit(logs.clone(), peer(true)).is_ok());
    assert!(permit(logs, peer(false)).unwrap_err().contains("user 33 may not read logs: only root"));
    for verb in [Verb::Health, Verb::Status] {
        let request = Request { mode: Mode::Default, ..Request::new(verb, vec![]) };
        assert!(permit(request, peer(false)).is_ok());
    }
}

#[test]
fn without_clients_there_is_no_deadline() {
    let poller = Poller::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let listener = socket::listen(&socket::Address::Path(dir.path().join("s")), 0o600).unwrap();
    let mut idle = Server::new(listener, TOKEN);
    idle.register(&poller).unwrap();
    assert_eq!(idle.deadline(), None);
}
