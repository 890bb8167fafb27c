//! Collects the text of values that contain `${`, which messages and `rinit status` show in place of the values.

use super::text::syntax::Value;
use crate::model::{Control, Hook, Signal, SourceText, words};
use toml::de::{DeTable, DeValue};

/// The hooks that are keys of their own.
const HOOKS: [Hook; 5] = [Hook::PreStart, Hook::PostStart, Hook::PreStop, Hook::Stop, Hook::PostStop];

/// What of a file is shown in place of its values. What the file says wrongly is reported elsewhere.
pub(super) fn collect(table: &DeTable<'_>) -> SourceText {
    let mut found = SourceText::default();
    let mut add = |key: &str, text: Option<Vec<String>>| {
        found.values.extend(text.map(|text| (key.to_owned(), text)));
    };
    let named = |name: &str| table.get(name);
    add("working_dir", named("working_dir").and_then(one));
    for key in ["command"].into_iter().chain(HOOKS.map(Hook::as_str)) {
        add(key, named(key).and_then(command));
    }
    for (name, value) in named("control").and_then(as_table).into_iter().flatten() {
        let name: &str = name.get_ref();
        let word = Control::WORDS.iter().find(|(word, _)| *word == name).map(|(_, control)| *control);
        if let Some(control) = word.or_else(|| Signal::parse(name).map(Control::Signal)) {
            add(&Hook::Control(control).full_key(), command(value));
        }
    }
    if let Some(check) = named("healthcheck").and_then(as_table) {
        let address = ["http", "tcp", "unix"].iter().find_map(|key| check.get(*key).and_then(one));
        add("healthcheck", address.or_else(|| check.get("test").and_then(test)));
    }
    let options = named("logging").and_then(as_table).and_then(|table| table.get("options"));
    for (name, value) in options.and_then(as_table).into_iter().flatten() {
        add(&format!("logging.options.{}", name.get_ref()), one(value));
    }
    for (name, value) in named("environment").and_then(as_table).into_iter().flatten() {
        let file = as_table(value).and_then(|table| table.get("file"));
        add(&format!("environment.{}", name.get_ref()), file.and_then(one));
    }
    found
}

fn as_table<'v, 's>(value: &'v Value<'s>) -> Option<&'v DeTable<'s>> {
    value.get_ref().as_table()
}

/// A string that contains `${`.
fn one(value: &Value<'_>) -> Option<Vec<String>> {
    value.get_ref().as_str().filter(|text| text.contains("${")).map(|text| vec![text.to_owned()])
}

/// The words of a command that contains `${`.
fn command(value: &Value<'_>) -> Option<Vec<String>> {
    let words = match value.get_ref() {
        // A quote inside of `${...}` may be closed by what is put in.
        DeValue::String(text) => {
            words::split(text).unwrap_or_else(|_| text.split_whitespace().map(str::to_owned).collect())
        }
        DeValue::Array(array) => {
            array.iter().filter_map(|word| word.get_ref().as_str().map(str::to_owned)).collect()
        }
        _ => return None,
    };
    words.iter().any(|word| word.contains("${")).then_some(words)
}

/// The command of a `test` in one of Compose's forms.
fn test(value: &Value<'_>) -> Option<Vec<String>> {
    let shell = |line: &str| vec!["/bin/sh".to_owned(), "-c".to_owned(), line.to_owned()];
    if let Some(line) = value.get_ref().as_str() {
        return line.contains("${").then(|| shell(line));
    }
    let words = command(value)?;
    match words.split_first() {
        Some((form, rest)) if form == "CMD" => Some(rest.to_vec()),
        Some((form, [line])) if form == "CMD-SHELL" => Some(shell(line)),
        _ => Some(words),
    }
}
