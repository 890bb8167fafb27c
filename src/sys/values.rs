//! Values of variables that are in files. The child reads them before it executes its program: a file may be on a mount
//! that does not answer, and PID 1 waits for no disk.

#![forbid(unsafe_code)]

use super::file;
use super::program::c_string;
use crate::model::text::cause;
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The kernel takes no longer string than twice that, name and null byte included.
const MAX_FILE: usize = 64 * 1024;

/// A variable whose value is in a file.
#[derive(Clone, Debug)]
pub struct FileValue {
    /// The variable.
    pub name: OsString,
    /// The file. A relative path is one in the directory that rinit is in.
    pub path: PathBuf,
}

impl FileValue {
    /// The entry of an environment: the text of the file, less one line end. What is in the file is shown nowhere.
    ///
    /// Errors: a text for people, with the variable, the path and the cause.
    pub(super) fn entry(&self) -> Result<CString, String> {
        read(&self.path)
            .map(|value| {
                let mut entry = self.name.clone();
                entry.push("=");
                entry.push(OsStr::from_bytes(&value));
                c_string(&entry)
            })
            .map_err(|cause| format!("{}: cannot read {}: {cause}", self.name.display(), self.path.display()))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = file::read_small(path, MAX_FILE).map_err(|e| cause(&e))?;
    bytes.pop_if(|last| *last == b'\n');
    match bytes.contains(&0) {
        false => Ok(bytes),
        true => Err("it contains a NUL byte".to_owned()),
    }
}
