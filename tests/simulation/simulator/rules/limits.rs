//! Limits of time: `start_timeout`, `watchdog` and the grace are kept, and not before their time.

use super::stop::chain;
use super::{Check, Rule, Scene, holds};
use rinit::model::Hook;
use rinit::supervisor::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What shares of a time may differ by.
const ROUNDING: Duration = Duration::from_micros(1);

#[derive(Default)]
pub struct Limits {
    books: BTreeMap<usize, Book>,
    stopping: bool,
    /// The end of the stop; none once nobody has a grace any more.
    end: Option<Time>,
    /// Services that a reload has changed: they are stopped as their old definition says.
    changed: BTreeSet<String>,
    /// What was told last.
    tick: bool,
}

#[derive(Default)]
struct Book {
    start_by: Option<Time>,
    alive_by: Option<Time>,
    run_by: Option<Time>,
    /// The end of the grace.
    kill_by: Option<Time>,
    /// The same, where something may have brought it forward.
    kill_from: Option<Time>,
    killed: bool,
    /// Silent for too long: it is killed without a grace.
    silent: bool,
    /// Its main process was made, and has not said that it cannot execute its program.
    executes: bool,
    /// When the container stops: until when its `post_stop` may run without a cost to what it depends on.
    spare: Option<Time>,
    /// Its `post_stop` was started.
    undone: bool,
    /// It was told to stop when its turn came at the stop of the container.
    in_turn: bool,
    /// It waits for its turn to stop with others, though it may stop already for a reason of its own.
    waits: bool,
}

impl Book {
    /// PID 1 has not run for so long: every limit is as far away as it was before.
    fn moves(&mut self, by: Duration) {
        let limits = [&mut self.start_by, &mut self.alive_by, &mut self.run_by];
        for limit in limits.into_iter().chain([&mut self.kill_by, &mut self.kill_from]) {
            *limit = limit.map(|at| at + by);
        }
    }

    /// Its turn to stop may have come. One that stops already stops no later for that.
    fn told_again(&mut self, scene: &Scene<'_>, service: usize, until: Time) {
        let waits = scene.supervisor.waits_for_turn(ServiceId(service));
        if std::mem::replace(&mut self.waits, waits) && !waits {
            self.kill_from = self.kill_from.map(|by| by.min(until));
        }
    }

    fn grace(&mut self, until: Time) {
        (self.kill_by, self.kill_from, self.killed) = (Some(until), Some(until), false);
    }
}

impl Limits {
    fn book(&mut self, service: ServiceId) -> &mut Book {
        self.books.entry(service.0).or_default()
    }

    fn starts(&mut self, scene: &Scene<'_>, service: ServiceId) {
        let limit = scene.services.get(service.0).and_then(|service| service.policy.start_timeout);
        *self.book(service) = Book { start_by: limit.map(|limit| scene.now + limit), ..Book::default() };
    }

    fn said(&mut self, scene: &Scene<'_>, service: ServiceId, news: &News) {
        let (now, was, stopping) = (scene.now, scene.was(service.0), self.stopping);
        let watchdog = scene.services.get(service.0).and_then(|service| service.policy.watchdog);
        let book = self.book(service);
        match (news, was) {
            (News::Alive, State::Running) => book.alive_by = watchdog.map(|limit| now + limit),
            (News::Trigger, State::Running) if !stopping => book.alive_by = Some(now),
            (News::Extend(by), State::Starting) => book.start_by = book.start_by.max_of(now + *by),
            (News::Extend(by), State::Running) => book.alive_by = book.alive_by.max_of(now + *by),
            (News::Extend(by), State::Stopping) if !stopping && !book.killed => {
                book.kill_by = book.kill_by.max_of(now + *by);
                book.kill_from = book.kill_from.max_of(now + *by);
            }
            _ => {}
        }
    }

