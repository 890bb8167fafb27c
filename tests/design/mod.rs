//! The code keeps the rules of docs/DESIGN.md: rooms use each other as its table says, no files import in a circle, and
//! public functions say when they fail.

mod errors;
mod imports;
mod words;

use crate::support::repository;
use imports::{Graph, Library};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Rooms whose files still import each other in a circle. Remove a room from here when its circle is cut.
const NOT_YET: [&str; 0] = [];

fn graph() -> Graph {
    let src = repository().join("src");
    Library::read(&|path| fs::read_to_string(src.join(path)).ok()).graph()
}

/// The directory or file right below src that a module is in.
fn room(module: &str) -> &str {
    module.split("::").next().unwrap()
}

/// The table of DESIGN.md: each room, and those that it may use.
fn table(page: &str) -> BTreeMap<String, BTreeSet<String>> {
    let rows = page.lines().skip_while(|line| !line.starts_with("| module")).skip(2);
    let rows: Vec<Vec<&str>> = rows
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    let words = |cell: &str| -> BTreeSet<String> {
        cell.split('`').skip(1).step_by(2).map(|word| room(word).to_owned()).collect()
    };
    let mut table = BTreeMap::new();
    for (number, cells) in rows.iter().enumerate() {
        let used = match cells[3] {
            "all below" => rows[number + 1..].iter().flat_map(|cells| words(cells[1])).collect(),
            cell => words(cell),
        };
        table.extend(words(cells[1]).into_iter().map(|name| (name, used.clone())));
    }
    table
}

/// What is wrong between the rooms.
fn wrong_between_rooms(graph: &Graph, table: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut needed = BTreeSet::new();
    for (from, others) in graph {
        for (to, names) in others.iter().filter(|(to, _)| room(to) != room(from)) {
            needed.insert((room(from), room(to)));
            if !table.get(room(from)).is_some_and(|used| used.contains(room(to))) {
                wrong.push(format!("{from} may not use {to}: {names:?}"));
            }
        }
    }
    let rooms = |graph: &Graph| graph.keys().map(|module| room(module).to_owned()).collect::<BTreeSet<_>>();
    for name in rooms(graph).iter().filter(|name| !name.is_empty() && !table.contains_key(*name)) {
        wrong.push(format!("{name} is not in the table"));
    }
    for (name, used) in table.iter().filter(|(name, _)| *name != "main" && *name != "cli") {
        for other in used.iter().filter(|other| !needed.contains(&(name.as_str(), other.as_str()))) {
            wrong.push(format!("{name} does not use {other}, and the table says that it may"));
        }
    }
    let of_rooms: Graph = table
        .iter()
        .map(|(name, used)| {
            (name.clone(), used.iter().map(|other| (other.clone(), BTreeSet::new())).collect())
        })
        .collect();
    wrong.extend(circles(&of_rooms).iter().map(|circle| format!("the table has a circle: {circle:?}")));
    wrong
}

/// The groups of files that can all reach each other.
fn circles(graph: &Graph) -> Vec<BTreeSet<String>> {
    let reach: BTreeMap<&String, BTreeSet<&String>> = graph
        .keys()
        .map(|start| {
            let (mut seen, mut todo) = (BTreeSet::new(), vec![start]);
            while let Some(module) = todo.pop() {
                todo.extend(
                    graph.get(module).into_iter().flat_map(BTreeMap::keys).filter(|to| seen.insert(*to)),
                );
            }
            (start, seen)
        })
        .collect();
    let mut circles = BTreeSet::new();
    for (start, seen) in reach.iter().filter(|(start, seen)| seen.contains(*start)) {
        let back = |other: &&&String| reach.get(**other).is_some_and(|seen| seen.contains(*start));
        circles.insert(seen.iter().filter(back).map(|name| (*name).clone()).collect::<BTreeSet<_>>());
    }
    circles.into_iter().collect()
}

