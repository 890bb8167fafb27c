//! Any bytes in place of service files are read, or refused with places that are there.

use rinit::config::{Config, Diagnostic, Place, Sources, load};
use rinit::supervisor::{Event, Supervisor, merge, plan};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const MOST_FILES: usize = 6;

/// The input holds several files, each after a line `%% NAME`; what comes first is `a.toml`.
pub fn check(input: &[u8]) {
    let dir = tempfile::Builder::new().prefix("rinit-fuzz.").tempdir_in(memory()).unwrap();
    let services = dir.path().join("services.d");
    fs::create_dir_all(dir.path().join("etc")).unwrap();
    fs::write(dir.path().join("etc/passwd"), "root:x:0:0::/root:/bin/sh\nweb:x:33:33::/srv:\n").unwrap();
    fs::write(dir.path().join("etc/group"), "root:x:0:\nweb:x:33:\nlog:x:4:web\n").unwrap();
    fs::create_dir(&services).unwrap();
    let sources = Sources {
        dirs: vec![services.clone()],
        command: Vec::new(),
        environment: [("A", "1"), ("NAME", "a b"), ("EMPTY", "")].map(|(n, v)| (n.into(), v.into())).into(),
        style: None,
        root: dir.path().to_owned(),
    };
    let files = files(input);
    let mut before = Config {
        services: Vec::new(),
        groups: BTreeMap::new(),
        directories: BTreeMap::new(),
        notes: Vec::new(),
    };
    // First one of them, and then all, as a reload finds them.
    for count in BTreeSet::from([1, files.len()]) {
        for (name, text) in files.iter().take(count) {
            fs::write(services.join(name), text).unwrap();
        }
        match load(&sources) {
            Ok(config) => {
                accepted(&services, &files, count, &sources, &config);
                reload(&before, &config);
                before = config;
            }
            Err(mistakes) => refused(&mistakes, &sources),
        }
    }
}

/// Where writing files costs least.
fn memory() -> PathBuf {
    let shm = PathBuf::from("/dev/shm");
    if shm.is_dir() { shm } else { std::env::temp_dir() }
}

/// The files by name: later ones replace earlier ones. No input names a place outside of the directory.
fn files(input: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut name = "a.toml".to_owned();
    let mut text = Vec::new();
    for line in input.split_inclusive(|byte| *byte == b'\n') {
        let header = line.strip_prefix(b"%% ").and_then(|rest| std::str::from_utf8(rest).ok());
        let next = header.map(str::trim_end).filter(|name| {
            !name.is_empty() && name.len() < 40 && name.bytes().all(|b| b.is_ascii_graphic() && b != b'/')
        });
        match next.filter(|name| !name.starts_with('.') && files.len() < MOST_FILES) {
            Some(next) => {
                let text = std::mem::take(&mut text);
                files.insert(std::mem::replace(&mut name, next.to_owned()), text);
            }
            None => text.extend_from_slice(line),
        }
    }
    files.insert(name, text);
    files
}

/// What is accepted is accepted again and means the same, also with a comment at its end.
fn accepted(
    services: &Path,
    files: &BTreeMap<String, Vec<u8>>,
    count: usize,
    sources: &Sources,
    config: &Config,
) {
    for (name, text) in files.iter().take(count) {
        fs::write(services.join(name), [text, &b"\n# the end"[..]].concat()).unwrap();
    }
    let again = load(sources).unwrap_or_else(|mistakes| panic!("a comment makes it wrong: {mistakes:?}"));
    assert_eq!(again.services, config.services, "a comment makes it another");
    let mut names = BTreeSet::new();
    for service in &config.services {
        assert!(names.insert(&service.name), "{} is there twice", service.name);
        assert!(!service.exec.command.is_empty(), "{} has no command", service.name);
        for dependency in &service.policy.depends_on {
            let known = config.services.iter().any(|other| other.name == dependency.name);
            assert!(known, "{} depends on {}", service.name, dependency.name);
        }
    }
}

/// A reload from one configuration to another is planned, and the supervisor takes it, at any time.
fn reload(before: &Config, after: &Config) {
    let same = plan(&after.services, &after.services);
    assert!(same.is_empty(), "a reload without a change does {same:?}");
    let planned = plan(&before.services, &after.services);
    let mut named = BTreeSet::new();
    for name in [&planned.start, &planned.stop, &planned.restart, &planned.change].into_iter().flatten() {
        assert!(named.insert(name), "{name} is in the plan twice: {planned:?}");
    }
    let mut supervisor = Supervisor::new(&before.services, Duration::from_secs(9));
    let mut effects = Vec::new();
    supervisor.step(Duration::ZERO, Event::Boot, &mut effects);
    let merged = merge(before.services.clone(), after.services.clone(), &[]);
    supervisor.reload(Duration::from_secs(1), &merged, &planned, &mut effects);
    let current = supervisor.current().map(|id| supervisor.name(id).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(current, after.services.iter().map(|service| service.name.clone()).collect());
}

/// Every mistake is shown, at a place of its file that is there.
fn refused(mistakes: &[Diagnostic], sources: &Sources) {
    assert!(!mistakes.is_empty(), "refused without a reason");
    assert!(mistakes.is_sorted(), "not in their order: {mistakes:?}");
    for mistake in mistakes {
        let shown = mistake.to_string();
        assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
        let Some(Place { line, column, width, .. }) = mistake.place else { continue };
        if !mistake.file.starts_with(&sources.root) {
            continue; // an env_file, which may have changed since
        }
        let bytes = fs::read(&mistake.file).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let of_file =
            text.split('\n').nth(line as usize - 1).unwrap_or_else(|| panic!("no such line: {shown}"));
        let length = of_file.chars().count();
        assert!(column >= 1 && column as usize <= length + 1, "no such column: {shown}");
        assert!(width >= 1 && (column + width) as usize <= length.max(1) + 2, "too wide: {shown}");
    }
}
