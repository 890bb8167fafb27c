//! Whatever a file holds, it is read without a panic, and what is shown of it is fit for a terminal.

use proptest::prelude::*;
use rinit::config::lint::World;
use rinit::config::{Diagnostic, Sources, check, load};
use std::fs;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// A file with every key.
const WHOLE: &str = include_str!("02-every-key/services.d/web.toml");

fn sources(dir: &Path) -> Sources {
    Sources {
        dirs: vec![dir.to_owned()],
        command: Vec::new(),
        environment: vec![("NAME".into(), "value".into())],
        style: None,
        root: dir.to_owned(),
    }
}

/// Reads these bytes as a definition and as an `env_file`, beside one that is right.
fn read(bytes: &[u8]) -> Result<(), TestCaseError> {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("web.toml"), bytes).unwrap();
    fs::write(dir.path().join(".env"), bytes).unwrap();
    fs::write(dir.path().join("db.toml"), "command = \"true\"\nenv_file = \".env\"\ndepends_on = [\"web\"]")
        .unwrap();
    let loaded = load(&sources(dir.path()));
    let mistakes = match &loaded {
        Ok(config) => {
            prop_assert!(config.services.iter().all(|service| !service.exec.command.is_empty()));
            &[][..]
        }
        Err(mistakes) => {
            prop_assert!(!mistakes.is_empty());
            mistakes
        }
    };
    let found = found(dir.path());
    for mistake in mistakes.iter().chain(&found) {
        let shown = mistake.to_string();
        prop_assert!(shown.lines().count() <= 3, "{shown:?}");
        prop_assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
        prop_assert!(shown.lines().all(|line| line.chars().count() < 1000), "{shown:?}");
    }
    // A check finds what the init would refuse, and warnings beside it.
    prop_assert!(found.iter().filter(|found| found.warning.is_none()).eq(mistakes));
    Ok(())
}

/// What `rinit check` finds.
fn found(dir: &Path) -> Vec<Diagnostic> {
    let stop_timeout = Duration::from_secs(9);
    let world = World { stop_timeout, programs: Some("/bin".into()), is_root: true };
    check(&sources(dir), &world).found
}

/// One change: some bytes at a place of so many are replaced by others.
fn change(length: usize) -> impl Strategy<Value = (usize, usize, Vec<u8>)> {
    let inserted = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..4),
        prop::sample::select(vec![
            "\"", "'", "\"\"\"", "[", "]", "[[", "{", "}", "=", "\n", ".", ",", "#", "\\u0000", "0", "${",
            "${NAME:-", "}", "$"
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        "[a-z_]{1,12} = (\\[|\\{|\")?".prop_map(String::into_bytes),
    ];
    (0..=length, 0_usize..20, inserted)
}

fn changed(text: &str, changes: Vec<(usize, usize, Vec<u8>)>) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for (at, removed, inserted) in changes {
        let start = at.min(bytes.len());
        let end = (start + removed).min(bytes.len());
        bytes.splice(start..end, inserted);
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read(&bytes)?;
    }

    #[test]
    fn random_pieces_of_toml(text in "([a-c\"'\\[\\]{}=.,#\\\\ \n\r\t0-9+_-]|\"\"\"|command|healthcheck|é|日){0,60}") {
        read(text.as_bytes())?;
    }

    #[test]
    fn random_changes_of_a_whole_file(changes in prop::collection::vec(change(WHOLE.len()), 1..6)) {
        read(&changed(WHOLE, changes))?;
    }
}
