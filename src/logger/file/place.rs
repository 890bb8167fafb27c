//! Opening a log file. Whatever is at its path, nothing here waits for anybody.

#![forbid(unsafe_code)]

use crate::logger::told::Trouble;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// The modes of files and of directories that are made. The logger's umask leaves them as they are.
const FILE: u32 = 0o640;
const DIRECTORY: u32 = 0o750;

/// So much of the end of a file is searched for the end of a line. No line is as long.
const LONGEST: u64 = 1 << 20;

/// What becomes of a last line that somebody who was killed has not written to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Torn {
    /// It is ended: it may be of use.
    Ended,
    /// It is cut off: half an object would be of none.
    Cut,
}

/// Which file it is.
pub type Identity = (u64, u64);

/// A file that is written to.
#[derive(Debug)]
pub struct Open {
    pub file: File,
    /// How long it is.
    pub size: u64,
    identity: Identity,
}

/// Opens the file at a path, which ends with a whole line then. It is made, and its directory, if they are not there.
///
/// # Errors
/// There is something else, it is taken, or it cannot be made.
pub fn open(path: &Path, torn: Torn) -> Result<Open, Trouble> {
    match fs::symlink_metadata(path) {
        Ok(found) => check(&found)?,
        Err(e) if e.kind() == ErrorKind::NotFound => make_directory(path)?,
        Err(e) => return Err(trouble(&e)),
    }
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits();
    let file = OpenOptions::new().append(true).create(true).mode(FILE).custom_flags(flags).open(path);
    let file = file.map_err(|e| trouble(&e))?;
    // It may have been replaced since.
    let found = file.metadata().map_err(|e| trouble(&e))?;
    check(&found)?;
    // Two that rotate one file would lose what the other one has written.
    if let Err(fs::TryLockError::WouldBlock) = file.try_lock() {
        return Err(Trouble::Taken);
    }
    let size = file.metadata().map_err(|e| trouble(&e))?.size();
    let size = end_line(path, &file, size, torn).map_err(|e| trouble(&e))?;
    Ok(Open { file, size, identity: identity(&found) })
}

impl Open {
    /// Whether it is still the one at its path. What somebody has cut off is no longer counted.
    pub fn is_at(&mut self, path: &Path) -> bool {
        match fs::symlink_metadata(path) {
            Ok(found) if identity(&found) == self.identity => {
                self.size = found.size();
                true
            }
            _ => false,
        }
    }
}

fn identity(found: &Metadata) -> Identity {
    (found.dev(), found.ino())
}

fn check(found: &Metadata) -> Result<(), Trouble> {
    let kind = found.file_type();
    if kind.is_symlink() {
        Err(Trouble::Link)
    } else if kind.is_dir() {
        Err(Trouble::Error(Errno::EISDIR as i32))
    } else if kind.is_file() {
        Ok(())
    } else {
        Err(Trouble::NoFile)
    }
}

fn make_directory(path: &Path) -> Result<(), Trouble> {
    let Some(directory) = path.parent() else { return Ok(()) };
    DirBuilder::new().recursive(true).mode(DIRECTORY).create(directory).map_err(|e| trouble(&e))
}

/// Why something cannot be done.
pub fn trouble(error: &io::Error) -> Trouble {
    match error.raw_os_error() {
        // Only a link is refused so: it has been put there since this was looked at.
        Some(code) if code == Errno::ELOOP as i32 => Trouble::Link,
        code => Trouble::Error(code.unwrap_or(Errno::EIO as i32)),
    }
}

/// Opens a file to read it. Nothing else is opened: a FIFO could make the logger wait, and a link lead elsewhere.
///
/// # Errors
/// It cannot be opened, or is no regular file.
pub fn read(path: &Path) -> io::Result<File> {
    let other = || io::Error::from(Errno::ENXIO);
    // Opening a device could do something.
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(other());
    }
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(other()) }
}

/// Returns how long the file is then.
fn end_line(path: &Path, file: &File, size: u64, torn: Torn) -> io::Result<u64> {
    if size == 0 {
        return Ok(0);
    }
    // It may be that this user can write to it and not read it.
    let Ok(reader) = read(path) else { return Ok(size) };
    let mut last = [0];
    reader.read_exact_at(&mut last, size.saturating_sub(1))?;
    if last == *b"\n" {
        return Ok(size);
    }
    let end = match torn {
        Torn::Cut => last_newline(&reader, size)?,
        Torn::Ended => None,
    };
    match end {
        Some(end) => file.set_len(end).map(|()| end),
        None => io::Write::write_all(&mut &*file, b"\n").map(|()| size.saturating_add(1)),
    }
}

