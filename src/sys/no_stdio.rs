//! Functions in place of those by which the C library brings in its streams (`stdio`), which rinit never uses: with them
//! come `printf`, floating point numbers as text, locales, wide characters, character sets, and a loader of shared
//! libraries for these. The linker takes a library's function only where the program has none of that name.
//!
//! In the release profile alone, beside lean.rs, and only where build.rs could link and run a program with it. So this
//! file needs nothing but the standard library and lean.rs.
//!
//! A "duplicate symbol" of these, reported by the linker, says that something new in rinit needs the C library's own: as
//! `std::process::Command` and `sysconf` do, which sys/spawn.rs and sys/process.rs do without.

use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::AtomicPtr;

// The allocator writes its statistics with these, when `malloc_stats` and `malloc_info` are called.
never_called! {
    _IO_fputs
    __fprintf_chk
    fprintf
    fwrite
}

/// The stream to which those statistics go.
#[unsafe(export_name = "stderr")]
static STDERR: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

/// The C library's own first locks its streams and its allocator, where there is more than one thread, and runs handlers.
/// rinit has one, and no handlers.
#[unsafe(no_mangle)]
extern "C" fn fork() -> c_int {
    unsafe extern "C" {
        fn _Fork() -> c_int;
    }
    // SAFETY: it may be called wherever `fork` may.
    unsafe { _Fork() }
}

/// What an error number means. The C library's prints the number of one that it does not know into the buffer;
/// `std::io::Error` adds the number by itself.
#[unsafe(no_mangle)]
extern "C" fn __strerror_r(error: c_int, _buffer: *mut c_char, _length: usize) -> *const c_char {
    unsafe extern "C" {
        fn strerrordesc_np(error: c_int) -> *const c_char;
    }
    // SAFETY: it takes a number, and what it returns is constant.
    let description = unsafe { strerrordesc_np(error) };
    if description.is_null() { c"Unknown error".as_ptr() } else { description }
}

/// How many processors there are, by which the allocator limits how many heaps its threads share. The C library's reads
/// files of numbers.
#[unsafe(no_mangle)]
extern "C" fn __get_nprocs() -> c_int {
    1
}

/// Points the thread to the locale's classes of characters, for `isdigit` and the like.
#[unsafe(no_mangle)]
extern "C" fn __ctype_init() {}

/// Makes a list of the directories in which shared libraries are looked for.
#[unsafe(no_mangle)]
extern "C" fn _dl_init_paths(
    _path: *const c_char,
    _source: *const c_char,
    _a: *const c_void,
    _b: *const c_void,
) {
}

/// Where the program lies, which is looked up in `/proc` at each start, for shared libraries that are named relative to
/// it: unknown, as where there is no `/proc`.
#[unsafe(no_mangle)]
extern "C" fn _dl_get_origin() -> *const c_char {
    std::ptr::without_provenance(usize::MAX)
}
