//! Which program a process executes, and where it may be found.

#![forbid(unsafe_code)]

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;

/// Where programs are looked for if the environment has no PATH.
const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What is executed.
#[derive(Clone, Debug)]
pub enum Program {
    /// The first of these paths that can be executed, as `execvp` tries them.
    Paths(Vec<CString>),
    /// The program of an open descriptor: rinit itself, wherever its file is and whoever executes it.
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
