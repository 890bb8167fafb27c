//! The table of docs/pid1.md is the one that `table` asserts.

use super::table::{PROGRAMS, ROWS};
use crate::support::repository;

const BEGIN: &str = "<!-- table: written by the test pid1::page; RINIT_BLESS=1 writes it anew -->\n";
const END: &str = "<!-- end of table -->\n";

fn table() -> String {
    let mut text = format!("\n| | {} |\n|---|{}\n", PROGRAMS.join(" | "), "---|".repeat(PROGRAMS.len()));
    for row in &ROWS {
        text += &format!("| {} | {} |\n", row.question, row.answers.join(" | "));
    }
    text + "\n"
}

#[test]
fn the_table_of_the_page_is_the_one_that_is_tested() {
    let path = repository().join("docs/pid1.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let expected = format!("{before}{BEGIN}{}{END}{after}", table());
    if std::env::var_os("RINIT_BLESS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), expected, "run with RINIT_BLESS=1");
}

/// Every test that the page names is there.
#[test]
fn the_tests_that_the_page_names_are_there() {
    let page = std::fs::read_to_string(repository().join("docs/pid1.md")).unwrap();
    let named: Vec<&str> = page.split("`pid1::").skip(1).filter_map(|rest| rest.split('`').next()).collect();
    assert!(!named.is_empty());
    for name in named {
        let (file, test) = name.split_once("::").unwrap();
        let source = std::fs::read_to_string(repository().join(format!("tests/pid1/{file}.rs"))).unwrap();
        assert!(source.contains(&format!("fn {test}(")), "docs/pid1.md names pid1::{name}");
    }
}
