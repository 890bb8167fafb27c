//! What a person sees: `status`, the manual page, and completions in real shells.

mod beside;
mod completions;
mod man;
mod status;
mod status_keys;

use crate::support::rinit_bin;
use std::path::PathBuf;
use std::process::Command;

/// A directory in which the binary is called rinit, to be put before PATH.
fn named_rinit() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(rinit_bin(), dir.path().join("rinit")).unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", dir.path().display());
    (dir, path)
}

/// Whether a program is installed.
fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir: PathBuf| dir.join(program).is_file())
}

/// What was typed may come from anywhere: repeated, it must not move the cursor or turn the text round.
#[test]
fn words_are_repeated_escaped() {
    let odd = "a\u{1b}[2J\u{202e}\nb";
    let option = format!("--{odd}");
    let lines: [&[&str]; 7] = [
        &["status", odd, &option],
        &["signal", odd, "web"],
        &["check", odd],
        &["check", "--json", odd],
        &["--stop-timeout", odd, "true"],
        &["health", "--socket", odd],
        &[&option],
    ];
    for words in lines {
        let output = Command::new(rinit_bin()).args(words).output().unwrap();
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        assert!(
            text.contains("a\\u{1b}[2J\\u{202e}\\nb") || text.contains(r"a\\u{1b}[2J\\u{202e}\\nb"),
            "{text:?}"
        );
        assert!(text.chars().all(|c| c == '\n' || !(c.is_control() || c == '\u{202e}')), "{text:?}");
    }
}
