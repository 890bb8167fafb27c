//! The documentation agrees with the code.

use crate::support::repository;
use rinit::config::keys::{Key, SERVICE, TABLES};

const BEGIN: &str = "<!-- keys: written by the test of the same name; RINIT_BLESS=1 writes it anew -->\n";
const END: &str = "<!-- end of keys -->\n";

fn table(keys: &[Key]) -> String {
    let mut text = "| key | value | default | meaning | example |\n|---|---|---|---|---|\n".to_owned();
    for key in keys {
        let cell = |text: &str| text.replace('|', "\\|");
        text += &format!(
            "| `{}` | {} | {} | {} | `{}` |\n",
            key.name,
            cell(key.kind),
            cell(key.default),
            cell(key.meaning),
            cell(key.example)
        );
    }
    text
}

#[test]
fn keys() {
    let path = repository().join("docs/services.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let mut tables = format!("\n{}\n", table(SERVICE));
    for (name, keys) in TABLES {
        tables += &format!("`{name}`:\n\n{}\n", table(keys));
    }
    let expected = format!("{before}{BEGIN}{tables}{END}{after}");
    if std::env::var_os("RINIT_BLESS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), expected, "run with RINIT_BLESS=1");
}

#[test]
fn every_page_is_linked_and_every_link_leads_somewhere() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    for entry in std::fs::read_dir(repository().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(readme.contains(&format!("(docs/{name})")), "README.md does not lead to docs/{name}");
    }
    for target in readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(repository().join(target).exists(), "README.md leads to {target}");
    }
}

#[test]
fn the_services_in_the_readme_are_without_a_mistake() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let mut definitions =
        readme.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    let image = tempfile::tempdir().unwrap();
    let dir = image.path().join("services.d");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("nginx.toml"), definitions.next().unwrap()).unwrap();
    std::fs::write(dir.join("redis.toml"), definitions.next().unwrap()).unwrap();
    std::fs::create_dir(image.path().join("etc")).unwrap();
    std::fs::write(image.path().join("etc/passwd"), "redis:x:100:101::/:/bin/false\n").unwrap();
    let sources = rinit::config::Sources {
        dirs: vec![dir],
        command: vec![],
        environment: vec![],
        style: None,
        root: image.path().to_owned(),
    };
    assert_eq!(rinit::config::load(&sources).unwrap().services.len(), 2);
}

/// All pages of documentation, and all sources, each with its place in the repository.
fn texts(ends: &[&str]) -> Vec<(String, String)> {
    let listed = crate::support::output("git", &["-C", env!("CARGO_MANIFEST_DIR"), "ls-files"]).unwrap();
    let files = listed.ok();
    let files = files.lines().filter(|file| ends.iter().any(|end| file.ends_with(end)));
    files
        .filter_map(|file| Some((file.to_owned(), std::fs::read_to_string(repository().join(file)).ok()?)))
        .collect()
}

/// Whether a word is a path in this repository: not one with a placeholder, and not one of an image's.
fn is_path(word: &str) -> bool {
    const OURS: [&str; 8] =
        ["src/", "tests/", "docs/", "examples/", "scripts/", "benches/", "fuzz/", ".cargo/"];
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "/._-".contains(c);
    OURS.iter().any(|ours| word.starts_with(ours)) && word.chars().all(plain)
}

#[test]
fn every_path_that_is_named_is_there() {
    let mut count = 0;
    for (file, text) in texts(&[".md"]) {
        for word in text.split('`').skip(1).step_by(2).filter(|word| is_path(word)) {
            count += 1;
            assert!(repository().join(word).exists(), "{file} names {word}, which is not there");
        }
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let beside = repository().join(&file).parent().unwrap().join(target);
            assert!(target.contains("://") || beside.exists(), "{file} leads to {target}");
        }
    }
    assert!(count > 50, "{count}");
    for (file, text) in texts(&[".rs", ".toml", ".yaml", ".yml"]) {
        let words = text.split(|c: char| c.is_whitespace() || "`\"'()[],;:".contains(c));
        for word in words.map(|word| word.trim_end_matches('.')).filter(|word| is_path(word)) {
            if word.starts_with("docs/") {
                assert!(repository().join(word).exists(), "{file} names {word}, which is not there");
            }
        }
    }
}

/// Prose can be read in any terminal and in a diff. Tables, and what stands apart, keep their lines.
#[test]
fn no_line_of_prose_is_long() {
    let pages = texts(&[".md"]).into_iter().filter(|(name, _)| name != "CHANGELOG.md");
    for (name, text) in pages {
        let mut is_code = false;
        for (index, line) in text.lines().enumerate() {
            is_code ^= line.trim_start().starts_with("```");
            let is_apart = is_code || line.trim_start().starts_with('|') || line.starts_with("    ");
            let length = line.chars().count();
            assert!(is_apart || length <= 130, "{name}:{} has {length} columns", index + 1);
            let is_indented = line.starts_with(' ') && !line.starts_with("  ");
            assert!(is_apart || !is_indented, "{name}:{} begins with a blank", index + 1);
        }
    }
}
