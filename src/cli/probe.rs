//! `rinit probe`: one attempt to reach a service, in place of curl and nc.

#![forbid(unsafe_code)]

use super::parse::Words;
use super::{output, values};
use crate::model::exit::{DONE, NOT_DONE};
use crate::model::{HttpUrl, url};
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
        ["http" | "tcp" | "unix", ..] => return Err("probe takes one address".to_owned()),
        [kind, ..] => return Err(format!("cannot probe {kind:?}: write {FORMS}")),
        [] => return Err(format!("what is to be probed? Write {FORMS}")),
    };
    // That nobody reads the text does not change what the status says.
    let _ = output::out(&format!("{}\n", outcome.message));
    Ok(if outcome.healthy { DONE } else { NOT_DONE })
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
            (&["http"], "one address"),
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