    fn notice(&mut self, scene: &Scene<'_>, notice: &Notice) -> Check {
        let now = scene.now;
        let grace_of = |service: &ServiceId| scene.grace(service.0);
        match notice {
            Notice::StopBegun(..) => {
                self.stopping = true;
                self.end = Some(now + scene.scenario.stop_timeout);
            }
            Notice::Stopping(service, _, grace) => {
                let below = chain(scene, service.0, true).saturating_sub(grace_of(service));
                let spare = self.end.map(|end| end.saturating_sub(below));
                let in_turn = self.stopping;
                let book = self.book(*service);
                book.grace(now + *grace);
                (book.spare, book.in_turn) = (spare, in_turn);
            }
            Notice::Stopped(service, ..) => {
                let (end, name) = (self.end, scene.name(service.0));
                let changed = self.changed.contains(name);
                let has = scene.services[service.0].hooks.post_stop.is_some();
                let book = self.book(*service);
                let spare = end.is_some_and(|end| now < end) && book.spare.is_some_and(|by| now < by);
                let missed = has && book.killed && spare && book.executes && !book.undone && !changed;
                return holds(!missed, || format!("{name} had time for its post_stop after it was killed"));
            }
            // Its life is over: what a task undoes later is none.
            Notice::Unkillable(service) | Notice::Follows(service, ..) => {
                self.book(*service).executes = false
            }
            Notice::Died(service, _, _, _, Next::StopRest | Next::PostStop)
            | Notice::StartFailed(service, _, Next::PostStop) => {
                let grace = grace_of(service);
                let book = self.book(*service);
                book.grace(now + grace);
            }
            Notice::Restarting(service, why) => {
                let (tick, was, name) = (self.tick, scene.was(service.0), scene.name(service.0));
                let book = self.book(*service);
                let limit = match was {
                    State::Starting => book.start_by,
                    _ => [book.alive_by, book.run_by].into_iter().flatten().min(),
                };
                book.silent = why.contains("WATCHDOG");
                holds(!tick || limit.is_some_and(|limit| limit <= now), || {
                    format!("{name} is restarted before its time, which is {limit:?}")
                })?;
            }
            Notice::Killed(service, _) => {
                let (stopping, name) = (self.stopping, scene.name(service.0));
                let grace = grace_of(service);
                let book = self.book(*service);
                book.told_again(scene, service.0, now + grace);
                holds(stopping || book.silent || book.kill_from.is_some_and(|by| by <= now), || {
                    format!("{name} is killed before the end of its grace, which is {:?}", book.kill_from)
                })?;
                book.killed = true;
            }
            _ => {}
        }
        Ok(())
    }

    /// Limits move, but the stop timeout does not: each that stops in turn has its share of what is left of that.
    fn overslept(&mut self, scene: &Scene<'_>, by: Duration) {
        let left = self.end.map(|end| end.saturating_sub(scene.now));
        for (service, book) in &mut self.books {
            book.moves(by);
            let counts = book.in_turn && !book.killed && !book.undone && !scene.reads(*service);
            let (Some(left), Some(kill_by)) = (left, book.kill_by.filter(|_| counts)) else { continue };
            let own = kill_by.saturating_sub(scene.now);
            let below = chain(scene, *service, false).saturating_sub(scene.grace(*service));
            if own + below > left {
                let share = left.as_secs_f64() * (own.as_secs_f64() / (own + below).as_secs_f64());
                book.kill_by = Some(scene.now + Duration::from_secs_f64(share) + ROUNDING);
            }
        }
    }

    /// A limit that is over, or will be before anything else happens.
    fn forgotten(&self, scene: &Scene<'_>, service: usize, book: &Book, until: Time) -> Check {
        let over = |limit: Option<Time>| limit.is_some_and(|limit| limit < until);
        let what = match scene.state(service) {
            State::Starting if over(book.start_by) && !self.stopping => "start_timeout",
            State::Running if over(book.alive_by) && !self.stopping => "watchdog",
            State::Running if over(book.run_by) && !self.stopping => "run_timeout",
            State::Stopping if over(book.kill_by) && !book.killed && !book.silent => "grace",
            _ => return Ok(()),
        };
        Err(format!("the {what} of {} is over, and nothing happens", scene.name(service)))
    }
}

/// The later of a limit, if there is one, and a time.
trait MaxOf {
    fn max_of(self, time: Time) -> Self;
}

impl MaxOf for Option<Time> {
    fn max_of(self, time: Time) -> Self {
        self.map(|limit| limit.max(time))
    }
}

