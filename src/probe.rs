//! `rinit probe`: one attempt to reach a service over the network or a socket, with a deadline. Runs in a process of its own: it
//! may block, and what it reads may be hostile.

#![forbid(unsafe_code)]

use crate::model::shown::NOT_HTTP;
use crate::model::text::printable;
use crate::model::{Endpoint, HttpUrl, text};
use crate::sys::deadline::Deadline;
use crate::sys::socket::{self, Address};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Maximum number of bytes before the body.
const MAX_HEAD: usize = 16 * 1024;

/// Maximum number of bytes shown of the body of a failure.
const MAX_BODY: usize = 1024;

/// After the result is known, at most this much is read, for at most this long. A server that is cut off in its response
/// may log an error.
const MAX_DRAIN: usize = 256 * 1024;
const DRAIN_LIMIT: Duration = Duration::from_secs(1);

/// The result: what happened, on a line; below it, if the answer was a failure, what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whether the service is well.
    pub healthy: bool,
    /// For people.
    pub message: String,
}

impl Outcome {
    fn failure(message: String) -> Outcome {
        Outcome { healthy: false, message }
    }
}

/// On a busy machine, a wake-up may come late by this.
const TOLERATED: Duration = Duration::from_secs(1);

/// Makes an attempt that has this long. One that fails long after that was stopped or frozen, perhaps with the service:
/// that says nothing, and there is another.
pub fn attempt(timeout: Duration, mut probe: impl FnMut(Duration) -> Outcome) -> Outcome {
    loop {
        let begun = Instant::now();
        let outcome = probe(timeout);
        if outcome.healthy || begun.elapsed() <= timeout.saturating_add(TOLERATED) {
            return outcome;
        }
    }
}

/// Whether somebody accepts connections there.
pub fn tcp(endpoint: Endpoint, timeout: Duration) -> Outcome {
    match connect(endpoint, &Deadline::new(timeout)) {
        Ok(_) => Outcome { healthy: true, message: format!("connected to {endpoint}") },
        Err(message) => Outcome::failure(message),
    }
}

/// Whether somebody accepts connections at that socket.
pub fn unix(address: &Address, timeout: Duration) -> Outcome {
    let deadline = Deadline::new(timeout);
    loop {
        // A listener that is there but never accepts fills its queue; then connecting waits.
        let connected = deadline.left().and_then(|left| socket::connect(address, left));
        return match connected {
            Ok(_) => Outcome { healthy: true, message: format!("connected to {address}") },
            // This process was stopped and goes on, for instance.
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                Outcome::failure(deadline.message())
            }
            Err(e) => Outcome::failure(format!("cannot connect to {address}: {}", text::cause(&e))),
        };
    }
}

/// Whether a GET request is answered with a status of 200 to 399.
pub fn http(url: &HttpUrl, timeout: Duration) -> Outcome {
    let deadline = Deadline::new(timeout);
    let mut stream = match connect(url.endpoint, &deadline) {
        Ok(stream) => stream,
        Err(message) => return Outcome::failure(message),
    };
    let mut received = Vec::new();
    let head = send_request(&mut stream, url, &deadline)
        .and_then(|()| read_head(&mut stream, &mut received, &deadline));
    match head {
        Ok(head) => {
            let healthy = (200..400).contains(&head.status);
            let mut message = head.line;
            let wanted = if healthy { MAX_DRAIN } else { MAX_BODY };
            drain(&mut stream, &mut received, wanted, &deadline);
            if !healthy && head.is_text {
                let shown = body_text(&received, head.is_chunked);
                message.extend(["\n", &shown].iter().filter(|_| !shown.is_empty()).copied());
            }
            Outcome { healthy, message }
        }
        Err(e) => Outcome::failure(match e.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => deadline.message(),
            io::ErrorKind::UnexpectedEof => "the connection was closed without an answer".to_owned(),
            io::ErrorKind::InvalidData => {
                let line = received.split(|byte| *byte == b'\n').next().unwrap_or_default();
                format!("{NOT_HTTP}: {}", printable(line, 80))
            }
            _ => format!("cannot read the answer: {}", text::cause(&e)),
        }),
    }
}

