//! What each file of the library takes from which other file. A name that a module only passes on (`pub use`) counts as
//! taken from the file that defines it, for whoever uses it.
//!
//! Read are `use` and paths. Methods need neither: a type whose methods are spread over several files counts as taken
//! from the file that defines it.

use super::words;
use std::collections::{BTreeMap, BTreeSet};

/// A module by its path: `config::text`; empty for the library itself.
pub type Module = String;

/// Which files a file takes something from, and the names of that.
pub type Graph = BTreeMap<Module, BTreeMap<Module, BTreeSet<String>>>;

/// What a path leads to.
enum Target {
    /// A module, which holds what its own paths lead to.
    Module,
    /// Something that this module's file defines.
    Item(Module),
}

/// A name that `use` brings in; `*` for all names.
struct Import {
    name: String,
    path: Vec<String>,
    is_public: bool,
}

#[derive(Default)]
struct File {
    children: BTreeSet<String>,
    items: BTreeSet<String>,
    imports: Vec<Import>,
    /// Paths outside of `use`.
    paths: Vec<Vec<String>>,
    /// Names outside of `use`.
    names: BTreeSet<String>,
}

/// All files that `lib.rs` leads to.
pub struct Library {
    files: BTreeMap<Module, File>,
}

impl Library {
    /// Reads the library through `source`, which has the text of a file such as `config/mod.rs`.
    pub fn read(source: &dyn Fn(&str) -> Option<String>) -> Library {
        let mut files = BTreeMap::new();
        let mut todo = vec![(Module::new(), "lib.rs".to_owned())];
        while let Some((module, path)) = todo.pop() {
            let file = File::parse(&words::of(&source(&path).unwrap()));
            for child in &file.children {
                let child = join(&module, child);
                let path = child.replace("::", "/");
                let path = [format!("{path}.rs"), format!("{path}/mod.rs")];
                let path = path.into_iter().find(|path| source(path).is_some());
                todo.push((child.clone(), path.unwrap_or_else(|| panic!("{child} has no file"))));
            }
            files.insert(module, file);
        }
        Library { files }
    }

    /// Which file takes what from which.
    pub fn graph(&self) -> Graph {
        let mut graph = Graph::new();
        for (module, file) in &self.files {
            let mut found: BTreeMap<Module, BTreeSet<String>> = BTreeMap::new();
            let mut add = |target: Option<Target>, name: &str| {
                if let Some(Target::Item(other)) = target
                    && other != *module
                {
                    found.entry(other).or_default().insert(name.to_owned());
                }
            };
            for Import { name, path, is_public } in &file.imports {
                if name == "*" {
                    for used in &file.names {
                        let path: Vec<String> = path.iter().chain([used]).cloned().collect();
                        let target = self.resolve(module, &path, 0);
                        let is_there = |item: &Module| {
                            self.files.get(item).is_some_and(|file| file.items.contains(used))
                        };
                        add(
                            target.filter(|target| matches!(target, Target::Item(item) if is_there(item))),
                            used,
                        );
                    }
                } else if !is_public || file.names.contains(name) {
                    add(self.resolve(module, path, 0), name);
                }
            }
            for path in &file.paths {
                add(self.resolve(module, path, 0), &path.join("::"));
            }
            graph.insert(module.clone(), found);
        }
        graph
    }

    /// What a path leads to that stands in a module; `None`: nothing of this library.
    fn resolve(&self, module: &str, path: &[String], depth: usize) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" | "rinit" => self.walk("", rest, depth),
            "self" => self.walk(module, rest, depth),
            "super" => {
                let (mut above, mut rest) = (parent(module), rest);
                while rest.first().is_some_and(|word| word == "super") {
                    (above, rest) = (parent(above), &rest[1..]);
                }
                self.walk(above, rest, depth)
            }
            _ => match self.walk(module, path, depth)? {
                // A name that is not known here may be anything.
                Target::Item(item) if item == module && !self.files[module].items.contains(first) => None,
                target => Some(target),
            },
        }
    }

    /// What a path leads to from a module on.
    fn walk(&self, module: &str, path: &[String], depth: usize) -> Option<Target> {
        let file = self.files.get(module)?;
        let Some((first, rest)) = path.split_first() else { return Some(Target::Module) };
        let as_child = || self.walk(&join(module, first), rest, depth);
        let is_child = file.children.contains(first);
        if is_child && !rest.is_empty() {
            return as_child();
        }
        if file.items.contains(first) || depth > 8 {
            return Some(Target::Item(module.to_owned()));
        }
        let named = file.imports.iter().filter(|import| import.name == *first);
        let passed_on = named.chain(file.imports.iter().filter(|import| import.name == "*"));
        for Import { name, path, .. } in passed_on {
            let path: Vec<String> =
                path.iter().chain(Some(first).filter(|_| name == "*")).chain(rest).cloned().collect();
            match self.resolve(module, &path, depth + 1) {
                Some(Target::Item(item)) if name == "*" && !self.files[&item].items.contains(first) => {}
                Some(target) => return Some(target),
                None => {}
            }
        }
        if is_child { as_child() } else { Some(Target::Item(module.to_owned())) }
    }
}

