//! The result of a C function.

#![forbid(unsafe_code)]

/// Whether it is not the -1 of a call that has failed.
pub(super) fn check(result: i32) -> Result<(), ()> {
    if result < 0 { Err(()) } else { Ok(()) }
}
