//! What services write on its way to the logger: pipes, and handing them over.
//!
//! The logger is a unit of the supervisor, which rinit adds to the definitions where a service needs it (`equip`). It reads
//! what others write, so the supervisor starts it before them, stops it after them, and gives it time to read the rest.
//! PID 1 makes the pipes and keeps both ends of each (`pipes`): what is in them outlives the service and the logger. It
//! hands the reading ends to the logger over a socket (`handover`), and again to each logger that follows. It never
//! reads a pipe, and never waits for the logger.

#![forbid(unsafe_code)]

mod equip;
mod handover;
mod pipes;
mod routes;

pub use equip::{descriptors, equip};
pub use handover::{Handover, TOKEN};
pub use pipes::{LogPipes, Output};
