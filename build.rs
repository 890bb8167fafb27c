//! Leaves out of a release binary what only unwinding needs, 210 KB, and the second of two functions that are the same:
//! `panic = "abort"` never unwinds, but Rust's own library, which is compiled already, and the C library bring these
//! tables along.
//!
//! Not every linker can do it: LLVM's, which rustc has on x86_64, does; GNU's refuses, for the C compiler's start files
//! refer to a table. So a tiny program is linked first, with whatever linker and flags rinit is to be linked with. Where
//! that fails, rinit is linked without, and is the same but larger.

use std::env::var;
use std::path::Path;
use std::process::{Command, Stdio};

fn main() {
    println!("cargo::rerun-if-changed=src/sys/release.ld");
    let is_linux = var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux");
    let is_release = var("PROFILE").is_ok_and(|profile| profile == "release");
    let root = var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let flags = format!("-Wl,--no-eh-frame-hdr,--icf=all,-T,{root}/src/sys/release.ld");
    if is_linux && is_release && links(&flags).is_some_and(|works| works) {
        println!("cargo::rustc-link-arg-bin=rinit={flags}");
    }
}

/// Whether a program can be linked with these flags.
fn links(flags: &str) -> Option<bool> {
    let out = var("OUT_DIR").ok()?;
    let source = Path::new(&out).join("tiny.rs");
    std::fs::write(&source, "fn main() {}\n").ok()?;
    let mut rustc = Command::new(var("RUSTC").ok()?);
    rustc.args(["--target", &var("TARGET").ok()?, "--edition=2024", "-Cpanic=abort", "--out-dir", &out]);
    if let Ok(linker) = var("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={linker}"));
    }
    let own = var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    rustc.args(own.split('\x1f').filter(|flag| !flag.is_empty()));
    rustc.arg(format!("-Clink-arg={flags}")).arg(&source);
    rustc.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // A warning would be one of the real link as well: only the program says whether it came about.
    Some(rustc.status().ok()?.success() && runs_here(&Path::new(&out).join("tiny")))
}

/// What was built for this machine must run as well.
fn runs_here(program: &Path) -> bool {
    let is_native = var("TARGET").ok() == var("HOST").ok();
    !is_native || Command::new(program).status().is_ok_and(|status| status.success())
}
