//! What a service's ends and starts so far allow to follow: the book that the rule of the ends keeps of each.

use super::Scene;
use rinit::model::{Backoff, Restart};
use rinit::supervisor::*;
use std::time::Duration;

/// Why a service stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Its main process has ended by itself.
    Ended,
    /// It is not well.
    Unwell,
    /// It is to be started anew.
    Anew,
    /// It is to stop.
    Halt,
    /// It was to stop, and somebody may want it again.
    HaltOrAnew,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Wanted {
    #[default]
    Yes,
    No,
    /// It was stopped by hand; since then something else was asked for that may want it.
    Perhaps,
}

#[derive(Default)]
pub(super) struct Book {
    pub(super) wanted: Wanted,
    /// The wait before the last restart; none since the last good run.
    pub(super) waited: Option<Duration>,
    /// Restarts since the last good run.
    pub(super) restarts: u32,
    /// It has waited for its last restart, beyond doubt: that is to be made good for.
    pub(super) has_waited: bool,
    pub(super) started: Option<Time>,
    /// Restarts within the window of the limit, and when it began.
    pub(super) window: Option<(Time, u32)>,
    /// How long it was ready, and healthy, in this life, and since when it is.
    pub(super) well: Duration,
    pub(super) well_since: Option<Time>,
    /// It has run by this definition.
    pub(super) proven: bool,
    /// It is told to begin anew, by request or by a reload, as soon as its turn comes.
    pub(super) anew: bool,
    pub(super) changed: bool,
    /// Its last life has ended for good, be it for this step alone.
    pub(super) over: bool,
    /// It waits for its turn to stop.
    pub(super) waits: bool,
    /// It was ready in this life.
    pub(super) ready: bool,
    pub(super) exit: Option<ExitStatus>,
    pub(super) problem: Option<StartError>,
    pub(super) why: Option<Why>,
    /// Its `finish` has said that it is not to be started again.
    pub(super) permanent: bool,
    /// When it is started again.
    pub(super) due: Option<Time>,
}

impl Book {
    pub(super) fn wait(&mut self, scene: &Scene<'_>, service: usize) -> Duration {
        let rule = &scene.services[service].policy.backoff;
        let longer = |last: Duration| last.as_secs_f64() * rule.factor;
        let seconds = self.waited.map_or(rule.initial.as_secs_f64(), longer);
        let wait = Duration::from_secs_f64(seconds.min(rule.max.as_secs_f64()));
        self.waited = Some(wait);
        wait
    }

    /// Its main process has ended by itself. One that was to stop, or is gone, and waited for its turn, does not start
    /// again.
    pub(super) fn ends(&mut self, is_gone: bool) {
        self.why = Some(if self.wanted == Wanted::No || is_gone { Why::Halt } else { Why::Ended });
    }

    pub(super) fn forget(&mut self) {
        (self.waited, self.restarts, self.window) = (None, 0, None);
        self.has_waited = false;
    }

    pub(super) fn well_for(&self, now: Time) -> Duration {
        self.well + self.well_since.map_or(Duration::ZERO, |since| now - since)
    }

    /// Whether it is about to have been well for long enough, and that matters: a freeze would count as well.
    pub(super) fn makes_good(&self, now: Time, until: Time, reset_after: Duration) -> bool {
        self.has_waited
            && self.well_since.is_some()
            && self.well_for(now) < reset_after
            && self.well_for(until) > reset_after
    }

    /// Whether another restart is one too many; if not, it is counted.
    pub(super) fn is_too_often(&mut self, now: Time, backoff: &Backoff) -> bool {
        let Some(limit) = backoff.limit else { return false };
        let Some(window) = backoff.window else { return self.restarts >= limit };
        let (since, count) = self.window.filter(|(since, _)| now < *since + window).unwrap_or((now, 0));
        self.window = Some((since, count + u32::from(count < limit)));
        count >= limit
    }

    /// What has to follow the end of a process that was started.
    pub(super) fn policy(&mut self, scene: &Scene<'_>, service: usize, success: bool) -> Next {
        let policy = &scene.services[service].policy;
        let long = self.well_for(scene.now) >= policy.backoff.reset_after;
        if long {
            (self.waited, self.restarts) = (None, 0);
        }
        let again = match policy.restart {
            Restart::Always | Restart::UnlessStopped => true,
            Restart::OnFailure(None) => !success,
            Restart::OnFailure(Some(most)) => !success && self.restarts < most,
            Restart::No => false,
        };
        match (again, success) {
            (true, _) if self.is_too_often(scene.now, &policy.backoff) => Next::Failed(String::new()),
            (true, _) => {
                self.restarts += 1;
                Next::Restart(if long { Duration::ZERO } else { self.wait(scene, service) })
            }
            (false, true) => Next::Completed,
            (false, false) => Next::Failed(String::new()),
        }
    }

    pub(super) fn after_problem(&mut self, scene: &Scene<'_>, service: usize, retry: Retry) -> Next {
        let task = scene.services[service].policy.restart == Restart::No;
        match retry {
            Retry::ByPolicy => self.policy(scene, service, false),
            Retry::Yes => Next::Restart(self.wait(scene, service)),
            // What is missing now was there.
            Retry::No if self.proven && !task => self.policy(scene, service, false),
            Retry::No => Next::Failed(String::new()),
        }
    }

    /// All that may follow now.
    pub(super) fn expected(&mut self, scene: &Scene<'_>, service: usize, stopping: bool) -> Vec<Next> {
        let gone = scene.current().all(|it| it != service);
        let wanted = match stopping || gone {
            // What reads goes on for a while.
            true if scene.reads(service) && !gone && self.wanted != Wanted::No => Wanted::Perhaps,
            true => Wanted::No,
            false => self.wanted,
        };
        if wanted == Wanted::No {
            return vec![Next::Stopped];
        }
        let mut all = match wanted {
            Wanted::Perhaps => vec![Next::Stopped, Next::Restart(Duration::ZERO)],
            Wanted::Yes | Wanted::No => Vec::new(),
        };
        let success = self.ready && self.exit == Some(ExitStatus::Code(0));
        let next = match (self.why, self.problem.clone()) {
            (Some(Why::Halt), _) => Next::Stopped,
            (Some(Why::Anew | Why::HaltOrAnew), _) => Next::Restart(Duration::ZERO),
            (Some(Why::Ended | Why::Unwell) | None, Some(problem)) => {
                self.after_problem(scene, service, problem.retry)
            }
            (Some(Why::Ended | Why::Unwell) | None, None) if self.permanent => Next::Failed(String::new()),
            (Some(Why::Unwell), None) => self.policy(scene, service, false),
            (Some(Why::Ended) | None, None) => self.policy(scene, service, success),
        };
        all.push(next);
        all
    }
}
