//! The processes that rinit has made, and the descriptors over which they report.

use crate::supervisor::OUTPUT_LIMIT;
use crate::sys::io::read;
use crate::sys::poll::{Interest, Poller};
use crate::sys::spawn::{Outcome, Spawned, read_outcome};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};

/// What is read of it at a time.
const PIECE: usize = 4096;

/// So many pieces are read for one wake-up, however much a probe writes.
const PIECES_A_TURN: usize = 16;

/// Which of a child's descriptors a token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// How its set-up went.
    Status,
    /// What it writes.
    Output,
}

/// Tokens count up from here: two for each process ID.
const FIRST_TOKEN: u64 = 16;

/// No child's token is as large as this.
pub const TOKEN_LIMIT: u64 = 1 << 40;

struct Child {
    /// Which service it was made for, in the caller's numbers.
    service: usize,
    is_probe: bool,
    status: Option<OwnedFd>,
    output: Option<OwnedFd>,
    written: Vec<u8>,
}

/// A child that was reaped.
pub struct Ended {
    /// Which service it was made for.
    pub service: usize,
    /// Whether it was a probe.
    pub is_probe: bool,
    /// How its set-up went, if that was not told before.
    pub outcome: Option<Outcome>,
    /// What a probe has written.
    pub output: Vec<u8>,
}

/// All children that rinit has made and not reaped.
#[derive(Default)]
pub struct Children {
    by_pid: BTreeMap<i32, Child>,
}

impl Children {
    /// Records a child, and watches its descriptors. Where one cannot be watched, what it has to tell is read when
    /// the child is reaped.
    pub fn insert(&mut self, poller: &Poller, spawned: Spawned, service: usize, output: Option<OwnedFd>) {
        let pid = spawned.pid;
        let watched = poller.add(spawned.status.as_fd(), token(pid, Channel::Status), Interest::Read);
        let watched = watched.and_then(|()| match &output {
            Some(output) => poller.add(output.as_fd(), token(pid, Channel::Output), Interest::Read),
            None => Ok(()),
        });
        if let Err(e) = watched {
            log::warn!("cannot watch process {pid}: {e}");
        }
        let is_probe = output.is_some();
        let child = Child { service, is_probe, status: Some(spawned.status), output, written: Vec::new() };
        self.by_pid.insert(pid, child);
    }

    /// Which child and descriptor a token stands for.
    pub fn resolve(token: u64) -> Option<(i32, Channel)> {
        let number = token.checked_sub(FIRST_TOKEN).filter(|_| token < TOKEN_LIMIT)?;
        let channel = if number & 1 == 0 { Channel::Status } else { Channel::Output };
        i32::try_from(number >> 1).ok().map(|pid| (pid, channel))
    }

    /// The service that a child was made for, and how its set-up went, once that is known. It is told once.
    pub fn outcome(&mut self, poller: &Poller, pid: i32) -> Option<(usize, bool, Outcome)> {
        let child = self.by_pid.get_mut(&pid)?;
        let outcome = child.outcome(poller)?;
        Some((child.service, child.is_probe, outcome))
    }

    /// Reads what a child has written.
    pub fn read_output(&mut self, poller: &Poller, pid: i32) {
        if let Some(child) = self.by_pid.get_mut(&pid) {
            child.read_output(poller);
        }
    }

    /// A process was reaped. `None` if rinit has not made it.
    pub fn remove(&mut self, poller: &Poller, pid: i32) -> Option<Ended> {
        let mut child = self.by_pid.remove(&pid)?;
        let outcome = child.outcome(poller);
        child.read_output(poller);
        child.close_output(poller);
        Some(Ended { service: child.service, is_probe: child.is_probe, outcome, output: child.written })
    }
}

impl Child {
    fn outcome(&mut self, poller: &Poller) -> Option<Outcome> {
        let status = self.status.take()?;
        match read_outcome(status.as_fd()) {
            Outcome::Pending => {
                self.status = Some(status);
                None
            }
            outcome => {
                let _ = poller.remove(status.as_fd());
                Some(outcome)
            }
        }
    }

    fn read_output(&mut self, poller: &Poller) {
        let mut buffer = [0_u8; PIECE];
        for _ in 0..PIECES_A_TURN {
            let Some(output) = &self.output else { return };
            match read(output.as_fd(), &mut buffer) {
                Ok(0) => return self.close_output(poller),
                Ok(count) => {
                    let room = OUTPUT_LIMIT.saturating_sub(self.written.len());
                    self.written.extend(buffer.iter().take(count.min(room)));
                }
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => return,
                Err(_) => return self.close_output(poller),
            }
        }
    }

    fn close_output(&mut self, poller: &Poller) {
        if let Some(output) = self.output.take() {
            let _ = poller.remove(output.as_fd());
        }
    }
}

fn token(pid: i32, channel: Channel) -> u64 {
    let pid = u64::try_from(pid).unwrap_or_default();
    let channel = match channel {
        Channel::Status => 0,
        Channel::Output => 1,
    };
    FIRST_TOKEN.saturating_add((pid << 1) | channel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_stand_for_one_child_and_channel() {
        for pid in [1, 2, 4_194_304, i32::MAX] {
            for channel in [Channel::Status, Channel::Output] {
                assert_eq!(Children::resolve(token(pid, channel)), Some((pid, channel)));
            }
        }
        assert_eq!(Children::resolve(0), None);
        assert_eq!(Children::resolve(TOKEN_LIMIT), None);
    }
}
