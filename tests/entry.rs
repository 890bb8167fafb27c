//! rinit has an entry of its own in the place of that of Rust's runtime: what that one would do is done all the same.

use crate::support::{PATIENCE, output, rinit_bin, wait_for};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

#[test]
fn words_arrive_byte_for_byte_and_so_does_the_environment() {
    let word = OsStr::from_bytes(b"a\xff\n'");
    let script = "printf %s \"$1$VALUE\"";
    let output = Command::new(rinit_bin())
        .args(["health", "--", "/bin/sh", "-c", script, "sh"])
        .arg(word)
        .env("VALUE", OsStr::from_bytes(b"\xfe"))
        .output()
        .unwrap();
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"a\xff\n'\xfe"[..]), "{output:?}");
}

#[test]
fn a_pipe_without_a_reader_is_no_end() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = Command::new(rinit_bin()).arg("help").stdout(writer).status().unwrap();
    assert_eq!(status.code(), Some(0), "{status:?}");
    // A program that a verb runs finds the signal as programs do.
    let caught = "trap - PIPE; kill -PIPE $$";
    let output =
        output(&rinit_bin().display().to_string(), &["health", "--", "/bin/sh", "-c", caught]).unwrap();
    assert_eq!(output.status, 1);
    assert!(output.stderr.contains("killed by SIGPIPE"), "{output:?}");
}

#[test]
fn closed_descriptors_are_taken_by_nothing_of_rinit_s() {
    let rinit = rinit_bin().display().to_string();
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        let script = format!("exec {rinit} health --socket @nobody-listens-here {closed}");
        let output = output("/bin/sh", &["-c", &script]).unwrap();
        assert_eq!(output.status, 3, "{closed}: {output:?}");
    }
}

#[test]
fn a_fault_ends_it() {
    let mut child = Command::new(rinit_bin())
        .args(["health", "--", "sleep", "1000"])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let children = format!("/proc/{0}/task/{0}/children", child.id());
    let program: i32 = wait_for("the command", PATIENCE, || {
        std::fs::read_to_string(&children).ok()?.split_whitespace().next()?.parse().ok()
    });
    let kill = |signal, pid: i32| {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).unwrap();
    };
    kill(nix::sys::signal::Signal::SIGSEGV, child.id() as i32);
    assert_eq!(child.wait().unwrap().signal(), Some(11));
    kill(nix::sys::signal::Signal::SIGKILL, program);
}
