//! `rinit probe`: one attempt to reach a service, in place of curl and nc.

#![forbid(unsafe_code)]

use super::parse::Words;
use super::{NOT_DONE, output, values};
use crate::model::{HttpUrl, url};
use crate::probe;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(30);

pub(super) fn run(words: &Words) -> Result<u8, String> {
    let operands: Vec<&str> = words
        .operands
        .iter()
        .chain(words.rest.iter().flatten())
        .map(|word| word.to_str().unwrap_or("?"))
        .collect();
    let timeout = values::timeout(words, TIMEOUT)?;
    let outcome = match operands.as_slice() {
        ["http", target] => probe::http(&HttpUrl::parse(target)?, timeout),
        ["tcp", target] => probe::tcp(url::parse_tcp(target)?, timeout),
        ["http" | "tcp", ..] => return Err("probe takes one address".to_owned()),
        [kind, ..] => return Err(format!("cannot probe {kind:?}: write http URL or tcp ADDRESS:PORT")),
        [] => return Err("what is to be probed? Write http URL or tcp ADDRESS:PORT".to_owned()),
    };
    // That nobody reads the text does not change what the status says.
    let _ = output::out(&format!("{}\n", outcome.message));
    Ok(if outcome.healthy { 0 } else { NOT_DONE })
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
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (operands, part) in [
            (&[][..], "what is to be probed"),
            (&["icmp", "x"], "cannot probe \"icmp\""),
            (&["http"], "one address"),
            (&["tcp", "127.0.0.1:1", "127.0.0.1:2"], "one address"),
            (&["tcp", "db:1"], "resolves no names"),
            (&["http", "https://127.0.0.1/"], "https"),
        ] {
            let error = probe(operands).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
