//! The keys `restart` and `backoff`: whether a service is started again, and when.

use super::value;
use crate::config::read::draft::Draft;
use crate::config::read::reader::{Key, Reader};
use crate::config::read::setting::{Setting, Sight};
use crate::config::read::values::{Zero, set, whole};
use crate::config::text::syntax::Value;
use crate::model::{Backoff, Policy, Restart, Service};

const RESTART_WORDS: [(&str, Restart); 4] = [
    ("always", Restart::Always),
    ("no", Restart::No),
    ("on-failure", Restart::OnFailure(None)),
    ("unless-stopped", Restart::UnlessStopped),
];

/// `restart`: Docker's words.
pub(crate) fn restart(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    if value.get_ref().is_bool() {
        // What becomes of Compose's `restart: no` when it is written without quotes.
        let help = "write \"no\" or \"always\"".to_owned();
        return reader.report(&value.span(), "expected a string, found a boolean", Some(help));
    }
    if let Some(count) = value.get_ref().as_integer().and_then(whole).filter(|count| *count >= 1)
        && !reader.source.is_secret(&value.span())
    {
        let help = format!("write \"on-failure:{count}\"");
        return reader.report(&value.span(), "expected a string, found an integer", Some(help));
    }
    let Some(text) = reader.string(value) else { return };
    if let Some((_, restart)) = RESTART_WORDS.iter().find(|(word, _)| *word == text) {
        draft.service.policy.restart = *restart;
        return;
    }
    if let Some(count) = text.strip_prefix("on-failure:") {
        match count.parse().ok().filter(|n| *n >= 1 && !count.starts_with('+')) {
            Some(count) => draft.service.policy.restart = Restart::OnFailure(Some(count)),
            None => {
                let help =
                    "for instance \"on-failure:5\"; without a number there is no limit, \"no\" is never";
                let message = "expected a whole number of at least 1 after \"on-failure:\"";
                reader.report(&value.span(), message, Some(help.into()));
            }
        }
        return;
    }
    reader.unknown_word(
        &value.span(),
        &text,
        &["always", "no", "on-failure", "on-failure:N", "unless-stopped"],
    );
}

/// What `restart` says in a definition.
pub fn restart_word(restart: Restart) -> String {
    let word = RESTART_WORDS.iter().find(|(_, known)| *known == restart).map(|(word, _)| (*word).to_owned());
    match (restart, word) {
        (Restart::OnFailure(Some(count)), _) => format!("on-failure:{count}"),
        (_, word) => word.unwrap_or_default(),
    }
}

/// `restart`, back from a service.
pub(crate) fn restart_value(service: &Service) -> Option<Setting<'_>> {
    let restart = service.policy.restart;
    (restart != Policy::default_of(&service.name).restart).then(|| value::word(restart_word(restart)))
}

/// `backoff`, back from a service: all of its waits, where any of them is not the default.
pub(crate) fn backoff_value(service: &Service) -> Option<Setting<'_>> {
    (service.policy.backoff != Backoff::default()).then(|| value::table(service, BACKOFF))
}

/// `backoff`: the waits between restarts.
pub(crate) fn backoff(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let Some(table) = reader.as_table(value) else { return };
    let before = reader.count();
    reader.table("backoff.", table, BACKOFF, draft);
    let backoff = draft.service.policy.backoff;
    if reader.count() == before && backoff.max < backoff.initial {
        let (place, message) = match (table.get("max"), table.get("initial")) {
            (Some(max), _) => (max.span(), "max is shorter than initial"),
            (None, Some(initial)) => {
                (initial.span(), "initial is longer than max, which is 1m where not set")
            }
            (None, None) => (value.span(), "max is shorter than initial"),
        };
        reader.report(&place, message, None);
    }
    if let Some((key, _)) = table.get_key_value("window")
        && !table.contains_key("limit")
        && !reader.is_misspelt("limit")
    {
        reader.report(&key.span(), "window needs limit", None);
    }
}

/// `backoff.initial`. Without any wait a service that cannot start would take a whole processor.
pub(crate) fn backoff_initial(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    set(&mut draft.service.policy.backoff.initial, reader.duration(value, Zero::Refused));
}

/// `backoff.max`.
pub(crate) fn backoff_max(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    set(&mut draft.service.policy.backoff.max, reader.duration(value, Zero::Refused));
}

/// `backoff.limit` is not more than this.
pub(crate) const MOST_RESTARTS: u32 = 1000;

/// `backoff.window`. Within no time there is no restart.
pub(crate) fn backoff_window(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    draft.service.policy.backoff.window = reader.duration(value, Zero::Refused);
}

/// `backoff.reset_after`. Zero would make every restart immediate.
pub(crate) fn backoff_reset_after(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    set(&mut draft.service.policy.backoff.reset_after, reader.duration(value, Zero::Refused));
}

/// The keys of `backoff`.
pub static BACKOFF: &[Key] = &[
    Key {
        name: "initial",
        kind: "duration",
        default: "100ms",
        meaning: "the wait before the first restart",
        example: r#"initial = "1s""#,
        keys: &[],
        sight: Sight::Whole,
        value: |service| Some(Setting::Time(service.policy.backoff.initial)),
        read: backoff_initial,
    },
    Key {
        name: "factor",
        kind: "number of at least 1",
        default: "2",
        meaning: "what each further wait is multiplied by",
        example: "factor = 1.5",
        keys: &[],
        sight: Sight::Whole,
        value: |service| Some(value::number(service.policy.backoff.factor)),
        read: |reader, value, draft| set(&mut draft.service.policy.backoff.factor, reader.factor(value)),
    },
    Key {
        name: "max",
        kind: "duration",
        default: "1m",
        meaning: "the longest wait",
        example: r#"max = "5m""#,
        keys: &[],
        sight: Sight::Whole,
        value: |service| Some(Setting::Time(service.policy.backoff.max)),
        read: backoff_max,
    },
    Key {
        name: "reset_after",
        kind: "duration",
        default: "10s",
        meaning: "once it has been ready (and healthy, with a health check) for this time, the next restart comes at once, \
                  and the waits and the count begin anew",
        example: r#"reset_after = "1m""#,
        keys: &[],
        sight: Sight::Whole,
        value: |service| Some(Setting::Time(service.policy.backoff.reset_after)),
        read: backoff_reset_after,
    },
    Key {
        name: "limit",
        kind: "whole number from 1 to 1000",
        default: "no limit",
        meaning: "maximum number of restarts in a row, or within window; after that the service fails",
        example: "limit = 5",
        keys: &[],
        sight: Sight::Whole,
        value: |service| service.policy.backoff.limit.map(value::number),
        read: |reader, value, draft| {
            draft.service.policy.backoff.limit = reader.number(value, 1..=MOST_RESTARTS);
        },
    },
    Key {
        name: "window",
        kind: "duration",
        default: "only restarts in a row count",
        meaning: "with limit: the time in which all restarts count, in a row or not",
        example: r#"window = "10m""#,
        keys: &[],
        sight: Sight::Whole,
        value: |service| service.policy.backoff.window.map(Setting::Time),
        read: backoff_window,
    },
];
