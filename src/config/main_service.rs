//! COMMAND as the service `main`: its command, and that it waits for all the others.

use super::read::draft::Draft;
use crate::model::{Condition, Dependency, MAIN, Service};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

/// Gives `main` its command, before the services are checked. Returns what is worth a note.
pub(super) fn set_command(drafts: &mut BTreeMap<String, Draft>, command: &[OsString]) -> Vec<String> {
    if !command.is_empty() {
        let main = drafts.entry(MAIN.to_owned()).or_insert_with(|| Draft::new(MAIN));
        main.service.exec.command = command.to_vec();
        if let Some(origin) = &mut main.service.origin {
            origin.source.values.retain(|(key, _)| key != "command");
        }
        return Vec::new();
    }
    match drafts.get(MAIN) {
        Some(main) if main.service.exec.command.is_empty() && !main.flawed => {
            drafts.remove(MAIN);
            vec!["main.toml is not used: it sets no command, and none was given".to_owned()]
        }
        _ => Vec::new(),
    }
}

/// Makes `main` depend on every other service that starts by itself, but for those that wait for `main`. What its
/// own `depends_on` says stays as it is written.
pub(super) fn wait_for_others(services: &mut [Service]) {
    let waiting = dependents_of_main(services);
    let others: Vec<Dependency> = services
        .iter()
        .filter(|service| service.policy.autostart && !waiting.contains(&service.name))
        .map(|service| Dependency {
            name: service.name.clone(),
            condition: match service.policy.is_task() {
                true => Condition::CompletedSuccessfully,
                false => Condition::Started,
            },
            required: true,
            restart: false,
        })
        .collect();
    let Some(main) = services.iter_mut().find(|service| service.name == MAIN) else { return };
    let depends_on = &mut main.policy.depends_on;
    for other in others {
        if !depends_on.iter().any(|own| own.name == other.name) {
            depends_on.push(other);
        }
    }
}

/// `main` and all that depend on it, directly or through others.
fn dependents_of_main(services: &[Service]) -> BTreeSet<String> {
    let mut dependents: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for service in services {
        for dependency in &service.policy.depends_on {
            dependents.entry(&dependency.name).or_default().push(&service.name);
        }
    }
    let mut found = BTreeSet::new();
    let mut todo = vec![MAIN];
    while let Some(name) = todo.pop() {
        if found.insert(name.to_owned()) {
            todo.extend(dependents.get(name).into_iter().flatten());
        }
    }
    found
}
