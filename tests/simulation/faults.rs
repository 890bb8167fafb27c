//! Faults that are planted in a copy of the supervisor, to see that the simulator finds each.

use crate::support::repository;
use std::path::Path;
use std::process::Command;

const BEGIN: &str = "<!-- faults: measured and written by tests/simulation/plant -->\n";
const END: &str = "<!-- end of faults -->\n";

/// More seeds than this are not played to find one.
const MOST: u64 = 1_000_000;

struct Fault {
    name: String,
    file: String,
    /// This text in the file...
    old: String,
    /// ...becomes this.
    new: String,
}

fn faults() -> Vec<Fault> {
    let dir = repository().join("tests/simulation/faults");
    let mut paths: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let (file, rest) = text.split_once("\n--- in place of\n").unwrap();
        let (old, new) = rest.split_once("\n--- is planted\n").unwrap();
        Fault {
            name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            file: file.to_owned(),
            old: old.to_owned(),
            new: new.trim_end_matches('\n').to_owned(),
        }
    };
    paths.iter().map(read).collect()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// Compiles, however long that takes on a busy machine.
fn compile(args: &[&str]) {
    let compiled = Command::new("rustc").args(args).output().unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
}

/// Builds the supervisor of a directory and the simulator with it, as `optimised` and `emitted` say. Nothing else of rinit is
/// there.
fn build(dir: &Path, optimised: &str, emitted: &str) {
    let at = |name: &str| dir.join(name).display().to_string();
    let simulator = repository().join("tests/simulation/simulator/mod.rs");
    std::fs::write(at("src/lib.rs"), "pub mod model;\npub mod supervisor;\n").unwrap();
    std::fs::write(at("main.rs"), format!("#[path = {simulator:?}]\nmod simulator;\n")).unwrap();
    let (out, searched) = (format!("--out-dir={}", dir.display()), format!("-L{}", dir.display()));
    let shared = ["--edition=2024", optimised, emitted, "-Awarnings", &out, &searched];
    compile(&[&shared[..], &["--crate-type=rlib", "--crate-name=rinit", &at("src/lib.rs")]].concat());
    let test = ["--test", "--crate-name=simulator", "--extern=rinit", &at("main.rs")];
    compile(&[&shared[..], &test[..]].concat());
}

/// A copy of what the simulator needs of rinit.
fn copy_supervisor(dir: &Path) {
    for module in ["model", "supervisor"] {
        copy(&repository().join("src").join(module), &dir.join("src").join(module));
    }
}

/// Builds the simulator with the fault in it, and plays seeds until one fails. Returns how many that took.
fn seeds_needed(fault: &Fault) -> u64 {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    copy_supervisor(dir.path());
    let file = dir.path().join(&fault.file);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen(&fault.old, &fault.new, 1)).unwrap();
    build(dir.path(), "-Copt-level=1", "--emit=link");
    let mut simulator = Command::new(at("simulator"));
    let played = simulator.arg("no_seed_breaks_a_rule").env("RINIT_SEEDS", MOST.to_string()).output();
    let told = String::from_utf8_lossy(&played.unwrap().stdout).into_owned();
    let seed = told.lines().find_map(|line| line.strip_prefix("seed ")?.split_once(':'));
    let (seed, broken) = seed.unwrap_or_else(|| panic!("{} was not found: {told}", fault.name));
    println!("{}: seed {seed}:{broken}", fault.name);
    seed.parse::<u64>().unwrap() + 1
}

/// What a fault is, for people: its name without its number.
fn title(fault: &Fault) -> String {
    fault.name.split_once('-').map_or(String::new(), |(_, words)| words.replace('-', " "))
}

#[test]
fn every_fault_can_be_planted_and_is_listed() {
    let page = std::fs::read_to_string(repository().join("docs/testing.md")).unwrap();
    for fault in faults() {
        let text = std::fs::read_to_string(repository().join(&fault.file)).unwrap();
        assert_eq!(text.matches(&fault.old).count(), 1, "{}: {:?} in {}", fault.name, fault.old, fault.file);
        assert!(
            page.contains(&format!("| {} |", title(&fault))),
            "docs/testing.md does not list {}",
            fault.name
        );
    }
}

#[test]
fn the_simulator_needs_nothing_but_the_supervisor() {
    let dir = tempfile::tempdir().unwrap();
    copy_supervisor(dir.path());
    build(dir.path(), "-Copt-level=0", "--emit=metadata");
}

#[test]
#[ignore = "builds the simulator anew for each fault; tests/simulation/plant runs it"]
fn planted_faults_are_found() {
    let mut table = "\n| planted fault | in | seeds needed |\n|---|---|---|\n".to_owned();
    for fault in faults() {
        table += &format!("| {} | `{}` | {} |\n", title(&fault), fault.file, seeds_needed(&fault));
    }
    let path = repository().join("docs/testing.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    std::fs::write(&path, format!("{before}{BEGIN}{table}\n{END}{after}")).unwrap();
}
