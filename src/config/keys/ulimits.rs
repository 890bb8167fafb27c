//! The key `ulimits`, with the names of Compose and `prlimit`.

use super::value;
use crate::config::read::draft::{Draft, Limit, LimitDraft};
use crate::config::read::reader::{Key, Reader};
use crate::config::read::setting::{Setting, Sight};
use crate::config::read::values::whole;
use crate::config::text::syntax::Value;
use crate::model::{Resource, Service, Ulimit};
use std::borrow::Cow;
use toml::de::DeValue;

/// `ulimits`.
pub(crate) fn ulimits(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    if let Some(table) = reader.as_table(value) {
        reader.table("ulimits.", table, ULIMITS, draft);
    }
}

/// One of them: a number for both values, or a table with the two.
pub(crate) fn ulimit(
    reader: &mut Reader<'_>,
    value: &Value<'_>,
    draft: &mut Draft,
    name: &str,
    resource: Resource,
) {
    let DeValue::Table(table) = value.get_ref() else {
        if let Some(both) = limit(reader, value, "a number, \"unlimited\" or a table") {
            draft.service.exec.context.ulimits.push(Ulimit { resource, soft: both, hard: both });
        }
        return;
    };
    draft.limit = LimitDraft::default();
    let before = reader.count();
    reader.table(&format!("ulimits.{name}."), table, ULIMIT, draft);
    if reader.count() != before {
        return;
    }
    match (draft.limit.soft, draft.limit.hard) {
        (Some(soft), Some(hard)) if is_more(soft, hard) => {
            let place = table.get("soft").map_or(value.span(), |soft| soft.span());
            reader.report(&place, "soft is more than hard", None);
        }
        (Some(soft), Some(hard)) => draft.service.exec.context.ulimits.push(Ulimit { resource, soft, hard }),
        (soft, _) => {
            let missing = if soft.is_none() { "soft" } else { "hard" };
            let help = "write both, or one number for both";
            let message = format!("the key \"{missing}\" is missing");
            reader.report(&value.span(), &message, Some(help.into()));
        }
    }
}

fn is_more(soft: Option<u64>, hard: Option<u64>) -> bool {
    hard.is_some_and(|hard| soft.is_none_or(|soft| soft > hard))
}

/// `soft`, of the limit that is being read.
pub(crate) fn soft(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    draft.limit.soft = limit(reader, value, "a number or \"unlimited\"");
}

/// `hard`, of the limit that is being read.
pub(crate) fn hard(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    draft.limit.hard = limit(reader, value, "a number or \"unlimited\"");
}

fn limit(reader: &mut Reader<'_>, value: &Value<'_>, wanted: &str) -> Limit {
    let found = match value.get_ref() {
        DeValue::String(text) if text == "unlimited" => return Some(None),
        DeValue::Integer(integer) => match whole(integer) {
            Some(-1) => return Some(None),
            number => number.and_then(|number| u64::try_from(number).ok()),
        },
        DeValue::String(text) => {
            let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            let help = is_number.then(|| "write it without quotes".to_owned());
            reader.report(&value.span(), &format!("expected {wanted}, found a string"), help);
            return None;
        }
        _ => {
            reader.wrong_type(value, wanted);
            return None;
        }
    };
    if found.is_none() {
        reader.report(&value.span(), "expected a number of at least 0, or -1 for unlimited", None);
    }
    found.map(Some)
}

/// `ulimits`, back from a service.
pub(crate) fn ulimits_value(service: &Service) -> Option<Setting<'_>> {
    (!service.exec.context.ulimits.is_empty()).then(|| value::table(service, ULIMITS))
}

/// One of them, back from a service.
fn ulimit_value(service: &Service, resource: Resource) -> Option<Setting<'_>> {
    let limit = service.exec.context.ulimits.iter().find(|limit| limit.resource == resource)?;
    let Ulimit { resource: _, soft, hard } = limit;
    let one = |limit: &Option<u64>| match limit {
        Some(limit) => value::number(limit),
        None => value::word("unlimited"),
    };
    Some(match soft == hard {
        true => one(soft),
        false => Setting::Table(vec![(Cow::Borrowed("soft"), one(soft)), (Cow::Borrowed("hard"), one(hard))]),
    })
}

macro_rules! limit {
    ($name:literal, $resource:ident, $meaning:literal, $example:literal) => {
        Key {
            name: $name,
            kind: "whole number, unlimited, or table",
            default: "that of rinit",
            meaning: $meaning,
            example: concat!($name, " = ", $example),
            keys: &[],
            sight: Sight::Whole,
            value: |service| ulimit_value(service, Resource::$resource),
            read: |reader, value, draft| {
                ulimit(reader, value, draft, $name, Resource::$resource);
            },
        }
    };
}

/// The keys of `ulimits`.
pub static ULIMITS: &[Key] = &[
    limit!("as", As, "address space, bytes", r#""unlimited""#),
    limit!("core", Core, "size of a core file, bytes", "0"),
    limit!("cpu", Cpu, "processor time, seconds", "3600"),
    limit!("data", Data, "data segment, bytes", "1_000_000_000"),
    limit!("fsize", Fsize, "size of a file that it writes, bytes", "1_000_000_000"),
    limit!("locks", Locks, "number of file locks", "100"),
    limit!("memlock", Memlock, "locked memory, bytes", r#""unlimited""#),
    limit!("msgqueue", Msgqueue, "bytes in message queues", "819_200"),
    limit!("nice", Nice, "how high it may raise its priority: 20 less the nice value", "30"),
    limit!("nofile", Nofile, "highest descriptor, plus one", "65536"),
    limit!("nproc", Nproc, "processes of its user", "{ soft = 512, hard = 1024 }"),
    limit!("rss", Rss, "resident set, bytes; Linux ignores it", r#""unlimited""#),
    limit!("rtprio", Rtprio, "real-time priority", "50"),
    limit!("rttime", Rttime, "real-time processor time without a wait, microseconds", "200_000"),
    limit!("sigpending", Sigpending, "queued signals of its user", "1000"),
    limit!("stack", Stack, "stack, bytes", "8_388_608"),
];

/// The keys of one limit.
pub static ULIMIT: &[Key] = &[
    Key {
        name: "soft",
        kind: "whole number, or unlimited",
        default: "",
        meaning: "the limit in force",
        example: "soft = 1024",
        keys: &[],
        sight: Sight::Whole,
        value: value::none,
        read: soft,
    },
    Key {
        name: "hard",
        kind: "whole number, or unlimited",
        default: "",
        meaning: "the highest value to which the process may raise it",
        example: r#"hard = "unlimited""#,
        keys: &[],
        sight: Sight::Whole,
        value: value::none,
        read: hard,
    },
];
