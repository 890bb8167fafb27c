//! Where messages are delivered: what every driver's second half does.

#![forbid(unsafe_code)]

use super::losses::Losses;
use crate::logger::told::Trouble;
use crate::sys::poll::Poller;
use crate::sys::process::Status;
use std::time::Instant;

/// One destination. Nothing here waits.
pub trait Sink {
    /// Takes a message of a route, which `write` appends. To be followed by `advance`.
    fn take(&mut self, route: u32, write: &mut dyn FnMut(&mut Vec<u8>));

    /// Whether it wants more. A message that it is given all the same is kept: what was read has to go somewhere.
    fn has_room(&self) -> bool;

    /// Delivers what can be delivered now, and tries again what had failed, where its time has come.
    fn advance(&mut self, now: Instant);

    /// To be called before the poller waits: has it watch, under this token, what `advance` waits for, and nothing else.
    fn watch(&mut self, poller: &Poller, token: u64);

    /// When `advance` has something to do, if nothing that is watched is ready before.
    fn deadline(&self) -> Option<Instant>;

    /// Whether everything that was taken is delivered.
    fn is_idle(&self) -> bool;

    /// Why nothing can be delivered at present.
    fn down(&self) -> Option<&str>;

    /// The records that were lost since this was asked last.
    fn take_lost(&mut self) -> Losses;

    /// The end: what was taken and is not delivered is lost. A part of a message counts as one.
    fn give_up(&mut self);

    /// What has become of its destination since this was asked last.
    fn take_trouble(&mut self) -> Option<Trouble> {
        None
    }

    /// A child has ended, which may be one of its own.
    fn reaped(&mut self, _pid: i32, _status: Status) {}
}
