//! Who gets a place among the clients, and who has to give way to others. Pure.
//!
//! Every connection is accepted at once, because a client in the kernel's queue waits behind all others in it.
//! What there is not room for is then decided here, by these rules:
//!
//! 1. No user but root holds more than half of the places.
//! 2. The last place is kept for root and rinit's own user.
//! 3. A client that owes a request, or has not read its answer, gives way to its own user, and to users who hold fewer
//!    places, once it has done so for [`YIELD_AFTER`]; to users who hold less than half as many, at once. One
//!    that has been answered before has had its turn, and gives way as if it had owed something for that long.
//! 4. Everybody gives way to a higher rank at once, and nobody to a lower one.
//! 5. Who is let in by none of these is refused, and told to try again.
//!
//! The same order holds for the bytes that are held for clients: the heaviest gives way first, and at once to a user for whom
//! less than half as much is held.

#![forbid(unsafe_code)]

use super::peer::{ClientId, Peer};
use super::protocol::{MAX_REQUEST, MAX_RESPONSE};
use std::cmp::Reverse;
use std::time::Duration;

/// Maximum number of clients at a time.
pub const MAX_CLIENTS: usize = 64;

/// Clients get this fraction of the file descriptors that rinit may have. The services need some, too.
const DESCRIPTORS_A_CLIENT: usize = 4;

/// A user other than root holds at most this fraction of the places.
const SHARES: usize = 2;

/// Maximum number of bytes held for all clients together: requests, answers, and what is kept of requests that wait.
/// There is room for the longest answer, and for a few of the longest requests beside it.
pub const MAX_HELD: usize = MAX_RESPONSE + 4 * MAX_REQUEST;

/// How long a client may keep rinit waiting before it has to give way to others.
pub const YIELD_AFTER: Duration = Duration::from_millis(50);

/// A client that has a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holder {
    pub(super) client: ClientId,
    pub(super) peer: Peer,
    /// How long it has owed a request, or has not read its answer. `None`: it waits for rinit.
    pub(super) owes: Option<Duration>,
    /// It has been answered before, and waits for nothing that is under way.
    pub(super) served: bool,
    /// It follows events, which it may do for as long as it likes.
    pub(super) follows: bool,
    /// Bytes held for it.
    pub(super) bytes: usize,
}

impl Holder {
    fn has_owed(&self, for_so_long: Duration) -> bool {
        (self.served || self.owes.is_some_and(|owes| owes >= for_so_long)) && !self.follows
    }
}

/// What becomes of a new client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// There is a place.
    Free,
    /// It gets this client's place.
    InPlaceOf(ClientId),
    /// There is none; for this reason.
    Refused(String),
}

/// How many places there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    all: usize,
}

impl Places {
    /// For an init whose limit of file descriptors is this.
    pub(super) fn new(descriptors: usize) -> Places {
        let all = descriptors.checked_div(DESCRIPTORS_A_CLIENT).unwrap_or(0);
        Places { all: all.clamp(1, MAX_CLIENTS) }
    }

    pub(super) fn count(self) -> usize {
        self.all
    }

    /// How many of them this user may hold.
    pub(super) fn share(self, uid: u32) -> usize {
        match uid {
            0 => self.all,
            _ => self.all.div_ceil(SHARES),
        }
    }

    /// How many of them there are for users who may only read: one less.
    fn open(self) -> usize {
        self.all.saturating_sub(1).max(1)
    }

    /// Whether clients of this user have to hurry, because its places or all places are taken.
    pub(super) fn is_crowded(self, peer: Peer, held: usize, of_user: usize) -> bool {
        held >= self.open() || of_user >= self.share(peer.uid)
    }

    /// Whether a new client gets a place.
    pub(super) fn admit(self, new: Peer, holders: &[Holder]) -> Verdict {
        let of = |uid: u32| holders.iter().filter(|holder| holder.peer.uid == uid).count();
        let held = of(new.uid);
        let open = if new.may_change { self.all } else { self.open() };
        let at_share = held >= self.share(new.uid);
        if !at_share && holders.len() < open {
            return Verdict::Free;
        }
        let gives_way = |holder: &&Holder| {
            let (uid, rank) = (holder.peer.uid, holder.peer.rank());
            match at_share {
                true => uid == new.uid && holder.has_owed(YIELD_AFTER),
                false if rank < new.rank() => true,
                false if rank > new.rank() => false,
                false if of(uid) / 2 > held => holder.has_owed(Duration::ZERO),
                false => (uid == new.uid || of(uid) > held) && holder.has_owed(YIELD_AFTER),
            }
        };
        let worst = holders.iter().filter(gives_way).max_by_key(|holder| {
            let owes = holder.owes.unwrap_or_default();
            (Reverse(holder.peer.rank()), of(holder.peer.uid), owes >= YIELD_AFTER, holder.served, owes)
        });
        match worst {
            Some(holder) => Verdict::InPlaceOf(holder.client),
            None if at_share => {
                Verdict::Refused(format!("user {} has {held} connections already: try again later", new.uid))
            }
            None => {
                Verdict::Refused(format!("{} clients are served already: try again later", holders.len()))
            }
        }
    }
}