impl File {
    fn parse(words: &[String]) -> File {
        let mut file = File::default();
        let mut depth = 0_usize;
        let mut is_public = false;
        let mut i = 0;
        while let Some(word) = words.get(i) {
            let next = words.get(i + 1).map_or("", String::as_str);
            match word.as_str() {
                "{" => depth += 1,
                "}" => depth = depth.saturating_sub(1),
                "pub" => {
                    is_public = true;
                    if next == "(" {
                        i += words[i..].iter().position(|word| word == ")").unwrap();
                    }
                    i += 1;
                    continue;
                }
                // `impl Trait + use<'_>` imports nothing.
                "use" if next != "<" => {
                    let end = i + words[i..].iter().position(|word| word == ";").unwrap();
                    file.import(&words[i + 1..end], is_public);
                    i = end;
                }
                "mod" if words.get(i + 2).is_some_and(|word| word == ";") => {
                    file.children.insert(next.to_owned());
                    i += 2;
                }
                "fn" | "struct" | "enum" | "const" | "static" | "type" | "trait" | "union" if depth == 0 => {
                    file.items.insert(next.to_owned());
                }
                "macro_rules" => {
                    file.items.extend(words.get(i + 2).cloned());
                }
                _ if next == "::" && (i == 0 || words[i - 1] != "::") && is_name(word) => {
                    let mut path = vec![word.clone()];
                    while words.get(i + 1).is_some_and(|word| word == "::")
                        && words.get(i + 2).is_some_and(|word| is_name(word))
                    {
                        path.push(words[i + 2].clone());
                        i += 2;
                    }
                    file.names.extend(path.first().cloned());
                    file.paths.push(path);
                }
                _ if is_name(word) => {
                    file.names.insert(word.clone());
                }
                _ => {}
            }
            is_public = false;
            i += 1;
        }
        file
    }

    /// The names of what stands between `use` and its semicolon.
    fn import(&mut self, tree: &[String], is_public: bool) {
        let mut paths = Vec::new();
        expand(Vec::new(), tree, &mut paths);
        for (mut path, alias) in paths {
            if path.last().is_some_and(|word| word == "self") {
                path.pop();
            }
            let last = path.last().cloned().unwrap_or_default();
            if last == "*" {
                path.pop();
            }
            self.imports.push(Import { name: alias.unwrap_or(last), path, is_public });
        }
    }
}

/// Each path in a tree of `use`, with its name after `as`.
fn expand(mut path: Vec<String>, tree: &[String], into: &mut Vec<(Vec<String>, Option<String>)>) {
    let mut i = 0;
    while let Some(word) = tree.get(i) {
        match word.as_str() {
            "::" => {}
            "{" => {
                let (mut depth, mut start) = (0_usize, i + 1);
                for (at, word) in tree.iter().enumerate().skip(i) {
                    depth = match word.as_str() {
                        "{" => depth + 1,
                        "}" => depth - 1,
                        _ => depth,
                    };
                    if depth == 0 || depth == 1 && word == "," {
                        if start < at {
                            expand(path.clone(), &tree[start..at], into);
                        }
                        start = at + 1;
                    }
                }
                return;
            }
            "as" => {
                into.push((path, tree.get(i + 1).cloned()));
                return;
            }
            _ => path.push(word.clone()),
        }
        i += 1;
    }
    into.push((path, None));
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn join(module: &str, child: &str) -> Module {
    if module.is_empty() { child.to_owned() } else { format!("{module}::{child}") }
}

fn parent(module: &str) -> &str {
    module.rsplit_once("::").map_or("", |(above, _)| above)
}
