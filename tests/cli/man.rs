//! The manual page, as its readers show it.

use super::has;
use crate::skip;
use crate::support::{output_of, rinit_bin};
use std::io::Write;
use std::process::Command;

fn rinit(words: &[&str]) -> String {
    output_of(Command::new(rinit_bin()).args(words)).unwrap().ok()
}

fn page() -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".1").tempfile().unwrap();
    writeln!(file, "{}", rinit(&["man"])).unwrap();
    file
}

/// The page as a reader shows it, without what makes letters bold, and each run of blanks as one.
#[track_caller]
fn shown(reader: &str, words: &[&str]) -> String {
    let file = page();
    let mut command = Command::new(reader);
    command.args(words).arg(file.path());
    command.env("MANPAGER", "cat").env("MANWIDTH", "100").env("LC_ALL", "C.UTF-8").env("GROFF_NO_SGR", "1");
    command.env("MAN_KEEP_FORMATTING", "").env("HOME", "/nonexistent");
    let told = output_of(&mut command).unwrap();
    assert_eq!((told.status, &*told.stderr), (0, ""), "{reader}");
    let mut plain = String::new();
    for c in told.stdout.chars() {
        if c == '\u{8}' {
            plain.pop();
        } else {
            plain.push(c);
        }
    }
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn mandoc_has_nothing_to_say_against_it() {
    if !has("mandoc") {
        skip!("needs mandoc");
    }
    let file = page();
    let told = output_of(Command::new("mandoc").args(["-T", "lint", "-W", "all"]).arg(file.path())).unwrap();
    assert_eq!((told.status, &*told.stdout, &*told.stderr), (0, "", ""));
}

#[test]
fn groff_has_nothing_to_say_against_it() {
    if !has("groff") {
        skip!("needs groff");
    }
    shown("groff", &["-ww", "-man", "-Tutf8"]);
}

#[test]
fn everything_that_the_helps_say_can_be_read_on_it() {
    let readers: [(&str, &[&str]); 2] = [("man", &["-l"]), ("mandoc", &["-T", "utf8"])];
    for (reader, words) in readers {
        if !has(reader) {
            skip!("needs {reader}");
        }
        let page = shown(reader, words);
        let general = rinit(&["--help"]);
        let (_, verbs) = general.split_once("\nVerbs:\n").unwrap();
        let verbs = verbs.lines().map_while(|line| line.strip_prefix("  ")?.split(' ').next());
        let mut count = 0;
        for verb in verbs {
            count += 1;
            let help = rinit(&["help", verb]);
            let usage = help.lines().map_while(|line| line.get(7..)).filter(|line| !line.is_empty());
            for form in usage {
                assert!(page.contains(form), "{reader}: {form:?} of {verb}");
            }
            for option in options(&help) {
                assert!(page.contains(&option), "{reader}: {option} of {verb}");
            }
            let (_, examples) = help.split_once("\nExample").unwrap();
            for line in examples.lines().filter_map(|line| line.strip_prefix("  ")) {
                assert!(page.contains(line.trim()), "{reader}: {line} of {verb}");
            }
        }
        assert!(count >= 14, "{general}");
        for option in options(&general) {
            assert!(page.contains(&option), "{reader}: {option}");
        }
    }
}

/// Every option on a page of help, with its value: `-p, --parent-death-signal SIGNAL`.
fn options(help: &str) -> Vec<String> {
    let options = help.lines().filter(|line| line.starts_with("  -") || line.starts_with("      --"));
    let written = options.filter_map(|line| line.trim_start().split("  ").next());
    let found: Vec<String> = written.map(str::to_owned).collect();
    assert!(!found.is_empty(), "{help}");
    found
}
