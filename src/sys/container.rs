//! What `/proc` tells of the other processes in this container: whether one of them is this very program. Everything
//! here is an observation of the moment, and `None` or false where `/proc` does not show it.

#![forbid(unsafe_code)]

use super::proc_fs::{CGROUP, parent, pids, read};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

/// The processes that could be this container's init: the first one of the PID namespace and, where that is an engine's
/// own init (`docker run --init`), its children. This process itself is not among them.
pub fn first_processes() -> Vec<i32> {
    let own = std::process::id().cast_signed();
    if own == 1 {
        return Vec::new();
    }
    let mut found = vec![1];
    // On a whole machine the children of PID 1 are no container's: its cgroup differs from that of any login.
    if read(1, CGROUP).is_some_and(|cgroup| Some(cgroup) == read(own, CGROUP)) {
        found.extend(pids().filter(|pid| *pid != own && parent(*pid) == Some(1)));
    }
    found
}

/// Whether a process runs this program, in this container: the same file or, where another user's may not be looked at,
/// the same name in the same cgroup.
pub fn is_this_program(pid: i32) -> bool {
    let file = |pid: &str| fs::metadata(format!("/proc/{pid}/exe")).ok().map(|meta| (meta.dev(), meta.ino()));
    if file(&pid.to_string()).is_some_and(|other| Some(other) == file("self")) {
        return true;
    }
    let own = std::process::id().cast_signed();
    let same = |what| read(pid, what).is_some_and(|other| Some(other) == read(own, what));
    same("comm") && same(CGROUP)
}

/// Whether a process may see the same files as this one. True where that cannot be told.
pub fn shares_files(pid: i32) -> bool {
    let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/mnt")).ok();
    match (namespace(&pid.to_string()), namespace("self")) {
        (Some(other), Some(own)) => other == own,
        _ => true,
    }
}

/// The command line of a process, its name first.
pub fn command_line(pid: i32) -> Option<Vec<OsString>> {
    let bytes = read(pid, "cmdline")?;
    let words = bytes.strip_suffix(b"\0")?.split(|byte| *byte == 0);
    Some(words.map(|word| OsStr::from_bytes(word).to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_this_program() {
        let own = std::process::id().cast_signed();
        assert!(is_this_program(own) && shares_files(own));
        assert!(!is_this_program(i32::MAX));
        assert!(!first_processes().contains(&own));
        let words = command_line(own).unwrap();
        assert_eq!(words, std::env::args_os().collect::<Vec<_>>());
        assert_eq!(command_line(i32::MAX), None);
    }
}
