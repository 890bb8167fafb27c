//! Compresses rotated files, one at a time, in a child: the logger goes on meanwhile.
//!
//! The child reads one open file and writes another one, and knows no name. So rotations may go on as well: the file
//! that is compressed is counted along. When the child is done, the logger puts the new file beside the old one, and
//! removes that.

#![forbid(unsafe_code)]

use super::chain::Chain;
use super::{gzip, place};
use crate::model::Signal;
use crate::sys::process::{self, Status};
use crate::sys::{child_task, file};
use std::fs::OpenOptions;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;

/// The mode of compressed files.
const MODE: u32 = 0o640;

/// What is compressed now.
struct Work {
    pid: i32,
    /// The number of the file; `None`: it is gone.
    number: Option<u32>,
}

/// The one who compresses.
#[derive(Default)]
pub struct Packer {
    work: Option<Work>,
}

impl Packer {
    /// Begins with the oldest file that is not compressed, unless one is being compressed.
    pub fn begin(&mut self, chain: &Chain) {
        if self.work.is_some() {
            return;
        }
        let Some(number) = chain.uncompressed() else { return };
        // Where it cannot be done, the file stays as it is until the next rotation.
        if let Ok(pid) = start(chain, number) {
            self.work = Some(Work { pid, number: Some(number) });
        }
    }

    /// Files with a lower number than this were moved, each to the next one.
    pub fn moved(&mut self, chain: &Chain, end: u32) {
        let Some(Work { pid, number }) = &mut self.work else { return };
        *number = number.map(|number| if number < end { number.saturating_add(1) } else { number });
        if number.take_if(|number| !chain.numbers().contains(number)).is_some() {
            let _ = process::kill(*pid, Signal::KILL);
        }
    }

    /// A child has ended, perhaps this one.
    pub fn reaped(&mut self, chain: &Chain, pid: i32, status: Status) {
        let Some(Work { number, .. }) = self.work.take_if(|work| work.pid == pid) else { return };
        let is_done = match number.filter(|_| status == Status::Code(0)) {
            Some(number) => std::fs::rename(chain.unfinished(), chain.compressed(number))
                .and_then(|()| file::remove(&chain.plain(number)))
                .is_ok(),
            None => false,
        };
        if is_done {
            self.begin(chain);
        } else {
            let _ = file::remove(&chain.unfinished());
        }
    }

    /// The child.
    #[cfg(test)]
    pub fn pid(&self) -> Option<i32> {
        self.work.as_ref().map(|work| work.pid)
    }

    /// Nobody waits for it.
    pub fn stop(&mut self, chain: &Chain) {
        if let Some(work) = self.work.take() {
            let _ = process::kill(work.pid, Signal::KILL);
            let _ = file::remove(&chain.unfinished());
        }
    }
}

fn start(chain: &Chain, number: u32) -> io::Result<i32> {
    // Whoever has been killed while it wrote this may still have it open.
    file::remove(&chain.unfinished())?;
    let mut from = place::read(&chain.plain(number))?;
    let mut to = OpenOptions::new().write(true).create_new(true).mode(MODE).open(chain.unfinished())?;
    let kept = [from.as_raw_fd(), to.as_raw_fd()];
    let aside = child_task::run_with(&kept, || {
        // It would go on for nobody.
        process::set_parent_death_signal(Signal::KILL)?;
        process::be_nice();
        gzip::compress(&mut from, &mut to)
    })?;
    Ok(aside.pid)
}
