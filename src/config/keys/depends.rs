//! The keys `depends_on` and `bundles` of one file. Whether what it names is there is checked in `set`.

use super::value;
use crate::config::files::checked_name;
use crate::config::read::draft::{Draft, Written};
use crate::config::read::reader::{Key, Reader};
use crate::config::read::setting::{Setting, Sight};
use crate::config::text::syntax::{Value, in_written_order};
use crate::model::{Condition, Dependency, Service};
use std::borrow::Cow;
use std::ops::Range;
use toml::de::DeValue;

/// What can be waited for, and how it is written.
pub(crate) const CONDITIONS: [(&str, Condition); 3] = [
    ("service_started", Condition::Started),
    ("service_healthy", Condition::Healthy),
    ("service_completed_successfully", Condition::CompletedSuccessfully),
];

/// `depends_on`: an array of names, or a table of conditions in one of two forms.
pub(crate) fn depends_on(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let Some(table) = value.get_ref().as_table() else {
        let names = reader.strings(value, "an array of names or a table").unwrap_or_default();
        for (name, span) in names {
            add(reader, draft, name, span);
        }
        return;
    };
    for (key, value) in in_written_order(table) {
        add(reader, draft, key.get_ref().to_string(), key.span());
        match value.get_ref() {
            DeValue::Table(inner) => {
                let path = reader.path_of("depends_on", key);
                reader.table(&path, inner, DEPENDENCY, draft);
            }
            DeValue::String(_) => condition(reader, value, draft),
            _ => {
                reader.wrong_type(value, "a condition or a table");
                set_condition(draft, None, value.span());
            }
        }
    }
}

/// `depends_on`, back from a service. On who reads what it writes, it depends without saying so.
pub(crate) fn value(service: &Service) -> Option<Setting<'_>> {
    let is_plain = |it: &Dependency| it.condition == Condition::Started && it.required && !it.restart;
    let depends_on = service.policy.depends_on.as_slice();
    let written = match depends_on.split_last() {
        Some((last, others)) if is_plain(last) && service.exec.readers().any(|name| name == last.name) => {
            others
        }
        _ => depends_on,
    };
    if written.iter().all(is_plain) {
        let names = written.iter().map(|it| value::word(&it.name));
        return (!written.is_empty()).then(|| Setting::List(names.collect()));
    }
    let entry = |it: &Dependency| {
        let condition = value::word(it.condition.as_str());
        match (it.required, it.restart) {
            (true, false) => condition,
            (required, restart) => Setting::Table(vec![
                (Cow::Borrowed("condition"), condition),
                (Cow::Borrowed("required"), Setting::Flag(required)),
                (Cow::Borrowed("restart"), Setting::Flag(restart)),
            ]),
        }
    };
    let entries = written.iter().map(|it| (Cow::Borrowed(it.name.as_str()), entry(it)));
    Some(Setting::Table(entries.collect()))
}

/// `condition`, of the entry added last.
pub(crate) fn condition(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let condition = reader.one_of(value, &CONDITIONS);
    set_condition(draft, condition, value.span());
}

/// `required`, of the entry added last.
pub(crate) fn required(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    if let (Some(required), Some(last)) = (reader.boolean(value), draft.depends_on.last_mut()) {
        last.required = required;
    }
}

/// `restart`, of the entry added last.
pub(crate) fn restart(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    if let (Some(restart), Some(last)) = (reader.boolean(value), draft.depends_on.last_mut()) {
        last.restart = restart;
    }
}

/// `bundles`.
pub(crate) fn bundles(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    for (name, span) in reader.strings(value, "an array of names").unwrap_or_default() {
        match checked_name(&name) {
            Ok(name) => draft.bundles.push((name, span)),
            Err((message, help)) => reader.report(&span, &message.replace("service", "bundle"), help),
        }
    }
}

fn set_condition(draft: &mut Draft, condition: Option<Condition>, span: Range<usize>) {
    if let Some(last) = draft.depends_on.last_mut() {
        last.condition = condition;
        last.condition_span = span;
    }
}

fn add(reader: &mut Reader<'_>, draft: &mut Draft, name: String, span: Range<usize>) {
    if !draft.dependencies.insert(name.clone()) {
        reader.report(&span, &format!("{} is named twice", reader.source.quote(&span, &name)), None);
        return;
    }
    draft.depends_on.push(Written {
        name,
        condition: Some(Condition::Started),
        required: true,
        restart: false,
        condition_span: span.clone(),
        name_span: span,
        file: None,
    });
}

/// The keys of one entry of `depends_on`.
pub static DEPENDENCY: &[Key] = &[
    Key {
        name: "condition",
        kind: "service_started, service_healthy or service_completed_successfully",
        default: "service_started",
        meaning: "what must be true of the other service",
        example: r#"condition = "service_healthy""#,
        keys: &[],
        sight: Sight::Words,
        value: value::none,
        read: condition,
    },
    Key {
        name: "required",
        kind: "boolean",
        default: "true",
        meaning: "true: this service fails if the condition can no longer come true; false: it starts then, and the other service need not be defined",
        example: "required = false",
        keys: &[],
        sight: Sight::Words,
        value: value::none,
        read: required,
    },
    Key {
        name: "restart",
        kind: "boolean",
        default: "false",
        meaning: "whether a restart of the other service restarts this one too",
        example: "restart = true",
        keys: &[],
        sight: Sight::Words,
        value: value::none,
        read: restart,
    },
];