fn connect(endpoint: Endpoint, deadline: &Deadline) -> Result<TcpStream, String> {
    let addresses: Vec<SocketAddr> = endpoint.addresses().collect();
    connect_to_one(&addresses, endpoint, deadline)
}

/// Connects to the first of these that accepts. Each gets an equal share of what is left, so that one that drops every
/// packet leaves time for the next.
fn connect_to_one(
    addresses: &[SocketAddr],
    endpoint: Endpoint,
    deadline: &Deadline,
) -> Result<TcpStream, String> {
    let mut causes: Vec<(SocketAddr, Option<String>)> = Vec::new();
    for (index, address) in addresses.iter().enumerate() {
        let open = u32::try_from(addresses.len().saturating_sub(index)).unwrap_or(1).max(1);
        let limit = deadline.left().map(|left| left.checked_div(open).unwrap_or(left));
        match limit.and_then(|limit| connect_to(*address, limit)) {
            Ok(stream) => return Ok(stream),
            Err(e) if e.kind() == io::ErrorKind::TimedOut && e.raw_os_error().is_none() => {
                causes.push((*address, None));
            }
            Err(e) => causes.push((*address, Some(text::cause(&e)))),
        }
    }
    Err(match causes.as_slice() {
        _ if causes.iter().all(|(_, cause)| cause.is_none()) => deadline.message(),
        [(_, Some(first)), rest @ ..] if rest.iter().all(|(_, cause)| cause.as_ref() == Some(first)) => {
            format!("cannot connect to {endpoint}: {first}")
        }
        _ => {
            let each = causes.iter().map(|(address, cause)| {
                format!(
                    "{}: {}",
                    address.ip(),
                    cause.as_deref().unwrap_or("no answer in its share of the time")
                )
            });
            format!("cannot connect to {endpoint}: {}", each.collect::<Vec<_>>().join("; "))
        }
    })
}

fn connect_to(address: SocketAddr, limit: Duration) -> io::Result<TcpStream> {
    // Zero would mean "without limit" to the standard library, which refuses it.
    let stream = TcpStream::connect_timeout(&address, limit.max(Duration::from_millis(1)))?;
    // To a port that nobody listens on, the kernel may choose that same port for our end, and connect us to ourselves.
    match stream.local_addr()? == address {
        true => Err(io::ErrorKind::ConnectionRefused.into()),
        false => Ok(stream),
    }
}

fn send_request(stream: &mut TcpStream, url: &HttpUrl, deadline: &Deadline) -> io::Result<()> {
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: rinit/{}\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        url.path,
        url.host,
        env!("CARGO_PKG_VERSION")
    );
    stream.set_write_timeout(Some(deadline.left()?))?;
    match stream.write_all(request.as_bytes()) {
        // It may have answered without listening; then the answer is what counts.
        Err(e) if matches!(e.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => Ok(()),
        other => other,
    }
}

/// What comes before the body, as far as it is of interest.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// `HTTP 503 Service Unavailable`.
    line: String,
    is_text: bool,
    is_chunked: bool,
}

/// Reads up to the end of the head, and leaves in `received` what came after it.
fn read_head(stream: &mut TcpStream, received: &mut Vec<u8>, deadline: &Deadline) -> io::Result<Head> {
    loop {
        if let Some(end) = head_end(received) {
            let body = received.split_off(end);
            let head = parse_head(received).ok_or(io::ErrorKind::InvalidData)?;
            *received = body;
            // "Continue" and its like announce the answer proper.
            if !(100..200).contains(&head.status) || head.status == 101 {
                return Ok(head);
            }
            continue;
        }
        // Garbage is told as soon as it is seen, not at the timeout.
        let seen = received.get(..received.len().min(HTTP.len())).unwrap_or_default();
        if !HTTP.starts_with(seen) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if received.len() > MAX_HEAD {
            // A head without end; its first line says what we want to know.
            return parse_head(received).ok_or_else(|| io::ErrorKind::InvalidData.into());
        }
        match read_some(stream, received, deadline.left()?) {
            Ok(0) if received.is_empty() => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(0) => return parse_head(received).ok_or_else(|| io::ErrorKind::InvalidData.into()),
            Ok(_) => {}
            Err(e) => return Err(e),
        }
    }
}

