//! The C library's start, less what rinit can do without: the function that `_start` calls, in place of the C library's
//! own. That one asks the processor some forty times what it can do, to choose among ways to copy and compare memory. On
//! a virtual machine the hypervisor answers each question, and together they take a fifth of the time of a program as short
//! as `rinit health`. Unasked, the C library takes the way that every x86-64 processor knows.
//!
//! In the release profile alone, beside lean.rs and no_stdio.rs, and only with the versions of the C library whose start this
//! is the essence of, 2.36 and 2.41: build.rs links and runs a program with it. So this file needs nothing but the standard
//! library.

use std::arch::asm;
use std::ffi::{c_char, c_int, c_long, c_void};

type Words = *const *const c_char;
type Function = extern "C" fn(c_int, Words, Words);

/// A function to be chosen before the program runs: `choose` returns it, `place` is to hold it.
#[repr(C)]
struct Choice {
    place: *mut *const c_void,
    kind: u64,
    choose: extern "C" fn() -> *const c_void,
}

unsafe extern "C" {
    static mut __environ: Words;
    static mut __libc_stack_end: *const c_void;
    static mut __libc_single_threaded: c_char;
    /// Sixteen random bytes of the kernel's.
    static _dl_random: *const [u64; 2];
    // Where the linker has put them: the first, and what is behind the last.
    static __rela_iplt_start: [Choice; 0];
    static __rela_iplt_end: [Choice; 0];
    static __init_array_start: [Function; 0];
    static __init_array_end: [Function; 0];

    fn _dl_aux_init(auxiliary: *const c_void);
    fn __libc_setup_tls();
    fn __libc_init_first(count: c_int, words: Words, environment: Words);
    fn exit(status: c_int) -> !;
}

/// Up to which sizes memory is copied in which way: the C library's own numbers for a processor of which it knows nothing.
macro_rules! sizes {
    ($($name:ident = $value:expr;)*) => {$(
        #[unsafe(no_mangle)]
        static $name: c_long = $value;
    )*};
}

sizes! {
    __x86_data_cache_size_half = 16 << 10;
    __x86_data_cache_size = 32 << 10;
    __x86_shared_cache_size_half = 512 << 10;
    __x86_shared_cache_size = 1 << 20;
    __x86_shared_non_temporal_threshold = 768 << 10;
    __x86_memset_non_temporal_threshold = 768 << 10;
    __x86_rep_movsb_threshold = 2 << 10;
    __x86_rep_stosb_threshold = 2 << 10;
    __x86_rep_movsb_stop_threshold = 768 << 10;
    __x86_string_control = 0;
}

/// Prepares the C library and runs the program. What the library's own does beside, rinit has no use for: it reads
/// GLIBC_TUNABLES, asks how large a thread's stack is to be, registers functions to be run at the end, and tells a debugger.
///
/// # Safety
///
/// `_start` alone calls it: `words` are so many strings, a null pointer, the environment, a null pointer, and what the kernel
/// tells the program.
#[unsafe(no_mangle)]
unsafe extern "C" fn __libc_start_main(
    main: extern "C" fn(c_int, Words, Words) -> c_int,
    count: c_int,
    words: Words,
    _init: *const c_void,
    _fini: *const c_void,
    _loader_fini: *const c_void,
    stack_end: *const c_void,
) -> ! {
    // SAFETY: the words lie as the caller says, and nothing else runs. Until the choices are made nothing is called that
    // is one of them, and until `__libc_setup_tls` nothing that uses a thread's own memory. The linker's names enclose whole
    // tables.
    unsafe {
        let environment = words.add(count as usize).add(1);
        __environ = environment;
        __libc_stack_end = stack_end;
        let mut end = environment;
        while !(*end).is_null() {
            end = end.add(1);
        }
        _dl_aux_init(end.add(1).cast());
        let mut choice = (&raw const __rela_iplt_start).cast::<Choice>();
        while choice < (&raw const __rela_iplt_end).cast() {
            *(*choice).place = ((*choice).choose)();
            choice = choice.add(1);
        }
        __libc_setup_tls();
        // What protects the stack and the C library's pointers to functions; a string that runs over ends before the former.
        let [stack, pointers] = *_dl_random;
        asm!("mov fs:[0x28], {}", in(reg) stack & !0xff);
        asm!("mov fs:[0x30], {}", in(reg) pointers);
        __libc_single_threaded = 1;
        __libc_init_first(count, words, environment);
        let mut function = (&raw const __init_array_start).cast::<Function>();
        while function < (&raw const __init_array_end).cast() {
            (*function)(count, words, environment);
            function = function.add(1);
        }
        exit(main(count, words, environment))
    }
}
