//! The supervisor alone: it needs nothing but std and the model, and holds its rules whatever happens.

mod faults;
mod keys;
mod simulator;
mod states;

use crate::support::{output, repository};

#[test]
fn the_supervisor_compiles_without_any_crate_in_reach() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("lib.rs");
    let source = repository().join("src");
    let module = |name: &str| format!("#[path = {:?}]\npub mod {name};\n", source.join(name).join("mod.rs"));
    std::fs::write(&root, format!("{}{}", module("model"), module("supervisor"))).unwrap();
    let words = [
        "--edition=2024",
        "--crate-type=lib",
        "--emit=metadata",
        "--deny=warnings",
        &format!("--out-dir={}", dir.path().display()),
        &root.display().to_string(),
    ];
    let compiled = output("rustc", &words).unwrap();
    assert_eq!(compiled.status, 0, "{}", compiled.stderr);
}

#[test]
fn every_unsafe_block_is_in_sys() {
    let mut open = vec![repository().join("src")];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("src/sys") {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let uses = text.lines().filter(|line| !line.trim_start().starts_with("//"));
                let found: Vec<&str> =
                    uses.filter(|line| line.contains("unsafe {") || line.contains("libc::")).collect();
                let is_sys = path.parent().is_some_and(|dir| dir.ends_with("src/sys"));
                assert!(
                    is_sys || found.is_empty() || path.ends_with("model/signal.rs"),
                    "{}: {found:?}",
                    path.display()
                );
            }
        }
    }
}
