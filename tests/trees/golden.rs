//! Each file of `cases/` holds a tree and, after `== expected`, what a user is shown of it: the mistakes, or the
//! services. RINIT_BLESS=1 writes that anew. Lines before the first file say more: `style: runit`, `dirs: a b`.

use super::text;
use crate::config::dump;
use rinit::config::{Sources, Style, load};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

const EXPECTED: &str = "== expected\n";

/// What a line before the first file says.
fn setting<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let lines = text.lines().take_while(|line| !line.starts_with("-- "));
    lines.filter_map(|line| line.split_once(": ")).find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// What there is to read it from.
pub fn sources(tree: &str, base: &Path) -> Sources {
    let dirs = setting(tree, "dirs").unwrap_or("tree");
    Sources {
        dirs: dirs.split(' ').map(|dir| base.join(dir)).collect(),
        command: Vec::new(),
        environment: vec![("PATH".into(), "/nowhere".into())],
        style: match setting(tree, "style") {
            Some("runit") => Some(Style::Runit),
            Some("s6") => Some(Style::S6),
            _ => None,
        },
        root: base.to_owned(),
    }
}

fn outcome(tree: &str) -> String {
    let base = tempfile::tempdir().unwrap();
    text::make(tree, base.path());
    let shown = match load(&sources(tree, base.path())) {
        Ok(config) => dump::config(&config),
        Err(mistakes) => mistakes.iter().fold(String::new(), |mut text, mistake| {
            writeln!(text, "{mistake}").unwrap();
            text
        }),
    };
    shown.replace(&format!("{}/", base.path().display()), "")
}

/// All cases: the path and the text before what is expected.
pub fn cases() -> Vec<(PathBuf, String)> {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trees/cases");
    let mut paths: Vec<PathBuf> = fs::read_dir(&base).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 30, "the cases are missing from {}", base.display());
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let tree = text.split(EXPECTED).next().unwrap().to_owned();
        (path, tree)
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn golden_trees() {
    let mut failed = String::new();
    for (path, tree) in cases() {
        let shown = outcome(&tree);
        let whole = format!("{tree}{EXPECTED}{shown}");
        if std::env::var_os("RINIT_BLESS").is_some() {
            fs::write(&path, &whole).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap();
        if whole != expected {
            let expected = expected.split_once(EXPECTED).map_or("", |(_, expected)| expected);
            writeln!(failed, "== {}\n-- expected:\n{expected}-- shown:\n{shown}", path.display()).unwrap();
        }
    }
    assert!(failed.is_empty(), "{failed}RINIT_BLESS=1 takes over what is shown");
}
