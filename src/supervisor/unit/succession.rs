//! Another process takes the place of a main process that has ended: a new master that an old one has named with
//! MAINPID=, or a daemon that goes into the background.

#![forbid(unsafe_code)]

use super::Unit;
use super::ending::StopStep;
use super::phase::Phase;
use super::process::terminate;
use crate::supervisor::event::*;

impl Unit {
    /// Another process takes the place of the main process, which was reaped. A unit that stops
    /// tells it to stop as well.
    pub fn succeeded(&mut self, now: Time, by: Pid, group: Pid, out: &mut Vec<Effect>) {
        let Some(process) = self.phase.alive_mut() else { return };
        let ended = std::mem::replace(&mut process.pid, by);
        process.group = group;
        process.killed_by_request = false;
        out.push(Effect::Notice(Notice::Succeeded(self.id, ended, by)));
        match &mut self.phase {
            Phase::Paused(_) => self.pause_anew(now, out),
            Phase::Stopping(ending) if ending.is_killed() => self.kill_what_runs(out),
            Phase::Stopping(ending) => match &mut ending.step {
                // It is told when that is done.
                StopStep::PreStop(_) => {}
                StopStep::Command { successor, .. } => *successor = true,
                // It reads what is left first.
                StopStep::Reading { .. } => {}
                StopStep::StartHook(_) | StopStep::Told | StopStep::Control(_) | StopStep::PostStop(_) => {
                    terminate(by, self.stop_scope(), self.stop_signal(), out);
                }
            },
            Phase::Stopped
            | Phase::Waiting
            | Phase::Starting(_)
            | Phase::Running(_)
            | Phase::Backoff { .. }
            | Phase::Completed
            | Phase::Failed { .. } => {}
        }
    }
}
