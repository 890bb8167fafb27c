//! The keys for the user, directory, limits and rights of a service's processes.

use super::value;
use crate::config::read::draft::Draft;
use crate::config::read::reader::Reader;
use crate::config::read::setting::Setting;
use crate::config::read::users::Problem;
use crate::config::read::values::{set, whole};
use crate::config::text::syntax::Value;
use crate::model::{Capabilities, Service, capability, suggest};
use std::path::PathBuf;
use toml::de::DeValue;

/// What may be masked out of a file's mode.
const WIDEST_UMASK: u32 = 0o777;

/// `user`: looked up now, so that an unknown one is found before anything starts.
pub(crate) fn user(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let Some(text) = reader.text(value) else { return };
    match reader.outside.accounts.resolve(&text) {
        Ok(user) => draft.service.exec.context.user = Some(user),
        Err(problem) => report(reader, value, problem),
    }
}

/// `group_add`: one group or several, by name or number.
pub(crate) fn group_add(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let groups: Vec<&Value<'_>> = match value.get_ref() {
        DeValue::Array(array) => array.iter().collect(),
        DeValue::String(_) | DeValue::Integer(_) => vec![value],
        _ => return reader.wrong_type(value, "a group or an array of groups"),
    };
    for group in groups {
        let text = match group.get_ref() {
            DeValue::Integer(integer) => {
                let number = whole(integer).map(|number| number.to_string());
                Some(number.unwrap_or_else(|| integer.as_str().to_owned()))
            }
            _ => reader.string(group),
        };
        match text.map(|text| reader.outside.accounts.group_id(&text)) {
            Some(Ok(id)) if draft.service.exec.context.group_add.contains(&id) => {}
            Some(Ok(id)) => draft.service.exec.context.group_add.push(id),
            Some(Err(problem)) => report(reader, group, problem),
            None => {}
        }
    }
}

fn report(reader: &mut Reader<'_>, value: &Value<'_>, problem: Problem) {
    let shown = |name: &str| reader.source.quote(&value.span(), name);
    let is_elsewhere = reader.outside.is_elsewhere && problem != Problem::Form;
    let (message, help) = match problem {
        Problem::Form => (
            "expected NAME or UID, or either with :GROUP or :GID".to_owned(),
            Some("for instance \"www-data\", \"1000\" or \"www-data:adm\"".to_owned()),
        ),
        Problem::UnknownUser { name, known, file } => unknown("user", &name, &shown(&name), &known, &file),
        Problem::UnknownGroup { name, known, file } => unknown("group", &name, &shown(&name), &known, &file),
        Problem::Unreadable { name, file, reason } => {
            let message = format!("cannot look up {}: cannot read {file}: {reason}", shown(&name));
            (message, Some("write numbers, which need no file".to_owned()))
        }
    };
    if is_elsewhere {
        let help = Some("it must exist in the image".to_owned());
        return reader.report_of_image(&value.span(), "account-missing", &message, help);
    }
    reader.report(&value.span(), &message, help);
}

fn unknown(what: &str, name: &str, shown: &str, known: &[String], file: &str) -> (String, Option<String>) {
    let message = format!("unknown {what} {shown}: it is not in {file}");
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let help = suggest::did_you_mean(name, &known);
    (message, help.or_else(|| Some("add it there, or write its number".to_owned())))
}

/// `working_dir`. Whether it is there is known when the service starts.
pub(crate) fn working_dir(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    draft.service.exec.working_dir = absolute_path(reader, value);
}

/// A path that begins with a slash.
pub(crate) fn absolute_path(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<PathBuf> {
    let text = reader.text(value)?;
    if !text.starts_with('/') {
        reader.report(&value.span(), "expected an absolute path", Some("it begins with /".into()));
        return None;
    }
    Some(PathBuf::from(text))
}

/// `umask`: octal digits in a string, or an octal number.
pub(crate) fn umask(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    let mask = match value.get_ref() {
        DeValue::String(digits) => octal(digits),
        // 27 would be read as 033 here, as 027 there.
        DeValue::Integer(integer) if integer.radix() == 8 => {
            whole(integer).and_then(|number| u32::try_from(number).ok())
        }
        DeValue::Integer(_) => None,
        _ => return reader.wrong_type(value, "a string of octal digits"),
    };
    let mask = mask.filter(|mask| *mask <= WIDEST_UMASK);
    if mask.is_none() {
        let help = "for instance \"027\" or 0o027";
        reader.report(&value.span(), "expected an octal number from 0 to 777", Some(help.into()));
    }
    draft.service.exec.context.umask = mask;
}

fn octal(digits: &str) -> Option<u32> {
    // `from_str_radix` alone would take "+27".
    let plain = (1..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    u32::from_str_radix(digits, 8).ok().filter(|_| plain)
}

/// `oom_score_adj`.
pub(crate) fn oom_score_adj(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    draft.service.exec.context.oom_score_adj = reader.number(value, -1000..=1000);
}

/// `nice`.
pub(crate) fn nice(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    draft.service.exec.context.nice = reader.number(value, -20..=19);
}

/// `cap_drop`.
pub(crate) fn cap_drop(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    set(&mut draft.service.exec.context.cap_drop, capabilities(reader, value));
}

/// `cap_add`.
pub(crate) fn cap_add(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    set(&mut draft.service.exec.context.cap_add, capabilities(reader, value));
}

fn capabilities(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<Capabilities> {
    let Some(array) = value.get_ref().as_array() else {
        reader.wrong_type(value, "an array of capabilities");
        return None;
    };
    let mut all = Capabilities::default();
    for item in array.iter() {
        let Some(name) = reader.string(item) else { continue };
        match capability::parse(&name) {
            Some(found) => all.0 |= found.0,
            None => {
                let upper = name.to_ascii_uppercase();
                let short = upper.strip_prefix("CAP_").unwrap_or(&upper);
                let help = suggest::did_you_mean(short, &capability::NAMES)
                    .unwrap_or_else(|| "for instance \"NET_BIND_SERVICE\" or \"ALL\"".to_owned());
                let message = format!("unknown capability {}", reader.source.quote(&item.span(), &name));
                reader.report(&item.span(), &message, Some(help));
            }
        }
    }
    Some(all)
}

/// `group_add`, back from a service.
pub(crate) fn group_add_value(service: &Service) -> Option<Setting<'_>> {
    let groups = &service.exec.context.group_add;
    (!groups.is_empty()).then(|| Setting::List(groups.iter().map(value::number).collect()))
}

/// `cap_drop` or `cap_add`, back from a service.
pub(crate) fn capabilities_value(set: Capabilities) -> Option<Setting<'static>> {
    let names: Vec<&str> = match capability::names(set).count() {
        count if count == capability::NAMES.len() => vec!["ALL"],
        _ => capability::names(set).collect(),
    };
    (!names.is_empty()).then(|| Setting::List(names.into_iter().map(value::word).collect()))
}
