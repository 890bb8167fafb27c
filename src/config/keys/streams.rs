//! The keys for where a service's output goes, and what that means for the services that read it.

use super::value;
use crate::config::read::draft::{Draft, Written};
use crate::config::read::reader::Reader;
use crate::config::read::setting::Setting;
use crate::config::text::syntax::Value;
use crate::model::{Condition, Dependency, MAIN, Service, Streams};
use std::collections::BTreeSet;
use toml::de::DeTable;

/// Compose's way to name another service where something of it is shared.
const SERVICE: &str = "service:";

/// `stdout`.
pub(crate) fn stdout(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    if let Some(name) = output(reader, value) {
        streams(&mut draft.service).stdout = Some(name);
    }
}

/// `stderr`.
pub(crate) fn stderr(reader: &mut Reader<'_>, value: &Value<'_>, draft: &mut Draft) {
    if let Some(name) = output(reader, value) {
        streams(&mut draft.service).stderr = Some(name);
    }
}

fn streams(service: &mut Service) -> &mut Streams {
    service.exec.streams.get_or_insert_default()
}

/// The service that reads, if one does.
fn output(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<String> {
    let text = reader.string(value)?;
    if text == "inherit" {
        return None;
    }
    match text.strip_prefix(SERVICE) {
        Some(name) if !name.is_empty() => Some(name.to_owned()),
        _ => {
            let found = reader.source.quote(&value.span(), &text);
            let message = format!("expected \"inherit\" or \"service:NAME\", found {found}");
            let help = Some("NAME is the service whose standard input it goes to".to_owned());
            reader.report(&value.span(), &message, help);
            None
        }
    }
}

/// One of the two, back from a service.
pub(crate) fn value(service: &Service, of: fn(&Streams) -> &Option<String>) -> Option<Setting<'_>> {
    let reader = of(service.exec.streams.as_deref()?).as_ref()?;
    Some(value::word(format!("{SERVICE}{reader}")))
}

/// When all keys of a file are read: who reads from a service is one that it depends on. What its `depends_on` says
/// of that one stays as it is written.
pub(crate) fn check(reader: &mut Reader<'_>, table: &DeTable<'_>, draft: &mut Draft) {
    let Some(streams) = draft.service.exec.streams.as_deref() else { return };
    let keys = [("stdout", streams.stdout.clone()), ("stderr", streams.stderr.clone())];
    for (key, name) in keys {
        let (Some(name), Some(value)) = (name, table.get(key)) else { continue };
        let at = match value.get_ref().as_str().is_some_and(|text| text.starts_with(SERVICE)) {
            true => reader.inside(value, SERVICE.len()..SERVICE.len().saturating_add(name.len())),
            false => value.span(),
        };
        let message = match &name {
            own if *own == draft.service.name => "a service cannot read what it writes itself",
            main if main == MAIN => {
                "the main process has the standard input that rinit was started with, and reads from no service"
            }
            _ if !draft.dependencies.insert(name.clone()) => continue,
            _ => {
                draft.depends_on.push(Written {
                    name,
                    condition: Some(Condition::Started),
                    required: true,
                    restart: false,
                    condition_span: at.clone(),
                    name_span: at,
                    file: None,
                });
                continue;
            }
        };
        reader.report(&at, message, None);
    }
}

/// Those that are read from depend on those that read, and these have a pipe as their standard input. For every kind
/// of definition, when all are complete.
pub(crate) fn link(services: &mut [Service]) {
    let mut reading = BTreeSet::new();
    for service in services.iter_mut() {
        let readers: Vec<String> = service.exec.readers().map(str::to_owned).collect();
        for name in readers {
            let depends_on = &mut service.policy.depends_on;
            if !depends_on.iter().any(|dependency| dependency.name == name) {
                let condition = Condition::Started;
                depends_on.push(Dependency { name: name.clone(), condition, required: true, restart: false });
            }
            reading.insert(name);
        }
    }
    for service in services.iter_mut().filter(|service| reading.contains(&service.name)) {
        streams(service).reads = true;
    }
}
