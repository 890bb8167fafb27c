//! What PID 1 and the logger tell each other. Both are the same binary, so the form need not be stable.

use crate::model::{Driver, Logging};
use serde::{Deserialize, Serialize};

/// The model knows no crate.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Driver")]
enum WireDriver {
    Inherit,
    Console,
    None,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Logging")]
struct WireLogging {
    #[serde(with = "WireDriver")]
    driver: Driver,
    options: Vec<(String, String)>,
}

/// What PID 1 tells the logger. With a route come the reading ends of the pipes that it has, standard output first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToLogger {
    /// What a service writes. For a number that is known, what has changed of it; then no pipes come with it.
    Route {
        /// Its number, which no other one will have.
        number: u32,
        /// The service.
        service: String,
        /// What is done with it.
        #[serde(with = "WireLogging")]
        logging: Logging,
        /// The pipe of its standard output comes with it.
        stdout: bool,
        /// The pipe of its standard error comes with it.
        stderr: bool,
    },
    /// Somebody asks for logs. Their connection comes with it.
    Client(LogRequest),
    /// A process of the service has ended. What it has written of its last line is all of it.
    Ended {
        /// The number of the route.
        number: u32,
    },
}

/// What somebody wants to see of the logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRequest {
    /// Of these routes; `None`: of all.
    pub routes: Option<Vec<u32>>,
    /// Also what is yet to come.
    pub follow: bool,
    /// Of what is kept, the last so many records of each service.
    pub tail: Option<u64>,
    /// Of what is kept, the last so many milliseconds.
    pub since_ms: Option<u64>,
    /// What came before this time, in milliseconds since 1970.
    pub until_ms: Option<u64>,
}

impl LogRequest {
    /// Whether it is about a route.
    pub fn has(&self, number: u32) -> bool {
        self.routes.as_ref().is_none_or(|routes| routes.contains(&number))
    }
}

/// What the logger tells PID 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromLogger {
    /// So many records of a service could not be delivered.
    Lost {
        /// The number of the route.
        number: u32,
        /// How many, since this was told last.
        count: u64,
    },
}

/// How long a message of the logger is. PID 1 reads nothing longer.
pub const FROM_LOGGER: usize = 13;

impl FromLogger {
    /// As bytes.
    pub fn encode(self) -> [u8; FROM_LOGGER] {
        let FromLogger::Lost { number, count } = self;
        let mut bytes = [0; FROM_LOGGER];
        let fields = [1_u8].into_iter().chain(number.to_le_bytes()).chain(count.to_le_bytes());
        bytes.iter_mut().zip(fields).for_each(|(byte, field)| *byte = field);
        bytes
    }

    /// Out of its bytes.
    pub fn decode(bytes: &[u8]) -> Option<FromLogger> {
        let (kind, rest) = bytes.split_first()?;
        let (number, count) = rest.split_at_checked(4)?;
        let (number, count) = (number.try_into().ok()?, count.try_into().ok()?);
        (*kind == 1).then_some(FromLogger::Lost {
            number: u32::from_le_bytes(number),
            count: u64::from_le_bytes(count),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_arrives() {
        let lost = FromLogger::Lost { number: 7, count: 1 << 40 };
        assert_eq!(FromLogger::decode(&lost.encode()), Some(lost));
        for wrong in [&[][..], &[1; 5], &[2; FROM_LOGGER], &[1; FROM_LOGGER + 1]] {
            assert_eq!(FromLogger::decode(wrong), None);
        }
    }
}