/// What is wrong within the rooms, but for those that are known to have a circle.
fn wrong_within_rooms(graph: &Graph, not_yet: &[&str]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut found = BTreeSet::new();
    for circle in circles(graph) {
        let rooms: BTreeSet<&str> = circle.iter().map(|module| room(module)).collect();
        if rooms.len() == 1 && rooms.iter().all(|room| not_yet.contains(room)) {
            found.extend(rooms.iter().map(|room| (*room).to_owned()));
            continue;
        }
        let mut text = "these files import each other in a circle:".to_owned();
        for from in &circle {
            for (to, names) in graph[from].iter().filter(|(to, _)| circle.contains(*to)) {
                text +=
                    &format!("\n  {from} -> {to}: {}", names.iter().cloned().collect::<Vec<_>>().join(", "));
            }
        }
        wrong.push(text);
    }
    for room in not_yet.iter().filter(|room| !found.contains(**room)) {
        wrong.push(format!("{room} has no circle any more: remove it from NOT_YET"));
    }
    wrong
}

#[test]
fn rooms_use_each_other_as_the_table_says() {
    let page = fs::read_to_string(repository().join("docs/DESIGN.md")).unwrap();
    let wrong = wrong_between_rooms(&graph(), &table(&page));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_do_not_import_each_other_in_a_circle() {
    let wrong = wrong_within_rooms(&graph(), &NOT_YET);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The graph of a library that has these files.
fn planted(files: &[(&str, &str)]) -> Graph {
    let text = |path: &str| files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned());
    Library::read(&text).graph()
}

const TABLE: &str = "
| module | job | may use |
|---|---|---|
| `init` | runs | `model` |
| `model` | is | nothing |
";

#[test]
fn a_wrong_import_between_rooms_is_found() {
    let of = |model: &str| {
        let files = [
            ("lib.rs", "pub mod init; pub mod model;"),
            ("init.rs", "use crate::model::{Service as S, name}; pub struct Init; fn run() -> S { name() }"),
            ("model/mod.rs", "pub mod service; pub use service::Service; pub fn name() {}"),
            ("model/service.rs", model),
        ];
        wrong_between_rooms(&planted(&files), &table(TABLE))
    };
    assert_eq!(of("pub struct Service; // crate::init::Init"), [""; 0]);
    assert_eq!(of("pub struct Service; #[cfg(test)] mod tests { use crate::init::Init; }"), [""; 0]);
    let wrong = ["model::service may not use init: {\"crate::init::Init\"}"];
    assert_eq!(of("pub struct Service(crate::init::Init);"), wrong);
    let wrong = ["model::service may not use init: {\"Init\"}"];
    assert_eq!(of("use crate::{init::{Init}}; pub struct Service;"), wrong);
}

#[test]
fn a_circle_between_files_is_found() {
    let of = |parent: &str, child: &str, sibling: &str| {
        let files = [
            ("lib.rs", "mod room;"),
            ("room/mod.rs", parent),
            ("room/child.rs", child),
            ("room/sibling.rs", sibling),
        ];
        wrong_within_rooms(&planted(&files), &[])
    };
    let only_declares = "mod child; mod sibling; pub use child::Child; pub use sibling::*;";
    assert_eq!(
        of(only_declares, "pub struct Child;", "use super::Child; pub struct Sibling(Child);"),
        [""; 0]
    );
    assert_eq!(of("mod child; mod sibling; pub struct Of;", "use super::Of; fn f(_: Of) {}", ""), [""; 0]);
    for (parent, child, sibling) in [
        // A child and its parent.
        ("mod child; mod sibling; pub struct Of; fn g() { child::f() }", "use super::Of; pub fn f() {}", ""),
        // Two siblings, straight and by way of the names that the parent passes on.
        (
            only_declares,
            "use super::sibling; pub struct Child(sibling::Sibling);",
            "use super::child::Child; pub struct Sibling;",
        ),
        (only_declares, "use super::Sibling; pub struct Child;", "use super::*; pub struct Sibling(Child);"),
    ] {
        let wrong = of(parent, child, sibling);
        assert!(wrong.len() == 1 && wrong[0].starts_with("these files"), "{parent} {wrong:?}");
    }
}

#[test]
fn a_room_without_a_circle_is_not_excused() {
    let graph = planted(&[("lib.rs", "mod room;"), ("room.rs", "pub struct Room;")]);
    assert_eq!(
        wrong_within_rooms(&graph, &["room"]),
        ["room has no circle any more: remove it from NOT_YET"]
    );
}
