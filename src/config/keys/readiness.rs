//! The keys for how a service gets ready and shows that it lives.

use super::value;
use crate::config::read::draft::Draft;
use crate::config::read::reader::Reader;
use crate::config::read::setting::Setting;
use crate::config::read::values::{Zero, whole};
use crate::config::text::syntax::Value;
use crate::model::{Notify, Service, suggest};
use std::ops::RangeInclusive;
use toml::de::{DeTable, DeValue};

/// Descriptors that a service may write to; more than 1024 it usually cannot have.
const DESCRIPTORS: RangeInclusive<i32> = 0..=1023;

/// `notify`: a word or a descriptor.
pub(crate) fn notify(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let notify = match value.get_ref() {
        DeValue::Integer(integer) => {
            let number = whole(integer).and_then(|number| i32::try_from(number).ok());
            number.filter(|number| DESCRIPTORS.contains(number)).map(Notify::Descriptor)
        }
        DeValue::String(text) if text == "systemd" => Some(Notify::Systemd),
        DeValue::String(_) | DeValue::Float(_) => None,
        _ => return reader.wrong_type(value, "\"systemd\" or a descriptor's number"),
    };
    if notify.is_none() {
        let (first, last) = (DESCRIPTORS.start(), DESCRIPTORS.end());
        let mut message =
            format!("expected \"systemd\" or the number of a descriptor from {first} to {last}");
        let help = match value.get_ref().as_str() {
            Some(text) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => {
                Some("write it without quotes".to_owned())
            }
            Some(text) => {
                message.push_str(&format!(", found {}", reader.source.quote(&value.span(), text)));
                suggest::did_you_mean(text, &["systemd"])
            }
            None => None,
        };
        reader.report(&value.span(), &message, help);
    }
    draft.service.policy.notify = notify;
}

/// `notify`, back from a service.
pub(crate) fn value(service: &Service) -> Option<Setting<'_>> {
    Some(match service.policy.notify? {
        Notify::Systemd => value::word("systemd"),
        Notify::Descriptor(number) => value::number(number),
    })
}

/// `start_timeout`. Zero would let no start succeed.
pub(crate) fn start_timeout(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    draft.service.policy.start_timeout = reader.duration(value, Zero::Refused);
}

/// `watchdog`. Zero would kill it at once.
pub(crate) fn watchdog(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    draft.service.policy.watchdog = reader.duration(value, Zero::Refused);
}

/// `run_timeout`. Zero would let nothing run.
pub(crate) fn run_timeout(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    draft.service.policy.run_timeout = reader.duration(value, Zero::Refused);
}

/// What the keys say of each other, when all are read.
pub(crate) fn check(reader: &mut Reader<'_>, table: &DeTable<'_>, draft: &Draft) {
    let Some(key) = table.keys().find(|key| key.get_ref() == "watchdog") else { return };
    let notify = draft.service.policy.notify;
    // A value of `notify` that is none has been reported.
    let is_mistaken = notify.is_none() && table.contains_key("notify") || reader.is_misspelt("notify");
    if notify != Some(Notify::Systemd) && !is_mistaken {
        let help = "set it; the service says that it lives to the socket that NOTIFY_SOCKET names";
        reader.report(&key.span(), "watchdog needs notify = \"systemd\"", Some(help.into()));
    }
}
