//! What one turn of the event loop may still accept and read.

#![forbid(unsafe_code)]

/// Maximum number of connections accepted in one turn of the event loop. The kernel's queue holds up to 4096, and who waits in
/// it waits behind everybody else, also behind those that have closed their end already.
pub(super) const ACCEPTS_A_TURN: usize = 512;

/// Maximum number of bytes read in one turn from all clients together that may only read: a crowd that sends long requests
/// must not hold up everything else.
pub(super) const READ_A_TURN: usize = 64 * 1024;

/// What one turn of the event loop may still cost. Clients that found nothing left go first in the next turn.
pub(super) struct Allowance {
    /// The number of the turn.
    pub(super) turn: u64,
    /// Connections to accept.
    pub(super) connections: usize,
    /// Bytes to read from clients that may only read.
    pub(super) bytes: usize,
    /// Only clients that were last read in this turn, or before, are read.
    read_by: u64,
    /// When the one was last read that has waited longest, of those that were not read in this turn.
    waits_since: u64,
}

impl Default for Allowance {
    fn default() -> Allowance {
        let (connections, bytes) = (ACCEPTS_A_TURN, READ_A_TURN);
        Allowance { turn: 1, connections, bytes, read_by: u64::MAX, waits_since: u64::MAX }
    }
}

impl Allowance {
    /// That of the next turn.
    pub(super) fn next(&self) -> Allowance {
        Allowance { turn: self.turn.saturating_add(1), read_by: self.waits_since, ..Allowance::default() }
    }

    /// Whether a client that may only read, and was last read in that turn, may be read now.
    pub(super) fn admits(&mut self, last_read: u64) -> bool {
        let admits = self.bytes > 0 && last_read <= self.read_by;
        if !admits {
            self.waits_since = self.waits_since.min(last_read);
        }
        admits
    }
}