/// Where the last line begins that has no end. `None`: a line as long as that is no line of a log.
fn last_newline(reader: &File, size: u64) -> io::Result<Option<u64>> {
    let from = size.saturating_sub(LONGEST);
    let mut bytes = vec![0; usize::try_from(size.saturating_sub(from)).unwrap_or_default()];
    reader.read_exact_at(&mut bytes, from)?;
    let after = |at: usize| from.saturating_add(u64::try_from(at).unwrap_or_default()).saturating_add(1);
    let found = bytes.iter().rposition(|byte| *byte == b'\n').map(after);
    Ok(found.or((from == 0).then_some(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::stat::Mode;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn refused(path: &Path) -> Trouble {
        open(path, Torn::Ended).unwrap_err()
    }

    #[test]
    fn a_missing_directory_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/web.log");
        let mut open = open(&path, Torn::Ended).unwrap();
        assert_eq!(open.size, 0);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        // The umask of the tests takes nothing of these.
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (FILE, DIRECTORY));
        assert!(open.is_at(&path));
        fs::rename(&path, dir.path().join("x")).unwrap();
        assert!(!open.is_at(&path), "moved away");
        fs::write(&path, "another one").unwrap();
        assert!(!open.is_at(&path), "replaced");
    }

    #[test]
    fn only_a_regular_file_is_opened_and_nobody_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, Mode::S_IRWXU).unwrap();
        assert_eq!(refused(&fifo), Trouble::NoFile);
        assert_eq!(refused(Path::new("/dev/null")), Trouble::NoFile);
        assert_eq!(refused(dir.path()), Trouble::Error(Errno::EISDIR as i32));
        let link = dir.path().join("link");
        symlink(dir.path().join("elsewhere"), &link).unwrap();
        assert_eq!(refused(&link), Trouble::Link);
        fs::write(dir.path().join("elsewhere"), "mine\n").unwrap();
        assert_eq!(refused(&link), Trouble::Link);
        assert_eq!(refused(&dir.path().join("elsewhere/x")), Trouble::Error(Errno::ENOTDIR as i32));
        // A directory may be a link.
        fs::create_dir(dir.path().join("real")).unwrap();
        symlink(dir.path().join("real"), dir.path().join("there")).unwrap();
        open(&dir.path().join("there/web.log"), Torn::Ended).unwrap();
        assert!(dir.path().join("real/web.log").is_file());
    }

    #[test]
    fn a_file_has_one_writer() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (dir.path().join("one"), dir.path().join("other"));
        let opened = open(&one, Torn::Ended).unwrap();
        fs::hard_link(&one, &other).unwrap();
        assert_eq!((refused(&one), refused(&other)), (Trouble::Taken, Trouble::Taken));
        drop(opened);
        open(&other, Torn::Ended).unwrap();
    }

    #[test]
    fn a_torn_line_is_ended_or_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        for (before, torn, after) in [
            ("", Torn::Cut, ""),
            ("whole\n", Torn::Cut, "whole\n"),
            ("whole\nhalf", Torn::Cut, "whole\n"),
            ("half", Torn::Cut, ""),
            ("whole\n", Torn::Ended, "whole\n"),
            ("whole\nhalf", Torn::Ended, "whole\nhalf\n"),
        ] {
            fs::write(&path, before).unwrap();
            let size = open(&path, torn).unwrap().size;
            let found = fs::read_to_string(&path).unwrap();
            assert_eq!((found.as_str(), size), (after, after.len() as u64), "{before}");
        }
        // What is no log is not cut.
        fs::write(&path, vec![0; 3 << 20]).unwrap();
        assert_eq!(open(&path, Torn::Cut).unwrap().size, (3 << 20) + 1);
    }

    #[test]
    fn what_was_cut_off_is_counted_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        fs::write(&path, "12345\n").unwrap();
        let mut open = open(&path, Torn::Ended).unwrap();
        assert_eq!(open.size, 6);
        // As logrotate's copytruncate does it.
        File::options().write(true).truncate(true).open(&path).unwrap();
        assert!(open.is_at(&path));
        assert_eq!(open.size, 0);
    }
}
