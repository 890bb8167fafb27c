//! Servers that the test drives itself, turn by turn.

use super::*;

/// A server that the test drives itself.
struct Driven {
    server: Server,
    poller: Poller,
    path: PathBuf,
    now: Instant,
    _dir: tempfile::TempDir,
}

impl Driven {
    fn new() -> Driven {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let poller = Poller::new().unwrap();
        let listener = socket::listen(&socket::Address::Path(path.clone()), 0o600).unwrap();
        let mut server = Server::new(listener, TOKEN);
        server.register(&poller).unwrap();
        Driven { server, poller, path, now: Instant::now(), _dir: dir }
    }

    fn connect(&self, sent: &[u8]) -> UnixStream {
        let mut client = UnixStream::connect(&self.path).unwrap();
        client.set_nonblocking(true).unwrap();
        let _ = client.write(sent);
        client
    }

    /// Until there is nothing left to do. Those who ask with `now` are kept waiting.
    fn play(&mut self) {
        let mut ready = Vec::new();
        loop {
            self.poller.wait(&mut ready, Some(Duration::ZERO)).unwrap();
            let at_rest = ready.is_empty();
            self.server.begin_turn();
            ready.drain(..).for_each(|event| self.server.ready(&self.poller, self.now, event));
            let Some(id) = self.server.runnable() else {
                if at_rest {
                    return;
                }
                continue;
            };
            let Some(incoming) = self.server.advance(&self.poller, self.now, id) else { continue };
            let request = incoming.request;
            match request.now {
                true => _ = self.server.keep(&self.poller, self.now, id, request.size()),
                false => self.server.reply(&self.poller, self.now, id, &echo(&request)),
            }
        }
    }
}

/// Also who asks and does not read is cut off sooner while others need its place.
#[test]
fn who_does_not_read_makes_room() {
    let mut scene = Driven::new();
    let asked = request("medium").repeat(20);
    let deaf: Vec<UnixStream> = (0..own_share()).map(|_| scene.connect(&asked)).collect();
    scene.play();
    assert_eq!(scene.server.clients.len(), deaf.len());
    assert!(scene.server.clients.iter().all(|(_, connection)| connection.has_unread()));
    assert_eq!(scene.server.deadline(), Some(scene.now + CROWDED_LIMIT));
    scene.now += CROWDED_LIMIT;
    scene.server.expire(&scene.poller, scene.now);
    assert!(scene.server.clients.is_empty());
}

/// Of a crowd that has sent its requests, root's turn does not come last, and that of the others comes too.
#[test]
fn every_second_turn_goes_by_rank() {
    let mut scene = Driven::new();
    let _crowd: Vec<UnixStream> = (0..30).map(|_| scene.connect(&request("web").repeat(50))).collect();
    let mut ready = Vec::new();
    while scene.server.clients.len() < 30 {
        scene.poller.wait(&mut ready, None).unwrap();
        ready.drain(..).for_each(|event| scene.server.ready(&scene.poller, scene.now, event));
    }
    for (id, connection) in &mut scene.server.clients {
        let first = *id == ClientId(20);
        connection.peer = Peer { uid: if first { 0 } else { 7 }, pid: 5, may_change: first };
    }
    let turns: Vec<u64> = (0..8)
        .map(|_| {
            let id = scene.server.runnable().unwrap();
            let incoming = scene.server.advance(&scene.poller, scene.now, id).unwrap();
            scene.server.reply(&scene.poller, scene.now, id, &echo(&incoming.request));
            id.0
        })
        .collect();
    assert_eq!(turns, [20, 1, 20, 2, 20, 3, 20, 4]);
}

