//! Which program a process executes, and where it may be found.

#![forbid(unsafe_code)]

use nix::errno::Errno;
use nix::sys::stat::SFlag;
use nix::unistd::{AccessFlags, access};
use std::ffi::{CStr, CString, OsStr, OsString};
use std::io;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Where programs are looked for if the environment has no PATH.
const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What is executed.
#[derive(Clone, Debug)]
pub enum Program {
    /// The first of these paths that can be executed, as `execvp` tries them.
    Paths(Vec<CString>),
    /// This name, looked for in a PATH whose value is in a file.
    Named(OsString),
    /// The program of an open descriptor: rinit itself, in any root and for any user.
    Descriptor(RawFd),
    /// None: the process has nothing to do and exits with 0.
    Nothing,
}

impl Program {
    /// Where a program may be: its path, or its name in each directory of the environment's PATH.
    pub fn named(name: &OsStr, environment: &[impl AsRef<CStr>]) -> Program {
        // An empty name is no name in any directory.
        if name.is_empty() || name.as_bytes().contains(&b'/') {
            return Program::Paths(vec![c_string(name)]);
        }
        let path = environment.iter().find_map(|entry| entry.as_ref().to_bytes().strip_prefix(b"PATH="));
        let directories = path.unwrap_or(DEFAULT_PATH).split(|byte| *byte == b':');
        let paths = directories.map(|directory| {
            // An empty entry is the working directory.
            let directory = if directory.is_empty() { b"." } else { directory };
            c_string(OsStr::from_bytes(&[directory, b"/", name.as_bytes()].concat()))
        });
        Program::Paths(paths.collect())
    }

    /// Checks, without executing it, whether a process that starts in `dir` can execute the program. An empty `dir` is the
    /// one of rinit. It is not known what another user may execute: with `for_other_user` a program that exists is enough.
    ///
    /// # Errors
    /// ENOENT if no path has the program, EACCES if a program is there that cannot be executed. Other errors are left to
    /// the exec.
    pub fn look(&self, dir: &Path, for_other_user: bool) -> io::Result<()> {
        let Program::Paths(paths) = self else { return Ok(()) };
        if !dir.as_os_str().is_empty() && !dir.is_dir() {
            return Ok(()); // another error, which names the directory
        }
        let mut denied = false;
        for path in paths {
            match look_at(dir, path) {
                Err(Errno::ENOENT | Errno::ENOTDIR) => {}
                Err(Errno::EACCES) if for_other_user => return Ok(()),
                Err(Errno::EACCES) => denied = true,
                // What comes of the others is seen when it is executed.
                Ok(()) | Err(_) => return Ok(()),
            }
        }
        Err(if denied { Errno::EACCES } else { Errno::ENOENT }.into())
    }
}

/// As `execve` finds a path, relative to that directory.
fn look_at(dir: &Path, path: &CStr) -> nix::Result<()> {
    if path.is_empty() {
        return Err(Errno::ENOENT);
    }
    let path = dir.join(OsStr::from_bytes(path.to_bytes()));
    let mode = nix::sys::stat::stat(&path)?.st_mode;
    match SFlag::from_bits_truncate(mode) & SFlag::S_IFMT {
        SFlag::S_IFREG => access(&path, AccessFlags::X_OK),
        _ => Err(Errno::EACCES),
    }
}

/// The kernel's strings end at a null byte; definitions that hold one are refused when they are read.
pub fn c_string(text: &OsStr) -> CString {
    CString::new(text.as_bytes()).unwrap_or_else(|e| {
        let end = e.nul_position();
        let mut bytes = e.into_vec();
        bytes.truncate(end);
        CString::new(bytes).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    fn file(path: &Path, mode: u32) {
        fs::write(path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_program_is_found_as_execvp_finds_it() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("bin/folder")).unwrap();
        file(&at("bin/good"), 0o755);
        file(&at("bin/plain"), 0o644);
        fs::create_dir(at("later")).unwrap();
        file(&at("later/plain"), 0o755);
        let path = |dirs: &[&str]| {
            let dirs = dirs.iter().map(|name| at(name).display().to_string()).collect::<Vec<_>>().join(":");
            c_string(OsStr::new(&format!("PATH={dirs}")))
        };
        let look = |name: &str, dirs: &[&str], other| {
            let found = Program::named(OsStr::new(name), &[path(dirs)]).look(dir.path(), other);
            found.map_err(|error| error.kind())
        };
        let (not_found, denied) = (Err(io::ErrorKind::NotFound), Err(io::ErrorKind::PermissionDenied));
        assert_eq!(look("good", &["missing", "bin"], false), Ok(()));
        assert_eq!(look("staus", &["missing", "bin"], false), not_found);
        assert_eq!(look("staus", &["bin/good"], false), not_found, "a file in PATH");
        assert_eq!(look("plain", &["bin"], false), denied);
        assert_eq!(look("plain", &["bin"], true), Ok(()), "another user may be allowed to");
        assert_eq!(look("plain", &["bin", "later"], false), Ok(()));
        assert_eq!(look("folder", &["bin"], false), denied);
        assert_eq!(look("./bin/good", &[], false), Ok(()), "from the directory that it starts in");
        assert_eq!(look("./good", &["bin"], false), not_found);
        assert_eq!(look(at("bin/good").to_str().unwrap(), &[], false), Ok(()));
        assert_eq!(look("", &["bin"], false), not_found);
        let missing = Program::named(OsStr::new("./x"), &[path(&[])]).look(Path::new("/nonexistent"), false);
        assert!(missing.is_ok(), "that is for the directory's own message");
    }
}
