//! Small functions in place of the C toolchain's own, each of which brings into the binary far more than rinit could
//! ever use. The linker takes a library's function only where the program has none of that name.
//!
//! In the release profile alone, as its `panic = "abort"` makes an unwinder needless, and only where build.rs could link
//! a program with it. So this file needs nothing but the standard library.

#[cfg(target_env = "gnu")]
use std::ffi::{c_char, c_uint};
use std::ffi::{c_int, c_void};

/// Finds no frames. A panic prints its message and place, then aborts; in between, the standard library may walk the
/// stack and look up each frame's name, with a reader of debugging information that is a tenth of the binary. The binary
/// is stripped, so no frame would have a name. Where the walk is known to end at once, the compiler leaves all of that out.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Backtrace(_step: *const c_void, _argument: *mut c_void) -> c_int {
    const END_OF_STACK: c_int = 5;
    END_OF_STACK
}

/// The rest of what the unwinder has in one object file: for any of these the linker would take that file, and have
/// `_Unwind_Backtrace` twice. As nothing is ever thrown, nobody calls them.
macro_rules! never_called {
    ($($name:ident)*) => {$(
        #[unsafe(no_mangle)]
        extern "C" fn $name() -> ! {
            std::process::abort()
        }
    )*};
}

never_called! {
    _Unwind_DeleteException
    _Unwind_FindEnclosingFunction
    _Unwind_ForcedUnwind
    _Unwind_GetCFA
    _Unwind_GetDataRelBase
    _Unwind_GetGR
    _Unwind_GetIP
    _Unwind_GetIPInfo
    _Unwind_GetLanguageSpecificData
    _Unwind_GetRegionStart
    _Unwind_GetTextRelBase
    _Unwind_RaiseException
    _Unwind_Resume
    _Unwind_Resume_or_Rethrow
    _Unwind_SetGR
    _Unwind_SetIP
}

/// The C library's translation of its own messages, which without `setlocale` gives back what it got. That one looks for
/// catalogues first, and converts between character sets.
#[cfg(target_env = "gnu")]
#[unsafe(no_mangle)]
extern "C" fn __dcgettext(_domain: *const c_char, message: *const c_char, _category: c_int) -> *const c_char {
    message
}

/// Reports an assertion of the C library that does not hold. Its own translates and formats the report.
#[cfg(target_env = "gnu")]
#[unsafe(no_mangle)]
extern "C" fn __assert_fail(
    assertion: *const c_char,
    file: *const c_char,
    _line: c_uint,
    _function: *const c_char,
) -> ! {
    unsafe extern "C" {
        fn strlen(text: *const c_char) -> usize;
        fn write(descriptor: c_int, bytes: *const c_void, count: usize) -> isize;
    }
    const STDERR: c_int = 2;
    for text in [file, c": assertion failed: ".as_ptr(), assertion, c"\n".as_ptr()] {
        // SAFETY: the C library passes strings that end with a null byte. Memory must not be asked for here, as the
        // assertion may be that of the allocator.
        unsafe { write(STDERR, text.cast(), strlen(text)) };
    }
    std::process::abort()
}
