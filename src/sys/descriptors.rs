//! Descriptors that a child shall not have: those of 3 and more are closed when it executes a program, or at once.
//!
//! Run between fork and exec: system calls only, and nothing is allocated.

use super::check::check;
use nix::libc;
use std::os::fd::RawFd;

/// The first of them.
const FIRST: RawFd = 3;

/// Without `close_range` and `/proc` each number below this one is tried.
const MOST: RawFd = 1 << 20;

/// The same where that is only a courtesy to others.
const MOST_KNOWN: RawFd = 1 << 12;

/// Room for what one call reads of a directory, in words.
const ROOM: usize = 256;

/// Where the name begins in an entry of a directory, behind its number, offset, length and type.
const NAME: usize = 19;

/// Has every descriptor of 3 and more closed by the exec. Linux before 5.11 does not know the call for it, and a
/// sandbox may refuse it: then they are looked up in `/proc/self/fd`, and without that each possible number is tried.
///
/// # Errors
/// There may be more than can be tried.
pub fn close_on_exec() -> Result<(), ()> {
    close_range(libc::CLOSE_RANGE_CLOEXEC).or_else(|()| each_listed(mark)).or_else(|()| mark_each())
}

/// Closes every descriptor of 3 and more, in the same way. Where that is all that is left, those below [`MOST`].
pub fn close_now() {
    if close_range(0).or_else(|()| each_listed(close)).is_err() {
        (FIRST..MOST).for_each(|fd| _ = close(fd));
    }
}

/// Closes at once what the exec would close, but for what is kept. Without `/proc` what has a high number may stay open until
/// then.
pub fn close_marked(is_kept: impl Fn(RawFd) -> bool) {
    let close_it = |fd| match is_marked(fd) && !is_kept(fd) {
        true => close(fd),
        false => Ok(()),
    };
    if each_listed(close_it).is_err() {
        (FIRST..MOST_KNOWN).for_each(|fd| _ = close_it(fd));
    }
}

fn is_marked(fd: RawFd) -> bool {
    // SAFETY: fcntl takes numbers.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
    flags >= 0 && flags & libc::FD_CLOEXEC != 0
}

fn close_range(flags: libc::c_uint) -> Result<(), ()> {
    // SAFETY: the call takes numbers.
    match unsafe { libc::syscall(libc::SYS_close_range, FIRST, libc::c_uint::MAX, flags) } {
        0 => Ok(()),
        _ => Err(()),
    }
}

/// Does it to those that `/proc/self/fd` shows.
fn each_listed(act: impl Fn(RawFd) -> Result<(), ()>) -> Result<(), ()> {
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
    // SAFETY: the path is a constant with a null byte at its end.
    let dir = unsafe { libc::open(c"/proc/self/fd".as_ptr(), flags) };
    check(dir)?;
    let mut buffer = [0_u64; ROOM];
    loop {
        // SAFETY: the kernel writes at most as many bytes as the buffer has.
        let read =
            unsafe { libc::syscall(libc::SYS_getdents64, dir, buffer.as_mut_ptr(), size_of_val(&buffer)) };
        let count = usize::try_from(read).or(Err(()))?;
        if count == 0 {
            // SAFETY: closes what was opened above.
            return check(unsafe { libc::close(dir) });
        }
        // SAFETY: the kernel has filled in this number of bytes, and any bytes are valid.
        let bytes = unsafe { std::slice::from_raw_parts(buffer.as_ptr().cast::<u8>(), count) };
        each_number(bytes, |fd| if fd >= FIRST && fd != dir { act(fd) } else { Ok(()) })?;
    }
}

/// The names that are numbers, in entries as `getdents64` returns them.
fn each_number(entries: &[u8], mut act: impl FnMut(RawFd) -> Result<(), ()>) -> Result<(), ()> {
    let mut rest = entries;
    while let Some([low, high]) = rest.get(16..18).and_then(|it| <[u8; 2]>::try_from(it).ok()) {
        let (entry, next) = rest.split_at_checked(u16::from_ne_bytes([low, high]).max(1).into()).ok_or(())?;
        let name = entry.get(NAME..).unwrap_or_default().split(|byte| *byte == 0).next().unwrap_or_default();
        if let Some(fd) = std::str::from_utf8(name).ok().and_then(|name| name.parse().ok()) {
            act(fd)?;
        }
        rest = next;
    }
    Ok(())
}

/// Marks every number that may be one. The limit of this process does not tell the last one: a descriptor that was opened
/// before the limit was lowered stays open. Fails where there may be more than can be tried.
fn mark_each() -> Result<(), ()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes `limit`, which is there during the call.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    if !RawFd::try_from(limit.rlim_max).is_ok_and(|most| most <= MOST) {
        return Err(());
    }
    (FIRST..MOST).try_for_each(mark)
}

/// Marks one; none of that number is as good as closed.
fn mark(fd: RawFd) -> Result<(), ()> {
    // SAFETY: fcntl takes numbers.
    match unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } {
        0 => Ok(()),
        _ if nix::errno::Errno::last() == nix::errno::Errno::EBADF => Ok(()),
        _ => Err(()),
    }
}

/// Closes one. Whatever is said about that, it is closed.
fn close(fd: RawFd) -> Result<(), ()> {
    // SAFETY: in this child nobody uses the descriptor any more.
    unsafe { libc::close(fd) };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str) -> Vec<u8> {
        let length = (NAME + name.len() + 1).next_multiple_of(8);
        let mut bytes = vec![0; length];
        bytes[16..18].copy_from_slice(&u16::try_from(length).unwrap().to_ne_bytes());
        bytes[NAME..NAME + name.len()].copy_from_slice(name.as_bytes());
        bytes
    }

    #[test]
    fn the_numbers_of_a_directory_are_found() {
        let bytes = [".", "..", "0", "17", "x1", "1000000"].map(entry).concat();
        let mut found = Vec::new();
        each_number(&bytes, |fd| {
            found.push(fd);
            Ok(())
        })
        .unwrap();
        assert_eq!(found, [0, 17, 1_000_000]);
        assert_eq!(each_number(&bytes[..45], |_| Ok(())), Err(()), "cut off");
        assert_eq!(each_number(&[0; 32], |_| Ok(())), Ok(()), "no length");
    }
}
