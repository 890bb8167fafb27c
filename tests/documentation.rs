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
fn the_service_in_the_readme_is_without_a_mistake() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let toml = readme.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("nginx.toml"), toml).unwrap();
    std::fs::write(dir.path().join("redis.toml"), "command = \"redis\"\nhealthcheck.tcp = \"127.0.0.1:1\"")
        .unwrap();
    let sources = rinit::config::Sources {
        dirs: vec![dir.path().to_owned()],
        command: vec![],
        environment: vec![],
        style: None,
        root: "/".into(),
    };
    assert_eq!(rinit::config::load(&sources).unwrap().services.len(), 2);
}
