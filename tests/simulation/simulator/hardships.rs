//! What makes life hard for PID 1: it does not run for a while, alone or with everything else, the clock jumps, making a
//! process takes its time or is refused.

use super::kernel::Act;
use super::scenario::*;
use super::world::{Check, World};
use rinit::supervisor::{Event, News, Pid, Time};
use std::time::Duration;

/// PID 1 does not mind being late by so much.
const TOLERATED: Duration = Duration::from_secs(1);

/// What has become of the scenario's hardships so far.
#[derive(Default)]
pub struct Hardened {
    /// So many stalls are over.
    stalls: usize,
    /// When PID 1 looked last.
    woken: Time,
    /// Its last turn gave its time back.
    gave_back: bool,
    /// Up to when it could not look the last time.
    pub stalled_until: Option<Time>,
    /// So many processes were made, or not.
    spawns: usize,
    /// How long making processes takes in this step.
    spent: Duration,
}

/// Something that PID 1 gets to see.
pub enum Seen {
    /// A child has told how its set-up went.
    SetUp(Pid, Making),
    Said(Pid, News),
    /// A child could not send a signal.
    NotSignalled(Event),
    Ended,
    /// By its place among the requests.
    Asked(usize),
}

impl World<'_> {
    /// PID 1 stops before the next thing happens, if the scenario says so; and what it finds when it goes on.
    pub fn stalls(&mut self, next: Option<Time>, deadline: Option<Time>) -> Result<bool, String> {
        let stall = self.scenario.hardships.stalls.get(self.hardships.stalls).copied();
        let is_now = |stall: &Stall| next.is_none_or(|next| stall.at <= next);
        let Some(stall) = stall.filter(is_now).filter(|stall| stall.kind != StallKind::Jump) else {
            return Ok(false);
        };
        self.hardships.stalls += 1;
        if stall.at > self.now {
            self.judge(|rule, scene| rule.still(scene, stall.at))?;
            self.now = stall.at;
        }
        let end = self.now + stall.length;
        let mut seen = Vec::new();
        match stall.kind {
            StallKind::Everything => self.kernel.freeze(self.now, stall.length),
            StallKind::Pid1 | StallKind::Jump => {
                while let Some((at, act)) = self.happens_unseen(end) {
                    self.now = self.now.max(at);
                    seen.extend(self.happens(act));
                }
            }
        }
        self.now = end;
        self.hardships.stalled_until = Some(end);
        self.wakes(deadline)?;
        self.sees_all(seen)?;
        Ok(true)
    }

    fn happens_unseen(&mut self, until: Time) -> Option<(Time, Act)> {
        self.inputs_end();
        self.kernel.take_with_time(until)
    }

    /// What has waited is taken in. Whoever has ended has said before what he had to say.
    fn sees_all(&mut self, seen: Vec<Seen>) -> Check {
        let mut ended = false;
        for seen in seen {
            match seen {
                Seen::Ended => ended = true,
                // Requests wait for their turn.
                Seen::Asked(index) => self.kernel.plan(self.now, Act::Ask(index)),
                Seen::SetUp(..) | Seen::Said(..) | Seen::NotSignalled(_) if self.exit.is_none() => {
                    self.sees(seen)?;
                }
                Seen::SetUp(..) | Seen::Said(..) | Seen::NotSignalled(_) => {}
            }
        }
        if ended && self.exit.is_none() { self.reap() } else { Ok(()) }
    }

    /// PID 1 looks again. If that is much later than it wanted to, it says so.
    pub fn wakes(&mut self, deadline: Option<Time>) -> Check {
        let before = std::mem::replace(&mut self.hardships.woken, self.now);
        let late = deadline.map_or(Duration::ZERO, |at| self.now.saturating_sub(at.max(before)));
        if late > TOLERATED && self.exit.is_none() {
            return self.feed(Event::Overslept { by: self.now - before });
        }
        Ok(())
    }

    /// A turn in which PID 1 was stopped gives its time back before limits expire; not twice in a row.
    pub fn gives_back(&mut self) -> Check {
        let by = self.now.saturating_sub(self.hardships.woken);
        self.hardships.gave_back = by > TOLERATED && !self.hardships.gave_back;
        if self.hardships.gave_back && self.exit.is_none() {
            self.hardships.woken = self.now;
            return self.feed(Event::Overslept { by });
        }
        Ok(())
    }

    /// What has happened is known before a deadline expires.
    pub fn takes_in_all(&mut self) -> Check {
        if self.kernel.has_to_reap() {
            self.reap()?;
        }
        self.look_at_groups(true)
    }

    /// Tells of the groups that are gone.
    pub fn look_at_groups(&mut self, before_deadline: bool) -> Check {
        for pid in self.kernel.gone_groups(before_deadline) {
            self.feed(Event::GroupGone { pid })?;
        }
        Ok(())
    }

    /// How the making of a process goes: as planned, if it is not refused just now. It takes its time in any case.
    pub fn making(&mut self, planned: Making) -> Making {
        let times = &self.scenario.hardships.spawns_take;
        self.hardships.spent +=
            times.get(self.hardships.spawns % times.len().max(1)).copied().unwrap_or_default();
        self.hardships.spawns += 1;
        if self.is_refused_now() { Making::Transient } else { planned }
    }

    pub fn is_refused_now(&self) -> bool {
        self.scenario.hardships.refusals.iter().any(|(from, until)| (*from..*until).contains(&self.now))
    }

    /// What a step has taken passes, and perhaps the clock jumps.
    pub fn time_passes(&mut self) {
        let spent = std::mem::take(&mut self.hardships.spent);
        if !spent.is_zero() {
            self.now += spent;
            self.hardships.stalled_until = Some(self.now);
        }
        let stall = self.scenario.hardships.stalls.get(self.hardships.stalls);
        if let Some(stall) = stall.filter(|stall| stall.kind == StallKind::Jump && stall.at <= self.now) {
            self.hardships.stalls += 1;
            self.kernel.freeze(self.now, stall.length);
            self.now += stall.length;
            self.hardships.stalled_until = Some(self.now);
        }
    }
}
