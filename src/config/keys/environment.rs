//! The keys `environment` and `env_file`.

use super::value;
use crate::config::files;
use crate::config::read::draft::{Draft, EnvFile, Format};
use crate::config::read::env_file;
use crate::config::read::reader::{Key, Reader};
use crate::config::read::setting::Sight;
use crate::config::read::values::{set, whole};
use crate::config::text::excerpt::quote;
use crate::config::text::shown::Shown;
use crate::config::text::source::Source;
use crate::config::text::syntax::{Value, in_written_order};
use crate::model::Variable;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// `environment`: a table, or Compose's array of `NAME=VALUE`.
pub(crate) fn environment(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let Some(table) = value.get_ref().as_table() else {
        let Some(array) = value.get_ref().as_array() else {
            return reader.wrong_type(value, "a table or an array of \"NAME=VALUE\"");
        };
        for item in array.iter() {
            let Some(text) = reader.string(item) else { continue };
            let Some((name, text)) = text.split_once('=') else {
                reader.report(&item.span(), "expected \"NAME=VALUE\"", None);
                continue;
            };
            let put_in = reader.put_in(item, text, name.len().saturating_add(1));
            add(reader, draft, name, put_in.map(|value| variable(text, value)), &item.span());
        }
        return;
    };
    for (key, value) in in_written_order(table) {
        let variable = match value.get_ref().as_table() {
            Some(inner) => {
                let path = reader.path_of("environment", key);
                from_file(reader, &path, inner, &value.span(), draft)
            }
            None => {
                let written = value.get_ref().as_str().unwrap_or_default();
                text(reader, value).map(|text| variable(written, text))
            }
        };
        add(reader, draft, key.get_ref(), variable, &key.span());
    }
}

/// A value, by what is written and what has become of it: what rinit's own environment holds may be secret.
fn variable(written: &str, value: String) -> Variable {
    match written.contains("${") {
        true => Variable::Hidden(value.into(), None),
        false => Variable::Text(value.into()),
    }
}

/// The text of a variable's value. Numbers and booleans become text, as in Compose.
pub(super) fn text(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<String> {
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
        _ => reader.text(value),
    }
}

/// The value `{ file = PATH }`.
fn from_file(
    reader: &mut Reader<'_>,
    path: &str,
    table: &DeTable<'_>,
    span: &Range<usize>,
    draft: &mut Draft,
) -> Option<Variable> {
    draft.variable_file = None;
    reader.table(path, table, VARIABLE, draft);
    if table.is_empty() {
        let help = "for instance { file = \"/run/secrets/db_password\" }";
        reader.report(span, "the key \"file\" is missing", Some(help.into()));
    }
    draft.variable_file.take().map(Variable::File)
}

/// `file`, of the variable that is being read. It need not be there yet.
pub(crate) fn file(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let Some(path) = reader.text(value) else { return };
    if path.is_empty() {
        return reader.report(&value.span(), "the path is empty", None);
    }
    let path = beside(reader, &path);
    // rinit reads it, at each start, wherever the service's own directory is.
    draft.variable_file = Some(std::path::absolute(&path).unwrap_or(path));
}

/// Adds a variable; `None` for one whose value is a mistake.
fn add(
    reader: &mut Reader<'_>,
    draft: &mut Draft,
    name: &str,
    variable: Option<Variable>,
    span: &Range<usize>,
) {
    if name.is_empty() || name.contains(['=', '\0']) || name.contains("${") {
        // A NAME=VALUE in the wrong place, or a piece of a value.
        let shown = match name.find('=').or_else(|| name.find("${")) {
            Some(end) => format!("{}…", name.get(..=end).unwrap_or_default()),
            None => name.to_owned(),
        };
        let shown = quote_name(reader, span, &shown);
        let message = format!("{shown} cannot be the name of a variable");
        let help = name.contains("${").then(|| "only values may hold ${...}".to_owned());
        return reader.report(span, &message, help);
    }
    let variable = variable.unwrap_or(Variable::Text(OsString::new()));
    let shown = is_surely_name(name, &variable);
    if draft.environment.insert(name.into(), variable).is_some() {
        let shown = if shown { quote_name(reader, span, name) } else { "this variable".to_owned() };
        reader.report(span, &format!("{shown} is set twice"), None);
    }
}