const HTTP: &[u8] = b"HTTP/1.";

/// Where the body begins. A lone line feed ends a line, too, as RFC 9112 allows.
fn head_end(bytes: &[u8]) -> Option<usize> {
    let crlf = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at.saturating_add(4));
    let lf = bytes.windows(2).position(|two| two == b"\n\n").map(|at| at.saturating_add(2));
    crlf.into_iter().chain(lf).min()
}

fn parse_head(bytes: &[u8]) -> Option<Head> {
    let mut lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut words = lines.next()?.strip_prefix(HTTP)?.splitn(3, |byte| *byte == b' ');
    let _minor_version = words.next()?;
    let status = std::str::from_utf8(words.next()?).ok().filter(|digits| digits.len() == 3)?.parse().ok()?;
    let reason = printable(words.next().unwrap_or_default(), 80);
    let line = format!("HTTP {status} {reason}").trim_end().to_owned();
    let mut head = Head { status, line, is_text: true, is_chunked: false };
    for header in lines {
        let mut parts = header.splitn(2, |byte| *byte == b':');
        let name = parts.next().unwrap_or_default();
        let value = String::from_utf8_lossy(parts.next().unwrap_or_default()).trim().to_ascii_lowercase();
        if name.eq_ignore_ascii_case(b"content-type") {
            head.is_text = value.starts_with("text/") || value.contains("json") || value.contains("xml");
        } else if name.eq_ignore_ascii_case(b"content-encoding") {
            head.is_text &= value == "identity";
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            head.is_chunked = value == "chunked";
        }
    }
    Some(head)
}

/// Reads on until the server is done, or for a while. What it says now changes nothing.
fn drain(stream: &mut TcpStream, received: &mut Vec<u8>, wanted: usize, deadline: &Deadline) {
    let begun = Instant::now();
    while received.len() < wanted {
        let left = deadline.left().unwrap_or_default().min(DRAIN_LIMIT.saturating_sub(begun.elapsed()));
        if left.is_zero() || matches!(read_some(stream, received, left), Ok(0) | Err(_)) {
            return;
        }
    }
}

fn read_some(stream: &mut TcpStream, into: &mut Vec<u8>, limit: Duration) -> io::Result<usize> {
    stream.set_read_timeout(Some(limit))?;
    let mut chunk = [0; 4096];
    loop {
        match stream.read(&mut chunk) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
            Ok(count) => {
                into.extend(chunk.iter().take(count));
                return Ok(count);
            }
        }
    }
}

/// The beginning of a body, fit to be shown.
fn body_text(body: &[u8], is_chunked: bool) -> String {
    match is_chunked {
        true => printable(&unchunk(body), MAX_BODY),
        false => printable(body, MAX_BODY),
    }
}

/// Takes the chunks' sizes out, as far as the body goes.
fn unchunk(mut body: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    while let Some(end) = body.iter().position(|byte| *byte == b'\n') {
        let (line, rest) = body.split_at_checked(end.saturating_add(1)).unwrap_or_default();
        let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let size = std::str::from_utf8(digits).ok().and_then(|hex| usize::from_str_radix(hex, 16).ok());
        let Some(size) = size.filter(|size| *size > 0) else { break };
        text.extend(rest.iter().take(size));
        // The chunk ends with a line end of its own.
        body = rest.get(size.saturating_add(2)..).unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests;
