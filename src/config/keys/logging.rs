//! The key `logging`: Compose's words for where what a service writes goes.

use super::environment::text;
use super::value;
use crate::config::read::draft::{Draft, LoggingDraft};
use crate::config::read::reader::{Key, Reader};
use crate::config::read::setting::{Setting, Sight};
use crate::config::text::syntax::{Value, in_written_order};
use crate::model::{Driver, LONGEST_OPTIONS, Logging, Service};
use std::borrow::Cow;

/// `logging`.
pub(crate) fn logging(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let Some(table) = reader.as_table(value) else { return };
    let before = reader.count();
    draft.logging = LoggingDraft::default();
    reader.table("logging.", table, LOGGING, draft);
    let LoggingDraft { driver, options, .. } = std::mem::take(&mut draft.logging);
    let path = options.iter().find(|(name, ..)| name == "path");
    draft.logging.place = path.map_or_else(|| value.span(), |(_, _, span)| span.clone());
    let Some(driver) = driver else {
        if reader.count() == before {
            let help = "write which driver these are for, as driver = \"console\"".to_owned();
            reader.report(&value.span(), "the key \"driver\" is missing", Some(help));
        }
        return;
    };
    let length: usize = options.iter().map(|(name, value, _)| name.len().saturating_add(value.len())).sum();
    if length > LONGEST_OPTIONS {
        let message = format!("the options are longer than {LONGEST_OPTIONS} bytes");
        reader.report(&value.span(), &message, None);
    }
    for (name, value, span) in &options {
        if let Err((message, help)) = driver.check(name, value) {
            reader.report(span, &message, help);
        }
    }
    let options = options.into_iter().map(|(name, value, _)| (name, value)).collect();
    draft.service.logging = Some(Box::new(Logging { driver, options }));
}

/// `logging.driver`.
pub(crate) fn driver(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let Some(name) = reader.string(value) else { return };
    match Driver::parse(&name) {
        Ok(driver) => draft.logging.driver = Some(driver),
        Err(_) => reader.unknown_word(&value.span(), &name, &Driver::names()),
    }
}

/// `logging.options`. What is wrong with one is found when the driver is known.
pub(crate) fn options(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let Some(table) = reader.as_table(value) else { return };
    for (name, value) in in_written_order(table) {
        if let Some(text) = text(reader, value) {
            draft.logging.options.push((name.get_ref().to_string(), text, name.span()));
        }
    }
}

fn option_values(service: &Service) -> Option<Setting<'_>> {
    let options = &service.logging.as_ref().filter(|it| !it.options.is_empty())?.options;
    let option = |(name, text): &'_ (String, String)| {
        (Cow::Owned(name.clone()), Setting::Text(Cow::Owned(text.into())))
    };
    Some(Setting::Table(options.iter().map(option).collect()))
}

/// The keys of `logging`.
pub static LOGGING: &[Key] = &[
    Key {
        name: "driver",
        kind: "inherit, console, json-file, file or none",
        default: "",
        meaning: "inherit: it writes to where rinit itself does; console: the same, in whole lines, each with the name of the service; json-file and file: to a file of its own, in Docker's format or as they are; none: it is dropped",
        example: r#"driver = "console""#,
        keys: &[],
        sight: Sight::Whole,
        value: |service| service.logging.as_ref().map(|it| value::word(it.driver.as_str())),
        read: driver,
    },
    Key {
        name: "options",
        kind: "table of name = value",
        default: "",
        meaning: "options of the driver; docs/logs.md lists them",
        example: r#"options = { format = "json" }"#,
        keys: &[],
        // A URL may hold a token.
        sight: Sight::Hidden,
        value: option_values,
        read: options,
    },
];
