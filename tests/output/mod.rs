//! What PID 1 says, where nobody takes it: it goes on with its work whatever standard error is, and what can be read is
//! whole lines with the number of those that are missing.

mod fallback;
mod json;
mod last_words;
mod refused;
mod stuck;

use crate::support::wait_for;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::termios::{FlowArg, SetArg, cfmakeraw, tcflow, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A standard error that takes nothing, or almost nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A terminal that nobody reads, and that takes a little at first.
    Terminal,
    /// One that is full already.
    FullTerminal,
    /// One that was stopped with Ctrl-S; its reader is there.
    StoppedTerminal,
    FullPipe,
    /// A pipe whose reader takes a few bytes now and then.
    SlowPipe,
    /// A socket that nobody reads.
    Socket,
    /// /dev/full
    FullDevice,
    /// A file on a file system of 4 KiB.
    FullDisk,
    /// A pipe whose reader is gone.
    NoReader,
}

pub const KINDS: [Kind; 9] = [
    Kind::Terminal,
    Kind::FullTerminal,
    Kind::StoppedTerminal,
    Kind::FullPipe,
    Kind::SlowPipe,
    Kind::Socket,
    Kind::FullDevice,
    Kind::FullDisk,
    Kind::NoReader,
];

/// Such a standard error, with whoever is at its other end.
pub struct Outlet {
    /// What an init gets.
    pub writer: OwnedFd,
    reader: Option<File>,
    /// What was read.
    text: Arc<Mutex<Vec<u8>>>,
    /// Whether the reader, where it is slow, may take all of it at once.
    hurry: Arc<AtomicBool>,
    mount: Option<PathBuf>,
}

impl Outlet {
    #[track_caller]
    pub fn new(kind: Kind) -> Outlet {
        match kind {
            Kind::Terminal => Outlet::terminal_as_it_comes(),
            Kind::FullTerminal => Outlet::full_terminal(),
            Kind::StoppedTerminal => {
                let mut outlet = Outlet::terminal_unfilled();
                tcflow(&outlet.writer, FlowArg::TCOOFF).unwrap();
                outlet.read(None);
                outlet
            }
            Kind::FullPipe => Outlet::pipe(),
            Kind::SlowPipe => {
                let mut outlet = Outlet::pipe();
                outlet.read(Some(Duration::from_millis(20)));
                outlet
            }
            Kind::Socket => {
                let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
                theirs.set_nonblocking(true).unwrap();
                while (&theirs).write(&[b'x'; 512]).is_ok() {}
                theirs.set_nonblocking(false).unwrap();
                Outlet::of(theirs.into(), Some(OwnedFd::from(ours).into()))
            }
            Kind::FullDevice => {
                Outlet::of(File::options().write(true).open("/dev/full").unwrap().into(), None)
            }
            Kind::FullDisk => Outlet::disk(),
            Kind::NoReader => Outlet::of(std::io::pipe().unwrap().1.into(), None),
        }
    }

    fn of(writer: OwnedFd, reader: Option<File>) -> Outlet {
        Outlet { writer, reader, text: Arc::default(), hurry: Arc::default(), mount: None }
    }

