//! The descriptors over which rinit's children report. The supervisor's table says which children there are, and what each
//! is to its service.

pub(super) mod deaths;
pub(super) mod heirs;
pub(super) mod oom;
pub(super) mod owner;
mod reap;
pub(super) mod reap_pacing;
mod spawned_from;

use crate::model::Service;
use crate::supervisor::OUTPUT_LIMIT;
use crate::sys::io::read;
use crate::sys::poll::{Interest, Poller};
use crate::sys::process::Status;
use crate::sys::spawn::{self, Outcome, Spawned};
use std::collections::{BTreeMap, VecDeque};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

/// Bytes read per call.
const PIECE: usize = 4096;

/// Maximum number of reads per wake-up, however much a probe writes.
const PIECES_A_TURN: usize = 16;

/// Which of a child's descriptors a poller token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// The result of its set-up.
    Status,
    /// Its output.
    Output,
    /// Its readiness, as with s6.
    Notify,
}

/// First token: there are four for each process ID.
const FIRST_TOKEN: u64 = 16;

/// Upper limit of children's tokens, exclusive.
pub const TOKEN_LIMIT: u64 = 1 << 40;

/// When more children than this are being set up, rinit checks the oldest ones. Each of them has a descriptor open, which
/// every new child inherits and has to close.
const MOST_SET_UP: usize = 32;

struct Child {
    status: Option<OwnedFd>,
    /// The poller watches `status`.
    awaited: bool,
    output: Option<OwnedFd>,
    notify: Option<OwnedFd>,
    written: Vec<u8>,
    /// The result of the set-up, until it is taken.
    outcome: Option<Outcome>,
    /// The definition that it was started from, if that is not the current one.
    spawned_from: Option<Rc<Service>>,
}

/// What is left to read of a child that was reaped.
#[derive(Default)]
pub struct Ended {
    /// The result of its set-up, if not taken before.
    pub outcome: Option<Outcome>,
    /// A probe's output.
    pub output: Vec<u8>,
    /// The definition that it was started from, if that is not the current one.
    pub spawned_from: Option<Rc<Service>>,
}

/// The descriptors of all children not reaped yet.
#[derive(Default)]
pub struct Children {
    by_pid: BTreeMap<i32, Child>,
    /// The children that were being set up at the last check, oldest first.
    set_up: VecDeque<i32>,
    /// The number of children whose set-up has not finished.
    unfinished: usize,
}

impl Children {
    /// Records a child and watches its descriptors; the status pipe only if `awaited`. What is not watched is read when the
    /// child is reaped, or earlier by `outcome`.
    pub fn insert(&mut self, poller: &Poller, spawned: Spawned, awaited: bool, output: Option<OwnedFd>) {
        let Spawned { pid, status, notify } = spawned;
        let watch = |channel, fd: &Option<OwnedFd>| match fd {
            Some(fd) => poller.add(fd.as_fd(), token(pid, channel), Interest::Read),
            None => Ok(()),
        };
        let status = Some(status);
        let set_up = if awaited { watch(Channel::Status, &status) } else { Ok(()) };
        let watched = set_up
            .and_then(|()| watch(Channel::Output, &output))
            .and_then(|()| watch(Channel::Notify, &notify));
        if let Err(e) = watched {
            log::warn!("cannot watch process {pid}: {e}");
        }
        let child =
            Child { status, awaited, output, notify, written: Vec::new(), outcome: None, spawned_from: None };
        self.by_pid.insert(pid, child);
        self.unfinished = self.unfinished.saturating_add(1);
        self.set_up.push_back(pid);
    }

    /// If many children are being set up, the process ID and result of one of the oldest that has finished and is `heard`.
    /// Checks two per call; call it for each new child.
    pub fn oldest_outcome(&mut self, poller: &Poller, heard: impl Fn(i32) -> bool) -> Option<(i32, Outcome)> {
        for _ in 0..2 {
            if self.set_up.len() <= MOST_SET_UP {
                break;
            }
            let pid = self.set_up.pop_front()?;
            let told = self.outcome(poller, pid, heard(pid));
            if self.is_being_set_up(pid) {
                self.set_up.push_back(pid);
            }
            if let Some(outcome) = told {
                return Some((pid, outcome));
            }
        }
        None
    }

    /// The tokens of all children.
    pub fn tokens(&self) -> impl Iterator<Item = u64> {
        let channels = [Channel::Status, Channel::Output, Channel::Notify];
        self.by_pid.keys().flat_map(move |pid| channels.map(|channel| token(*pid, channel)))
    }

