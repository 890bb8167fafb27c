//! LISTEN_PID, by which a program knows that inherited sockets are meant for it (sd_listen_fds(3)). It names a process,
//! so it has to change when what was meant for rinit goes on to COMMAND. catatonit does the same.

#![forbid(unsafe_code)]

use std::cell::Cell;
use std::ffi::CStr;

const NAME: &[u8] = b"LISTEN_PID=";

/// The name, the digits of any process ID, and the null byte.
const ROOM: usize = 24;

/// An entry of an environment that the child completes: its process ID is not known before.
pub(super) struct ListenPid {
    entry: [Cell<u8>; ROOM],
}

impl ListenPid {
    /// An entry without a number.
    pub(super) fn new() -> ListenPid {
        let byte = |at: usize| Cell::new(NAME.get(at).copied().unwrap_or(0));
        ListenPid { entry: std::array::from_fn(byte) }
    }

    /// Puts this entry in the place of one that names process `own`. `addresses` are those of `environment`.
    pub(super) fn replace(
        &self,
        own: u32,
        environment: &[impl AsRef<CStr>],
        addresses: &mut [*const libc::c_char],
    ) {
        let text = format!("LISTEN_PID={own}");
        let at = environment.iter().position(|entry| entry.as_ref().to_bytes() == text.as_bytes());
        if let Some(address) = at.and_then(|at| addresses.get_mut(at)) {
            *address = self.entry.as_ptr().cast();
        }
    }

    /// Writes the number behind the name, with what is there in any process: no memory is asked for.
    pub(super) fn fill(&self, own: u32) {
        let digits = own.checked_ilog10().unwrap_or(0);
        let mut left = own;
        for at in (0..=digits).rev() {
            let place = usize::try_from(at).ok().and_then(|at| self.entry.get(NAME.len().saturating_add(at)));
            if let Some(place) = place {
                place.set(b'0'.saturating_add(u8::try_from(left % 10).unwrap_or_default()));
            }
            left /= 10;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;

    #[test]
    fn the_number_is_written_behind_the_name() {
        for pid in [1, 10, 4_194_304, u32::MAX] {
            let listen = ListenPid::new();
            listen.fill(pid);
            let bytes: Vec<u8> = listen.entry.iter().map(Cell::get).take_while(|byte| *byte != 0).collect();
            assert_eq!(String::from_utf8(bytes).unwrap(), format!("LISTEN_PID={pid}"));
        }
    }

    #[test]
    fn only_an_entry_that_names_the_process_is_replaced() {
        let environment =
            ["A=1", "LISTEN_PID=12", "LISTEN_PID=123"].map(|entry| CString::new(entry).unwrap());
        let listen = ListenPid::new();
        let before: Vec<*const libc::c_char> = environment.iter().map(|entry| entry.as_ptr()).collect();
        let mut addresses = before.clone();
        listen.replace(12, &environment, &mut addresses);
        assert_eq!((addresses[0], addresses[2]), (before[0], before[2]));
        assert_ne!(addresses[1], before[1]);
    }
}