/// Whatever all of them have sent and not read, it is not more than that.
#[test]
fn what_is_held_is_bounded() {
    let mut scene = Driven::new();
    let mut clients = Vec::new();
    let mut most = 0;
    for number in 0..200 {
        // Those who do not finish a request, those who do not read, and those who let a large one wait.
        clients.push(scene.connect(&match number % 3 {
            0 => vec![b'x'; 65_000],
            1 => [request("big"), request("big")].concat(),
            _ => held_request(&"y".repeat(60_000)),
        }));
        scene.now += Duration::from_millis(10);
        scene.play();
        let held = scene.server.held();
        assert!(held <= MAX_HELD, "{held} bytes");
        most = most.max(held);
    }
    assert!(most > MAX_HELD / 2, "{most} bytes");
    // Who asks now has its answer, whoever has to go for it.
    scene.now += YIELD_AFTER;
    let client = scene.connect(&request("web"));
    scene.play();
    assert_eq!(echoed(read_answer(&mut BufReader::new(client))), "web");
}

/// A crowd that may only read sends long requests. However often the loop polls, one turn reads no more than its share of
/// them, and each of them is read in its turn.
#[test]
fn what_a_turn_reads_of_a_crowd_is_bounded_and_shared_evenly() {
    let mut scene = Driven::new();
    let mut crowd: Vec<UnixStream> = (0..20).map(|_| scene.connect(b"")).collect();
    scene.play();
    for (_, connection) in &mut scene.server.clients {
        connection.peer = Peer { uid: 7, pid: 5, may_change: false };
    }
    for client in &mut crowd {
        assert_eq!(client.write(&[b'x'; 60_000]).unwrap(), 60_000);
    }
    let held = |scene: &Driven| -> Vec<usize> { scene.server.clients.iter().map(|it| it.1.held()).collect() };
    let mut ready = Vec::new();
    while held(&scene).iter().any(|bytes| *bytes < 60_000) {
        let before = scene.server.held();
        scene.server.begin_turn();
        for _ in 0..17 {
            scene.poller.wait(&mut ready, Some(Duration::ZERO)).unwrap();
            ready.drain(..).for_each(|event| scene.server.ready(&scene.poller, scene.now, event));
        }
        let read = scene.server.held() - before;
        assert!(0 < read && read <= allowance::READ_A_TURN, "{read} bytes in a turn");
        let all = held(&scene);
        let spread = all.iter().max().unwrap() - all.iter().min().unwrap();
        assert!(spread <= READ_AT_ONCE, "one is read before the others: {all:?}");
    }
}

