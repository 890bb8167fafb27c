//! Those who ask for logs: `rinit logs`. PID 1 hands over their connections, and has nothing to do with them any more.
//!
//! The form is that of docs/protocol.md: a line with the names of the services, a line for each record, and at the end a
//! line without either. Nobody who reads slowly holds up anything: what finds no room is counted.

#![forbid(unsafe_code)]

use super::console::Json;
use super::encode::Encode;
use super::history::{Kept, nanos};
use super::record::Record;
use super::told::LogRequest;
use crate::sys::poll::{Interest, Poller};
use crate::sys::socket;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, SystemTime};

/// Maximum number of clients.
const MOST: usize = 16;

/// Maximum number of bytes that wait for one of them, and for all.
const LIMIT: usize = 4 * 1024 * 1024;
const LIMIT_OF_ALL: usize = 16 * 1024 * 1024;

/// The first of their tokens. The others follow.
pub const FIRST_CLIENT: u64 = 1 << 8;
const LAST_CLIENT: u64 = (1 << 16) - 1;

struct Client {
    stream: UnixStream,
    request: LogRequest,
    out: Vec<u8>,
    sent: usize,
    /// Records that found no room.
    lost: u64,
    /// It is sent what is left, and then closed.
    ends: bool,
    watched: Option<Interest>,
}

/// All of them, by their tokens.
#[derive(Default)]
pub struct Clients {
    all: BTreeMap<u64, Client>,
    next: u64,
}

/// A service, and what is kept of it.
pub struct Source<'a> {
    pub number: u32,
    pub service: &'a str,
    pub records: Vec<Kept<'a>>,
}

impl Clients {
    /// One more. `sources` are all services; it gets what it asks for of those that it names.
    pub fn add(&mut self, request: LogRequest, connection: OwnedFd, sources: Vec<Source<'_>>) {
        let (mut out, mut ends) = (Vec::new(), !request.follow);
        let held: usize = self.all.values().map(|client| client.out.capacity()).sum();
        if self.all.len() >= MOST || held > LIMIT_OF_ALL {
            out.extend_from_slice(
                b"{\"v\":1,\"ok\":false,\"busy\":true,\"error\":\"too many read logs: try again later\"}\n",
            );
            ends = true;
        } else {
            answer(&request, sources, &mut out);
            if ends {
                out.extend_from_slice(END);
            }
        }
        let stream = UnixStream::from(connection);
        let client = Client { stream, request, out, sent: 0, lost: 0, ends, watched: None };
        let token = FIRST_CLIENT.saturating_add(self.next);
        self.next = self.next.saturating_add(1).checked_rem(LAST_CLIENT - FIRST_CLIENT).unwrap_or_default();
        self.all.insert(token, client);
    }

    /// Something new, for those who follow it.
    pub fn tell(&mut self, number: u32, record: &Record<'_>) {
        for client in self.all.values_mut() {
            let wanted = client.request.follow && !client.ends && client.request.has(number);
            if wanted && client.request.until_ms.is_none_or(|until| until > nanos(record.time) / 1_000_000) {
                client.add(record);
            }
        }
    }

    /// Sends what there is room for, has the poller watch what it waits for, and forgets who has everything or has gone.
    pub fn settle(&mut self, poller: &Poller) {
        self.all.retain(|token, client| {
            let stays = client.send() && client.watch(poller, *token);
            if !stays && client.watched.is_some() {
                let _ = poller.remove(client.stream.as_fd());
            }
            stays
        });
    }

    /// The poller tells of one. `hangup`: it has gone.
    pub fn ready(&mut self, poller: &Poller, token: u64, hangup: bool) {
        if let Some(client) = self.all.get_mut(&token).filter(|_| hangup) {
            let _ = poller.remove(client.stream.as_fd());
            self.all.remove(&token);
        }
    }

    /// The end: those who follow are told, as far as they take it at once.
    pub fn finish(&mut self) {
        for client in self.all.values_mut().filter(|client| !client.ends) {
            client.out.extend_from_slice(END);
            client.send();
        }
    }
}

/// Nothing more comes.
const END: &[u8] = b"{\"v\":1,\"ok\":true}\n";

