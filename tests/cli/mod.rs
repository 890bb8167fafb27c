//! What a person sees: `status`, the manual page, and completions in real shells.

mod beside;
mod completions;
mod man;
mod status;

use crate::support::rinit_bin;
use std::path::PathBuf;

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