/// What one turn of the event loop can cost it, whatever the clients have sent: what was read is answered in pieces that
/// the loop asks for one by one.
#[test]
fn a_turn_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let poller = Poller::new().unwrap();
    let mut server = Server::new(socket::listen(&socket::Address::Path(path.clone()), 0o600).unwrap(), TOKEN);
    server.register(&poller).unwrap();
    let now = Instant::now();
    let mut clients: Vec<UnixStream> = (0..30).map(|_| UnixStream::connect(&path).unwrap()).collect();
    assert!(clients.len() < allowance::ACCEPTS_A_TURN);
    for (n, client) in clients.iter_mut().enumerate() {
        let lines = if n % 2 == 0 { b"bad\n".repeat(10_000) } else { request("web").repeat(1_000) };
        client.write_all(&lines).unwrap();
    }
    let listener = Ready { token: TOKEN, readable: true, writable: false, hangup: false };
    for expected in [30, 30] {
        server.begin_turn();
        server.ready(&poller, now, listener);
        assert_eq!(server.clients.len(), expected);
    }
    // Nothing was carried out or answered by that.
    let mut buffer = [0; 4096];
    for client in &mut clients {
        client.set_nonblocking(true).unwrap();
        assert_eq!(client.read(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
    // Each in its turn: 16 bad lines, or one request.
    for round in 0..3 {
        for (n, client) in clients.iter_mut().enumerate() {
            let id = server.runnable().unwrap();
            let incoming = server.advance(&poller, now, id);
            assert_eq!(incoming.is_some(), n % 2 == 1, "round {round}, client {n}");
            if let Some(incoming) = incoming {
                server.reply(&poller, now, id, &echo(&incoming.request));
            }
            let count = client.read(&mut buffer).unwrap();
            let answers = buffer[..count].iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(answers, if n % 2 == 0 { LINES_A_TURN } else { 1 });
        }
    }
}

/// Who follows has all the time it wants, is not heard any more, and may read its last words.
#[test]
fn a_follower_is_told_and_not_heard() {
    let Driven { mut server, poller, path, now: start, _dir } = Driven::new();
    let mut ready = Vec::new();
    let mut events = |server: &mut Server, at: Instant| {
        poller.wait(&mut ready, Some(Duration::from_millis(100))).unwrap();
        ready.drain(..).for_each(|event| server.ready(&poller, at, event));
    };
    let mut client = UnixStream::connect(&path).unwrap();
    client.set_read_timeout(Some(LONG)).unwrap();
    client.write_all(&Request::new(Verb::Events, Vec::new()).to_line()).unwrap();
    while server.runnable().is_none() {
        events(&mut server, start);
    }
    let id = server.runnable().unwrap();
    assert!(server.advance(&poller, start, id).is_some());
    assert_eq!(server.room(id), None, "it has to be answered first");
    server.follow(&poller, start, id, &Response::done());
    assert_eq!((server.room(id), server.deadline()), (Some(Room::Free), None));
    // What it says is no request any more, and not even read.
    client.write_all(&b"{\"v\":1,\"verb\":\"health\"}\n".repeat(100)).unwrap();
    events(&mut server, start);
    assert_eq!((server.runnable(), server.deadline()), (None, None));
    // The kernel's buffer is full, and an hour later it still has its place.
    while server.room(id) == Some(Room::Free) {
        server.push(&poller, start, id, [b"x".repeat(60_000), vec![b'\n']].concat());
    }
    let later = start + Duration::from_secs(3600);
    server.expire(&poller, later);
    assert_eq!((server.room(id), server.deadline()), (Some(Room::None), None));
    server.dismiss(&poller, later, id, "cut off");
    server.expire(&poller, later);
    assert_eq!(server.deadline(), Some(later + READ_LIMIT), "it has time to read why");
    let reader = std::thread::spawn(move || {
        let mut lines = BufReader::new(client).split(b'\n').map_while(Result::ok);
        lines.by_ref().last().unwrap()
    });
    while !server.clients.is_empty() {
        events(&mut server, later);
    }
    let last = Response::parse(&reader.join().unwrap()).unwrap();
    assert_eq!(last.error.as_deref(), Some("cut off"));
}

/// Everything stood still: nobody has kept anybody waiting meanwhile.
#[test]
fn a_client_that_was_frozen_with_rinit_is_not_cut_off() {
    let mut scene = Driven::new();
    let line = request("late");
    let (begin, end) = line.split_at(5);
    let mut slow = scene.connect(begin);
    // Of an answer that it has not read for as long.
    let asked = request("deaf").repeat(4_000);
    let deaf = scene.connect(&asked);
    scene.play();
    let has_unread = |scene: &Driven| scene.server.clients.iter().any(|(_, it)| it.has_unread());
    assert!(has_unread(&scene));
    let before = scene.server.deadline().unwrap();
    let frozen = Duration::from_secs(60);
    scene.now += frozen;
    scene.server.overslept(scene.now, frozen);
    assert_eq!(scene.server.deadline(), Some(before + frozen));
    scene.server.expire(&scene.poller, scene.now);
    assert!(scene.server.clients.len() == 2 && has_unread(&scene));
    slow.write_all(end).unwrap();
    scene.play();
    let mut slow = BufReader::new(slow);
    assert!(read_answer(&mut slow).ok);
    // Nobody has more time than a whole limit for it.
    scene.server.overslept(scene.now, frozen);
    scene.now += REQUEST_LIMIT;
    scene.server.expire(&scene.poller, scene.now);
    scene.play();
    assert!(!read_answer(&mut slow).ok);
    drop(deaf);
}