impl Rule for Limits {
    fn event(&mut self, scene: &Scene<'_>, event: &Event) -> Check {
        self.tick = *event == Event::Tick;
        match event {
            Event::Spawned { service, .. } => {
                let limit = scene.services.get(service.0).and_then(|service| service.policy.run_timeout);
                let book = self.book(*service);
                book.run_by = limit.map(|limit| scene.now + limit);
                book.executes = true;
            }
            Event::SetupFailed { pid, .. } => {
                if let Some(service) =
                    scene.all().find(|it| scene.view(*it).is_some_and(|view| view.pid == Some(*pid)))
                {
                    self.book(ServiceId(service)).executes = false;
                }
            }
            Event::KillRequested => self.end = Some(scene.now),
            Event::Overslept { by } => self.overslept(scene, *by),
            Event::Notified { service, news } => self.said(scene, *service, news),
            // One that stops already stops no later for being told again.
            Event::Stop { services } | Event::Restart { services } => {
                for service in services {
                    let grace = scene.services.get(service.0).map(|it| it.policy.stop_grace_period);
                    let until = scene.now + grace.unwrap_or_default();
                    let book = self.book(*service);
                    book.kill_from = book.kill_from.map(|by| by.min(until));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn forget(&mut self, service: usize) {
        self.books.remove(&service);
    }

    fn reload(&mut self, scene: &Scene<'_>, plan: &Plan) -> Check {
        self.tick = false;
        self.changed.extend(plan.restart.iter().chain(&plan.start).cloned());
        // A changed grace counts for one that stops already and is told to again.
        for (service, book) in &mut self.books {
            let definition = scene.services.get(*service);
            // The grace is that of the old definition, which nobody knows any more.
            let grace = definition.filter(|it| !self.changed.contains(&it.name));
            let until = scene.now + grace.map(|it| it.policy.stop_grace_period).unwrap_or_default();
            book.kill_from = book.kill_from.map(|by| by.min(until));
        }
        Ok(())
    }

    fn effect(&mut self, scene: &Scene<'_>, effect: &Effect) -> Check {
        match effect {
            Effect::Hook { service, hook, .. } if scene.is_first_of_start(service.0, Some(*hook)) => {
                self.starts(scene, *service);
            }
            Effect::Spawn(service) if scene.is_first_of_start(service.0, None) => {
                self.starts(scene, *service);
            }
            Effect::Hook { service, hook: Hook::PostStop, .. } => {
                let Some(definition) = scene.services.get(service.0) else { return Ok(()) };
                let own = definition.hooks.post_stop_timeout;
                let (stopping, now) = (self.stopping, scene.now);
                let changed = self.changed.contains(&definition.name);
                let own_grace = scene.grace(service.0);
                let below = chain(scene, service.0, false).saturating_sub(own_grace);
                let spare = self.end.map(|end| end.saturating_sub(below)).filter(|by| now < *by);
                let book = self.book(*service);
                match (stopping, own) {
                    // By its old definition, it may have another limit.
                    (false, _) if changed => {
                        book.grace(now);
                        book.kill_by = None;
                    }
                    (false, own) => book.grace(now + own.unwrap_or(definition.policy.stop_grace_period)),
                    (true, _) if changed => book.kill_by = None,
                    (true, own) => {
                        let limit = now + own.unwrap_or(definition.policy.stop_grace_period);
                        let rest = book.kill_by.filter(|_| !book.killed).max(spare);
                        book.kill_by = rest.map(|rest| rest.min(limit));
                        book.killed = false;
                    }
                }
                book.undone = true;
                book.silent &= stopping;
            }
            Effect::Notice(notice) => return self.notice(scene, notice),
            _ => {}
        }
        Ok(())
    }

    fn after(&mut self, scene: &Scene<'_>) -> Check {
        for service in scene.all() {
            let (was, is) = (scene.was(service), scene.state(service));
            let watchdog = scene.services.get(service).and_then(|service| service.policy.watchdog);
            let until = scene.now + scene.grace(service);
            let book = self.book(ServiceId(service));
            book.told_again(scene, service, until);
            if is == State::Running && was != State::Running {
                book.alive_by = watchdog.map(|limit| scene.now + limit);
            }
        }
        Ok(())
    }

    fn still(&mut self, scene: &Scene<'_>, until: Time) -> Check {
        self.books.iter().try_for_each(|(service, book)| self.forgotten(scene, *service, book, until))
    }
}
