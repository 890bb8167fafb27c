//! The release binary's size: tests/size/check finds what is too large. tests/run checks the binary itself.

use crate::support::repository;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// The binary: what each of the functions and the constants takes, and which part it belongs to.
const SOURCE: &str = "
    .macro code name, size
    .type \\name, @function
    \\name: .zero \\size
    .size \\name, . - \\name
    .endm
    .text
    .globl _start
    _start:
    code _ZN5rinit6config4read17h0123456789abcdefE, 0x800
    code _ZN4toml5parse17h0123456789abcdefE, 0x1800
    code malloc, 0x1801
    .section .rodata
    .zero 0x2000
    .bss
    .zero 0x9000
";
const PARTS: [(&str, u32); 4] =
    [("C library", 6145), ("toml", 6144), ("constants", 8192), ("rinit::config", 2048)];

/// Links the source into `binary` in the directory, with `binary.debug` beside it, as scripts/musl does.
fn link(dir: &Path) {
    let run = |program: &str, args: &[&str]| {
        assert!(Command::new(program).current_dir(dir).args(args).status().unwrap().success(), "{program}");
    };
    fs::write(dir.join("source.s"), SOURCE).unwrap();
    run("cc", &["-nostdlib", "-static", "-no-pie", "-o", "linked", "source.s"]);
    run("objcopy", &["--only-keep-debug", "linked", "binary.debug"]);
    run("objcopy", &["--strip-all", "linked", "binary"]);
}

/// Checks that binary against a budget.
fn check(dir: &Path, budget: &str, options: &[&str]) -> Output {
    let [binary, debug, path] = ["binary", "binary.debug", "budget"].map(|name| dir.join(name));
    if !binary.exists() {
        link(dir);
    }
    fs::write(&path, budget).unwrap();
    let mut command = Command::new(repository().join("tests/size/check"));
    command.args(options).args([binary, debug, path]).output().unwrap()
}

fn budget(of_toml: u32) -> String {
    format!(
        "# Head.\nwhole 99000\nC library 8192\ntoml {of_toml}\nconstants 8192\nrinit::config 4096\nheaders and gaps 16384\n"
    )
}

#[test]
fn each_byte_belongs_to_a_part() {
    let dir = tempfile::tempdir().unwrap();
    let output = check(dir.path(), &budget(8192), &[]);
    let table = String::from_utf8(output.stdout).unwrap();
    let size_of =
        |part: &str| table.lines().find(|line| line.starts_with(part))?.split_whitespace().nth_back(1);
    for (part, size) in PARTS {
        assert_eq!(size_of(part), Some(size.to_string().as_str()), "{part}: {table}");
    }
    assert!(output.status.success(), "{table}");
}

#[test]
fn what_is_over_its_budget_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let output = check(dir.path(), &budget(6143), &[]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.starts_with("over the budget in ") && message.contains(": toml. "), "{message}");
}

#[test]
fn a_new_crate_has_no_budget() {
    let dir = tempfile::tempdir().unwrap();
    let without: String =
        budget(0).lines().filter(|line| !line.starts_with("toml")).map(|line| format!("{line}\n")).collect();
    assert_eq!(check(dir.path(), &without, &[]).status.code(), Some(1));
}

#[test]
fn writing_the_budget_keeps_the_promise() {
    let dir = tempfile::tempdir().unwrap();
    let output = check(dir.path(), "# Head.\nwhole 9999\ntoml 1\n", &["--write"]);
    assert_eq!(output.status.code(), Some(1), "the whole is too large still");
    let written = fs::read_to_string(dir.path().join("budget")).unwrap();
    assert!(written.starts_with("# Head.\nwhole ") && written.contains(" 9999\n"), "{written}");
    assert!(written.lines().any(|line| line.starts_with("toml ") && line.ends_with(" 14336")), "{written}");
    assert_eq!(check(dir.path(), &written.replace(" 9999", "99999"), &[]).status.code(), Some(0));
}

#[test]
fn another_binarys_symbols_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    link(dir.path());
    fs::copy("/proc/self/exe", dir.path().join("binary.debug")).unwrap();
    let output = check(dir.path(), &budget(8192), &[]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("does not belong to"), "{output:?}");
}