    /// A terminal that is as full as it gets.
    fn full_terminal() -> Outlet {
        let outlet = Outlet::terminal_unfilled();
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&outlet.writer));
        let mut own = File::from(open_to_write(&path));
        while own.write(&[b'x'; 64]).is_ok() {}
        // The kernel's own buffers behind it take some more for a while.
        wait_for("the terminal to be full", Duration::from_secs(10), || match own.write(b"x") {
            Err(e) if e.kind() == ErrorKind::WouldBlock => Some(()),
            _ => None,
        });
        outlet
    }

    /// One that writes what it is given as it is.
    pub fn terminal_unfilled() -> Outlet {
        let outlet = Outlet::terminal_as_it_comes();
        let mut attributes = tcgetattr(&outlet.writer).unwrap();
        cfmakeraw(&mut attributes);
        tcsetattr(&outlet.writer, SetArg::TCSANOW, &attributes).unwrap();
        outlet
    }

    /// One that makes two bytes of each line's end, as terminals do. It may tell of room for one: a writer that believes
    /// it sleeps.
    fn terminal_as_it_comes() -> Outlet {
        let pair = crate::support::open_terminal();
        Outlet::of(pair.slave, Some(pair.master.into()))
    }

    /// A pipe of one page, which is full.
    pub fn pipe() -> Outlet {
        let outlet = Outlet::empty_pipe();
        let mut own = File::from(outlet.writer.try_clone().unwrap());
        own.write_all(&[b'\n'; 4096]).unwrap();
        outlet
    }

    pub fn empty_pipe() -> Outlet {
        let (reader, writer) = std::io::pipe().unwrap();
        let size = fcntl(&writer, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
        assert_eq!(size, 4096, "a pipe of one page");
        Outlet::of(writer.into(), Some(OwnedFd::from(reader).into()))
    }

    #[track_caller]
    fn disk() -> Outlet {
        let dir = tempfile::Builder::new().prefix("rinit-disk.").tempdir().unwrap().keep();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=4k", "rinit-test"]).arg(&dir);
        assert!(mount.status().unwrap().success());
        let file = File::options().append(true).create(true).open(dir.join("log")).unwrap();
        let mut outlet = Outlet::of(file.into(), None);
        outlet.mount = Some(dir);
        outlet
    }

    pub fn stderr(&self) -> Stdio {
        Stdio::from(self.writer.try_clone().unwrap())
    }

    /// Begins to read; with a pause, a few bytes at a time.
    pub fn read(&mut self, pause: Option<Duration>) {
        let Some(mut reader) = self.reader.take() else { return };
        let (text, hurry) = (Arc::clone(&self.text), Arc::clone(&self.hurry));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            loop {
                let wanted =
                    if pause.is_some() && !hurry.load(Ordering::Relaxed) { 100 } else { bytes.len() };
                let Ok(count @ 1..) = reader.read(&mut bytes[..wanted]) else { return };
                text.lock().unwrap().extend_from_slice(&bytes[..count]);
                if let Some(pause) = pause
                    && !hurry.load(Ordering::Relaxed)
                {
                    std::thread::sleep(pause);
                }
            }
        });
    }

    /// From now on the slow reader takes what there is.
    pub fn hurry(&self) {
        self.hurry.store(true, Ordering::Relaxed);
    }

    /// What was read so far; that may end within a character.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned()
    }

    /// The lines that were read, once `is_all` says that nothing is missing.
    #[track_caller]
    pub fn wait_lines(&self, what: &str, is_all: impl Fn(&[&str]) -> bool) -> Vec<String> {
        crate::support::wait_for_seen(what, crate::support::PATIENCE, || {
            let text = self.text();
            let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
            let all = text.ends_with('\n') && is_all(&lines);
            let last = format!("{} lines, {:?}", lines.len(), lines.last());
            all.then(|| lines.iter().map(|&line| line.to_owned()).collect()).ok_or(last)
        })
    }

    /// What every holder of this open file sees: rinit must not have made it non-blocking.
    #[track_caller]
    pub fn assert_blocking(&self) {
        let flags = OFlag::from_bits_retain(fcntl(&self.writer, FcntlArg::F_GETFL).unwrap());
        assert!(!flags.contains(OFlag::O_NONBLOCK), "{flags:?}");
        if let Some(reader) = &self.reader {
            let flags = OFlag::from_bits_retain(fcntl(reader.as_fd(), FcntlArg::F_GETFL).unwrap());
            assert!(!flags.contains(OFlag::O_NONBLOCK), "{flags:?}");
        }
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        if let Some(dir) = self.mount.take() {
            let _ = Command::new("umount").arg("-l").arg(&dir).status();
            let _ = std::fs::remove_dir(dir);
        }
    }
}

/// A file of one's own at this path, which does not block.
fn open_to_write(path: &str) -> OwnedFd {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
    File::options().write(true).custom_flags(flags).open(path).unwrap().into()
}
