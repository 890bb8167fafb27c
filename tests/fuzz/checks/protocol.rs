//! Whatever clients send, and however they behave, each whole line is answered once and in its order, nothing more is
//! done than was asked for, and nobody is forgotten.

use rinit::control::protocol::{HealthReport, MAX_REQUEST, Problem, Request, Response};
use rinit::control::server::{Incoming, MAX_CLIENTS, MAX_HELD, Server};
use rinit::sys::poll::Poller;
use rinit::sys::socket::{self, Address};
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// A client that was closed may be open for so long in a process that another test has forked, and that has not executed
/// its program yet.
const FORKED: Duration = Duration::from_secs(10);

const TOKEN: u64 = 7;
/// A byte that begins an order to the test, and is no part of UTF-8. All else is sent.
const ORDER: u8 = 0xff;
const MOST_CLIENTS: usize = 80;
/// More than any input that is tried makes necessary.
const MOST_TURNS: usize = 100_000;

/// A client, and what it may expect.
struct Client {
    stream: Option<UnixStream>,
    sent: Vec<u8>,
    read: Vec<u8>,
    half_closed: bool,
}

/// The server, what it is asked for, and the clients.
struct Scene {
    poller: Poller,
    server: Server,
    address: Address,
    /// The time of day, which only an order moves on.
    now: Instant,
    moved: bool,
    held: Vec<Incoming>,
    /// So many requests were carried out.
    done: usize,
    clients: Vec<Client>,
    current: usize,
}

/// Bytes are sent by the client that speaks; 0xff and two more bytes are an order.
pub fn check(input: &[u8]) {
    let mut scene = Scene::new();
    scene.connect();
    let mut rest = input;
    while let Some(at) = rest.iter().position(|byte| *byte == ORDER) {
        scene.send(&rest[..at]);
        let (order, argument) = (rest.get(at + 1).copied(), rest.get(at + 2).copied());
        scene.obey(order.unwrap_or(0), argument.unwrap_or(0));
        scene.play();
        rest = rest.get(at + 3..).unwrap_or_default();
    }
    scene.send(rest);
    scene.play();
    scene.end();
}

impl Scene {
    fn new() -> Scene {
        static NUMBER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let address = Address::Abstract(format!("rinit-fuzz/{}/{number}", std::process::id()).into_bytes());
        let poller = Poller::new().unwrap();
        let mut server = Server::new(socket::listen(&address, 0o600).unwrap(), TOKEN);
        server.register(&poller).unwrap();
        Scene {
            poller,
            server,
            address,
            now: Instant::now(),
            moved: false,
            held: Vec::new(),
            done: 0,
            clients: Vec::new(),
            current: 0,
        }
    }

    fn obey(&mut self, order: u8, argument: u8) {
        match order % 8 {
            0 => self.connect(),
            1 => self.current = usize::from(argument) % self.clients.len(),
            2 => self.half_close(self.current),
            3 => self.clients[self.current].stream = None,
            4 => {
                self.moved = true;
                self.now += Duration::from_millis(40) * u32::from(argument);
            }
            5 => self.read(self.current),
            6 => self.release(),
            _ => self.send(&vec![b'x'; 1024 * usize::from(argument % 80)]),
        }
    }

    fn connect(&mut self) {
        if self.clients.len() < MOST_CLIENTS {
            let stream = socket::connect(&self.address, Duration::from_secs(5)).unwrap();
            stream.set_nonblocking(true).unwrap();
            let (sent, read) = (Vec::new(), Vec::new());
            self.current = self.clients.len();
            self.clients.push(Client { stream: Some(stream), sent, read, half_closed: false });
        }
    }

    fn half_close(&mut self, index: usize) {
        if let Some(stream) = &self.clients[index].stream {
            let _ = stream.shutdown(Shutdown::Write);
            self.clients[index].half_closed = true;
        }
    }

