//! Pipes between services. rinit holds both ends of each, so that what is in it outlives those who write and who
//! read, and closes its writing end when nothing more is to come.

use crate::sys::spawn::{self, Ids};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// What a service reads from, if others write to it: two descriptors.
#[derive(Default)]
pub struct Pipe(Option<Ends>);

struct Ends {
    reader: OwnedFd,
    /// `None` once nothing more is to come.
    writer: Option<OwnedFd>,
}

impl Pipe {
    /// The end that the service reads from, which belongs to its user. After the end of the input, the service reads what is left in the pipe.
    ///
    /// # Errors
    /// `pipe2` fails: EMFILE, ENFILE or ENOMEM.
    pub fn reader(&mut self, owner: Option<&Ids>) -> io::Result<RawFd> {
        match &self.0 {
            Some(ends) => Ok(ends.reader.as_raw_fd()),
            None => self.make(owner).map(|(reader, _)| reader),
        }
    }

    /// The end that other services write to. After the end of the input, this makes a new pipe.
    ///
    /// # Errors
    /// `pipe2` fails: EMFILE, ENFILE or ENOMEM.
    pub fn writer(&mut self, owner: Option<&Ids>) -> io::Result<RawFd> {
        match self.0.as_ref().and_then(|ends| ends.writer.as_ref()) {
            Some(writer) => Ok(writer.as_raw_fd()),
            None => self.make(owner).map(|(_, writer)| writer),
        }
    }

    fn make(&mut self, owner: Option<&Ids>) -> io::Result<(RawFd, RawFd)> {
        let (reader, writer) = spawn::service_pipe(owner)?;
        let ends = (reader.as_raw_fd(), writer.as_raw_fd());
        self.0 = Some(Ends { reader, writer: Some(writer) });
        Ok(ends)
    }

    /// Nothing more comes from rinit: the input ends with the last of those who write.
    pub fn close(&mut self) {
        if let Some(ends) = &mut self.0 {
            ends.writer = None;
        }
    }

    /// The service has ended. Where nothing more was to come, what it has left is dropped.
    pub fn ended(&mut self) {
        self.0.take_if(|ends| ends.writer.is_none());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read, Write};

    #[test]
    fn what_is_in_a_pipe_outlives_its_end() {
        let (mut pipe, mut other) = (Pipe::default(), Pipe::default());
        let writer = pipe.writer(None).unwrap();
        assert_eq!(pipe.writer(None).unwrap(), writer, "one pipe for all who write");
        assert_ne!(other.writer(None).unwrap(), writer);
        let ends = pipe.0.as_ref().unwrap();
        let mut reader = File::from(ends.reader.try_clone().unwrap());
        let mut copy = File::from(ends.writer.as_ref().unwrap().try_clone().unwrap());
        copy.write_all(b"last words").unwrap();
        drop(copy);
        pipe.close();
        assert_eq!(pipe.reader(None).unwrap(), pipe.0.as_ref().unwrap().reader.as_raw_fd());
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "last words");
        pipe.ended();
        assert!(pipe.0.is_none());
        other.ended();
        assert!(other.0.is_some(), "others may still write to it");
    }

    #[test]
    fn who_writes_after_the_end_begins_anew() {
        let mut pipe = Pipe::default();
        pipe.reader(None).unwrap();
        pipe.close();
        pipe.writer(None).unwrap();
        assert!(pipe.0.unwrap().writer.is_some());
    }
}
