//! What people ask for, as the event loop understands it.

use super::scenario::*;
use super::world::{Check, World};
use rinit::model::Signal;
use rinit::supervisor::{Event, Scope, ServiceId};

impl World<'_> {
    pub(super) fn ask(&mut self, index: usize) -> Check {
        let Some((_, request)) = self.scenario.requests.get(index) else { return Ok(()) };
        let targets = Scenario::targets(request);
        // Refused: there is no such service, or the container stops.
        let Some(services) =
            targets.iter().map(|name| self.supervisor.find(name)).collect::<Option<Vec<_>>>()
        else {
            return Ok(());
        };
        if services.iter().any(|service| self.is_refused(*service, request)) {
            return Ok(());
        }
        let service = services.first().copied().unwrap_or(ServiceId(usize::MAX));
        let event = match request {
            Request::Start(_) => Event::Start { services },
            Request::Stop(_) => Event::Stop { services },
            Request::Restart(_) => Event::Restart { services },
            Request::Pause(_) => Event::Pause { service },
            Request::Resume(_) => Event::Resume { service },
            Request::Signal(_, scope, signal) => Event::Signal { service, scope: *scope, signal: *signal },
            Request::Nudge(_) => {
                if let Some(pid) = self.kernel.main_of(service.0).map(|process| process.pid) {
                    self.kernel.signal(self.now, pid, Scope::Group, Signal::CONT);
                }
                return Ok(());
            }
            Request::ProbeNow(_) => Event::ProbeNow { service },
            Request::Reload(services) => return self.reload(services),
            Request::StopContainer(signal) => return self.stop(*signal),
            Request::Kill => Event::KillRequested,
            Request::Forward(signal) => Event::Forward { signal: *signal },
        };
        self.feed(event)
    }

    /// What is asked of a service while the container stops, and a signal where there is nobody to get it.
    fn is_refused(&self, service: ServiceId, request: &Request) -> bool {
        let stopping = self.supervisor.is_stopping();
        match request {
            Request::ProbeNow(_) => false,
            // Somebody else's SIGKILL, which nobody has to foresee.
            Request::Signal(.., Signal::KILL) if stopping => true,
            Request::Signal(..) => {
                let view = self.supervisor.view(self.now, service);
                view.is_none_or(|view| view.pid.is_none())
            }
            _ => stopping,
        }
    }

    /// As the event loop understands a signal that asks for the stop.
    fn stop(&mut self, signal: Option<Signal>) -> Check {
        self.interrupts += u32::from(signal == Some(Signal::INT));
        self.feed(match signal {
            Some(_) if !self.supervisor.is_stopping() => Event::StopRequested { signal },
            Some(_) if self.interrupts >= 2 => Event::KillRequested,
            Some(signal) => Event::Forward { signal },
            None => Event::StopRequested { signal },
        })
    }
}
