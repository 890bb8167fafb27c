//! What follows the end of a service: restart policies and backoff, computed from what the documentation says.

use super::{Check, Rule, Scene, holds};
use rinit::model::{Finish, Hook, OnUnhealthy, Restart};
use rinit::supervisor::*;
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Default)]
pub struct Ends {
    books: BTreeMap<usize, Book>,
    stopping: bool,
    tick: bool,
    /// Processes of a `finish` that can say that there is to be no restart.
    finishes: BTreeMap<Pid, usize>,
}

/// Why a service stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
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
enum Wanted {
    #[default]
    Yes,
    No,
    /// It was stopped by hand; since then something else was asked for that may want it.
    Perhaps,
}

#[derive(Default)]
struct Book {
    wanted: Wanted,
    /// The wait before the last restart; none since the last good run.
    waited: Option<Duration>,
    /// Restarts since the last good run.
    restarts: u32,
    started: Option<Time>,
    /// For so long of that PID 1 did not run, nor did the service perhaps.
    not_run: Duration,
    ended: Time,
    /// It was ready in this life.
    ready: bool,
    exit: Option<ExitStatus>,
    problem: Option<StartError>,
    why: Option<Why>,
    /// Its `finish` has said that it is not to be started again.
    permanent: bool,
    /// When it is started again.
    due: Option<Time>,
}

impl Book {
    fn wait(&mut self, scene: &Scene<'_>, service: usize) -> Duration {
        let rule = &scene.services[service].policy.backoff;
        let longer = |last: Duration| last.as_secs_f64() * rule.factor;
        let seconds = self.waited.map_or(rule.initial.as_secs_f64(), longer);
        let wait = Duration::from_secs_f64(seconds.min(rule.max.as_secs_f64()));
        self.waited = Some(wait);
        wait
    }

    fn because(&mut self, now: Time, why: Why) {
        if self.why.is_none() {
            self.ended = now;
        }
        self.why = Some(why);
    }

    /// What has to follow the end of a process that was started.
    fn policy(&mut self, scene: &Scene<'_>, service: usize, success: bool) -> Next {
        let policy = &scene.services[service].policy;
        let ran = self.ended.saturating_sub(self.started.unwrap_or(self.ended));
        let ran = ran.saturating_sub(self.not_run);
        let long = self.started.is_some() && ran >= policy.backoff.reset_after;
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
            (true, _) => {
                self.restarts += 1;
                Next::Restart(if long { Duration::ZERO } else { self.wait(scene, service) })
            }
            (false, true) => Next::Completed,
            (false, false) => Next::Failed(String::new()),
        }
    }

    fn after_problem(&mut self, scene: &Scene<'_>, service: usize, transient: bool) -> Next {
        match transient {
            true => Next::Restart(self.wait(scene, service)),
            false => Next::Failed(String::new()),
        }
    }

    /// All that may follow now.
    fn expected(&mut self, scene: &Scene<'_>, service: usize, stopping: bool) -> Vec<Next> {
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
        let mut all = if wanted == Wanted::Perhaps { vec![Next::Stopped] } else { Vec::new() };
        let success = self.ready && self.exit == Some(ExitStatus::Code(0));
        let next = match (self.why, self.problem.clone()) {
            (Some(Why::Halt), _) => Next::Stopped,
            (Some(Why::Anew | Why::HaltOrAnew), _) => Next::Restart(Duration::ZERO),
            (Some(Why::Ended | Why::Unwell) | None, Some(problem)) => {
                self.after_problem(scene, service, problem.transient)
            }
            (Some(Why::Ended | Why::Unwell) | None, None) if self.permanent => Next::Failed(String::new()),
            (Some(Why::Unwell), None) => self.policy(scene, service, false),
            (Some(Why::Ended) | None, None) => self.policy(scene, service, success),
        };
        all.push(next);
        all
    }
}

fn alike(one: &Next, other: &Next) -> bool {
    match (one, other) {
        (Next::Restart(one), Next::Restart(other)) => one.abs_diff(*other) <= Duration::from_micros(1),
        (Next::Failed(_), Next::Failed(_)) => true,
        _ => one == other,
    }
}

impl Ends {
    fn book(&mut self, service: ServiceId) -> &mut Book {
        self.books.entry(service.0).or_default()
    }

