//! A tree as TOML files: read again, they say the same.

use super::golden::{cases, sources};
use super::text;
use rinit::config::{Config, Sources, load, write};
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
working_dir = "BASE/tree/once"
restart = "no"
bundles = ["all"]

# web.toml
command = ["./run", "web"]
arg0 = "run"
working_dir = "BASE/tree/web"
stdout = "service:web-log"
backoff = { initial = "1s", factor = 1, max = "1s", reset_after = "1s" }
notify = 3
kill_mode = "process"
post_stop = ["./finish"]
post_stop_timeout = "5s"
finish = "s6"
max_death_tally = 20

# web-log.toml
command = ["./run", "web/log"]
arg0 = "run"
working_dir = "BASE/tree/web/log"
backoff = { initial = "1s", factor = 1, max = "1s", reset_after = "1s" }
kill_mode = "process"
"#;
    assert_eq!(printed, expected);
}
