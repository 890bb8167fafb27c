//! A record as the bytes of a message.

#![forbid(unsafe_code)]

use super::record::Record;

/// How a service's records become messages. There is one for each service.
pub trait Encode {
    /// Appends the message of a record.
    fn encode(&mut self, record: &Record<'_>, out: &mut Vec<u8>);
}
