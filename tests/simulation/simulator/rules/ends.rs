//! What follows the end of a service: restart policies and backoff, computed from what the documentation says.

use super::book::{Book, Wanted, Why};
use super::{Check, Rule, Scene, holds};
use rinit::model::{Finish, Hook, OnUnhealthy};
use rinit::supervisor::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

#[derive(Default)]
pub struct Ends {
    books: BTreeMap<usize, Book>,
    stopping: bool,
    tick: bool,
    /// Processes of a `finish` that can say that there is to be no restart.
    finishes: BTreeMap<Pid, usize>,
    /// Services of which it was said in this step that they are stopped.
    stopped: BTreeSet<usize>,
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
        if *next == Next::Stopped {
            self.stopped.insert(service.0);
        }
        let book = self.book(service);
        let counted = (book.waited, book.restarts, book.window);
        let expected = book.expected(scene, service.0, stopping);
        if !expected.last().is_some_and(|it| alike(it, next)) {
            // It was wanted anew: no restart by its policy counts.
            (book.waited, book.restarts, book.window) = counted;
        }
        holds(expected.iter().any(|it| alike(it, next)), || {
            format!("after the end of {name} follows {next:?}, expected {expected:?}")
        })?;
        book.has_waited = expected.len() == 1 && matches!(next, Next::Restart(wait) if !wait.is_zero());
        book.due = match next {
            Next::Restart(wait) if book.why != Some(Why::Anew) => Some(scene.now + *wait),
            _ => None,
        };
        (book.why, book.started, book.ready, book.problem) = (None, None, false, None);
        book.permanent = false;
        book.over = matches!(next, Next::Completed | Next::Failed(_) | Next::Stopped);
        Ok(())
    }

    fn notice(&mut self, scene: &Scene<'_>, notice: &Notice) -> Check {
        let now = scene.now;
        let is_gone = |service: ServiceId| scene.current().all(|it| it != service.0);
        match notice {
            Notice::StopBegun(..) => {
                self.stopping = true;
                // Everyone gets another turn, whatever it was to be restarted for.
                self.books.values_mut().for_each(|book| (book.anew, book.waits) = (false, false));
            }
            Notice::Died(service, status, _, ran, next) => {
                let name = scene.name(service.0);
                let book = self.book(*service);
                let lived = now.saturating_sub(book.started.unwrap_or(now));
                holds(*ran == lived && book.exit == Some(*status), || format!("{name} has not ended so"))?;
                book.ends(is_gone(*service));
                if !matches!(next, Next::StopRest | Next::PostStop) {
                    return self.follows(scene, *service, next);
                }
            }
            Notice::Follows(service, next, _) => return self.follows(scene, *service, next),
            Notice::StartFailed(service, _, Next::PostStop) => {
                self.book(*service).ends(is_gone(*service));
            }
            Notice::StartFailed(service, _, next) => return self.follows(scene, *service, next),
            Notice::Stopped(service, ..) => return self.follows(scene, *service, &Next::Stopped),
            Notice::CalledOff(service) => {
                self.stopped.insert(service.0);
                let name = scene.name(service.0);
                return holds(!scene.has_main(service.0), || {
                    format!("{name} runs and is said to have waited")
                });
            }
            Notice::Unkillable(service) => self.finishes.retain(|_, of| *of != service.0),
            Notice::Restarting(service, _) => self.book(*service).why = Some(Why::Unwell),
            // It is not started again once it is killed, unless somebody asks for that later.
            Notice::Killed(service, _) => {
                let book = self.book(*service);
                if book.wanted == Wanted::No || is_gone(*service) {
                    book.why = Some(Why::Halt);
                }
            }
            Notice::Unhealthy(service, ..) => {
                let book = self.book(*service);
                if let Some(since) = book.well_since.take() {
                    book.well += now - since;
                }
                let check = scene.services[service.0].healthcheck.as_ref();
                if check.is_some_and(|check| check.timing.on_unhealthy == OnUnhealthy::Restart) {
                    self.book(*service).why = Some(Why::Unwell);
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
                book.why = Some(why);
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
            Event::Stop { services } => {
                for service in services {
                    let book = self.book(*service);
                    book.wanted = Wanted::No;
                    (book.anew, book.waits) = (false, true);
                    // One that stops for a reason of its own does so until its turn comes.
                    let is_other = matches!(book.why, Some(Why::Unwell | Why::Ended));
                    if scene.state(service.0) == State::Stopping && !is_other {
                        book.why = Some(Why::Halt);
                    }
                }
            }
            Event::Start { services } => {
                let halts: Vec<Option<Why>> =
                    services.iter().map(|service| self.book(*service).why).collect();
                self.something_wanted();
                for (service, why) in services.iter().zip(halts) {
                    let book = self.book(*service);
                    book.wanted = Wanted::Yes;
                    if matches!(why, Some(Why::Halt | Why::HaltOrAnew)) {
                        book.why = Some(Why::Anew);
                    }
                    if scene.state(service.0) == State::Backoff {
                        book.forget();
                    }
                }
            }
            Event::Restart { services } => {
                let halts: Vec<Option<Why>> =
                    services.iter().map(|service| self.book(*service).why).collect();
                self.something_wanted();
                for (service, why) in services.iter().zip(halts) {
                    let book = self.book(*service);
                    book.wanted = Wanted::Yes;
                    book.anew = true;
                    book.forget();
                    if matches!(why, Some(Why::Halt | Why::HaltOrAnew)) {
                        book.why = Some(Why::Anew);
                    }
                }
            }
            _ => {}
        }
    }

    /// A service that has been well for long enough when rinit looks stays so, whatever is found out about the time later.
    fn settle(&mut self, scene: &Scene<'_>) {
        for (service, book) in &mut self.books {
            let backoff = scene.services.get(*service).map(|service| &service.policy.backoff);
            let well = book.well_for(scene.now);
            if book.well_since.is_some() && backoff.is_some_and(|it| well >= it.reset_after) {
                (book.well, book.well_since) = (well, Some(scene.now));
            }
        }
    }

    /// What a process tells of itself.
    fn told(&mut self, scene: &Scene<'_>, event: &Event) {
        match event {
            Event::Spawned { service, .. } => {
                let book = self.book(*service);
                book.started = Some(scene.now);
                book.exit = None;
            }
            Event::Overslept { by } => {
                for book in self.books.values_mut() {
                    book.well_since = book.well_since.map(|since| (since + *by).min(scene.now));
                }
            }
            Event::SpawnFailed { service, error } => self.book(*service).problem = Some(error.clone()),
            Event::Executed { pid } => {
                // A reload may have brought another definition since.
                let is_defined = |it: usize| scene.stops_by.get(it) == scene.services.get(it);
                let service =
                    scene.all().find(|it| scene.view(*it).is_some_and(|view| view.pid == Some(*pid)));
                if let Some(service) = service.filter(|it| is_defined(*it)) {
                    self.book(ServiceId(service)).proven = true;
                }
            }
            Event::HookSpawnFailed { service, hook: Hook::PreStart, error } => {
                let book = self.book(*service);
                book.problem = Some(error.clone()).filter(|error| error.retry == Retry::Yes);
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
        self.stopped.clear();
        if self.tick {
            self.settle(scene);
        }
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
        self.stopped.clear();
        self.something_wanted();
        for name in plan.restart.iter().chain(&plan.start) {
            let Some(service) = scene.services.iter().position(|service| service.name == *name) else {
                continue;
            };
            let alive = scene.was(service).is_alive();
            let book = self.book(ServiceId(service));
            book.changed = true;
            match (book.wanted, book.why) {
                // It stops for a reason of its own until its turn comes.
                (Wanted::Perhaps, Some(Why::Unwell | Why::Ended)) => {}
                (Wanted::Perhaps, _) => {
                    book.why = book.why.map(|_| Why::HaltOrAnew);
                }
                _ if alive && !scene.services[service].policy.autostart && plan.start.contains(name) => {
                    book.why = Some(Why::HaltOrAnew);
                    book.wanted = Wanted::Perhaps;
                }
                (_, Some(Why::HaltOrAnew)) => {}
                _ if alive => book.anew = true,
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
            let waited = matches!(was, State::Waiting | State::Backoff);
            holds(!(waited && is == State::Stopped) || self.stopped.contains(&service), || {
                format!("{} waited and is stopped without a word", scene.name(service))
            })?;
            let book = self.book(ServiceId(service));
            let is_over = |state| matches!(state, State::Stopped | State::Completed | State::Failed);
            if (is_over(was) || book.over) && !is_over(is) {
                book.forget();
            }
            book.over = false;
            let had_turn = book.waits;
            if scene.supervisor.waits_for_turn(ServiceId(service)) {
                book.anew |= scene.supervisor.is_renewed(ServiceId(service));
                book.waits = true;
            } else {
                // Its turn to stop has come, though it stopped already for another reason.
                if std::mem::take(&mut book.waits) && is == State::Stopping {
                    book.why = if book.wanted == Wanted::No { Some(Why::Halt) } else { book.why };
                }
                if std::mem::take(&mut book.changed) {
                    book.forget();
                    book.proven = false;
                }
                if std::mem::take(&mut book.anew) && is == State::Stopping {
                    book.why = Some(Why::Anew);
                }
            }
            let health = scene.services.get(service).is_some_and(|service| service.healthcheck.is_some());
            let healthy = || scene.health(service) == Some(HealthState::Healthy);
            // While the container stops it is not probed any more: it stays what it was.
            let stays = stopping && book.well_since.is_some();
            let well = is == State::Running && (!health || stays || healthy());
            match book.well_since {
                Some(_) if well => {}
                Some(since) => (book.well, book.well_since) = (book.well + (scene.now - since), None),
                None => book.well_since = well.then_some(scene.now),
            }
            if is == State::Starting && was != is {
                // Whoever has asked for it meanwhile wants it.
                if !stopping && book.wanted == Wanted::Perhaps {
                    book.wanted = Wanted::Yes;
                }
                (book.well, book.well_since) = (Duration::ZERO, None);
            }
            book.ready |= is == State::Running;
            // When its turn comes it is restarted with others, however long it was to wait.
            let early = tick
                && !had_turn
                && !(stopping && scene.reads(service))
                && was == State::Backoff
                && !matches!(is, State::Backoff | State::Stopped);
            holds(!early || book.due.is_some_and(|due| due <= scene.now), || {
                format!("{} is started again too early", scene.name(service))
            })?;
        }
        Ok(())
    }

    fn still(&mut self, scene: &Scene<'_>, until: Time) -> Check {
        for (service, book) in &self.books {
            let policy = scene.services.get(*service).map(|it| &it.policy);
            let looks = policy.is_none_or(|it| !book.makes_good(scene.now, until, it.backoff.reset_after));
            holds(looks, || {
                format!("nobody looks when {} has made good for its restarts", scene.name(*service))
            })?;
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