/// The first lines of the answer. Where not all that is asked for has room, the oldest records are left out, and counted.
fn answer(request: &LogRequest, sources: Vec<Source<'_>>, out: &mut Vec<u8>) {
    let chosen: Vec<Source<'_>> = sources.into_iter().filter(|source| request.has(source.number)).collect();
    let names: Vec<&str> = chosen.iter().map(|source| source.service).collect();
    out.extend_from_slice(b"{\"v\":1,\"ok\":true,\"logs\":");
    let _ = serde_json::to_writer(&mut *out, &names);
    out.extend_from_slice(b"}\n");
    let now = SystemTime::now();
    let ago = |ms: u64| now.checked_sub(Duration::from_millis(ms)).map_or(0, nanos);
    let (since, until) = (request.since_ms.map(ago), request.until_ms.map(|at| at.saturating_mul(1_000_000)));
    let is_meant = |kept: &&Kept<'_>| {
        since.is_none_or(|since| kept.nanos >= since) && until.is_none_or(|until| kept.nanos < until)
    };
    let tail = request.tail.map_or(usize::MAX, |tail| usize::try_from(tail).unwrap_or(usize::MAX));
    let mut all: Vec<(&str, Kept<'_>)> = Vec::new();
    for source in &chosen {
        let meant: Vec<&Kept<'_>> = source.records.iter().filter(is_meant).collect();
        let skip = meant.len().saturating_sub(tail);
        all.extend(meant.into_iter().skip(skip).map(|kept| (source.service, *kept)));
    }
    all.sort_by_key(|(_, kept)| kept.nanos);
    // Beside its line, a record takes about so much.
    const EACH: usize = 160;
    let size = |kept: &Kept<'_>| kept.line.len().saturating_add(EACH);
    let mut room = LIMIT / 2;
    let fits = all.iter().rev().take_while(|(_, kept)| {
        room = room.saturating_sub(size(kept));
        room > 0
    });
    let skip = all.len().saturating_sub(fits.count());
    if skip > 0 {
        write_lost(out, u64::try_from(skip).unwrap_or(u64::MAX));
    }
    for (service, kept) in all.iter().skip(skip) {
        let Kept { stream, part, line, .. } = *kept;
        write_record(out, &Record { time: kept.time(), service, stream, line, part });
    }
}

fn write_lost(out: &mut Vec<u8>, lost: u64) {
    out.extend_from_slice(format!("{{\"v\":1,\"ok\":true,\"lost\":{lost}}}\n").as_bytes());
}

fn write_record(out: &mut Vec<u8>, record: &Record<'_>) {
    out.extend_from_slice(b"{\"v\":1,\"ok\":true,\"log\":");
    Json.encode(record, out);
    out.pop();
    out.extend_from_slice(b"}\n");
}

impl Client {
    fn add(&mut self, record: &Record<'_>) {
        if self.out.len().saturating_sub(self.sent).saturating_add(record.line.len()) > LIMIT {
            self.lost = self.lost.saturating_add(1);
            return;
        }
        self.tell_lost();
        write_record(&mut self.out, record);
    }

    fn tell_lost(&mut self) {
        let lost = std::mem::take(&mut self.lost);
        if lost > 0 {
            write_lost(&mut self.out, lost);
        }
    }

