//! What a changed configuration means for each service: plain comparisons.

use super::event::ServiceId;
use crate::model::{Policy, Service, Streams, ordered};

/// What a reload does, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// New: started.
    pub start: Vec<String>,
    /// Gone: stopped.
    pub stop: Vec<String>,
    /// Changed: stopped with the old definition and started with the new one.
    pub restart: Vec<String>,
    /// Changed in what takes effect while it runs.
    pub change: Vec<String>,
}

impl Plan {
    /// Whether nothing has changed.
    pub fn is_empty(&self) -> bool {
        *self == Plan::default()
    }
}

/// Compares two configurations.
pub fn plan(old: &[Service], new: &[Service]) -> Plan {
    let before = ordered::map(old.iter().map(|service| (service.name.as_str(), service)));
    let after = ordered::set(new.iter().map(|service| service.name.as_str()));
    let mut plan = Plan::default();
    for service in new {
        let name = service.name.clone();
        match before.get(service.name.as_str()) {
            None => plan.start.push(name),
            Some(known) if without_origin(known) == without_origin(service) => {}
            Some(known) if takes_effect(known, service) => plan.change.push(name),
            Some(_) => plan.restart.push(name),
        }
    }
    let gone = old.iter().filter(|service| !after.contains(service.name.as_str()));
    plan.stop.extend(gone.map(|service| service.name.clone()));
    plan
}

/// A definition, wherever it is written.
fn without_origin(service: &Service) -> Service {
    Service { origin: None, ..service.clone() }
}

/// Whether a change takes effect while the service runs. One that others write to from now on has to be given the
/// pipe; one that nobody writes to any more keeps its own.
fn takes_effect(known: &Service, service: &Service) -> bool {
    let begins_to_read = service.exec.reads_others() && !known.exec.reads_others();
    !begins_to_read && for_start(known) == for_start(service)
}

/// What of a definition counts when the service is started, and cannot be changed later. Who begins to log, or ends to,
/// depends on the logger from then on, or no longer. What has changed beside that is told to the logger.
fn for_start(service: &Service) -> Service {
    let defaults = Policy::default();
    let policy = Policy {
        restart: defaults.restart,
        backoff: defaults.backoff,
        stop_signal: defaults.stop_signal,
        stop_grace_period: defaults.stop_grace_period,
        ..(*service.policy).clone()
    };
    let mut same = Service {
        description: None,
        healthcheck: None,
        logging: None,
        policy: policy.into(),
        ..without_origin(service)
    };
    if let Some(streams) = &mut same.exec.streams {
        streams.reads = false;
    }
    same.exec.streams.take_if(|streams| **streams == Streams::default());
    same
}

/// The services after a reload, each at the place that it had. Those that are gone keep theirs until it is `free`: then a
/// new one takes it. The other new ones come last. What has not changed stays where it is in memory.
pub fn merge(old: Vec<Service>, new: Vec<Service>, free: &[ServiceId]) -> Vec<Service> {
    let mut coming = ordered::map(new.into_iter().map(|service| (service.name.clone(), service)));
    // One that comes back has a place.
    let is_left = |id: &&ServiceId| old.get(id.0).is_some_and(|it| !coming.contains_key(&it.name));
    let free: Vec<ServiceId> = free.iter().filter(is_left).copied().collect();
    let changed = |service: Service| match coming.remove(&service.name) {
        Some(new) if new != service => new,
        _ => service,
    };
    let mut merged: Vec<Service> = old.into_iter().map(changed).collect();
    let mut coming = coming.into_values();
    for (id, service) in free.into_iter().zip(coming.by_ref()) {
        if let Some(place) = merged.get_mut(id.0) {
            *place = service;
        }
    }
    merged.extend(coming);
    merged
}
