//! The inputs that fuzzing has kept, through the same checks: docs/testing.md says how to look for more.

mod checks;

use std::path::PathBuf;

/// Tries every input that is kept for a target.
fn replay(target: &str, check: fn(&[u8])) {
    let dir = crate::support::repository().join("fuzz/corpus").join(target);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 20, "the corpus is missing from {}", dir.display());
    for file in files {
        eprintln!("{}", file.display()); // shown if it fails
        check(&std::fs::read(&file).unwrap());
    }
}

#[test]
fn protocol() {
    replay("protocol", checks::protocol::check);
}

#[test]
fn definitions() {
    replay("definitions", checks::definitions::check);
}

#[test]
fn command_line() {
    replay("command_line", checks::command_line::check);
}