    /// Whether it is to stay.
    fn send(&mut self) -> bool {
        while let Some(rest) = self.out.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match socket::send(&self.stream, rest) {
                Ok(count) => self.sent = self.sent.saturating_add(count),
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    if self.sent > LIMIT / 4 {
                        self.out.drain(..self.sent);
                        self.sent = 0;
                    }
                    return true;
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        (self.out, self.sent) = (Vec::new(), 0);
        if self.lost > 0 && !self.ends {
            self.tell_lost();
        }
        !self.ends
    }

    fn watch(&mut self, poller: &Poller, token: u64) -> bool {
        let wanted = if self.out.is_empty() { Interest::Hangup } else { Interest::Write };
        if self.watched == Some(wanted) {
            return true;
        }
        let done = match self.watched {
            None => poller.add(self.stream.as_fd(), token, wanted),
            Some(_) => poller.modify(self.stream.as_fd(), token, wanted),
        };
        self.watched = done.is_ok().then_some(wanted).or(self.watched);
        done.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::history::History;
    use super::super::record::{Part, Stream};
    use super::*;
    use std::io::{BufRead, BufReader, Read};

    fn record(nanos: u64, line: &'static [u8]) -> Record<'static> {
        let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos);
        Record { time, service: "web", stream: Stream::Stdout, line, part: Part::Whole }
    }

    fn request(follow: bool) -> LogRequest {
        LogRequest { routes: Some(vec![1, 2]), follow, tail: None, since_ms: None, until_ms: None }
    }

    fn lines(text: &str) -> Vec<String> {
        let logs = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        logs.map(|line| match line["log"]["log"].as_str() {
            Some(log) => log.to_owned(),
            None => line
                .as_object()
                .unwrap()
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect::<Vec<_>>()
                .join(" "),
        })
        .collect()
    }

    /// What a client gets that does not follow.
    fn asked(request: LogRequest, histories: &mut [(u32, &'static str, History)]) -> Vec<String> {
        let poller = Poller::new().unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut clients = Clients::default();
        let sources = histories
            .iter_mut()
            .map(|(number, service, history)| Source { number: *number, service, records: history.records() })
            .collect();
        clients.add(request, ours.into(), sources);
        clients.settle(&poller);
        assert!(clients.all.is_empty());
        let mut text = String::new();
        (&theirs).read_to_string(&mut text).unwrap();
        lines(&text)
    }

    #[test]
    fn records_of_several_services_come_by_time() {
        let (mut web, mut db, mut other) = (History::default(), History::default(), History::default());
        web.push(&record(10, b"one"));
        web.push(&record(30, b"three"));
        db.push(&record(20, b"two"));
        db.push(&record(2_000_000, b"four"));
        other.push(&record(15, b"not asked for"));
        let mut all = [(1, "web", web), (2, "db", db), (3, "x", other)];
        let first = "logs=[\"web\",\"db\"] ok=true v=1";
        assert_eq!(asked(request(false), &mut all), [first, "one", "two", "three", "four", "ok=true v=1"]);
        let tail = LogRequest { tail: Some(1), ..request(false) };
        assert_eq!(asked(tail, &mut all), [first, "three", "four", "ok=true v=1"]);
        let until = LogRequest { until_ms: Some(1), ..request(false) };
        assert_eq!(asked(until, &mut all), [first, "one", "two", "three", "ok=true v=1"]);
        let since = LogRequest { since_ms: Some(1000), ..request(false) };
        assert_eq!(asked(since, &mut all), [first, "ok=true v=1"]);
    }

    #[test]
    fn who_follows_slowly_is_told_what_is_missing() {
        let poller = Poller::new().unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut clients = Clients::default();
        clients.add(request(true), ours.into(), Vec::new());
        let line: &'static [u8] = Box::leak(vec![b'x'; 60_000].into_boxed_slice());
        for _ in 0..200 {
            clients.tell(1, &record(1, line));
            clients.tell(9, &record(1, b"of another one"));
            clients.settle(&poller);
        }
        assert!(clients.all.values().all(|client| client.lost > 50 && client.out.len() <= LIMIT + 70_000));
        let reader = std::thread::spawn(move || {
            let lines = BufReader::new(theirs).lines().map(|line| line.unwrap());
            lines.map(|line| serde_json::from_str::<serde_json::Value>(&line).unwrap()).collect::<Vec<_>>()
        });
        while clients.all.values().any(|client| !client.out.is_empty()) {
            clients.settle(&poller);
        }
        clients.tell(2, &record(2, b"last"));
        clients.finish();
        drop(clients);
        let told = reader.join().unwrap();
        let lost: u64 = told.iter().filter_map(|line| line["lost"].as_u64()).sum();
        let came = told.iter().filter(|line| line["log"]["log"].is_string()).count();
        assert_eq!(u64::try_from(came).unwrap() + lost, 201);
        assert_eq!(told.last().unwrap().as_object().unwrap().len(), 2, "the end");
    }

    #[test]
    fn only_so_many_are_served_at_once() {
        let mut clients = Clients::default();
        let mut theirs = Vec::new();
        for _ in 0..MOST + 3 {
            let (ours, other) = UnixStream::pair().unwrap();
            theirs.push(other);
            clients.add(request(true), ours.into(), Vec::new());
        }
        assert_eq!(clients.all.values().filter(|client| !client.ends).count(), MOST);
    }
}