    /// The child and descriptor of a token.
    pub fn resolve(token: u64) -> Option<(i32, Channel)> {
        let number = token.checked_sub(FIRST_TOKEN).filter(|_| token < TOKEN_LIMIT)?;
        let channel = match number & 3 {
            0 => Channel::Status,
            1 => Channel::Output,
            _ => Channel::Notify,
        };
        i32::try_from(number >> 2).ok().map(|pid| (pid, channel))
    }

    /// Takes the result of a child's set-up. It is returned once, and only if `heard`; otherwise it is kept until the child
    /// is reaped. So is that of one that is killed: its end says by what.
    pub fn outcome(&mut self, poller: &Poller, pid: i32, heard: bool) -> Option<Outcome> {
        self.read_status(poller, pid);
        let child = self.by_pid.get_mut(&pid)?;
        child.outcome.take_if(|outcome| heard && !matches!(outcome, Outcome::NotExecuted))
    }

    /// Whether the set-up of any child has not finished.
    pub fn has_unfinished(&self) -> bool {
        self.unfinished > 0
    }

    /// Reads how a child's set-up goes, if that is not known. To be called of a child that was killed before it is reaped:
    /// afterwards nothing tells whether it has executed its program.
    pub fn read_status(&mut self, poller: &Poller, pid: i32) {
        if let Some(child) = self.by_pid.get_mut(&pid)
            && child.read_status(poller, |status| spawn::read_outcome(pid, status))
        {
            self.unfinished = self.unfinished.saturating_sub(1);
        }
    }

    /// Whether a child's set-up has not finished.
    pub fn is_being_set_up(&self, pid: i32) -> bool {
        self.by_pid.get(&pid).is_some_and(|child| child.status.is_some())
    }

    /// Reads a child's output.
    pub fn read_output(&mut self, poller: &Poller, pid: i32) {
        if let Some(child) = self.by_pid.get_mut(&pid) {
            child.read_output(poller);
        }
    }

    /// Reads a child's readiness descriptor. Whether the child is ready now.
    pub fn read_notify(&mut self, poller: &Poller, pid: i32) -> bool {
        self.by_pid.get_mut(&pid).is_some_and(|child| child.read_notify(poller))
    }

    /// Removes a reaped child and reads what is left of it.
    pub fn remove(&mut self, poller: &Poller, pid: i32, status: Status) -> Ended {
        let Some(mut child) = self.by_pid.remove(&pid) else { return Ended::default() };
        if child.status.is_some() {
            self.unfinished = self.unfinished.saturating_sub(1);
            // `/proc` may show another process under this number by now.
            child.read_status(poller, spawn::read_report);
        }
        let outcome = match (child.outcome.take(), status) {
            // It had no program to execute, and is done.
            (Some(Outcome::NotExecuted), Status::Code(_)) => Some(Outcome::Executed),
            (outcome, _) => outcome,
        };
        child.read_output(poller);
        child.close_output(poller);
        child.close_notify(poller);
        Ended { outcome, output: child.written, spawned_from: child.spawned_from }
    }

    /// The children that still have something to tell, and no definition of their own.
    pub fn without_definition(&self) -> Vec<i32> {
        let open = self.by_pid.iter().filter(|(_, child)| child.is_open() && child.spawned_from.is_none());
        open.map(|(pid, _)| *pid).collect()
    }

    /// Keeps the definition that a child was made by: what it tells has to be shown as that says.
    pub fn keep_definition(&mut self, pid: i32, definition: Rc<Service>) {
        if let Some(child) = self.by_pid.get_mut(&pid) {
            child.spawned_from = Some(definition);
        }
    }

    /// The definition that a child was started from, if that is not the current one.
    pub fn definition(&self, pid: i32) -> Option<&Service> {
        self.by_pid.get(&pid)?.spawned_from.as_deref()
    }
}

impl Child {
    fn is_open(&self) -> bool {
        self.status.is_some() || self.outcome.is_some() || self.output.is_some()
    }

