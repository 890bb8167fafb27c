//! A tree as TOML files: read again, they say the same.

use super::golden::{cases, sources};
use super::text;
use crate::support::repository;
use rinit::config::{Config, Sources, keys, load, write};
use rinit::model::Service;
use std::fs;
use std::path::Path;

/// Writes what was printed into files, as docs/migrate.md has it done.
fn split(printed: &str, dir: &Path) {
    let mut file = None;
    for line in printed.lines() {
        if let Some(name) = line.strip_prefix("# ") {
            file = Some(dir.join(name));
        }
        let path = file.as_ref().expect("the first line names a file");
        let before = fs::read_to_string(path).unwrap_or_default();
        fs::write(path, format!("{before}{line}\n")).unwrap();
    }
}

fn without_origin(config: &Config) -> Vec<Service> {
    config.services.iter().map(|service| Service { origin: None, ..service.clone() }).collect()
}

#[test]
fn what_is_printed_says_the_same() {
    let mut compared = 0;
    for (path, tree) in cases() {
        let base = tempfile::tempdir().unwrap();
        text::make(&tree, base.path());
        let from = sources(&tree, base.path());
        let Ok(config) = load(&from) else { continue };
        let printed = write::files(&config).unwrap();
        let toml = base.path().join("toml");
        fs::create_dir(&toml).unwrap();
        split(&printed, &toml);
        // What is defined in TOML is left as it is.
        for dir in &from.dirs {
            for entry in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.extension().is_some_and(|end| end == "toml") {
                    let target = toml.join(entry.file_name().unwrap());
                    if !target.exists() {
                        fs::copy(&entry, target).unwrap();
                    }
                }
            }
        }
        let again = load(&Sources { dirs: vec![toml], ..from }).unwrap_or_else(|mistakes| {
            let shown: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            panic!("{}: {}\n{printed}", path.display(), shown.join("\n"))
        });
        assert_eq!(without_origin(&again), without_origin(&config), "{}: {printed}", path.display());
        assert_eq!(again.groups, config.groups, "{}: {printed}", path.display());
        compared += 1;
    }
    assert!(compared >= 15, "only {compared} trees are without a mistake");
}

#[test]
fn a_tree_as_toml() {
    let base = tempfile::tempdir().unwrap();
    let tree = "-- tree/web/run x\n#!/bin/sh\n-- tree/web/finish x\n#!/bin/sh\n-- tree/web/notification-fd\n3\n\
                -- tree/web/max-death-tally\n20\n\
                -- tree/web/log/run x\n#!/bin/sh\n-- tree/once/type\noneshot\n-- tree/once/up\n\
                /bin/sh -c \"echo ${HOME}\\t\"\n-- tree/all/contents.d/once\n";
    text::make(tree, base.path());
    let config = load(&sources(tree, base.path())).unwrap();
    let printed = write::files(&config).unwrap().replace(&base.path().display().to_string(), "BASE");
    let expected = r#"# once.toml
command = ["/bin/sh", "-c", "echo $${HOME}\t"]
restart = "no"
bundles = ["all"]
working_dir = "BASE/tree/once"

# web.toml
command = ["./run", "web"]
arg0 = "run"
backoff = { initial = "1s", factor = 1, max = "1s", reset_after = "1s" }
notify = 3
working_dir = "BASE/tree/web"
stdout = "service:web-log"
kill_mode = "process"
post_stop = ["./finish"]
post_stop_timeout = "5s"
finish = "s6"
max_death_tally = 20

# web-log.toml
command = ["./run", "web/log"]
arg0 = "run"
backoff = { initial = "1s", factor = 1, max = "1s", reset_after = "1s" }
working_dir = "BASE/tree/web/log"
kill_mode = "process"
"#;
    assert_eq!(printed, expected);
}

/// What `check --toml` cannot write: directories have no such key, and a secret may be in it.
fn without_unwritten(mut service: Service) -> Service {
    service.exec.context.user = None;
    service.exec.environment.clear();
    service.exec.context.ulimits.sort_by_key(|limit| format!("{:?}", limit.resource));
    Service { origin: None, ..service }
}

/// Every key that can be read can be written: as if directories had said what the golden definitions say.
#[test]
fn every_key_is_written() {
    let mut written = String::new();
    for root in fs::read_dir(repository().join("tests/config")).unwrap().map(|entry| entry.unwrap().path()) {
        let dirs = vec![root.join("services.d")];
        let environment = vec![("NAME".into(), "value".into())];
        let from = Sources { dirs, command: Vec::new(), environment, style: None, root: root.clone() };
        let Some(mut config) = load(&from).ok().filter(|_| root.join("services.d").is_dir()) else {
            continue;
        };
        config.directories =
            config.services.iter().map(|service| (service.name.clone(), String::new())).collect();
        let printed = write::files(&config).unwrap();
        let dir = tempfile::tempdir().unwrap();
        split(&printed, dir.path());
        let again = load(&Sources { dirs: vec![dir.path().to_owned()], ..from })
            .unwrap_or_else(|mistakes| panic!("{}: {}\n{printed}", root.display(), mistakes[0]));
        let plain = |config: Config| config.services.into_iter().map(without_unwritten).collect::<Vec<_>>();
        assert_eq!(plain(again), plain(config), "{}: {printed}", root.display());
        written.push_str(&printed);
    }
    for (_, tree) in cases() {
        let base = tempfile::tempdir().unwrap();
        text::make(&tree, base.path());
        written.extend(load(&sources(&tree, base.path())).map(|config| write::files(&config).unwrap()));
    }
    for key in keys::SERVICE.iter().filter(|key| !["user", "environment", "env_file"].contains(&key.name)) {
        let start = format!("{} = ", key.name);
        let is_written = |line: &str| line.starts_with(&start) || line == format!("[{}]", key.name);
        assert!(written.lines().any(is_written), "no golden definition has {}", key.name);
    }
}
