//! Probes of servers that answer in every way.

use super::*;
use std::net::TcpListener;
use std::thread::JoinHandle;

const LONG: Duration = Duration::from_secs(20);

/// A server for one connection. It reads the request's head first.
fn serve(answer: impl FnOnce(TcpStream) + Send + 'static) -> (HttpUrl, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = HttpUrl::parse(&format!("http://{}/health?q=1", listener.local_addr().unwrap())).unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while head_end(&request).is_none() {
            assert_ne!(read_some(&mut stream, &mut request, LONG).unwrap(), 0);
        }
        answer(stream);
        String::from_utf8(request).unwrap()
    });
    (url, server)
}

fn answered(answer: &'static [u8]) -> Outcome {
    let (url, server) = serve(move |mut stream| stream.write_all(answer).unwrap());
    let outcome = http(&url, LONG);
    server.join().unwrap();
    outcome
}

#[test]
fn the_request_is_a_proper_one() {
    let (url, server) = serve(|mut stream| stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap());
    assert_eq!(http(&url, LONG), Outcome { healthy: true, message: "HTTP 200 OK".into() });
    let request = server.join().unwrap();
    assert!(request.starts_with("GET /health?q=1 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("\r\nHost: {}\r\n", url.endpoint)), "{request}");
    assert!(
        request.contains(concat!("\r\nUser-Agent: rinit/", env!("CARGO_PKG_VERSION"), "\r\n")),
        "{request}"
    );
    assert!(request.contains("\r\nConnection: close\r\n"), "{request}");
}

#[test]
fn the_status_decides() {
    let cases: [(&[u8], bool, &str); 10] = [
        (b"HTTP/1.1 204 No Content\r\n\r\n", true, "HTTP 204 No Content"),
        (b"HTTP/1.0 302 Found\r\nLocation: /x\r\n\r\n", true, "HTTP 302 Found"),
        (b"HTTP/1.1 399\r\n\r\n", true, "HTTP 399"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", true, "HTTP 200 OK"),
        (b"HTTP/1.1 200 OK\nServer: x\n\nbody", true, "HTTP 200 OK"),
        (b"HTTP/1.1 200 OK", true, "HTTP 200 OK"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", false, "HTTP 101 Switching Protocols"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", false, "HTTP 404 Not Found"),
        (
            b"HTTP/1.1 503 Service Unavailable\r\n\r\ndb\x1b[31m is down\r\n",
            false,
            "HTTP 503 Service Unavailable\ndb [31m is down",
        ),
        (b"HTTP/1.1 500 \xff\r\nContent-Type: image/png\r\n\r\n\x89PNG", false, "HTTP 500 \u{fffd}"),
    ];
    for (answer, healthy, message) in cases {
        assert_eq!(answered(answer), Outcome { healthy, message: message.into() });
    }
}

#[test]
fn what_is_no_http_is_said_at_once() {
    for (answer, message) in [
        (&b"SSH-2.0-OpenSSH_9.9\r\n"[..], "not an HTTP answer: SSH-2.0-OpenSSH_9.9"),
        (b"HTTP/1.1 abc\r\n\r\n", "not an HTTP answer: HTTP/1.1 abc"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "not an HTTP answer: HTTP/1.1 2000 OK"),
        (b"", "the connection was closed without an answer"),
    ] {
        assert_eq!(answered(answer), Outcome::failure(message.into()));
    }
}

#[test]
fn a_body_is_shown_in_part_and_without_its_chunks() {
    let (url, server) = serve(|mut stream| {
        stream.write_all(b"HTTP/1.1 500 No\r\nContent-Type: text/plain\r\n\r\n").unwrap();
        let _ = stream.write_all("é".repeat(100_000).as_bytes());
    });
    let message = http(&url, LONG).message;
    server.join().unwrap();
    assert_eq!(message, format!("HTTP 500 No\n{}", "é".repeat(512)));
    let chunked =
        b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nabcd\r\n2\r\nef\r\n0\r\n\r\n";
    assert_eq!(answered(chunked).message, "HTTP 500 No\nabcdef");
    assert_eq!(unchunk(b"zz\r\nab"), b"");
    assert_eq!(unchunk(b"ffffffffffffffff\r\nab"), b"ab");
}

#[test]
fn silence_and_dripping_end_at_the_timeout() {
    let begun = Instant::now();
    let (url, server) = serve(|mut stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nX-Drip: ").unwrap();
        // A byte now and then, until the probe has gone away.
        while stream.write_all(b"x").is_ok()
            && !matches!(read_some(&mut stream, &mut Vec::new(), Duration::from_millis(10)), Ok(0))
        {}
    });
    assert_eq!(http(&url, Duration::from_millis(100)), Outcome::failure("no answer within 100ms".into()));
    server.join().unwrap();
    let (url, server) = serve(|mut stream| drop(read_some(&mut stream, &mut Vec::new(), LONG)));
    assert_eq!(http(&url, Duration::from_millis(100)), Outcome::failure("no answer within 100ms".into()));
    server.join().unwrap();
    assert!(begun.elapsed() < LONG);
}

#[test]
fn a_head_without_end_ends_somewhere() {
    let (url, server) = serve(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(b"X-Header: yes\r\n").is_ok() {}
    });
    assert_eq!(http(&url, LONG), Outcome { healthy: true, message: "HTTP 200 OK".into() });
    server.join().unwrap();
}

#[test]
fn a_port_is_open_or_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let open = Endpoint::Address(address);
    assert_eq!(tcp(open, LONG), Outcome { healthy: true, message: format!("connected to {address}") });
    // Nobody serves tcpmux; a port that was just given back may be another test's by now.
    let closed = Endpoint::Address("127.0.0.1:1".parse().unwrap());
    let refused = format!("cannot connect to {closed}: Connection refused");
    assert_eq!(tcp(closed, LONG), Outcome::failure(refused.clone()));
    let url = HttpUrl::parse("http://127.0.0.1:1/").unwrap();
    assert_eq!(http(&url, LONG), Outcome::failure(refused));
}

