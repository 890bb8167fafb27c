//! The key `ulimits`.

use super::definition::Draft;
use super::keys;
use super::reader::{Reader, Value};
use super::values::whole;
use crate::model::{Resource, Ulimit};
use toml::de::DeValue;

/// A value of a limit; the inner `None`: unlimited.
type Limit = Option<Option<u64>>;

/// The two values of a limit while it is read.
#[derive(Default)]
pub(super) struct LimitDraft {
    soft: Limit,
    hard: Limit,
}

/// `ulimits`.
pub(super) fn ulimits(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    if let Some(table) = reader.as_table(value) {
        reader.table("ulimits.", table, keys::ULIMITS, draft);
    }
}

/// One of them: a number for both values, or a table with the two.
pub(super) fn ulimit(
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
    reader.table(&format!("ulimits.{name}."), table, keys::ULIMIT, draft);
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
pub(super) fn soft(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    draft.limit.soft = limit(reader, value, "a number or \"unlimited\"");
}

/// `hard`, of the limit that is being read.
pub(super) fn hard(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
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
