//! A verb's end of the control socket: asks one question and waits for the answer, but not for ever.

#![forbid(unsafe_code)]

use super::address::{Address, Candidate, Trusted, candidates};
use super::protocol::{Request, Response};
use crate::model::duration;
use crate::model::text;
use crate::sys::{process, socket};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// More than any init sends.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No init answers; the text says where, and why not.
    NoInit(String),
    /// The init has refused the request; the text is its own.
    Refused(String),
}

/// Asks the init at `given`, or else at the places where one may be, and waits for `timeout` in all.
pub fn ask(given: Option<&Address>, request: &Request, timeout: Duration) -> Result<Response, Failure> {
    let deadline = Deadline { at: Instant::now().checked_add(timeout), timeout };
    let places = candidates(given);
    let (address, stream) = connect(&places, &deadline)?;
    let no_answer =
        |e: io::Error| Failure::NoInit(format!("no init answers at {address}: {}", deadline.cause(&e)));
    let line = exchange(stream, request, &deadline).map_err(no_answer)?;
    let response = Response::parse(&line)
        .map_err(|error| Failure::NoInit(format!("what answers at {address} is no init: {error}")))?;
    match response.ok {
        true => Ok(response),
        false => {
            Err(Failure::Refused(response.error.unwrap_or_else(|| "refused without a reason".to_owned())))
        }
    }
}

struct Deadline {
    at: Option<Instant>,
    timeout: Duration,
}

impl Deadline {
    /// What is left, never zero: the kernel takes that for "without limit".
    fn left(&self) -> io::Result<Duration> {
        let left = self.at.map_or(duration::MAX, |at| at.saturating_duration_since(Instant::now()));
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }

    fn cause(&self, error: &io::Error) -> String {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                format!("no answer within {}", duration::format(self.timeout))
            }
            io::ErrorKind::UnexpectedEof => "it has closed the connection".to_owned(),
            _ => text::cause(error),
        }
    }
}

/// The first place where somebody listens who can be trusted.
fn connect<'a>(places: &'a [Candidate], deadline: &Deadline) -> Result<(&'a Address, UnixStream), Failure> {
    let mut causes = Vec::new();
    for place in places {
        let stream = deadline.left().and_then(|left| socket::connect(&place.address, left));
        let cause = match stream.and_then(|stream| Ok((socket::peer(&stream)?, stream))) {
            Ok((peer, stream)) => match place.trusted {
                Trusted::Anyone => return Ok((&place.address, stream)),
                Trusted::Pid1 if peer.pid == 1 => return Ok((&place.address, stream)),
                Trusted::SameUser if peer.uid == process::user_id() => return Ok((&place.address, stream)),
                Trusted::Pid1 => "who listens there is not PID 1".to_owned(),
                Trusted::SameUser => format!("who listens there is user {}", peer.uid),
            },
            Err(e) => deadline.cause(&e),
        };
        causes.push(format!("at {}: {cause}", place.address));
    }
    Err(Failure::NoInit(format!("no init answers {}", causes.join("; "))))
}

/// Sends the request and reads one line.
fn exchange(mut stream: UnixStream, request: &Request, deadline: &Deadline) -> io::Result<Vec<u8>> {
    stream.set_write_timeout(Some(deadline.left()?))?;
    // A server that cuts us off may have said why: what could not be sent matters only if there is nothing to read.
    let sent = stream.write_all(&request.to_line());
    let mut line = Vec::new();
    let mut chunk = [0; 8192];
    loop {
        stream.set_read_timeout(Some(deadline.left()?))?;
        let count = match stream.read(&mut chunk) {
            Ok(count) => count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return sent.and(Err(e)),
        };
        if count == 0 {
            return sent.and(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        let read = chunk.get(..count).unwrap_or_default();
        match read.iter().position(|byte| *byte == b'\n') {
            Some(end) => {
                line.extend(read.iter().take(end));
                return Ok(line);
            }
            None => line.extend(read),
        }
        if line.len() > MAX_ANSWER {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::protocol::{HealthReport, Verb};
    use super::*;
    use std::io::BufRead;
    use std::os::unix::net::UnixListener;

    /// Asks a server that reads one line and then does what it is told.
    fn ask_one(
        serve: impl FnOnce(UnixStream) + Send + 'static,
        timeout: Duration,
    ) -> Result<Response, Failure> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            io::BufReader::new(&stream).read_line(&mut line).unwrap();
            serve(stream);
        });
        let answer = ask(Some(&Address::Path(path)), &Request::new(Verb::Health, vec![]), timeout);
        server.join().unwrap();
        answer
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn an_answer_is_read_whole() {
        let report = HealthReport { healthy: true, services: 2, problems: vec![] };
        let response = Response::health(report);
        let line = response.to_line();
        let answer = ask_one(
            move |mut stream| {
                let (first, second) = line.split_at(9);
                stream.write_all(first).unwrap();
                stream.write_all(second).unwrap();
            },
            LONG,
        );
        assert_eq!(answer, Ok(response));
    }

    #[test]
    fn a_refusal_is_told_from_no_answer() {
        let refused = ask_one(|mut s| s.write_all(&Response::refused("no").to_line()).unwrap(), LONG);
        assert_eq!(refused, Err(Failure::Refused("no".into())));
        for serve in [|_| (), |mut s: UnixStream| s.write_all(b"SSH-2.0\n").unwrap()] {
            assert!(matches!(ask_one(serve, LONG), Err(Failure::NoInit(_))));
        }
    }

    #[test]
    fn silence_ends_at_the_timeout() {
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let started = Instant::now();
        let answer = std::thread::spawn(move || {
            ask_one(
                move |stream| {
                    // Keeps the connection open until the client has given up.
                    let _ = io::BufReader::new(stream).read_line(&mut String::new());
                    drop(wait);
                },
                Duration::from_millis(50),
            )
        });
        let Err(Failure::NoInit(message)) = answer.join().unwrap() else { panic!("there was an answer") };
        assert!(message.ends_with("no answer within 50ms"), "{message}");
        assert!(started.elapsed() < LONG);
        assert!(done.send(()).is_err());
    }

    #[test]
    fn nobody_there_is_said_with_the_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let request = Request::new(Verb::Health, vec![]);
        let Err(Failure::NoInit(message)) = ask(Some(&Address::Path(path.clone())), &request, LONG) else {
            panic!("there was an answer")
        };
        assert_eq!(message, format!("no init answers at {}: No such file or directory", path.display()));
    }

    #[test]
    fn an_impostor_is_not_believed() {
        let address = Address::Abstract(format!("rinit-impostor/{}", std::process::id()).into_bytes());
        let _listener = socket::listen(&address, 0).unwrap();
        let deadline = Deadline { at: None, timeout: LONG };
        let connect_as =
            |trusted| connect(&[Candidate { address: address.clone(), trusted }], &deadline).map(|_| ());
        assert!(connect_as(Trusted::Anyone).is_ok());
        assert!(connect_as(Trusted::SameUser).is_ok());
        let Err(Failure::NoInit(message)) = connect_as(Trusted::Pid1) else {
            panic!("an impostor was believed")
        };
        assert!(message.contains("not PID 1"), "{message}");
    }
}
