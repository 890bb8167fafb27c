//! The page about the states of a service agrees with the state machine.

use crate::support::repository;
use rinit::supervisor::State;

const BEGIN: &str = "<!-- states: written by the test of the same name; RINIT_BLESS=1 writes it anew -->\n";
const END: &str = "<!-- end of states -->\n";

/// Lines of source that begin with this are rows of the table at its head.
const ROW: &str = "//! | ";

#[test]
fn states() {
    let source = std::fs::read_to_string(repository().join("src/supervisor/unit/state.rs")).unwrap();
    let mut diagram = "```mermaid\nstateDiagram-v2\n    [*] --> stopped\n".to_owned();
    for from in State::ALL {
        for to in from.successors() {
            diagram += &format!("    {} --> {}\n", from.as_str(), to.as_str());
        }
    }
    let rows = source.lines().filter(|line| line.starts_with(ROW)).map(|line| line.replacen("//! ", "", 1));
    let mut table = rows.collect::<Vec<String>>();
    table.insert(1, "|---|---|---|".to_owned());
    let written = format!("\n{diagram}```\n\n{}\n\n", table.join("\n"));
    let path = repository().join("docs/states.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let expected = format!("{before}{BEGIN}{written}{END}{after}");
    if std::env::var_os("RINIT_BLESS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), expected, "run with RINIT_BLESS=1");
}