/// Whether what stands before a `=` is no piece of a value: `PASSWORD: VALUE=` and a line in base64 look like a name without
/// a value. The place of the message tells which entry is meant.
fn is_surely_name(name: &str, variable: &Variable) -> bool {
    let has_value = match variable {
        Variable::Text(text) | Variable::Hidden(text, _) => !text.is_empty() && text != "=",
        Variable::File(_) => true,
    };
    has_value && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// The name of a variable in quotes. An array hides it together with its value, and in a broken file it may be a value.
fn quote_name(reader: &Reader<'_>, span: &Range<usize>, name: &str) -> String {
    match reader.source.is_damaged() {
        true => reader.source.quote(span, name),
        false => quote(name),
    }
}

/// A path that may be relative to the definition's directory.
fn beside(reader: &Reader<'_>, path: &str) -> PathBuf {
    reader.source.path.parent().unwrap_or(Path::new("")).join(path)
}

/// `env_file`: one path or several, each alone or with what holds for it; a later file goes before an earlier one.
pub(crate) fn env_file(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let entries: Vec<&Value<'_>> = match value.get_ref() {
        DeValue::Array(array) => array.iter().collect(),
        DeValue::String(_) => vec![value],
        _ => return reader.wrong_type(value, "a path or an array of paths"),
    };
    for entry in entries {
        draft.env_file_entry = EnvFile::default();
        match entry.get_ref().as_table() {
            Some(table) => {
                let before = reader.count();
                reader.table("env_file.", table, ENV_FILE, draft);
                if !table.contains_key("path") && reader.count() == before {
                    let help = "for instance { path = \"./app.env\", required = false }";
                    reader.report(&entry.span(), "the key \"path\" is missing", Some(help.into()));
                }
            }
            None => env_file_path(reader, entry, draft),
        }
        let EnvFile { path, required, format } = std::mem::take(&mut draft.env_file_entry);
        let Some((written, span)) = path else { continue };
        let path = beside(reader, &written);
        match files::read(&path) {
            Ok(bytes) => read_variables(reader, &path, &bytes, format, draft),
            Err(_) if !required && path_is_missing(&path) => {}
            Err(reason) => {
                let path = path.display().to_string();
                let path = if reader.source.is_secret(&span) { "the file" } else { &path };
                let message = format!("cannot read {path}: {reason}");
                match path_is_missing(&beside(reader, &written)) && reader.outside.is_elsewhere {
                    true => {
                        let help = Some("it must exist in the image".to_owned());
                        reader.report_of_image(&span, "env-file-missing", &message, help);
                    }
                    false => reader.report(&span, &message, None),
                }
            }
        }
    }
}

fn path_is_missing(path: &Path) -> bool {
    path.symlink_metadata().is_err_and(|e| e.kind() == ErrorKind::NotFound)
}

/// `path`, of the entry that is being read.
pub(crate) fn env_file_path(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    match reader.string(value) {
        Some(path) if path.is_empty() => reader.report(&value.span(), "the path is empty", None),
        path => draft.env_file_entry.path = path.map(|path| (path, value.span())),
    }
}

/// `required`, of the entry that is being read.
pub(crate) fn env_file_required(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    set(&mut draft.env_file_entry.required, reader.boolean(value));
}

/// `format`, of the entry that is being read.
pub(crate) fn env_file_format(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    set(&mut draft.env_file_entry.format, reader.one_of(value, &[("raw", Format::Raw)]));
}

fn read_variables(reader: &mut Reader<'_>, path: &Path, bytes: &[u8], format: Format, draft: &mut Draft) {
    let source = match Source::from_bytes(path, bytes, Shown::nothing) {
        Ok(source) => source,
        Err(mistake) => return reader.add(mistake.without_excerpt()),
    };
    let (variables, mistakes) = match format {
        Format::Compose => env_file::parse(&source.text),
        Format::Raw => env_file::parse_raw(&source.text),
    };
    // A reload names the directories in another way, which changes nothing.
    let file: Arc<Path> = std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).into();
    for (name, text) in variables {
        // A name alone stands for what rinit itself was given, if it was.
        let text = text.or_else(|| reader.outside.variables.get(&name).map(str::to_owned));
        let Some(text) = text else { continue };
        draft.env_file.insert(name.into(), Variable::Hidden(text.into(), Some(Arc::clone(&file))));
    }
    for (span, message) in mistakes {
        reader.add(source.mistake(&span, message, None).without_excerpt());
    }
}

/// The keys of a variable in `environment` whose value is in a file.
pub static VARIABLE: &[Key] = &[Key {
    name: "file",
    kind: "path, relative to the definition's directory",
    default: "",
    meaning: "the file that holds the value; it is read at each start, without one newline at its end",
    example: r#"file = "/run/secrets/db_password""#,
    keys: &[],
    sight: Sight::Hidden,
    value: value::none,
    read: file,
}];

/// The keys of an entry of `env_file` that is a table.
pub static ENV_FILE: &[Key] = &[
    Key {
        name: "path",
        kind: "path, relative to the definition's directory",
        default: "",
        meaning: "the file",
        example: r#"path = "./app.env""#,
        keys: &[],
        sight: Sight::Name,
        value: value::none,
        read: env_file_path,
    },
    Key {
        name: "required",
        kind: "boolean",
        default: "true",
        meaning: "whether the file has to exist",
        example: "required = false",
        keys: &[],
        sight: Sight::Name,
        value: value::none,
        read: env_file_required,
    },
    Key {
        name: "format",
        kind: "raw",
        default: "",
        meaning: "raw: everything after the = is the value, also quotes and comments",
        example: r#"format = "raw""#,
        keys: &[],
        sight: Sight::Name,
        value: value::none,
        read: env_file_format,
    },
];
