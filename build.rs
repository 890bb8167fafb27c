//! Leaves out of a release binary what is there for unwinding alone, and other things that rinit never uses, as far as
//! the toolchain at hand allows it: docs/size.md says what and why that is safe.
//!
//! Not every toolchain does. LLVM's linker, which rustc has on x86_64, can leave out tables; GNU's refuses, for the C
//! compiler's start files refer to them. And another C library may have other functions in one file. So a tiny program is
//! linked first, with whatever linker and flags rinit is to be linked with. Where that fails, rinit is linked without,
//! and is the same but larger.

use std::env::var;
use std::path::Path;
use std::process::{Command, Stdio};

/// Asks of the C library what leads deepest into it. No `fn main`: what Rust runs before that is not in rinit either.
const TINY: &str = r#"
unsafe extern "C" {
    fn fork() -> i32;
    fn waitpid(pid: i32, status: *mut i32, options: i32) -> i32;
    fn _exit(status: i32) -> !;
}
#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    let known = std::io::Error::from_raw_os_error(2).to_string();
    let unknown = std::io::Error::from_raw_os_error(9999).to_string();
    let described = known.starts_with("No such file") && unknown.ends_with("(os error 9999)");
    let files = std::env::current_dir().and_then(std::fs::read_dir).is_ok();
    let mut status = -1;
    // SAFETY: there is one thread, and waitpid writes into the local alone.
    let ended = unsafe {
        let pid = fork();
        if pid == 0 {
            _exit(0);
        }
        waitpid(pid, &mut status, 0) == pid && status == 0
    };
    i32::from(!(described && files && ended))
}
"#;

/// Asks whether the C library is one whose start src/sys/start.rs knows: that of Debian 12, or of Debian 13.
const KNOWN_START: &str = r#"
unsafe extern "C" {
    fn gnu_get_libc_version() -> *const std::ffi::c_char;
}
#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    // SAFETY: it is a constant string.
    let version = unsafe { std::ffi::CStr::from_ptr(gnu_get_libc_version()) };
    i32::from(![c"2.36", c"2.41"].contains(&version))
}
"#;

fn main() {
    for input in ["release.ld", "lean.rs", "no_stdio.rs", "start.rs"] {
        println!("cargo::rerun-if-changed=src/sys/{input}");
    }
    println!("cargo::rustc-check-cfg=cfg(lean)");
    println!("cargo::rustc-check-cfg=cfg(no_stdio)");
    println!("cargo::rustc-check-cfg=cfg(lean_start)");
    let is_linux = var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux");
    let is_release = var("PROFILE").is_ok_and(|profile| profile == "release");
    if !is_linux || !is_release {
        return;
    }
    let (root, out) = (var("CARGO_MANIFEST_DIR").unwrap_or_default(), var("OUT_DIR").unwrap_or_default());
    let script = format!("{root}/src/sys/release.ld");
    // The map is for tests/size/check.
    let mut flags = format!("-Wl,--no-eh-frame-hdr,--icf=all,-T,{script},-Map,{out}/rinit.map");
    if links(TINY, &flags) {
        println!("cargo::rustc-link-arg-bin=rinit={flags}");
    } else {
        flags = "-Wl,--gc-sections".to_owned();
    }
    let lean = format!("#[macro_use]\n#[path = \"{root}/src/sys/lean.rs\"]\nmod lean;\n{TINY}");
    if links(&lean, &flags) {
        println!("cargo::rustc-cfg=lean");
        let no_stdio = format!("{lean}#[path = \"{root}/src/sys/no_stdio.rs\"]\nmod no_stdio;\n");
        let is_gnu = var("CARGO_CFG_TARGET_ENV").is_ok_and(|library| library == "gnu");
        let start = format!("{no_stdio}#[path = \"{root}/src/sys/start.rs\"]\nmod start;\n");
        let is_x86_64 = var("CARGO_CFG_TARGET_ARCH").is_ok_and(|machine| machine == "x86_64");
        // Debian 13's start leads to the streams, so that the one goes with the other.
        if is_gnu && is_x86_64 && is_native() && links(KNOWN_START, &flags) && links(&start, &flags) {
            println!("cargo::rustc-cfg=no_stdio");
            println!("cargo::rustc-cfg=lean_start");
        } else if is_gnu && links(&no_stdio, &flags) {
            println!("cargo::rustc-cfg=no_stdio");
        }
    }
}

fn links(source: &str, flags: &str) -> bool {
    try_linking(source, flags).is_some_and(|links| links)
}

/// Whether a program can be linked with these flags.
fn try_linking(source: &str, flags: &str) -> Option<bool> {
    let out = var("OUT_DIR").ok()?;
    let file = Path::new(&out).join("tiny.rs");
    std::fs::write(&file, format!("#![no_main]\n{source}")).ok()?;
    let mut rustc = Command::new(var("RUSTC").ok()?);
    rustc.args(["--target", &var("TARGET").ok()?, "--edition=2024", "--out-dir", &out]);
    // As the release profile has it: without this the linker sees what the optimizer removes.
    rustc.args(["-Cpanic=abort", "-Copt-level=z", "-Clto=fat", "-Ccodegen-units=1"]);
    if let Ok(linker) = var("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={linker}"));
    }
    let own = var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    rustc.args(own.split('\x1f').filter(|flag| !flag.is_empty()));
    rustc.arg(format!("-Clink-arg={flags}")).arg(&file);
    rustc.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // A warning would be one of the real link as well: only the program says whether it came about.
    Some(rustc.status().ok()?.success() && runs_here(&Path::new(&out).join("tiny")))
}

/// What was built for this machine must run as well.
fn runs_here(program: &Path) -> bool {
    !is_native() || Command::new(program).status().is_ok_and(|status| status.success())
}

fn is_native() -> bool {
    var("TARGET").ok() == var("HOST").ok()
}
