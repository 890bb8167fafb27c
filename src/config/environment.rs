//! The keys `environment` and `env_file`.

use super::definition::Draft;
use super::env_file;
use super::excerpt::quote;
use super::files;
use super::reader::{Reader, Value};
use super::source::Source;
use super::values::whole;
use std::ops::Range;
use std::path::Path;
use toml::de::DeValue;

/// `environment`: a table, or Compose's array of `NAME=VALUE`.
pub(super) fn environment(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let Some(table) = value.get_ref().as_table() else {
        let texts = reader.strings(value, "a table or an array of \"NAME=VALUE\"").unwrap_or_default();
        for (text, span) in texts {
            match text.split_once('=') {
                Some((name, text)) => add(reader, draft, name, text.to_owned(), &span),
                None => reader.report(&span, "expected \"NAME=VALUE\"", None),
            }
        }
        return;
    };
    for (key, value) in table.iter() {
        if let Some(text) = variable(reader, value) {
            add(reader, draft, key.get_ref(), text, &key.span());
        }
    }
}

/// The text of a variable's value. Numbers and booleans become text, as in Compose.
fn variable(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<String> {
    match value.get_ref() {
        DeValue::Boolean(true) => Some("true".into()),
        DeValue::Boolean(false) => Some("false".into()),
        DeValue::Float(float) => Some(float.as_str().to_owned()),
        DeValue::Integer(integer) => {
            let number = whole(integer);
            if number.is_none() {
                let help = "write it in quotes";
                reader.report(&value.span(), "this number is out of range", Some(help.into()));
            }
            number.map(|number| number.to_string())
        }
        _ => reader.string(value),
    }
}

fn add(reader: &mut Reader<'_>, draft: &mut Draft, name: &str, text: String, span: &Range<usize>) {
    if name.is_empty() || name.contains(['=', '\0']) {
        let message = format!("{} cannot be the name of a variable", quote(name));
        reader.report(span, &message, None);
    } else if draft.environment.insert(name.into(), text.into()).is_some() {
        reader.report(span, &format!("{} is set twice", quote(name)), None);
    }
}

/// `env_file`: one path or several; a later file goes before an earlier one.
pub(super) fn env_file(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let paths = match value.get_ref().as_str() {
        Some(_) => reader.string(value).map(|path| vec![(path, value.span())]),
        None => reader.strings(value, "a path or an array of paths"),
    };
    for (path, span) in paths.unwrap_or_default() {
        if path.is_empty() {
            reader.report(&span, "the path is empty", None);
            continue;
        }
        let path = reader.source.path.parent().unwrap_or(Path::new("")).join(path);
        match files::read(&path) {
            Ok(bytes) => read_variables(reader, &path, &bytes, draft),
            Err(reason) => {
                let message = format!("cannot read {}: {reason}", path.display());
                reader.report(&span, &message, None);
            }
        }
    }
}

fn read_variables(reader: &mut Reader<'_>, path: &Path, bytes: &[u8], draft: &mut Draft) {
    let source = match Source::from_bytes(path, bytes) {
        Ok(source) => source,
        Err(mistake) => return reader.add(mistake.without_excerpt()),
    };
    let (variables, mistakes) = env_file::parse(&source.text);
    for (name, text) in variables {
        draft.env_file.insert(name.into(), text.into());
    }
    for (span, message) in mistakes {
        reader.add(source.mistake(&span, message, None).without_excerpt());
    }
}
