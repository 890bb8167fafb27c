//! The definitions that processes were made by. A reload replaces the definition of a service, and what its processes have
//! to tell is still shown as the one says that they were made by.

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

    /// Has the children that were made by the current definitions keep these.
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

    /// Has a new child keep its definition where that is an old one.
    pub(in crate::init) fn keep_leaving(&mut self, id: ServiceId, pid: Pid) {
        if let Some(leaving) = self.places.get(id).and_then(|place| place.leaving.as_ref()) {
            self.children.keep_definition(pid.0, Rc::clone(leaving));
        }
    }

    /// A process is about to be made: what probes have said so far is not of that.
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

    /// The event for the set-up result of a main process. `made_by`: its definition, where that is not the current one.
    pub(in crate::init) fn outcome_event(
        &self,
        pid: i32,
        outcome: &Outcome,
        made_by: Option<&Service>,
    ) -> Option<Event> {
        let pid = Pid(pid);
        match outcome {
            Outcome::Pending | Outcome::NotExecuted => None,
            Outcome::Executed => Some(Event::Executed { pid }),
            Outcome::Failed(stage, error) => {
                let id = self.supervisor.processes().main_of(pid)?;
                let service = made_by.or_else(|| self.services.get(id.0))?;
                let error = launch::setup_error(service, launch::Purpose::Main, *stage, error);
                Some(Event::SetupFailed { pid, error })
            }
        }
    }
}
