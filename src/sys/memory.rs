//! Giving back to the kernel what was needed for a moment.

use nix::libc;

/// Gives back the pages of the heap in which nothing is left. glibc keeps them otherwise, and a heap in which a
/// configuration was read is full of holes. musl's allocator unmaps a group of slots when the last of them is free.
pub fn trim_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: only free memory is touched; there is one thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Unmaps the pages of the program itself: what it goes on to use is mapped anew from the page cache when it is next
/// touched, which takes less than a microsecond for each 64 KiB. What has only served the start is not.
pub fn release_program() {
    // SAFETY: the callback is called with a valid description of each part of the program, during the call.
    unsafe { libc::dl_iterate_phdr(Some(release_part), std::ptr::null_mut()) };
}

/// Only mapped, never written: what is unmapped is read from the file again.
unsafe extern "C" fn release_part(
    info: *mut libc::dl_phdr_info,
    _: libc::size_t,
    _: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: `info` is valid, and its headers are an array of that length.
    let (base, headers) = unsafe {
        let headers = std::slice::from_raw_parts((*info).dlpi_phdr, usize::from((*info).dlpi_phnum));
        ((*info).dlpi_addr, headers)
    };
    let page = u64::try_from(PAGE).unwrap_or(u64::MAX);
    for header in headers.iter().filter(|it| it.p_type == libc::PT_LOAD && it.p_flags & libc::PF_W == 0) {
        let begin = base.wrapping_add(header.p_vaddr);
        // The last page may be shared with a part that is written, as a page of its own in memory: not touched.
        let end = begin.wrapping_add(header.p_memsz) & !page.wrapping_sub(1);
        let begin = begin & !page.wrapping_sub(1);
        if let Ok(length) = usize::try_from(end.saturating_sub(begin)) {
            // SAFETY: these pages belong to the program's file and are never written: dropping them loses nothing.
            unsafe { libc::madvise(begin as *mut libc::c_void, length, libc::MADV_DONTNEED) };
        }
    }
    // The program is the first; there are no others in a static one.
    1
}

/// The smallest page of the architectures that rinit runs on. On one with larger pages the call is refused where it would
/// not fit, and nothing is lost but memory.
const PAGE: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_goes_on_without_its_pages() {
        for _ in 0..3 {
            release_program();
            trim_heap();
        }
        assert_eq!(format!("{}", 6 * 7), "42");
    }
}
