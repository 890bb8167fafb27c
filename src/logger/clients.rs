//! Those who ask for logs: `rinit logs`. PID 1 hands over their connections, and has nothing to do with them any more.
//!
//! The form is that of docs/protocol.md: a line with the names of the services, a line for each record, and at the end a
//! line without either. Nobody who reads slowly holds up anything: what finds no room is counted.

#![forbid(unsafe_code)]

use super::console::Json;
use super::encode::Encode;
use super::file::readback::{Form, Readback};
use super::history::{Kept, nanos};
use super::recall::{self, Kind, Past, Wanted};
use super::record::Record;
use super::told::LogRequest;
use crate::model::Signal;
use crate::model::log_files::LogFiles;
use crate::sys::poll::{Interest, Poller};
use crate::sys::process::{self, Status};
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

/// Maximum number of files that are open for one of them.
const MOST_FILES: usize = 256;

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
    /// A child sends it what is in files. What is here comes after that.
    recall: Option<i32>,
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
    /// Where all of it is.
    pub files: Option<(LogFiles, Form)>,
}

impl Clients {
    /// One more. `sources` are all services; it gets what it asks for of those that it names.
    pub fn add(&mut self, request: LogRequest, connection: OwnedFd, sources: Vec<Source<'_>>) {
        let (mut out, mut ends) = (Vec::new(), !request.follow);
        let (stream, mut recall) = (UnixStream::from(connection), None);
        let held: usize = self.all.values().map(|client| client.out.capacity()).sum();
        if self.all.len() >= MOST || held > LIMIT_OF_ALL {
            out.extend_from_slice(
                b"{\"v\":1,\"ok\":false,\"busy\":true,\"error\":\"too many read logs: try again later\"}\n",
            );
            ends = true;
        } else {
            recall = answer(&request, sources, &mut out, &stream);
            if ends {
                out.extend_from_slice(END);
            }
        }
        let client = Client { stream, request, out, sent: 0, lost: 0, recall, ends, watched: None };
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
            if !stays {
                client.forget(poller);
            }
            stays
        });
    }

    /// The poller tells of one. `hangup`: it has gone.
    pub fn ready(&mut self, poller: &Poller, token: u64, hangup: bool) {
        if let Some(client) = self.all.get_mut(&token).filter(|_| hangup) {
            client.forget(poller);
            self.all.remove(&token);
        }
    }

    /// A child has ended, which may have sent what was in files.
    pub fn reaped(&mut self, poller: &Poller, pid: i32, status: Status) {
        let found = self.all.iter_mut().find(|(_, client)| client.recall == Some(pid));
        let Some((token, client)) = found else { return };
        client.recall = None;
        // Nothing may come after a gap.
        if status != Status::Code(0) {
            let token = *token;
            client.forget(poller);
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

/// The beginning of the answer: what is kept here. Where more is in files, a child sends that, and
/// is returned.
fn answer(
    request: &LogRequest,
    sources: Vec<Source<'_>>,
    out: &mut Vec<u8>,
    client: &UnixStream,
) -> Option<i32> {
    let chosen: Vec<Source<'_>> = sources.into_iter().filter(|source| request.has(source.number)).collect();
    let names: Vec<&str> = chosen.iter().map(|source| source.service).collect();
    out.extend_from_slice(b"{\"v\":1,\"ok\":true,\"logs\":");
    let _ = serde_json::to_writer(&mut *out, &names);
    out.extend_from_slice(b"}\n");
    let wanted = wanted(request);
    if chosen.iter().any(|source| needs_files(source, wanted)) {
        let past = past(&chosen, wanted);
        if let Ok(pid) = recall::start(out, &past, wanted, client) {
            out.clear();
            return Some(pid);
        }
    }
    let mut all: Vec<(&str, Kept<'_>)> = Vec::new();
    for source in &chosen {
        all.extend(meant(&source.records, wanted).into_iter().map(|kept| (source.service, kept)));
    }
    write_kept(all, out);
    None
}

fn wanted(request: &LogRequest) -> Wanted {
    let now = SystemTime::now();
    let since = request
        .since_ms
        .map(|ms| now.checked_sub(Duration::from_millis(ms)).unwrap_or(SystemTime::UNIX_EPOCH));
    let until = request.until_ms.and_then(|ms| SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(ms)));
    Wanted { since, until, tail: request.tail }
}

/// Those of the records that are asked for.
fn meant<'a>(records: &[Kept<'a>], wanted: Wanted) -> Vec<Kept<'a>> {
    let is_meant = |kept: &&Kept<'_>| {
        wanted.since.is_none_or(|since| kept.time() >= since)
            && wanted.until.is_none_or(|until| kept.time() < until)
    };
    let meant: Vec<Kept<'a>> = records.iter().filter(is_meant).copied().collect();
    let tail = wanted.tail.map_or(usize::MAX, |tail| usize::try_from(tail).unwrap_or(usize::MAX));
    let skip = meant.len().saturating_sub(tail);
    meant.into_iter().skip(skip).collect()
}

/// Whether more is asked for than what is kept here: that is the end of what is in the files.
fn needs_files(source: &Source<'_>, wanted: Wanted) -> bool {
    let reaches_back = |since: SystemTime| source.records.first().is_some_and(|kept| kept.time() < since);
    let has_all = wanted.since.is_some_and(reaches_back)
        || wanted.tail.is_some_and(|tail| {
            u64::try_from(meant(&source.records, wanted).len()).is_ok_and(|count| count >= tail)
        });
    source.files.is_some() && !has_all
}

fn past<'a>(chosen: &'a [Source<'_>], wanted: Wanted) -> Vec<Past<'a>> {
    let mut room = MOST_FILES;
    let past = chosen.iter().map(|source| {
        let files = source.files.as_ref().filter(|_| room > 0 && needs_files(source, wanted));
        let files = files.map(|(files, form)| Readback::open(files, *form, room));
        room = room.saturating_sub(files.as_ref().map_or(0, Readback::count));
        let lines = match files {
            Some(files) if files.count() > 0 => Kind::Files(files),
            _ => Kind::Memory(meant(&source.records, wanted)),
        };
        Past { service: source.service, lines }
    });
    past.collect()
}

/// By their time. Where not all has room, the oldest records are left out, and counted.
fn write_kept(mut all: Vec<(&str, Kept<'_>)>, out: &mut Vec<u8>) {
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
    /// It is about to be removed.
    fn forget(&mut self, poller: &Poller) {
        if self.watched.is_some() {
            let _ = poller.remove(self.stream.as_fd());
        }
        if let Some(pid) = self.recall.take() {
            let _ = process::kill(pid, Signal::KILL);
        }
    }

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
        if self.recall.is_some() {
            return true;
        }
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
        let wanted =
            if self.out.is_empty() || self.recall.is_some() { Interest::Hangup } else { Interest::Write };
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
            .map(|(number, service, history)| Source {
                number: *number,
                service,
                records: history.records(),
                files: None,
            })
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