    /// Sends what the kernel and the server take.
    fn send(&mut self, mut bytes: &[u8]) {
        for _ in 0..100 {
            let client = &mut self.clients[self.current];
            let Some(mut stream) =
                client.stream.as_ref().filter(|_| !bytes.is_empty() && !client.half_closed)
            else {
                return;
            };
            match stream.write(bytes) {
                Ok(count) => {
                    client.sent.extend_from_slice(&bytes[..count]);
                    bytes = &bytes[count..];
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => self.play(),
                Err(_) => return,
            }
        }
    }

    fn read(&mut self, index: usize) {
        let client = &mut self.clients[index];
        let Some(mut stream) = client.stream.as_ref() else { return };
        let mut chunk = [0; 8192];
        while let Ok(count @ 1..) = stream.read(&mut chunk) {
            client.read.extend_from_slice(&chunk[..count]);
        }
    }

    /// Lets the server do all that it can do now.
    fn play(&mut self) {
        let mut ready = Vec::new();
        for _ in 0..MOST_TURNS {
            self.poller.wait(&mut ready, Some(Duration::ZERO)).unwrap();
            for ready in &ready {
                assert!(self.server.owns(ready.token));
                self.server.ready(&self.poller, self.now, *ready);
            }
            assert!(self.server.held() <= MAX_HELD, "{} bytes are held", self.server.held());
            let due = self.server.deadline().is_some_and(|at| at <= self.now);
            if ready.is_empty() && !due {
                return;
            }
            if due {
                self.server.expire(&self.poller, self.now);
            }
            if let Some(client) = self.server.runnable() {
                if let Some(incoming) = self.server.advance(&self.poller, self.now, client) {
                    self.take(incoming);
                }
            } else {
                let due = self.server.deadline().is_some_and(|at| at <= self.now);
                assert!(!due, "a deadline at which nothing is to be done");
            }
        }
        panic!("the server is never at rest");
    }

    fn take(&mut self, incoming: Incoming) {
        assert!(self.held.iter().all(|held| held.client != incoming.client), "two requests at once");
        assert!(self.held.len() < MAX_CLIENTS);
        assert!(incoming.peer.pid > 0);
        if incoming.request.now {
            self.held.push(incoming);
        } else {
            self.reply(&incoming);
        }
    }

    fn reply(&mut self, incoming: &Incoming) {
        self.done += 1;
        self.server.reply(&self.poller, self.now, incoming.client, &echo(&incoming.request));
        assert!(!self.server.is_waiting(incoming.client), "it waits for a second answer");
    }

    fn release(&mut self) {
        for incoming in std::mem::take(&mut self.held) {
            self.reply(&incoming);
        }
    }

    /// Everybody sends no more and reads what is left, and then everything has its answer.
    fn end(mut self) {
        for index in 0..self.clients.len() {
            self.half_close(index);
        }
        self.answer_all();
        let begun = Instant::now();
        while self.server.deadline().is_some() && begun.elapsed() < FORKED {
            std::thread::sleep(Duration::from_millis(1));
            self.answer_all();
        }
        assert_eq!(self.server.deadline(), None, "a client is left");
        let asked = self.clients.iter().flat_map(|client| expected(&client.sent)).flatten().count();
        assert!(self.done <= asked, "{} requests were carried out of {asked}", self.done);
        for client in self.clients.iter().filter(|client| client.stream.is_some()) {
            client.judge(self.moved);
        }
    }

    /// Gives everybody answers until nobody reads any more of them.
    fn answer_all(&mut self) {
        // An answer may be larger than what the kernel holds, and each of 64 clients gives way to the next.
        for _ in 0..MOST_TURNS {
            self.release();
            self.play();
            let before: usize = self.clients.iter().map(|client| client.read.len()).sum();
            (0..self.clients.len()).for_each(|index| self.read(index));
            self.play();
            let after: usize = self.clients.iter().map(|client| client.read.len()).sum();
            if before == after && self.held.is_empty() {
                break;
            }
        }
    }
}

impl Client {
    /// Holds what it has read against what it has sent.
    fn judge(&self, may_be_late: bool) {
        let expected = expected(&self.sent);
        let answers: Vec<&[u8]> = self.read.split_inclusive(|byte| *byte == b'\n').collect();
        for (at, answer) in answers.iter().enumerate() {
            let whole = answer.ends_with(b"\n");
            assert!(whole || may_be_late, "half an answer");
            let Some(answer) = whole.then(|| Response::parse(answer).unwrap()) else { continue };
            let late = answer.error.as_ref().is_some_and(|error| error.starts_with("no whole request came"));
            if late {
                assert!(may_be_late && at + 1 == answers.len(), "cut off without a cause");
                return;
            }
            if answer.busy {
                assert!(!answer.ok && at + 1 == answers.len(), "told to try again, and not closed");
                return;
            }
            match expected.get(at) {
                Some(Some(request)) => assert_eq!(answer, echo(request)),
                Some(None) => assert!(!answer.ok && answer.error.is_some(), "{answer:?}"),
                None => panic!("an answer to nothing: {answer:?}"),
            }
        }
        assert!(answers.len() == expected.len() || may_be_late, "{} of {}", answers.len(), expected.len());
    }
}

/// For each line that is to be answered: the request, or none if it is to be refused. Nothing follows a line that is
/// too long.
fn expected(sent: &[u8]) -> Vec<Option<Request>> {
    let mut expected = Vec::new();
    for line in sent.split(|byte| *byte == b'\n') {
        if line.len() > MAX_REQUEST {
            expected.push(None);
            break;
        }
        if !line.trim_ascii().is_empty() {
            expected.push(Request::parse(line).ok());
        }
    }
    expected
}

/// An answer that tells which request it is for, and a long one for several names.
fn echo(request: &Request) -> Response {
    let padding = if request.names.len() > 1 { 120_000 } else { 0 };
    let message = format!("{request:?}{}", "x".repeat(padding));
    let problems = vec![Problem { service: String::new(), message }];
    Response::health(HealthReport { healthy: true, problems, ..HealthReport::default() })
}