/// Who has to go so that more can be held for `taker`.
pub(super) fn heaviest(taker: (ClientId, Peer), holders: &[Holder]) -> Option<ClientId> {
    let (client, peer) = taker;
    let of = |uid: u32| {
        let bytes = holders.iter().filter(|holder| holder.peer.uid == uid).map(|holder| holder.bytes);
        bytes.fold(0, usize::saturating_add)
    };
    let own = of(peer.uid);
    let gives_way = |holder: &&Holder| {
        holder.client != client
            && holder.bytes > 0
            && match holder.peer.rank().cmp(&peer.rank()) {
                std::cmp::Ordering::Less => true,
                std::cmp::Ordering::Equal => {
                    holder.owes.is_some_and(|owes| owes >= YIELD_AFTER)
                        || (!holder.follows && of(holder.peer.uid) / 2 > own)
                }
                std::cmp::Ordering::Greater => false,
            }
    };
    let key = |holder: &&Holder| (Reverse(holder.peer.rank()), holder.bytes, holder.owes.unwrap_or_default());
    holders.iter().filter(gives_way).max_by_key(key).map(|holder| holder.client)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: u32 = 1000;

    fn peer(uid: u32) -> Peer {
        Peer { uid, pid: 5, may_change: uid == 0 || uid == OWN }
    }

    /// Clients of a user, each with the milliseconds since it owes something; numbered from `first` on.
    fn clients(first: u64, uid: u32, owe: &[u64]) -> Vec<Holder> {
        let holder = |(at, millis): (u64, &u64)| Holder {
            client: ClientId(first + at),
            peer: peer(uid),
            owes: Some(Duration::from_millis(*millis)),
            served: false,
            follows: false,
            bytes: 10,
        };
        (0..).zip(owe).map(holder).collect()
    }

    fn busy(mut holders: Vec<Holder>) -> Vec<Holder> {
        holders.iter_mut().for_each(|holder| holder.owes = None);
        holders
    }

    #[test]
    fn clients_get_a_quarter_of_the_descriptors() {
        for (descriptors, places) in [(0, 1), (40, 10), (1024, 64), (usize::MAX, 64)] {
            assert_eq!(Places::new(descriptors).count(), places);
        }
    }

    #[test]
    fn no_user_but_root_gets_more_than_half() {
        let places = Places::new(1024);
        let own = clients(1, OWN, &[0; 32]);
        assert_eq!(places.admit(peer(OWN), &own[1..]), Verdict::Free);
        let message = "user 1000 has 32 connections already: try again later".to_owned();
        assert_eq!(places.admit(peer(OWN), &own), Verdict::Refused(message));
        assert_eq!(places.admit(peer(0), &own), Verdict::Free);
        assert_eq!(places.admit(peer(0), &clients(1, 0, &[0; 63])), Verdict::Free);
    }

    #[test]
    fn who_has_owed_something_for_longest_gives_way_to_its_own_user() {
        let places = Places::new(1024);
        let crowd =
            [clients(1, 7, &[0; 20]), clients(21, 7, &[60, 49, 70]), clients(24, 7, &[0; 9])].concat();
        assert_eq!(places.admit(peer(7), &crowd), Verdict::InPlaceOf(ClientId(23)));
        // But not one that waits for rinit, nor one that follows.
        assert!(matches!(places.admit(peer(7), &busy(crowd.clone())), Verdict::Refused(_)));
        // Who waits for its second answer has had its turn.
        let mut asking = busy(crowd.clone());
        asking[5].served = true;
        assert_eq!(places.admit(peer(7), &asking), Verdict::InPlaceOf(ClientId(6)));
        let following = crowd.into_iter().map(|holder| Holder { follows: true, ..holder });
        assert!(matches!(places.admit(peer(7), &following.collect::<Vec<_>>()), Verdict::Refused(_)));
    }

    #[test]
    fn one_place_is_kept_and_nobody_keeps_root_out() {
        let places = Places::new(1024);
        let crowd = busy([clients(1, 7, &[0; 32]), clients(33, 8, &[0; 31])].concat());
        assert!(matches!(places.admit(peer(9), &crowd), Verdict::Refused(_)));
        for privileged in [OWN, 0] {
            assert_eq!(places.admit(peer(privileged), &crowd), Verdict::Free);
        }
        // With the kept place taken, another one gives way, of who has most.
        let full = [crowd, clients(64, OWN, &[0])].concat();
        let Verdict::InPlaceOf(ClientId(gone)) = places.admit(peer(OWN), &full) else { panic!("refused") };
        assert!(gone <= 32, "{gone}");
        let own = busy([clients(1, OWN, &[0; 32]), clients(33, 0, &[0; 32])].concat());
        let Verdict::InPlaceOf(ClientId(gone)) = places.admit(peer(0), &own) else { panic!("refused") };
        assert!(gone <= 32, "{gone}");
        assert!(matches!(places.admit(peer(7), &own), Verdict::Refused(_)));
    }

    #[test]
    fn a_user_with_few_clients_displaces_one_with_many() {
        let places = Places::new(1024);
        let crowd = [clients(1, 7, &[80; 32]), clients(33, 8, &[90; 31])].concat();
        let Verdict::InPlaceOf(ClientId(gone)) = places.admit(peer(9), &crowd) else { panic!("refused") };
        assert!(gone <= 32, "{gone}");
        // At once, for it has none; with nearly as many it has to be patient.
        let hasty = [clients(1, 7, &[0; 32]), busy(clients(33, 8, &[0; 31]))].concat();
        assert!(matches!(places.admit(peer(9), &hasty), Verdict::InPlaceOf(_)));
        assert!(matches!(places.admit(peer(8), &hasty), Verdict::Refused(_)));
        // The one with few itself does not give way to one with many.
        let few = [busy(clients(1, 7, &[0; 31])), busy(clients(32, 8, &[0; 30])), clients(62, 9, &[90; 2])];
        assert!(matches!(places.admit(peer(7), &few.concat()), Verdict::Refused(_)));
    }

    #[test]
    fn the_heaviest_gives_way_first_and_nobody_to_a_lower_rank() {
        let mut crowd = [clients(1, 7, &[90, 90, 10]), clients(4, OWN, &[90]), clients(5, 0, &[90])].concat();
        crowd[1].bytes = 500;
        crowd[2].bytes = 900; // has not kept us waiting for long
        crowd[3].bytes = 5_000;
        crowd[4].bytes = 9_000;
        let asked = |taker: u64, uid, crowd: &[Holder]| heaviest((ClientId(taker), peer(uid)), crowd);
        assert_eq!(asked(9, 7, &crowd), Some(ClientId(2)));
        assert_eq!(asked(2, 7, &crowd), Some(ClientId(1)));
        assert_eq!(asked(9, OWN, &crowd), Some(ClientId(3)), "those of lower rank first");
        assert_eq!(asked(9, OWN, &crowd[3..]), Some(ClientId(4)));
        assert_eq!(asked(9, 0, &crowd[4..]), Some(ClientId(5)));
        assert_eq!(asked(9, 7, &crowd[3..]), None);
    }

    /// Whole requests that wait for rinit owe nothing. They must not keep out those who need next to nothing.
    #[test]
    fn the_heaviest_user_gives_way_at_once_to_one_for_whom_little_is_held() {
        let mut crowd = [clients(1, 7, &[0, 0]), clients(3, 8, &[0])].concat();
        for (holder, bytes) in crowd.iter_mut().zip([60_000, 65_000, 24]) {
            (holder.owes, holder.bytes) = (None, bytes);
        }
        let asked = |taker: u64, uid, crowd: &[Holder]| heaviest((ClientId(taker), peer(uid)), crowd);
        assert_eq!(asked(3, 8, &crowd), Some(ClientId(2)));
        assert_eq!(asked(1, 7, &crowd), None, "not to its own user");
        crowd[2].bytes = 62_500;
        assert_eq!(asked(3, 8, &crowd), None, "for whom half as much is held");
        crowd[2].bytes = 24;
        crowd[1].follows = true;
        assert_eq!(asked(3, 8, &crowd), Some(ClientId(1)), "a follower stays");
    }
}
