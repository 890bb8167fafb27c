//! Who the clients of the control socket are.

#![forbid(unsafe_code)]

/// Names a client. No two clients of one init have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub(super) u64);

/// The process on the other side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its user ID.
    pub uid: u32,
    /// Its process.
    pub pid: i32,
    /// It is root or rinit's own user.
    pub may_change: bool,
}

/// Who goes first where there is not enough for everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// May only read.
    Other,
    /// rinit's own user, which may be the one that the services run as.
    Own,
    /// root.
    Root,
}

impl Peer {
    pub(super) fn rank(self) -> Rank {
        match self {
            Peer { uid: 0, .. } => Rank::Root,
            Peer { may_change: true, .. } => Rank::Own,
            Peer { may_change: false, .. } => Rank::Other,
        }
    }
}