    /// Whether its set-up has finished now.
    fn read_status(&mut self, poller: &Poller, read: impl FnOnce(BorrowedFd<'_>) -> Outcome) -> bool {
        let Some(status) = self.status.take() else { return false };
        match read(status.as_fd()) {
            Outcome::Pending => {
                self.status = Some(status);
                false
            }
            outcome => {
                if self.awaited {
                    let _ = poller.remove(status.as_fd());
                }
                self.outcome = Some(outcome);
                true
            }
        }
    }

    fn read_output(&mut self, poller: &Poller) {
        if self.output.is_none() {
            return;
        }
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

    fn read_notify(&mut self, poller: &Poller) -> bool {
        let Some(notify) = &self.notify else { return false };
        let mut buffer = [0_u8; PIECE];
        match read(notify.as_fd(), &mut buffer) {
            Ok(count) if buffer.iter().take(count).any(|byte| *byte == b'\n') => {
                self.close_notify(poller);
                true
            }
            Ok(0) => {
                self.close_notify(poller);
                false
            }
            Ok(_) => false,
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => false,
            Err(_) => {
                self.close_notify(poller);
                false
            }
        }
    }

    fn close_notify(&mut self, poller: &Poller) {
        if let Some(notify) = self.notify.take() {
            let _ = poller.remove(notify.as_fd());
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
        Channel::Notify => 2,
    };
    FIRST_TOKEN.saturating_add((pid << 2) | channel)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::launch::Launcher;
    use crate::sys::process;
    use crate::sys::spawn::{Program, Spec};
    use std::time::{Duration, Instant};

    /// The kernel gives no such number.
    const FIRST: i32 = 5_000_000;

    /// An imaginary child, and the writing end of its status pipe.
    fn spawned(pid: i32) -> (Spawned, OwnedFd) {
        let (status, writer) = crate::sys::spawn::output_pipe().unwrap();
        (Spawned { pid, status, notify: None }, writer)
    }

    #[test]
    fn of_many_that_are_made_at_once_few_are_waited_for() {
        let poller = Poller::new().unwrap();
        let mut children = Children::default();
        let hangs = spawned(FIRST);
        children.insert(&poller, hangs.0, true, None);
        for pid in FIRST + 1..FIRST + 201 {
            let (child, _) = spawned(pid);
            children.insert(&poller, child, true, None);
            if let Some((told, outcome)) = children.oldest_outcome(&poller, |_| true) {
                assert!(matches!(outcome, Outcome::Executed) && (FIRST + 1..=pid).contains(&told));
            }
            let open = children.by_pid.values().filter(|child| child.status.is_some()).count();
            assert!(open <= MOST_SET_UP + 2, "{open} of them are open");
        }
        assert!(children.is_being_set_up(FIRST));
        drop(hangs.1);
        let begun = Instant::now();
        // Another test's child has the pipe, too, until it executes its program.
        let outcome = loop {
            if let Some(outcome) = children.outcome(&poller, FIRST, true) {
                break outcome;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "its set-up never ends");
            std::thread::yield_now();
        };
        assert!(matches!(outcome, Outcome::Executed));
    }

    /// The end of its pipe does not prove that it has executed anything.
    #[test]
    fn a_child_that_ends_without_executing_its_program_has_not_executed_it() {
        let poller = Poller::new().unwrap();
        let launcher = Launcher::record();
        for (status, executed) in [(Status::Code(0), true), (Status::Signal(9), false)] {
            let spec = Spec { program: Program::Nothing, ..launcher.own(&[]) };
            let child = spawn::spawn(&spec, None).unwrap();
            let pid = child.pid;
            let mut children = Children::default();
            children.insert(&poller, child, true, None);
            assert!(children.has_unfinished());
            let begun = Instant::now();
            // Another test's child has these pipes, too, until it executes its program.
            while process::is_live_child(pid) || children.has_unfinished() {
                assert!(children.outcome(&poller, pid, true).is_none());
                assert!(begun.elapsed() < Duration::from_secs(20), "its set-up never ends");
                std::thread::yield_now();
            }
            process::reap_ended(pid);
            let outcome = children.remove(&poller, pid, status).outcome;
            assert_eq!(matches!(outcome, Some(Outcome::Executed)), executed, "{outcome:?}");
            assert_eq!(matches!(outcome, Some(Outcome::NotExecuted)), !executed, "{outcome:?}");
        }
    }

    #[test]
    fn tokens_stand_for_one_child_and_channel() {
        for pid in [1, 2, 4_194_304, i32::MAX] {
            for channel in [Channel::Status, Channel::Output, Channel::Notify] {
                assert_eq!(Children::resolve(token(pid, channel)), Some((pid, channel)));
            }
        }
        assert_eq!(Children::resolve(0), None);
        assert_eq!(Children::resolve(TOKEN_LIMIT), None);
    }
}
