//! What services write, cut into lines and delivered where it is to go.
//!
//! Bytes come from pipes. A [`split::Splitter`] for each pipe makes [`record::Record`]s of them: whole lines, each with its
//! service, its stream and the time. An [`encode::Encode`] for each service makes the bytes of one message of a record,
//! in the format of its driver. A [`sink::Sink`] delivers messages to one destination.
//!
//! A driver is an encoder and a sink. What it takes to write another one:
//!
//! - The encoder knows the service and its options, and keeps no record. It is told of one record at a time, and appends
//!   one message. Bytes that are not UTF-8 are its own concern.
//! - The sink never waits. It takes a message whenever it is given one, and says by [`sink::Sink::has_room`] that it has
//!   enough: the pipes of its services are not read until it has room again, so what they write waits there. A
//!   [`backlog::Backlog`] keeps what was taken.
//! - The loop calls [`sink::Sink::advance`] when something was taken, when the descriptor that it has the poller watch is
//!   ready, and at its deadline. The sink writes what goes without waiting.
//! - A destination that is not there is a state, [`sink::Sink::down`], not an error. The sink tries again at a later
//!   deadline, which a [`retry::Retry`] knows. A connection is made without blocking. Names are resolved in a child.
//! - What can never be delivered is counted, record by record ([`sink::Sink::take_lost`]). The loop says so.
//! - At the end, the loop goes on until [`sink::Sink::is_idle`] or until its time is over. Then what is left is lost
//!   ([`sink::Sink::give_up`]), and is counted as well.
//!
//! The process (`child`) is a unit of the supervisor. It gets the pipes from PID 1 (`told`, `routes`), and reads them (`pipe`). It
//! keeps the last records of each service (`history`) for those who ask (`clients`), and reads log files for them in a
//! child (`recall`).

#![forbid(unsafe_code)]

pub mod backlog;
mod child;
mod clients;
pub mod console;
pub mod encode;
pub mod file;
mod history;
pub mod json_file;
pub mod losses;
mod pipe;
mod plain;
mod recall;
pub mod record;
pub mod retry;
mod routes;
pub mod sink;
mod sinks;
pub mod split;
mod stamp;
pub mod told;

pub use child::{is_logger, run};
