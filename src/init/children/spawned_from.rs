//! The definitions that processes were started from. After a reload, rinit still reports on an older process as the
//! definition says that it was started from.

#![forbid(unsafe_code)]

use crate::init::executor::Executor;
use crate::init::launch;
use crate::model::Service;
use crate::supervisor::{Event, Pid, ServiceId, Time};
use crate::sys::spawn::Outcome;
use std::collections::BTreeMap;
use std::rc::Rc;

impl Executor {
    /// The definition by which a service runs or stops. After a reload it may be older than the current one.
    pub(in crate::init) fn definition(&self, id: ServiceId) -> Option<&Service> {
        let leaving = self.places.get(id).and_then(|place| place.leaving.as_deref());
        leaving.or_else(|| self.services.get(id.0))
    }

    /// Lets the children of the current definitions keep them, before a reload replaces these.
    pub(in crate::init) fn keep_definitions(&mut self) {
        let mut kept: BTreeMap<ServiceId, Rc<Service>> = BTreeMap::new();
        for pid in self.children.without_definition() {
            let Some(id) = self.supervisor.processes().get(Pid(pid)).map(|process| process.service) else {
                continue;
            };
            let leaving = self.places.get(id).and_then(|place| place.leaving.as_ref());
            let Some(current) = self.services.get(id.0) else { continue };
            let definition =
                kept.entry(id).or_insert_with(|| leaving.map_or_else(|| Rc::new(current.clone()), Rc::clone));
            self.children.keep_definition(pid, Rc::clone(definition));
        }
    }

    /// Lets a new child keep its definition, if that is an old one.
    pub(in crate::init) fn keep_leaving(&mut self, id: ServiceId, pid: Pid) {
        if let Some(leaving) = self.places.get(id).and_then(|place| place.leaving.as_ref()) {
            self.children.keep_definition(pid.0, Rc::clone(leaving));
        }
    }

    /// Call this before a process is started: earlier results of probes are not about it.
    pub(in crate::init) fn note_last_probe(&mut self, id: ServiceId) {
        let is_probed = self.services.get(id.0).is_some_and(|service| service.healthcheck.is_some());
        if !is_probed {
            return;
        }
        let view = self.supervisor.view(Time::ZERO, id);
        if let Some(last) = view.and_then(|view| view.probes.last().map(|probe| probe.started)) {
            self.places.of(id).probed_before = Some(last);
        }
    }

    /// The event for the set-up result of a main process. `spawned_from`: its definition, where that is not the current one.
    pub(in crate::init) fn outcome_event(
        &self,
        pid: i32,
        outcome: &Outcome,
        spawned_from: Option<&Service>,
    ) -> Option<Event> {
        let pid = Pid(pid);
        match outcome {
            Outcome::Pending | Outcome::NotExecuted => None,
            Outcome::Executed => Some(Event::Executed { pid }),
            Outcome::Failed(stage, error) => {
                let id = self.supervisor.processes().main_of(pid)?;
                let service = spawned_from.or_else(|| self.services.get(id.0))?;
                let error = launch::setup_error(service, launch::Purpose::Main, *stage, error);
                Some(Event::SetupFailed { pid, error })
            }
        }
    }
}
