//! Who has asked for a change, for the log.

#![forbid(unsafe_code)]

use crate::control::server::Peer;
use crate::supervisor::{ServiceId, Supervisor};

/// Maximum number of names in a line.
const MOST_NAMES: usize = 10;

/// Logs that a client has asked for something, and for which services. To be called before that is carried out, so that
/// the log reads in order.
pub fn tell(supervisor: &Supervisor, peer: Peer, what: &str, ids: &[ServiceId]) {
    let names: Vec<&str> = ids.iter().take(MOST_NAMES).map(|id| supervisor.name(*id)).collect();
    log::info!("{}", line(peer, what, &names, ids.len()));
}

/// `count`: for how many services; `names` are the first of them.
fn line(peer: Peer, what: &str, names: &[&str], count: usize) -> String {
    let more = match count.saturating_sub(names.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let of = if names.is_empty() { String::new() } else { format!(" for {}{more}", names.join(", ")) };
    format!("{what} requested{of} by {}", who(peer))
}

fn who(Peer { uid, pid, .. }: Peer) -> String {
    match pid {
        1.. => format!("user {uid}, pid {pid}"),
        // A process of another PID namespace has no number here.
        ..=0 => format!("user {uid}, from outside of the container"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_what_is_on_one_line() {
        let root = Peer { uid: 0, pid: 42, may_change: true };
        let outside = Peer { uid: 1000, pid: 0, may_change: true };
        let words = [
            line(root, "stop", &["web", "db"], 2),
            line(root, "start", &["a", "b"], 9),
            line(outside, "reload", &[], 0),
        ];
        assert_eq!(
            words,
            [
                "stop requested for web, db by user 0, pid 42",
                "start requested for a, b and 7 more by user 0, pid 42",
                "reload requested by user 1000, from outside of the container",
            ]
        );
    }
}
