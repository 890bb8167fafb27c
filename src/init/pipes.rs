//! Pipes between services. rinit holds both ends of each, so that what is in it outlives those who write and who
//! read, and closes its writing end when nothing more is to come.

use crate::sys::spawn;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

struct Pipe {
    reader: OwnedFd,
    /// `None` once nothing more is to come.
    writer: Option<OwnedFd>,
}

/// All of them, by the number of the service that reads: two descriptors for each.
#[derive(Default)]
pub struct Pipes {
    by_reader: BTreeMap<usize, Pipe>,
}

impl Pipes {
    /// What a service reads from; one whose input has come to an end reads what is left of it.
    pub fn reader(&mut self, service: usize) -> io::Result<RawFd> {
        if let Some(pipe) = self.by_reader.get(&service) {
            return Ok(pipe.reader.as_raw_fd());
        }
        self.make(service).map(|(reader, _)| reader)
    }

    /// What others write to a service with. One whose input has come to an end begins a new one.
    pub fn writer(&mut self, service: usize) -> io::Result<RawFd> {
        match self.by_reader.get(&service).and_then(|pipe| pipe.writer.as_ref()) {
            Some(writer) => Ok(writer.as_raw_fd()),
            None => self.make(service).map(|(_, writer)| writer),
        }
    }

    fn make(&mut self, service: usize) -> io::Result<(RawFd, RawFd)> {
        let (reader, writer) = spawn::service_pipe()?;
        let ends = (reader.as_raw_fd(), writer.as_raw_fd());
        self.by_reader.insert(service, Pipe { reader, writer: Some(writer) });
        Ok(ends)
    }

    /// Nothing more comes from rinit: the input ends with the last of those who write.
    pub fn close(&mut self, service: usize) {
        if let Some(pipe) = self.by_reader.get_mut(&service) {
            pipe.writer = None;
        }
    }

    /// The service that read is gone for good.
    pub fn forget(&mut self, service: usize) {
        self.by_reader.remove(&service);
    }

    /// The one that read is gone. Where nothing more was to come, so is what it has left.
    pub fn ended(&mut self, service: usize) {
        if self.by_reader.get(&service).is_some_and(|pipe| pipe.writer.is_none()) {
            self.by_reader.remove(&service);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read, Write};

    #[test]
    fn what_is_in_a_pipe_outlives_its_end() {
        let mut pipes = Pipes::default();
        let writer = pipes.writer(3).unwrap();
        assert_eq!(pipes.writer(3).unwrap(), writer, "one pipe for all who write");
        assert_ne!(pipes.writer(4).unwrap(), writer);
        let mut copy = File::from(pipes.by_reader[&3].writer.as_ref().unwrap().try_clone().unwrap());
        copy.write_all(b"last words").unwrap();
        drop(copy);
        pipes.close(3);
        let reader = pipes.reader(3).unwrap();
        assert_eq!(reader, pipes.by_reader[&3].reader.as_raw_fd());
        let mut text = String::new();
        File::from(pipes.by_reader[&3].reader.try_clone().unwrap()).read_to_string(&mut text).unwrap();
        assert_eq!(text, "last words");
        pipes.ended(3);
        assert!(!pipes.by_reader.contains_key(&3));
        pipes.ended(4);
        assert!(pipes.by_reader.contains_key(&4), "others may still write to it");
    }

    #[test]
    fn who_writes_after_the_end_begins_anew() {
        let mut pipes = Pipes::default();
        pipes.reader(0).unwrap();
        pipes.close(0);
        pipes.writer(0).unwrap();
        assert!(pipes.by_reader[&0].writer.is_some());
    }
}
