//! Another process takes the place of a main process that has ended: a new master that an old one has named with
//! MAINPID=, or a daemon that goes into the background.

#![forbid(unsafe_code)]

use super::ending::terminate;
use super::event::*;
use super::unit::Unit;
use crate::model::{Control, Hook};

impl Unit {
    /// Another process takes the place of the main process, which was reaped. It has not heard what that was told: a
    /// unit that stops tells it again.
    pub fn succeeded(&mut self, now: Time, by: Pid, group: Pid, out: &mut Vec<Effect>) {
        let Some(process) = &mut self.process else { return };
        let ended = std::mem::replace(&mut process.pid, by);
        process.group = group;
        process.struck = false;
        out.push(Effect::Notice(Notice::Succeeded(self.id, ended, by)));
        let Some(ending) = &mut self.ending else { return self.pause_anew(now, out) };
        if ending.killed {
            return self.kill_what_runs(false, out);
        }
        match self.hook.map(|running| running.hook) {
            // It is told when that is done.
            Some(Hook::PreStop) => {}
            Some(Hook::Stop) => ending.unheard = true,
            // It reads what is left first.
            _ if ending.drain_by.is_some() => {}
            Some(
                Hook::PreStart
                | Hook::PostStart
                | Hook::PostStop
                | Hook::Control(Control::Up | Control::Down | Control::Exit | Control::Signal(_)),
            )
            | None => terminate(by, self.stop_scope(), self.stop_signal(), out),
        }
    }
}
