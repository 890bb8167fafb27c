//! What rinit remembers of each service, by its place among the services. A place that a reload gives to another service
//! is forgotten as a whole, so that the new service inherits nothing.

#![forbid(unsafe_code)]

use super::children::deaths::Deaths;
use super::children::heirs::{Heir, Names};
use super::launch::pipes::Pipe;
use super::logs::LogPipes;
use crate::model::Service;
use crate::supervisor::{ServiceId, Time};
use std::collections::BTreeMap;
use std::rc::Rc;

/// What is remembered of one service, beside its definition and what the supervisor knows.
#[derive(Default)]
pub struct Place {
    /// Its old definition, by which it stops, to be started by the new one.
    pub leaving: Option<Rc<Service>>,
    /// When the last probe of an earlier process started.
    pub probed_before: Option<Time>,
    /// How it has ended.
    pub deaths: Deaths,
    /// What it reads from.
    pub pipe: Pipe,
    /// What it writes to the logger with.
    pub log: Option<Box<LogPipes>>,
    /// Its next main process, if it has named one.
    pub heir: Option<Heir>,
    /// How often it has named one.
    pub names: Names,
}

/// The places of which something is remembered.
#[derive(Default)]
pub struct Places(BTreeMap<usize, Place>);

impl Places {
    /// The place of a service.
    pub fn of(&mut self, service: ServiceId) -> &mut Place {
        self.0.entry(service.0).or_default()
    }

    /// The place, if something is remembered of it.
    pub fn get(&self, service: ServiceId) -> Option<&Place> {
        self.0.get(&service.0)
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, service: ServiceId) -> Option<&mut Place> {
        self.0.get_mut(&service.0)
    }

    /// Each place of which something is remembered.
    pub fn all(&self) -> impl Iterator<Item = (ServiceId, &Place)> {
        self.0.iter().map(|(number, place)| (ServiceId(*number), place))
    }

    /// The same, to change them.
    pub fn all_mut(&mut self) -> impl Iterator<Item = (ServiceId, &mut Place)> {
        self.0.iter_mut().map(|(number, place)| (ServiceId(*number), place))
    }

    /// Another service gets the place.
    pub fn forget(&mut self, service: ServiceId) {
        self.0.remove(&service.0);
    }

    /// A service has named an heir. `false`: it is the one that another service has named.
    pub fn name_heir(&mut self, service: ServiceId, heir: Heir) -> bool {
        let same = |it: &Heir| it.pid == heir.pid;
        for (number, place) in &mut self.0 {
            // What has the number of another process now is not the one that was named.
            place.heir.take_if(|it| same(it) && it.started != heir.started);
            if *number != service.0 && place.heir.as_ref().is_some_and(same) {
                return false;
            }
        }
        self.of(service).heir = Some(heir);
        true
    }

    /// The service that has named this process.
    pub fn that_named(&self, pid: i32) -> Option<ServiceId> {
        let named = |place: &Place| place.heir.is_some_and(|heir| heir.pid == pid);
        self.0.iter().find(|(_, place)| named(place)).map(|(number, _)| ServiceId(*number))
    }

    /// A process was reaped that was nobody's yet.
    pub fn reaped(&mut self, pid: i32) {
        for place in self.0.values_mut() {
            place.heir.take_if(|heir| heir.pid == pid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: ServiceId = ServiceId(0);
    const DB: ServiceId = ServiceId(1);

    #[test]
    fn a_process_is_the_heir_of_one_service() {
        let mut places = Places::default();
        let mut name = |service, pid, started| places.name_heir(service, Heir { pid, started });
        assert!(name(WEB, 7, 100));
        assert!(!name(DB, 7, 100));
        assert!(name(WEB, 7, 100));
        // Another process has the number.
        assert!(name(DB, 7, 200));
        assert_eq!(places.that_named(7), Some(DB));
        // The first one is free again.
        assert!(places.name_heir(DB, Heir { pid: 8, started: 300 }));
        assert_eq!((places.that_named(7), places.that_named(8)), (None, Some(DB)));
        assert!(places.name_heir(WEB, Heir { pid: 7, started: 200 }));
        places.reaped(7);
        assert_eq!((places.that_named(7), places.that_named(8)), (None, Some(DB)));
        places.forget(DB);
        assert_eq!(places.that_named(8), None);
    }
}
