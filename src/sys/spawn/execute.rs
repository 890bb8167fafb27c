//! The last step of a child: it executes the first program that is there, as `execvp` does. Nothing here allocates.

use super::Stage;
use nix::errno::Errno;
use nix::libc;
use std::ffi::{CStr, CString};

const SHELL: &CStr = c"/bin/sh";

/// The arguments with which `/bin/sh` runs a script that has no `#!`; the script's path goes into the second place.
pub(super) fn script_arguments(arguments: &[CString]) -> Vec<*const libc::c_char> {
    let rest = arguments.iter().skip(1).map(|argument| argument.as_ptr());
    [SHELL.as_ptr(), std::ptr::null()].into_iter().chain(rest).chain([std::ptr::null()]).collect()
}

/// Executes the first program that is there. Returns only if it fails, with the reason in errno.
///
/// The child finds out here whether the program lacks its interpreter: rinit must not look at a user's path, which may
/// be on a disk that does not answer, and may be relative to the child's directory.
///
/// # Safety
/// All three arrays end with a null pointer, and point to strings that end with a null byte and stay.
pub(super) unsafe fn first(
    paths: &[CString],
    arguments: *const *const libc::c_char,
    environment: *const *const libc::c_char,
    script: &mut [*const libc::c_char],
) -> Stage {
    let (mut denied, mut stage) = (false, Stage::Execute);
    for path in paths {
        // SAFETY: by the caller.
        unsafe { libc::execve(path.as_ptr(), arguments, environment) };
        match Errno::last() {
            // SAFETY: the path ends with a null byte.
            Errno::ENOENT if unsafe { libc::access(path.as_ptr(), libc::F_OK) } == 0 => {
                stage = Stage::Interpreter;
            }
            Errno::ENOENT | Errno::ENOTDIR => {}
            Errno::EACCES => denied = true,
            Errno::ENOEXEC => {
                if let Some(place) = script.get_mut(1) {
                    *place = path.as_ptr();
                }
                // SAFETY: by the caller, and the path is as they are.
                unsafe { libc::execve(SHELL.as_ptr(), script.as_ptr(), environment) };
                return if Errno::last() == Errno::ENOENT { Stage::Interpreter } else { Stage::Execute };
            }
            _ => return Stage::Execute,
        }
    }
    if denied {
        Errno::EACCES.set();
        return Stage::Execute;
    }
    Errno::ENOENT.set();
    stage
}
