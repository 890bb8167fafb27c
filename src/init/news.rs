//! What services say of themselves over systemd's protocol, told to the supervisor.

#![forbid(unsafe_code)]

use super::executor::Executor;
use super::notify::{Message, Said};
use super::senders::Sender;
use crate::model::Notify;
use crate::supervisor::{Event, Pid, ServiceId, Time};
use crate::sys::proc_fs;

impl Executor {
    /// Services have said something of themselves: at most `most` datagrams of it are read.
    pub fn read_news(&mut self, now: Time, most: usize) {
        for _ in 0..most {
            let Some(socket) = &mut self.notify else { return };
            let (table, services, heirs) = (self.supervisor.processes(), &self.services, &self.heirs);
            let owner = |number: i32| {
                let service = table.owner(Pid(number)).or_else(|| heirs.service_of(number))?;
                let notifies = services.get(service.0)?.policy.notify == Some(Notify::Systemd);
                notifies.then_some(service)
            };
            let Some(message) = socket.receive(now, owner) else { return };
            let Some(Message { service, uid, said }) = message else { continue };
            for said in said {
                match said {
                    Said::News(news) => self.feed(now, Event::Notified { service, news }),
                    Said::MainPid(pid) => self.name_heir(now, service, uid, pid),
                }
            }
        }
    }

    /// A service names the process that is to be its main process when the present one has ended. That has to be one of
    /// its own; or one that its sender could send signals to anyway and that is nobody else's: a program that goes into
    /// the background twice has left everything by which it could be told.
    fn name_heir(&mut self, now: Time, service: ServiceId, uid: u32, pid: i32) {
        let Some(socket) = &mut self.notify else { return };
        let table = self.supervisor.processes();
        if table.main_of(Pid(pid)) == Some(service) {
            return self.heirs.forget(service);
        }
        let owner = |number: i32| table.owner(Pid(number));
        let belongs = table.get(Pid(pid)).is_none()
            && match socket.whose(now, (pid, uid), &owner) {
                Sender::Of(found) => found == service,
                Sender::Nobody => {
                    let is_ours =
                        proc_fs::parent(pid).is_some_and(|it| u32::try_from(it) == Ok(std::process::id()));
                    is_ours && (uid == 0 || proc_fs::user_of(pid) == Some(uid))
                }
                Sender::NotLookedUp => false,
            };
        if !(belongs && self.heirs.name(service, pid)) {
            let name = self.supervisor.name(service);
            socket.complain(
                now,
                &format!("MAINPID={pid} of {name} is refused: that is no process of the service"),
            );
        }
    }
}
