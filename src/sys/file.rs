//! Small files, read and written without waiting for anybody.

#![forbid(unsafe_code)]

use crate::model::ordered;
use nix::libc;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Reads a regular file of at most `limit` bytes. A pipe, a device or a socket is not read, because it could make rinit
/// wait. (A file on a network file system whose server does not answer can, too. There is no way to see that.)
///
/// # Errors
/// The file cannot be opened or read, is not a regular file, or is larger than `limit`.
pub fn read_small(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes)?;
    match bytes.len() <= limit {
        true => Ok(bytes),
        false => Err(io::Error::other(format!("it is longer than {limit} bytes"))),
    }
}

/// Writes a file that only this user can read. A reader finds either the old text or the new one. This does not wait
/// until the disk has it.
///
/// # Errors
/// `open`, `write` or `rename` fails: EACCES, EROFS or ENOSPC, for example. The old file is unchanged.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    let written = file.write_all(bytes).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        // Half a file is of no use, and its room may be needed.
        let _ = fs::remove_file(&new);
    }
    written
}

/// Makes an empty file, if it does not exist.
///
/// # Errors
/// `open` fails: EACCES, EROFS or ENOSPC, for example.
pub fn touch(path: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map(drop)
}

/// Removes a file, if it exists.
///
/// # Errors
/// `unlink` fails for another reason than ENOENT: EACCES, EPERM or EROFS, for example.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// At most `limit` names in a directory, sorted. A directory that does not exist has none.
///
/// # Errors
/// The directory cannot be opened: EACCES or ENOTDIR, for example.
pub fn names(path: &Path, limit: usize) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    Ok(ordered::set(names.take(limit)).into_iter().collect())
}

/// Makes a directory for this user, with missing parents.
///
/// # Errors
/// `mkdir` fails: EACCES, EROFS, ENOSPC, or ENOTDIR if a parent is a file.
pub fn make_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn only_small_regular_files_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f");
        fs::write(&file, b"12345").unwrap();
        assert_eq!(read_small(&file, 5).unwrap(), b"12345");
        assert_eq!(read_small(&file, 4).unwrap_err().to_string(), "it is longer than 4 bytes");
        assert_eq!(read_small(&dir.path().join("no"), 4).unwrap_err().kind(), io::ErrorKind::NotFound);
        // Nobody writes to the pipe, and nobody waits for that.
        let pipe = dir.path().join("p");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for odd in [pipe.as_path(), dir.path(), Path::new("/dev/zero")] {
            let error = read_small(odd, 4).unwrap_err().to_string();
            assert_eq!(error, "it is not a regular file", "{}", odd.display());
        }
    }

    #[test]
    fn files_are_replaced_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let below = dir.path().join("a/b");
        make_dir(&below).unwrap();
        make_dir(&below).unwrap();
        let file = below.join("f.json");
        replace(&file, b"old and long").unwrap();
        replace(&file, b"new").unwrap();
        touch(&file).unwrap();
        touch(&below.join("e")).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(&below, 10).unwrap(), ["e", "f.json"]);
        remove(&file).unwrap();
        remove(&file).unwrap();
        assert_eq!(names(&below, 10).unwrap(), ["e"]);
        assert_eq!(names(&below.join("none"), 10).unwrap(), [""; 0]);
        // A directory is in the way: nothing is left over.
        fs::create_dir(&file).unwrap();
        assert!(replace(&file, b"x").is_err());
        assert_eq!(names(&below, 10).unwrap(), ["e", "f.json"]);
    }
}
