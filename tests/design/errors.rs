//! Every public function that returns a `Result` says in its docstring, below `# Errors`, when it fails.

use crate::support::repository;
use std::fs;
use std::path::Path;

/// The names of the functions that a file makes public and that fail without a word on when.
fn without_section(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut has_section = false;
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    for (number, line) in lines.iter().enumerate() {
        if line.starts_with("///") {
            has_section |= line.trim_start_matches('/').trim() == "# Errors";
        } else if !line.starts_with("#[") {
            if let Some(name) = public_function(line)
                && !has_section
                && is_fallible(&lines[number..])
            {
                found.push(name.to_owned());
            }
            has_section = false;
        }
    }
    found
}

fn public_function(line: &str) -> Option<&str> {
    let words = line.strip_prefix("pub ")?;
    let (before, after) = words.split_once("fn ")?;
    let is_function = before.split_whitespace().all(|word| matches!(word, "const" | "unsafe" | "async"));
    is_function.then(|| after.split(['(', '<']).next().unwrap())
}

/// Whether the function whose signature begins here returns a `Result`.
fn is_fallible(lines: &[&str]) -> bool {
    let text = lines.join(" ");
    let mut depth = 0_usize;
    let end_of_parameters = text.find(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        c == ')' && depth == 0
    });
    let after = end_of_parameters.and_then(|at| text[at + 1..].strip_prefix(" -> ")).unwrap_or_default();
    after.split(['<', ' ']).next().unwrap().rsplit("::").next().unwrap() == "Result"
}

fn files(dir: &Path, visit: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, visit),
            false => visit(&path),
        }
    }
}

#[test]
fn public_functions_say_when_they_fail() {
    let mut wrong = Vec::new();
    files(&repository().join("src"), &mut |path| {
        let names = without_section(&fs::read_to_string(path).unwrap());
        wrong.extend(names.iter().map(|name| format!("{}: {name}", path.display())));
    });
    assert!(wrong.is_empty(), "these need a section `# Errors`:\n{}", wrong.join("\n"));
}

#[test]
fn a_function_without_the_section_is_found() {
    let found = without_section(
        "/// Opens it.\n///\n/// # Errors\n/// None is left.\n#[must_use]\npub fn right() -> io::Result<()> {}\n\
         /// Opens it.\n#[must_use]\npub fn open(path: &Path) -> io::Result<File> {\n}\n\
         pub const fn long<T>(\n    read: fn(&str) -> Option<T>,\n) -> Result<T, String> {\n}\n\
         pub fn sure(read: fn(&str) -> Result<T, String>) -> Option<T> {}\n\
         pub fn nothing(read: fn(&str) -> Result<T, String>) {}\n\
         pub(super) fn own() -> Result<(), ()> {}\nfn private() -> Result<(), ()> {}\n",
    );
    assert_eq!(found, ["open", "long"]);
}
