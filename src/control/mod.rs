//! The control socket: what is said on it (`protocol`), where it is (`address`), and both of its ends.

pub mod address;
pub mod client;
mod connection;
mod peer;
mod places;
pub mod protocol;
pub mod running;
pub mod server;
mod trouble;
