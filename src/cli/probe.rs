//! `rinit probe`: one attempt to reach a service, in place of curl and nc.

#![forbid(unsafe_code)]

use super::parse::Words;
use super::{output, values};
use crate::model::exit::{DONE, NOT_DONE};
use crate::model::{HttpUrl, url, words};
use crate::probe;
use crate::sys::socket::Address;
use std::ffi::{OsStr, OsString};
use std::time::Duration;

const FORMS: &str = "http URL, tcp ADDRESS:PORT or unix PATH";
const TIMEOUT: Duration = Duration::from_secs(30);

pub(super) fn run(words: &Words) -> Result<u8, String> {
    let given: Vec<&OsStr> =
        words.operands.iter().chain(words.rest.iter().flatten()).map(OsString::as_os_str).collect();
    // Of all that can be given here, a path alone need not be text.
    let operands: Vec<&str> = given.iter().map(|word| word.to_str().unwrap_or("?")).collect();
    let timeout = values::timeout(words, TIMEOUT)?;
    let outcome = match operands.as_slice() {
        ["http", target] => {
            let url = HttpUrl::parse(target)?;
            probe::attempt(timeout, |timeout| probe::http(&url, timeout))
        }
        ["tcp", target] => {
            let address = url::parse_tcp(target)?;
            probe::attempt(timeout, |timeout| probe::tcp(address, timeout))
        }
        ["unix", _] => {
            let address = Address::parse(given.get(1).copied().unwrap_or_default())?;
            probe::attempt(timeout, |timeout| probe::unix(&address, timeout))
        }
        [kind @ ("http" | "tcp" | "unix"), ..] => {
            let example = match *kind {
                "http" => "http://127.0.0.1:8080/health",
                "tcp" => "127.0.0.1:6379",
                _ => "/run/app.sock",
            };
            return Err(format!("{kind} takes one address, as in rinit probe {kind} {example}"));
        }
        [target] => {
            let meant =
                meant(target).map(|words| format!("did you mean rinit probe {words}? ")).unwrap_or_default();
            return Err(format!("cannot probe {target:?}: {meant}Write {FORMS}"));
        }
        [kind, ..] => return Err(format!("cannot probe {kind:?}: write {FORMS}")),
        [] => return Err(format!("what is to be probed? Write {FORMS}")),
    };
    // That nobody reads the text does not change what the status says.
    let _ = output::out(&format!("{}\n", outcome.message));
    Ok(if outcome.healthy { DONE } else { NOT_DONE })
}

/// What was likely meant by a target without its kind.
fn meant(target: &str) -> Option<String> {
    let quoted = |kind: &str, target: &str| Some(format!("{kind} {}", words::join([target.to_owned()])));
    match target.split_once(':') {
        Some(("http" | "https", rest)) if rest.starts_with("//") => quoted("http", target),
        Some((kind @ ("tcp" | "unix"), rest)) => quoted(kind, rest.strip_prefix("//").unwrap_or(rest)),
        _ if target.starts_with(['/', '@']) => quoted("unix", target),
        // A path after the port is that of a URL.
        _ if url::parse_tcp(target).is_ok() => quoted("tcp", target),
        _ if HttpUrl::parse(&format!("http://{target}")).is_ok() => {
            quoted("http", &format!("http://{target}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(operands: &[&str]) -> Result<u8, String> {
        let operands = operands.iter().map(Into::into).collect();
        run(&Words { operands, ..Words::default() })
    }

    #[test]
    fn the_status_says_how_it_went() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        assert_eq!(probe(&["tcp", &address]), Ok(0));
        // Nobody serves tcpmux; a port that was just given back may be another test's by now.
        assert_eq!(probe(&["tcp", "127.0.0.1:1"]), Ok(1));
        assert_eq!(probe(&["unix", "/nonexistent/socket"]), Ok(1));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (operands, part) in [
            (&[][..], "what is to be probed"),
            (&["icmp", "x"], "cannot probe \"icmp\""),
            (&["http"], "http takes one address, as in rinit probe http http://127.0.0.1:8080/health"),
            (
                &["http://127.0.0.1:80/a?b=1&c"],
                "did you mean rinit probe http 'http://127.0.0.1:80/a?b=1&c'? Write",
            ),
            (&["tcp://127.0.0.1:1"], "did you mean rinit probe tcp 127.0.0.1:1?"),
            (&["unix:/run/x"], "did you mean rinit probe unix /run/x?"),
            (&["/run/x"], "did you mean rinit probe unix /run/x?"),
            (&["127.0.0.1:1"], "did you mean rinit probe tcp 127.0.0.1:1?"),
            (&["127.0.0.1:80/x"], "did you mean rinit probe http http://127.0.0.1:80/x?"),
            (&["web"], "cannot probe \"web\": Write http URL"),
            (&["tcp", "127.0.0.1:1", "127.0.0.1:2"], "one address"),
            (&["unix"], "one address"),
            (&["unix", ""], "it is empty"),
            (&["tcp", "db:1"], "resolves no names"),
            (&["http", "https://127.0.0.1/"], "https"),
        ] {
            let error = probe(operands).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
