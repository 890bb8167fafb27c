//! The pipes of one service to the logger, one for each of its outputs.

use crate::logger::told::ToLogger;
use crate::sys::spawn::{self, Ids};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// Which output of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    Stdout,
    Stderr,
}

struct Ends {
    reader: OwnedFd,
    /// `None` once nothing more is to come.
    writer: Option<OwnedFd>,
}

/// Its pipes, as far as a process was given one.
pub struct LogPipes {
    /// By which the logger knows them. A service that begins to log again has another one.
    number: u32,
    stdout: Option<Ends>,
    stderr: Option<Ends>,
    owner: Option<Ids>,
    /// How many records could not be delivered.
    pub lost: u64,
}

impl LogPipes {
    pub fn new(number: u32) -> LogPipes {
        LogPipes { number, stdout: None, stderr: None, owner: None, lost: 0 }
    }

    pub fn number(&self) -> u32 {
        self.number
    }

    /// Whether nothing more is to come.
    pub fn is_closed(&self) -> bool {
        let is_closed = |ends: &&Ends| ends.writer.is_none();
        [&self.stdout, &self.stderr].into_iter().flatten().any(|ends| is_closed(&ends))
    }

    /// What an output of the service is written to with, and whether it was made just now. It belongs to this user.
    ///
    /// # Errors
    /// `pipe2` fails: EMFILE, ENFILE or ENOMEM.
    pub fn writer(&mut self, output: Output, owner: Option<&Ids>) -> io::Result<(RawFd, bool)> {
        if self.owner.as_ref() != owner {
            self.owner = owner.cloned();
            for ends in [&self.stdout, &self.stderr].into_iter().flatten() {
                spawn::own_pipe(&ends.reader, owner);
            }
        }
        let place = match output {
            Output::Stdout => &mut self.stdout,
            Output::Stderr => &mut self.stderr,
        };
        if let Some(writer) = place.as_ref().and_then(|ends| ends.writer.as_ref()) {
            return Ok((writer.as_raw_fd(), false));
        }
        let (reader, writer) = spawn::service_pipe(owner)?;
        let number = writer.as_raw_fd();
        *place = Some(Ends { reader, writer: Some(writer) });
        Ok((number, true))
    }

    /// Nothing more comes from rinit: each ends with the last process that has it.
    pub fn close(&mut self) {
        for ends in [&mut self.stdout, &mut self.stderr].into_iter().flatten() {
            ends.writer = None;
        }
    }

    /// The reading ends, standard output first.
    pub fn readers(&self) -> Vec<BorrowedFd<'_>> {
        [&self.stdout, &self.stderr].into_iter().flatten().map(|ends| ends.reader.as_fd()).collect()
    }

    /// Completes what the logger is told of them.
    pub fn describe(&self, service: &str, logging: crate::model::Logging) -> ToLogger {
        let (stdout, stderr) = (self.stdout.is_some(), self.stderr.is_some());
        ToLogger::Route { number: self.number, service: service.to_owned(), logging, stdout, stderr }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn each_output_has_a_pipe_that_others_may_write_to() {
        let mut pipes = LogPipes::new(3);
        let (stdout, is_new) = pipes.writer(Output::Stdout, None).unwrap();
        assert!(is_new && pipes.readers().len() == 1);
        assert_eq!(pipes.writer(Output::Stdout, None).unwrap(), (stdout, false));
        let (stderr, _) = pipes.writer(Output::Stderr, None).unwrap();
        assert!(stdout != stderr && pipes.readers().len() == 2 && !pipes.is_closed());
        let file = File::from(pipes.readers()[0].try_clone_to_owned().unwrap());
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o622);
        pipes.close();
        assert!(pipes.is_closed());
    }
}
