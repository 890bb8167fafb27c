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

fn main() {
    println!("cargo::rerun-if-changed=src/sys/release.ld");
    println!("cargo::rerun-if-changed=src/sys/lean.rs");
    println!("cargo::rustc-check-cfg=cfg(lean)");
    let is_linux = var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux");
    let is_release = var("PROFILE").is_ok_and(|profile| profile == "release");
    if !is_linux || !is_release {
        return;
    }
    let (root, out) = (var("CARGO_MANIFEST_DIR").unwrap_or_default(), var("OUT_DIR").unwrap_or_default());
    let script = format!("{root}/src/sys/release.ld");
    // The map is for tests/size/check.
    let flags = format!("-Wl,--no-eh-frame-hdr,--icf=all,-T,{script},-Map,{out}/rinit.map");
    let has_tables_out = links("fn main() {}\n", &flags);
    if has_tables_out {
        println!("cargo::rustc-link-arg-bin=rinit={flags}");
    }
    let lean = format!("#[path = \"{root}/src/sys/lean.rs\"]\nmod lean;\nfn main() {{}}\n");
    if links(&lean, if has_tables_out { &flags } else { "-Wl,--gc-sections" }) {
        println!("cargo::rustc-cfg=lean");
    }
}

fn links(source: &str, flags: &str) -> bool {
    try_linking(source, flags).is_some_and(|links| links)
}

/// Whether a program can be linked with these flags.
fn try_linking(source: &str, flags: &str) -> Option<bool> {
    let out = var("OUT_DIR").ok()?;
    let file = Path::new(&out).join("tiny.rs");
    std::fs::write(&file, source).ok()?;
    let mut rustc = Command::new(var("RUSTC").ok()?);
    rustc.args(["--target", &var("TARGET").ok()?, "--edition=2024", "-Cpanic=abort", "--out-dir", &out]);
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
    let is_native = var("TARGET").ok() == var("HOST").ok();
    !is_native || Command::new(program).status().is_ok_and(|status| status.success())
}
