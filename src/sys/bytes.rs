//! Looking for a byte in many: the C library does it several at a time.

use nix::libc;

/// Where a byte is found first.
pub fn find(byte: u8, bytes: &[u8]) -> Option<usize> {
    // SAFETY: the call reads at most as many bytes as there are.
    let found = unsafe { libc::memchr(bytes.as_ptr().cast(), byte.into(), bytes.len()) };
    (!found.is_null()).then(|| found.addr().saturating_sub(bytes.as_ptr().addr()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_one_is_found() {
        for length in 0..40 {
            let mut bytes = vec![b'x'; length];
            assert_eq!(find(b'\n', &bytes), None);
            for at in (0..length).rev() {
                bytes[at] = b'\n';
                assert_eq!(find(b'\n', &bytes), Some(at));
            }
        }
    }
}
