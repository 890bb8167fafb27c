//! What services say of themselves over systemd's protocol, told to the supervisor.

#![forbid(unsafe_code)]

use super::senders::Sender;
use super::{Message, Said};
use crate::init::children::heirs::Heir;
use crate::init::children::owner::Owner;
use crate::init::executor::Executor;
use crate::model::Notify;
use crate::supervisor::{Event, Pid, ServiceId, Time};
use crate::sys::proc_fs;

/// Why most are refused.
const NOT_ITS_OWN: &str = "that is no process of the service";

impl Executor {
    /// Services have said something of themselves: at most `most` datagrams of it are read.
    pub fn read_news(&mut self, now: Time, most: usize) {
        for _ in 0..most {
            let Some(socket) = &mut self.notify else { return };
            let (table, places) = (self.supervisor.processes(), &self.places);
            let owner = |number: i32| table.owner(Pid(number)).or_else(|| places.that_named(number));
            let Some(message) = socket.receive(now, owner) else { return };
            let Some(Message { service, uid, said }) = message else { continue };
            let policy = self.services.get(service.0).map(|service| &service.policy);
            if policy.is_none_or(|policy| policy.notify != Some(Notify::Systemd)) {
                let name = self.supervisor.name(service);
                log::debug!("passed over a notification of {name}: it does not notify so");
                continue;
            }
            for said in said {
                match said {
                    Said::News(news) => self.feed(now, Event::Notified { service, news }),
                    Said::MainPid(pid) => self.name_heir(now, service, uid, pid),
                }
            }
        }
    }

    /// A service names the process that is to be its main process when the present one has ended.
    fn name_heir(&mut self, now: Time, service: ServiceId, uid: u32, pid: i32) {
        if self.supervisor.processes().main_of(Pid(pid)) == Some(service) {
            self.places.of(service).heir = None;
            return;
        }
        let named = match self.places.of(service).names.may_name(now) {
            true => self.find_heir(now, service, uid, pid),
            false => Err("the service names too many"),
        };
        if let (Err(why), Some(socket)) = (named, &mut self.notify) {
            let name = self.supervisor.name(service);
            socket.complain(now, &format!("MAINPID={pid} of {name} is refused: {why}"));
        }
    }

    /// That has to be one of its own; or one that its sender could send signals to anyway and that is nobody else's: a
    /// program that goes into the background twice has left everything by which it could be told.
    fn find_heir(&mut self, now: Time, service: ServiceId, uid: u32, pid: i32) -> Result<(), &'static str> {
        let Some(started) = proc_fs::start_time(pid) else {
            return Err(match proc_fs::is_mounted() {
                true => NOT_ITS_OWN,
                false => "/proc is not mounted, in which rinit looks for the process",
            });
        };
        if self.owner(pid) != Owner::Nobody {
            return Err(NOT_ITS_OWN);
        }
        let Some(socket) = &mut self.notify else { return Ok(()) };
        let table = self.supervisor.processes();
        let belongs = match socket.whose_named(now, (pid, uid), &|number| table.owner(Pid(number))) {
            Sender::Of(found) => found == service,
            Sender::Nobody => {
                let is_ours =
                    proc_fs::parent(pid).is_some_and(|it| u32::try_from(it) == Ok(std::process::id()));
                is_ours && (uid == 0 || proc_fs::user_of(pid) == Some(uid))
            }
            Sender::NotLookedUp => return Err("its user has too many processes looked up"),
        };
        match belongs {
            true if self.places.name_heir(service, Heir { pid, started }) => Ok(()),
            true => Err("another service has named that process"),
            false => Err(NOT_ITS_OWN),
        }
    }
}
