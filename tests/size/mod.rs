//! The release binary's size: that tests/size/check finds what is too large, and that what is left out of the binary
//! (docs/size.md) is not missed. tests/run checks the binary itself.

use crate::skip;
use crate::support::repository;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SIGABRT: i32 = 6;

const MAP: &str = "\
             VMA              LMA     Size Align Out     In      Symbol
          200280           200280      100     8 .rodata
          200280           200280      100     8         /x/rinit.rcgu.o:(.rodata..Lanon.1)
          200380           200380     3800    16 .text
          200380           200380      800    16         /x/rinit.rcgu.o:(.text._ZN5rinit6config4read17h0123456789abcdefE)
          200b80           200b80     1800    16         /x/rinit.rcgu.o:(.text.unlikely._ZN4toml5parse17h0123456789abcdefE)
          200b80           200b80       10    16                 _ZN4toml5parse17h0123456789abcdefE
          202380           202380     1800    16         /usr/lib/libc.a(malloc.o):(.text)
          204000           204000     9000    16 .bss
          204000           204000     9000    16         /usr/lib/libc.a(malloc.o):(.bss)
";
const PARTS: [(&str, u32); 5] = [
    ("whole", 15_000),
    ("C library", 6144),
    ("toml", 6144),
    ("rinit::config", 2048),
    // The constants, and what the map does not have.
    ("small crates", 664),
];

/// Checks a file of 15,000 bytes with the map above against a budget.
fn check(dir: &Path, budget: &str, options: &[&str]) -> Output {
    let [binary, map, path] = ["binary", "map", "budget"].map(|name| dir.join(name));
    fs::write(&binary, [0; 15_000]).unwrap();
    fs::write(&map, MAP).unwrap();
    fs::write(&path, budget).unwrap();
    let mut command = Command::new(repository().join("tests/size/check"));
    command.args(options).args([binary, map, path]).output().unwrap()
}

fn budget(of_toml: u32) -> String {
    format!("# Head.\nwhole 16000\nC library 8192\ntoml {of_toml}\nrinit::config 4096\n")
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
    let output = check(dir.path(), "# Head.\nwhole 14999\ntoml 1\n", &["--write"]);
    assert_eq!(output.status.code(), Some(1), "the whole is too large still");
    let written = fs::read_to_string(dir.path().join("budget")).unwrap();
    let rows: Vec<Vec<&str>> =
        written.lines().map(|line| line.rsplitn(2, ' ').map(str::trim).collect()).collect();
    assert_eq!(rows[..3], [vec!["Head.", "#"], vec!["14999", "whole"], vec!["14336", "toml"]], "{written}");
    assert_eq!(check(dir.path(), &written.replace("14999", "15000"), &[]).status.code(), Some(0));
}

#[test]
fn another_binarys_map_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(repository().join("tests/size/check"));
    check(dir.path(), &budget(8192), &[]);
    fs::write(dir.path().join("binary"), [0; 100]).unwrap();
    let output =
        command.args(["binary", "map", "budget"].map(|name| dir.path().join(name))).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("is not the map of"), "{output:?}");
}

/// A program with the functions of src/sys/lean.rs, linked as build.rs tries it.
const PROGRAM: &str = r#"
    use std::ffi::{c_char, c_uint};
    unsafe extern "C" {
        fn __assert_fail(assertion: *const c_char, file: *const c_char, line: c_uint, function: *const c_char) -> !;
    }
    fn main() {
        match std::env::args().nth(1).as_deref() {
            Some("panic") => panic!("as it should"),
            Some("assert") => unsafe { __assert_fail(c"1 == 2".as_ptr(), c"some.c".as_ptr(), 3, c"f".as_ptr()) },
            _ => std::fs::read("/nowhere").map(drop).unwrap(),
        }
    }
"#;

/// Compiles a program into the directory. The error is the compiler's.
fn compile(dir: &Path, source: &str, options: &[&str]) -> Result<PathBuf, String> {
    let file = dir.join("program.rs");
    fs::write(&file, source).unwrap();
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--edition=2024", "-Cpanic=abort", "-Ctarget-feature=+crt-static", "--out-dir"]).arg(dir);
    let built = rustc.args(options).arg(&file).output().unwrap();
    match built.status.success() {
        true => Ok(dir.join("program")),
        false => Err(String::from_utf8_lossy(&built.stderr).into_owned()),
    }
}

/// Runs it with each word: it has to say what is beside that, and to abort.
fn all_abort(program: &Path, said: &[(&str, &str)]) {
    for (word, expected) in said {
        let output = Command::new(program).arg(word).env("RUST_BACKTRACE", "1").output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains(expected), "{message}");
        let signal = output.status.signal();
        assert!(signal == Some(SIGABRT), "{word}: {:?}: {message}", output.status);
    }
}

#[test]
fn a_panic_and_a_failed_assertion_are_reported_and_abort() {
    let dir = tempfile::tempdir().unwrap();
    let lean = repository().join("src/sys/lean.rs");
    let program = compile(dir.path(), &format!("#[path = {lean:?}]\nmod lean;\n{PROGRAM}"), &[]).unwrap();
    let said = [
        ("panic", "as it should"),
        ("assert", "some.c: assertion failed: 1 == 2\n"),
        ("read", "No such file or directory"),
    ];
    all_abort(&program, &said);
}

/// A program with the functions of src/sys/no_stdio.rs as well, and like rinit without Rust's own start.
const WITHOUT_STREAMS: &str = r#"
    use std::ffi::{c_int, c_void};
    use std::io::Error;
    unsafe extern "C" {
        fn malloc(size: usize) -> *mut c_void;
        fn free(memory: *mut c_void);
        fn fork() -> c_int;
        fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    }
    #[unsafe(no_mangle)]
    extern "C" fn main(_count: c_int, _words: *const *const c_int) -> c_int {
        match std::env::args().nth(1).as_deref() {
            Some("free") => unsafe {
                let memory = std::hint::black_box(malloc(24));
                free(memory);
                free(std::hint::black_box(memory));
            },
            Some("errors") => panic!("{}; {}", Error::from_raw_os_error(2), Error::from_raw_os_error(9999)),
            Some("fork") => {
                let mut status = 0;
                match unsafe { fork() } {
                    0 => std::process::exit(5),
                    child => unsafe { waitpid(child, &mut status, 0) },
                };
                panic!("status {}", status >> 8);
            }
            _ => {}
        }
        0
    }
"#;

#[test]
fn without_streams_errors_have_texts_and_a_damaged_heap_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let [lean, no_stdio] = ["src/sys/lean.rs", "src/sys/no_stdio.rs"].map(|file| repository().join(file));
    let source = format!(
        "#![no_main]\n#[macro_use]\n#[path = {lean:?}]\nmod lean;\n#[path = {no_stdio:?}]\nmod no_stdio;\n{WITHOUT_STREAMS}"
    );
    let program = match compile(dir.path(), &source, &["-Copt-level=z", "-Clto=fat", "-Ccodegen-units=1"]) {
        Ok(program) => program,
        Err(e) => skip!("needs a C library that can do without its streams, as Debian 12's: {e}"),
    };
    let said = [
        ("free", "free(): double free detected"),
        ("errors", "No such file or directory (os error 2); Unknown error (os error 9999)"),
        ("fork", "status 5"),
    ];
    all_abort(&program, &said);
}