    fn follows(&mut self, scene: &Scene<'_>, service: ServiceId, next: &Next) -> Check {
        let (stopping, name) = (self.stopping, scene.name(service.0));
        let book = self.book(service);
        let expected = book.expected(scene, service.0, stopping);
        holds(expected.iter().any(|it| alike(it, next)), || {
            format!("after the end of {name} follows {next:?}, expected {expected:?}")
        })?;
        book.due = match next {
            Next::Restart(wait) if book.why != Some(Why::Anew) => Some(scene.now + *wait),
            _ => None,
        };
        (book.why, book.started, book.ready, book.problem) = (None, None, false, None);
        book.permanent = false;
        Ok(())
    }

    fn notice(&mut self, scene: &Scene<'_>, notice: &Notice) -> Check {
        let now = scene.now;
        match notice {
            Notice::StopBegun(..) => self.stopping = true,
            Notice::Died(service, status, _, ran, next) => {
                let name = scene.name(service.0);
                let book = self.book(*service);
                let lived = now.saturating_sub(book.started.unwrap_or(now));
                holds(*ran == lived && book.exit == Some(*status), || format!("{name} has not ended so"))?;
                book.because(now, Why::Ended);
                if !matches!(next, Next::StopRest | Next::PostStop) {
                    return self.follows(scene, *service, next);
                }
            }
            Notice::Follows(service, next, _) => return self.follows(scene, *service, next),
            Notice::StartFailed(service, _, Next::PostStop) => self.book(*service).because(now, Why::Ended),
            Notice::StartFailed(service, _, next) => return self.follows(scene, *service, next),
            Notice::Stopped(service, ..) => return self.follows(scene, *service, &Next::Stopped),
            Notice::Restarting(service, _) => self.book(*service).because(now, Why::Unwell),
            Notice::Unhealthy(service, ..) => {
                let check = scene.services[service.0].healthcheck.as_ref();
                if check.is_some_and(|check| check.timing.on_unhealthy == OnUnhealthy::Restart) {
                    self.book(*service).because(now, Why::Unwell);
                }
            }
            Notice::Stopping(service, ..) => {
                let book = self.book(*service);
                let why = match (book.why, book.wanted) {
                    (Some(why), _) => why,
                    (None, Wanted::Yes) => Why::Anew,
                    (None, Wanted::No) => Why::Halt,
                    (None, Wanted::Perhaps) => Why::HaltOrAnew,
                };
                book.because(now, why);
            }
            _ => {}
        }
        Ok(())
    }

    /// Somebody wants something to run: what it depends on may be wanted with it.
    fn something_wanted(&mut self) {
        for book in self.books.values_mut() {
            if book.wanted == Wanted::No {
                book.wanted = Wanted::Perhaps;
            }
            if book.why == Some(Why::Halt) {
                book.why = Some(Why::HaltOrAnew);
            }
        }
    }

    fn asked(&mut self, scene: &Scene<'_>, event: &Event) {
        if self.stopping {
            return;
        }
        match event {
            Event::Stop { service } => {
                let book = self.book(*service);
                book.wanted = Wanted::No;
                if scene.state(service.0).is_alive() {
                    book.because(scene.now, Why::Halt);
                }
            }
            Event::Start { service } => {
                let halts = self.book(*service).why;
                self.something_wanted();
                let book = self.book(*service);
                book.wanted = Wanted::Yes;
                if matches!(halts, Some(Why::Halt | Why::HaltOrAnew)) {
                    book.why = Some(Why::Anew);
                }
            }
            Event::Restart { service } => {
                self.something_wanted();
                let book = self.book(*service);
                book.wanted = Wanted::Yes;
                if scene.state(service.0).is_alive() {
                    book.because(scene.now, Why::Anew);
                }
            }
            _ => {}
        }
    }