#[test]
fn a_socket_is_listened_to_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let address = Address::Path(path.clone());
    let shown = path.display();
    let failed = |cause: &str| Outcome::failure(format!("cannot connect to {shown}: {cause}"));
    assert_eq!(unix(&address, LONG), failed("No such file or directory"));
    let listener = socket::listen(&address, 0o600).unwrap();
    assert_eq!(unix(&address, LONG), Outcome { healthy: true, message: format!("connected to {shown}") });
    // Nobody takes connections out of the queue, until it is full.
    let mut held = Vec::new();
    let full = loop {
        match socket::connect(&address, Duration::from_millis(50)) {
            Ok(stream) => held.push(stream),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => break e,
        }
    };
    assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
    let late = Outcome::failure("no answer within 50ms".into());
    assert_eq!(unix(&address, Duration::from_millis(50)), late);
    // Another test's child has the listener, too, until it executes its program.
    drop(listener);
    while unix(&address, Duration::from_millis(50)) == late {
        std::thread::yield_now();
    }
    assert_eq!(unix(&address, LONG), failed("Connection refused"));
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "").unwrap();
    assert_eq!(unix(&address, LONG), failed("Connection refused"));
    let name = format!("rinit-probe/{}", std::process::id());
    let address = Address::Abstract(name.clone().into_bytes());
    let _listener = socket::listen(&address, 0).unwrap();
    assert_eq!(unix(&address, LONG), Outcome { healthy: true, message: format!("connected to @{name}") });
}

/// A machine may have no IPv6.
fn listener_on_ipv6() -> Option<TcpListener> {
    TcpListener::bind("[::1]:0").ok()
}

#[test]
fn localhost_is_whichever_loopback_address_listens() {
    let reaches = |listener: TcpListener| {
        let port = listener.local_addr().unwrap().port();
        let expected = Outcome { healthy: true, message: format!("connected to localhost:{port}") };
        assert_eq!(tcp(Endpoint::Localhost(port), LONG), expected);
        let server = std::thread::spawn(move || {
            // The first connection was the one of `tcp`.
            let mut stream = listener.incoming().nth(1).unwrap().unwrap();
            let mut request = Vec::new();
            while head_end(&request).is_none() {
                assert_ne!(read_some(&mut stream, &mut request, LONG).unwrap(), 0);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            String::from_utf8(request).unwrap()
        });
        let url = HttpUrl::parse(&format!("http://localhost:{port}/")).unwrap();
        assert_eq!(http(&url, LONG).message, "HTTP 200 OK");
        let request = server.join().unwrap();
        assert!(request.contains(&format!("\r\nHost: localhost:{port}\r\n")), "{request}");
    };
    reaches(TcpListener::bind("127.0.0.1:0").unwrap());
    if let Some(listener) = listener_on_ipv6() {
        reaches(listener);
    }
    let refused = tcp(Endpoint::Localhost(1), LONG);
    assert!(
        !refused.healthy && refused.message.starts_with("cannot connect to localhost:1: "),
        "{refused:?}"
    );
}

/// A listener whose queue is full drops every packet of a new connection.
#[test]
fn an_address_that_does_not_answer_leaves_time_for_the_next() {
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    nix::sys::socket::listen(&deaf, nix::sys::socket::Backlog::new(0).unwrap()).unwrap();
    let silent = deaf.local_addr().unwrap();
    let short = Duration::from_millis(200);
    let mut held = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&silent, short) {
        held.push(stream);
    }
    let live = TcpListener::bind("127.0.0.1:0").unwrap();
    let live = live.local_addr().unwrap();
    let closed: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let connect = |addresses: &[SocketAddr]| {
        let connected = connect_to_one(addresses, Endpoint::Localhost(9), &Deadline::new(short));
        connected.map(|stream| stream.peer_addr().unwrap())
    };
    assert_eq!(connect(&[silent, live]), Ok(live));
    assert_eq!(connect(&[closed, live]), Ok(live));
    assert_eq!(connect(&[silent, silent]), Err("no answer within 200ms".to_owned()));
    let both = "cannot connect to localhost:9: 127.0.0.1: no answer in its share of the time; 127.0.0.1: Connection refused";
    assert_eq!(connect(&[silent, closed]), Err(both.to_owned()));
    assert_eq!(
        connect(&[closed, closed]),
        Err("cannot connect to localhost:9: Connection refused".to_owned())
    );
}
