//! A core of PID 1 can be read: the binary is stripped, and rinit.debug beside it has what was stripped.

use crate::skip;
use crate::support::{Launch, PATIENCE, output, repository, rinit_bin};
use nix::sys::signal::Signal;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// The core is of the moment at which the supervisor decides something: PID 1's own code, as after a crash.
#[test]
fn a_core_shows_functions_files_and_lines() {
    if output("gdb", &["--version"]).is_err() {
        skip!("needs gdb");
    }
    let dir = tempfile::tempdir().unwrap();
    let mut init = Launch::plain().service("web", "command = [\"sleep\", \"1000\"]").start();
    init.wait_healthy(PATIENCE);
    let core = dir.path().join("core").display().to_string();
    let pid = init.pid().to_string();
    let save = format!("generate-core-file {core}");
    let source = std::fs::read_to_string(repository().join("src/supervisor/mod.rs")).unwrap();
    let line = source.lines().position(|line| line.contains("pub fn step(")).unwrap() + 1;
    let stop = format!("break src/supervisor/mod.rs:{line}");
    // An error ends a file of commands, and gdb with it: one in `-ex` would leave rinit to run on, and the test to wait.
    let commands = dir.path().join("commands");
    let lines = ["handle all nostop pass", &stop, "continue", &save, "detach"];
    std::fs::write(&commands, format!("set breakpoint pending off\n{}\n", lines.join("\n"))).unwrap();
    let mut gdb = Command::new("gdb");
    gdb.args(["--batch", "-p", &pid, "-x"]).arg(&commands);
    gdb.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut gdb = gdb.spawn().unwrap();
    let mut said = BufReader::new(gdb.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(said.any(|line| line.starts_with("Breakpoint 1 at")), "gdb finds no function");
    init.signal(Signal::SIGTERM);
    let said: Vec<String> = said.collect();
    assert!(gdb.wait().unwrap().success() && Path::new(&core).exists(), "{said:?}");
    init.wait_exit(PATIENCE);

    let program = rinit_bin().display().to_string();
    let trace = output("gdb", &["--batch", "-ex", "bt", &program, &core]).unwrap().stdout;
    for (function, place) in
        [("step", "src/supervisor/mod.rs:"), ("run", "src/init/mod.rs:"), ("main", "src/sys/entry.rs:")]
    {
        let found = |line: &str| line.starts_with('#') && line.contains(function) && line.contains(place);
        assert!(trace.lines().any(found), "no {function} of {place}\n{trace}");
    }
}

/// What is released has no symbols itself, and names the file that has them.
#[test]
fn a_binary_with_its_symbols_beside_it_is_stripped() {
    let program = rinit_bin();
    if !program.with_extension("debug").exists() {
        skip!("needs RINIT_BIN as scripts/musl makes it");
    }
    let sections =
        Command::new("readelf").args(["--wide", "--section-headers"]).arg(program).output().unwrap();
    let sections = String::from_utf8(sections.stdout).unwrap();
    assert!(!sections.contains(".symtab") && !sections.contains(".debug_line"), "{sections}");
    assert!(sections.contains(".gnu_debuglink"), "{sections}");
}
