//! What PID 1 and the logger tell each other. Both are the same binary, so the form need not be stable.

use crate::model::text::cause;
use crate::model::{Driver, Logging};
use serde::{Deserialize, Serialize};

/// The model knows no crate.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Driver")]
enum WireDriver {
    Inherit,
    Console,
    JsonFile,
    File,
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

/// What has become of the file of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It cannot be written, for a reason with this number (errno).
    Error(i32),
    /// There is a symbolic link at its path.
    Link,
    /// There is something else than a file, as a FIFO.
    NoFile,
    /// Somebody else writes it.
    Taken,
    /// It is written again.
    Mended,
}

impl Trouble {
    fn number(self) -> u64 {
        match self {
            Trouble::Error(code) => u64::from(code.unsigned_abs()),
            Trouble::Link => OTHERS,
            Trouble::NoFile => OTHERS | 1,
            Trouble::Taken => OTHERS | 2,
            Trouble::Mended => OTHERS | 3,
        }
    }

    fn of(number: u64) -> Option<Trouble> {
        let others = [Trouble::Link, Trouble::NoFile, Trouble::Taken, Trouble::Mended];
        match i32::try_from(number) {
            Ok(code) => Some(Trouble::Error(code)),
            Err(_) => others.into_iter().find(|trouble| trouble.number() == number),
        }
    }

    /// What is said of it.
    pub fn about(self, path: &str) -> String {
        let why = match self {
            Trouble::Mended => return format!("{path} is written again"),
            Trouble::Error(code) => cause(&std::io::Error::from_raw_os_error(code)),
            Trouble::Link => "it is a symbolic link: give the path of the file itself".to_owned(),
            Trouble::NoFile => "it is not a regular file".to_owned(),
            Trouble::Taken => "somebody else writes it".to_owned(),
        };
        format!("cannot write {path}: {why}. Lines are lost until that is mended")
    }
}

/// Greater than any errno.
const OTHERS: u64 = 1 << 32;

/// What the logger tells PID 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromLogger {
    /// What has become of the file of a service.
    Trouble {
        /// The number of the route.
        number: u32,
        /// What.
        trouble: Trouble,
    },
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
        let (kind, number, count) = match self {
            FromLogger::Lost { number, count } => (1_u8, number, count),
            FromLogger::Trouble { number, trouble } => (2, number, trouble.number()),
        };
        let mut bytes = [0; FROM_LOGGER];
        let fields = [kind].into_iter().chain(number.to_le_bytes()).chain(count.to_le_bytes());
        bytes.iter_mut().zip(fields).for_each(|(byte, field)| *byte = field);
        bytes
    }

    /// Out of its bytes.
    pub fn decode(bytes: &[u8]) -> Option<FromLogger> {
        let (kind, rest) = bytes.split_first()?;
        let (number, count) = rest.split_at_checked(4)?;
        let number = u32::from_le_bytes(number.try_into().ok()?);
        let count = u64::from_le_bytes(count.try_into().ok()?);
        match kind {
            1 => Some(FromLogger::Lost { number, count }),
            2 => Some(FromLogger::Trouble { number, trouble: Trouble::of(count)? }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_arrives() {
        let lost = FromLogger::Lost { number: 7, count: 1 << 40 };
        assert_eq!(FromLogger::decode(&lost.encode()), Some(lost));
        let all = [Trouble::Error(28), Trouble::Link, Trouble::NoFile, Trouble::Taken, Trouble::Mended];
        for trouble in all {
            let told = FromLogger::Trouble { number: 7, trouble };
            assert_eq!(FromLogger::decode(&told.encode()), Some(told));
        }
        for wrong in [&[][..], &[1; 5], &[2; FROM_LOGGER], &[3; FROM_LOGGER], &[1; FROM_LOGGER + 1]] {
            assert_eq!(FromLogger::decode(wrong), None);
        }
    }
}
