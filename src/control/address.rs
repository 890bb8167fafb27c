//! Where the control socket is: chosen by the init and found by the verbs.

#![forbid(unsafe_code)]

use crate::model::text;
pub use crate::sys::socket::Address;
use crate::sys::{process, socket};
use std::io;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

const FILE: &str = "rinit.sock";

/// Everybody who can reach a given address may connect. Everybody may read; the user ID decides who may change something.
const GIVEN_MODE: u32 = 0o666;
const OWN_MODE: u32 = 0o600;

/// The control socket of a running init.
#[derive(Debug)]
pub struct Listener {
    /// Does not block.
    pub socket: UnixListener,
    /// Where it listens.
    pub address: Address,
}

/// Why there is no control socket.
#[derive(Debug)]
pub struct Refused {
    /// For people.
    pub message: String,
    /// Somebody else listens there.
    pub is_taken: bool,
}

impl Refused {
    fn other(message: String) -> Refused {
        Refused { message, is_taken: false }
    }
}

impl Listener {
    /// Listens at `given`. Without it, PID 1 listens at the abstract name of its PID namespace, and any other process in the
    /// user's own directory. PID 1 listens there as well if another process has taken the name, which is free for all.
    ///
    /// # Errors
    /// Has `is_taken` set if another init listens there. Otherwise the name or the directory cannot be used; the message
    /// says why.
    pub fn open(given: Option<&Address>, is_pid_1: bool) -> Result<Listener, Refused> {
        if let Some(address) = given {
            return Listener::at(address.clone(), GIVEN_MODE);
        }
        let below_user_dir = || {
            let dir = make_user_dir().map_err(Refused::other)?;
            Listener::at(Address::Path(dir.join(FILE)), OWN_MODE)
        };
        match is_pid_1.then(namespace_address).flatten() {
            Some(address) => {
                Listener::at(address, OWN_MODE).or_else(|taken| below_user_dir().map_err(|_| taken))
            }
            None => below_user_dir(),
        }
    }

    fn at(address: Address, mode: u32) -> Result<Listener, Refused> {
        match socket::listen(&address, mode) {
            Ok(socket) => Ok(Listener { socket, address }),
            Err(e) => {
                let cause = match e.kind() {
                    io::ErrorKind::AddrInUse => "another rinit is running there; give --socket".to_owned(),
                    io::ErrorKind::AlreadyExists => "something is there that is not a socket".to_owned(),
                    _ => text::cause(&e),
                };
                let message = format!("cannot listen at {address}: {cause}");
                Err(Refused { message, is_taken: e.kind() == io::ErrorKind::AddrInUse })
            }
        }
    }
}

/// A place where an init may answer, and who has to be there for it to be believed: names in the abstract space and
/// directories in `/tmp` are there for every user of a machine to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Where.
    pub address: Address,
    /// Who.
    pub trusted: Trusted,
}

/// Which process a verb accepts as its init.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trusted {
    /// Any process that answers at the address that the user has given.
    Anyone,
    /// PID 1.
    Pid1,
    /// A process of this user.
    SameUser,
}

/// Where a verb looks for its init, in this order.
pub fn candidates(given: Option<&Address>) -> Vec<Candidate> {
    if let Some(address) = given {
        return vec![Candidate { address: address.clone(), trusted: Trusted::Anyone }];
    }
    let namespace = namespace_address().map(|address| Candidate { address, trusted: Trusted::Pid1 });
    let own = Candidate { address: Address::Path(user_dir().join(FILE)), trusted: Trusted::SameUser };
    namespace.into_iter().chain([own]).collect()
}

/// The abstract name of this PID namespace, so that containers that share a network namespace do not meet. `None`
/// where `/proc` is missing.
fn namespace_address() -> Option<Address> {
    socket::pid_namespace().ok().map(|number| Address::Abstract(format!("rinit/{number}").into_bytes()))
}

/// `$XDG_RUNTIME_DIR` if it is fit for it, else a directory in `/tmp`. The variable may still name the directory of
/// another user, after `su` or `sudo`.
fn user_dir() -> PathBuf {
    choose_user_dir(std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from), socket::is_private_dir)
}

fn choose_user_dir(runtime_dir: Option<PathBuf>, is_private: fn(&Path) -> bool) -> PathBuf {
    match runtime_dir {
        Some(dir) if dir.is_absolute() && is_private(&dir) => dir,
        _ => PathBuf::from(format!("/tmp/rinit-{}", process::user_id())),
    }
}

fn make_user_dir() -> Result<PathBuf, String> {
    let dir = user_dir();
    match socket::make_private_dir(&dir) {
        Ok(()) => Ok(dir),
        Err(e) => Err(format!("cannot use {} for the control socket: {}", dir.display(), text::cause(&e))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_s_own_directory_is_taken_if_it_is_fit() {
        let fallback = format!("/tmp/rinit-{}", process::user_id());
        assert_eq!(choose_user_dir(Some("/run/user/1".into()), |_| true), Path::new("/run/user/1"));
        assert_eq!(choose_user_dir(Some("/run/user/1".into()), |_| false), Path::new(&fallback));
        assert_eq!(choose_user_dir(Some("relative".into()), |_| true), Path::new(&fallback));
        assert_eq!(choose_user_dir(None, |_| true), Path::new(&fallback));
    }

    #[test]
    fn a_second_init_is_told_so() {
        let dir = tempfile::tempdir().unwrap();
        let given = Address::Path(dir.path().join("s"));
        let first = Listener::open(Some(&given), false).unwrap();
        let refused = Listener::open(Some(&given), false).unwrap_err();
        assert!(refused.is_taken);
        assert!(refused.message.contains("another rinit is running there; give --socket"), "{refused:?}");
        first.address.remove();
        assert!(Listener::open(Some(&given), true).is_ok());
    }

    #[test]
    fn a_given_place_is_the_only_candidate() {
        let given = Address::Abstract(b"x".to_vec());
        assert_eq!(candidates(Some(&given)), [Candidate { address: given, trusted: Trusted::Anyone }]);
        let default = candidates(None);
        assert_eq!(default.len(), 2);
        assert_eq!(default[0].trusted, Trusted::Pid1);
    }
}