    /// What a process tells of itself.
    fn told(&mut self, scene: &Scene<'_>, event: &Event) {
        match event {
            Event::Spawned { service, .. } => {
                let book = self.book(*service);
                book.started = Some(scene.now);
                book.not_run = Duration::ZERO;
                book.exit = None;
            }
            Event::Overslept { by } => {
                for book in self.books.values_mut().filter(|book| book.why.is_none()) {
                    book.not_run += *by;
                }
            }
            Event::SpawnFailed { service, error } => {
                let book = self.book(*service);
                book.ended = scene.now;
                book.problem = Some(error.clone());
            }
            Event::HookSpawnFailed { service, hook: Hook::PreStart, error } => {
                let book = self.book(*service);
                book.problem = Some(error.clone()).filter(|error| error.transient);
                book.ended = scene.now;
            }
            Event::SetupFailed { pid, error } => {
                if let Some(book) = self.of_main(scene, *pid) {
                    book.problem = Some(error.clone());
                }
            }
            Event::HookSpawned { service, hook: Hook::PostStop, pid } => {
                let finish = scene.services.get(service.0).and_then(|service| service.hooks.finish.as_ref());
                if matches!(finish, Some(Finish::S6(_))) {
                    self.finishes.insert(*pid, service.0);
                }
            }
            Event::Exited { pid, status, .. } => {
                if let Some(service) = self.finishes.remove(pid) {
                    self.book(ServiceId(service)).permanent = *status == ExitStatus::Code(125);
                }
                if let Some(book) = self.of_main(scene, *pid) {
                    book.exit = Some(*status);
                }
            }
            _ => {}
        }
    }

    fn of_main(&mut self, scene: &Scene<'_>, pid: Pid) -> Option<&mut Book> {
        let service = scene.all().find(|it| scene.view(*it).is_some_and(|view| view.pid == Some(pid)))?;
        self.books.get_mut(&service)
    }
}

impl Rule for Ends {
    fn event(&mut self, scene: &Scene<'_>, event: &Event) -> Check {
        self.tick = *event == Event::Tick;
        self.asked(scene, event);
        self.told(scene, event);
        Ok(())
    }

    fn forget(&mut self, service: usize) {
        self.books.remove(&service);
        self.finishes.retain(|_, of| *of != service);
    }

    fn reload(&mut self, scene: &Scene<'_>, plan: &Plan) -> Check {
        self.tick = false;
        self.something_wanted();
        for name in plan.restart.iter().chain(&plan.start) {
            let Some(service) = scene.services.iter().position(|service| service.name == *name) else {
                continue;
            };
            let alive = scene.was(service).is_alive();
            let book = self.book(ServiceId(service));
            match (book.wanted, book.why) {
                (Wanted::Perhaps, _) => {
                    book.why = book.why.map(|_| Why::HaltOrAnew);
                }
                (_, Some(Why::HaltOrAnew)) => {}
                _ if alive && !scene.services[service].policy.autostart && plan.start.contains(name) => {
                    book.because(scene.now, Why::HaltOrAnew);
                    book.wanted = Wanted::Perhaps;
                }
                _ if alive => book.because(scene.now, Why::Anew),
                _ => {}
            }
        }
        Ok(())
    }

    fn effect(&mut self, scene: &Scene<'_>, effect: &Effect) -> Check {
        match effect {
            Effect::Notice(notice) => self.notice(scene, notice),
            _ => Ok(()),
        }
    }

    fn after(&mut self, scene: &Scene<'_>) -> Check {
        let (tick, stopping) = (self.tick, self.stopping);
        for service in scene.all() {
            let (was, is) = (scene.was(service), scene.state(service));
            let book = self.book(ServiceId(service));
            if matches!(was, State::Stopped | State::Completed | State::Failed) && was != is {
                (book.waited, book.restarts) = (None, 0);
            }
            book.ready |= is == State::Running;
            let early = tick
                && !(stopping && scene.reads(service))
                && was == State::Backoff
                && !matches!(is, State::Backoff | State::Stopped);
            holds(!early || book.due.is_some_and(|due| due <= scene.now), || {
                format!("{} is started again too early", scene.name(service))
            })?;
        }
        Ok(())
    }

    fn still(&mut self, scene: &Scene<'_>, _: Time) -> Check {
        for (service, book) in &self.books {
            if scene.state(*service) == State::Backoff {
                holds(book.due.is_some_and(|due| due > scene.now), || {
                    format!("{} was to be started again at {:?}", scene.name(*service), book.due)
                })?;
                let told = scene.view(*service).and_then(|view| view.restart_in);
                let right = book.due.map(|due| due.saturating_sub(scene.now));
                holds(told == right, || format!("{} is said to start in {told:?}", scene.name(*service)))?;
            }
        }
        Ok(())
    }
}
