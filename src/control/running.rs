//! Which rinit runs here already, as its control socket tells. That it listens is enough, so that one that is busy or
//! stopped counts as well.

#![forbid(unsafe_code)]

use super::address::{Address, Candidate, Trusted, candidates};
use super::client;
use super::protocol::{Request, Verb};
use crate::model::MAIN;
use crate::sys::{container, process, socket};
use std::io;
use std::time::Duration;

/// The kernel connects at once, unless the listener's queue is full.
const LIMIT: Duration = Duration::from_millis(250);

/// How long it may take to say which services it has.
const ANSWER: Duration = Duration::from_secs(1);

/// A rinit that runs beside this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Its process, where that is known.
    pub pid: Option<i32>,
    /// Where it listens.
    pub address: Address,
}

/// Those that listen at `given` and at the usual places.
pub fn find(given: Option<&Address>) -> impl Iterator<Item = Running> {
    let given = given.map(|address| candidates(Some(address))).unwrap_or_default();
    given.into_iter().chain(candidates(None)).filter_map(at)
}

/// Whether it has services beside COMMAND. True where it does not say.
pub fn has_services(running: &Running) -> bool {
    let request = Request::new(Verb::Status, Vec::new());
    let answer = client::ask(Some(&running.address), &request, ANSWER).ok().and_then(|answer| answer.status);
    answer.is_none_or(|status| status.services.iter().any(|service| service.name != MAIN))
}

fn at(place: Candidate) -> Option<Running> {
    let Candidate { address, trusted } = place;
    match socket::connect(&address, LIMIT).and_then(|stream| socket::peer(&stream)) {
        Ok(peer) => {
            let is_init = match trusted {
                Trusted::Pid1 => peer.pid == 1,
                // A name in a shared directory or network namespace may be that of another container's init. One in a
                // PID namespace that cannot be seen from here is shown as 0.
                Trusted::SameUser => {
                    peer.uid == process::user_id() && peer.pid > 0 && container::shares_files(peer.pid)
                }
                Trusted::Anyone => peer.pid > 0 && container::shares_files(peer.pid),
            };
            is_init.then_some(Running { pid: Some(peer.pid), address })
        }
        // A busy process listens there. Any user's process can hold the abstract name.
        Err(e) if e.kind() == io::ErrorKind::WouldBlock && trusted != Trusted::Pid1 => {
            Some(Running { pid: None, address })
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_is_found_with_its_process() {
        let dir = tempfile::tempdir().unwrap();
        let address = Address::Path(dir.path().join("s"));
        let place = |trusted| Candidate { address: address.clone(), trusted };
        assert_eq!(at(place(Trusted::Anyone)), None);
        let listener = socket::listen(&address, 0o600).unwrap();
        let found = Some(Running { pid: Some(std::process::id().cast_signed()), address: address.clone() });
        assert_eq!(at(place(Trusted::Anyone)), found);
        assert_eq!(at(place(Trusted::SameUser)), found);
        assert_eq!(at(place(Trusted::Pid1)), None, "an impostor");
        assert_eq!(find(Some(&address)).next(), found);
        drop(listener);
        // Another test's child may still have the listener for a moment.
        let begun = std::time::Instant::now();
        while at(place(Trusted::Anyone)).is_some() {
            assert!(begun.elapsed() < Duration::from_secs(20), "somebody listens");
        }
    }

    #[test]
    fn a_full_queue_is_a_sign_of_life() {
        let dir = tempfile::tempdir().unwrap();
        let address = Address::Path(dir.path().join("s"));
        let listener = socket::listen(&address, 0o600).unwrap();
        nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(0).unwrap()).unwrap();
        let _waiting = socket::connect(&address, LIMIT).unwrap();
        let place = |trusted| Candidate { address: address.clone(), trusted };
        assert_eq!(at(place(Trusted::Anyone)), Some(Running { pid: None, address: address.clone() }));
        assert_eq!(at(place(Trusted::Pid1)), None);
    }
}
