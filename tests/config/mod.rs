//! Golden directories: each `tests/config/NN-name` is read as a root directory, and what comes out, the mistakes or
//! the services, is compared with its file `expected`. `RINIT_BLESS=1` writes these files anew.
//!
//! Beside `services.d` (or the directories that `dirs` lists) a case may hold `command`, one word of COMMAND in each
//! line, `variables`, the environment of rinit as NAME=VALUE lines, and `etc/passwd` and `etc/group`.

pub mod dump;
mod files;
mod random;
mod secrets;

use rinit::config::{Sources, load};
use std::ffi::OsString;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// The words of a file, one a line; none without the file.
fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).map_or(Vec::new(), |text| text.lines().map(str::to_owned).collect())
}

/// What a user would be shown for this case, with paths as seen from its directory.
fn outcome(case: &Path) -> String {
    let mut dirs = lines(&case.join("dirs"));
    if dirs.is_empty() {
        dirs.push("services.d".to_owned());
    }
    let sources = Sources {
        dirs: dirs.iter().map(|dir| case.join(dir)).collect(),
        command: lines(&case.join("command")).into_iter().map(OsString::from).collect(),
        environment: lines(&case.join("variables"))
            .iter()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
        style: None,
        root: case.to_owned(),
    };
    let shown = match load(&sources) {
        Ok(config) => dump::config(&config),
        Err(mistakes) => mistakes.iter().fold(String::new(), |mut text, mistake| {
            writeln!(text, "{mistake}").unwrap();
            text
        }),
    };
    shown.replace(&format!("{}/", case.display()), "")
}

#[test]
fn golden_directories() {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config");
    let mut cases: Vec<PathBuf> = fs::read_dir(&base).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.is_dir());
    cases.sort();
    assert!(cases.len() >= 25, "the cases are missing from {}", base.display());
    let mut failed = String::new();
    for case in cases {
        let shown = outcome(&case);
        let file = case.join("expected");
        if std::env::var_os("RINIT_BLESS").is_some() {
            fs::write(&file, &shown).unwrap();
        }
        let expected = fs::read_to_string(&file).unwrap_or_default();
        if shown != expected {
            writeln!(failed, "== {}\n-- expected:\n{expected}-- shown:\n{shown}", case.display()).unwrap();
        }
    }
    assert!(failed.is_empty(), "{failed}RINIT_BLESS=1 takes over what is shown");
}
