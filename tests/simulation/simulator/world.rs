//! One run of a scenario: feeds the supervisor as PID 1's event loop does, carries out its effects on the fake
//! kernel, and lets the rules judge every step.

use super::hardships::{Hardened, Seen};
use super::kernel::{Act, Kernel, Role};
use super::rules::{self, Rule, Scene};
use super::scenario::*;
use rinit::model::{Control, Hook, Notify, Service, Signal};
use rinit::supervisor::{
    Effect, Event, ExitStatus, News, Pid, Plan, Retry, Scope, ServiceId, StartError, State, Supervisor, Time,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// More steps than this at one moment are a spin.
const STEPS_AT_ONCE: usize = 400;

/// After so many steps the container is told to stop, so that a crash loop does not take all of the time.
const STEPS: usize = 500;

/// No story is longer, and none takes more memory.
const MOST_STEPS: usize = 50_000;

/// The same where nothing but the clock brings anything about, so that there is no turn for it.
const STEPS_OF_THE_CLOCK: usize = 2000;

/// One step, for the story.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Event(Event, Vec<Effect>),
    Reload(Plan, Vec<Effect>),
}

/// What came of a run.
pub struct Outcome {
    pub steps: Vec<(Time, Step)>,
    pub names: Vec<String>,
    pub failure: Option<String>,
    pub seen: BTreeSet<(State, State)>,
}

pub struct World<'s> {
    pub(super) scenario: &'s Scenario,
    pub(super) supervisor: Supervisor,
    /// The definitions as they are now.
    pub(super) defined: Vec<Service>,
    /// The same, but the old one of each service that waits for its turn to stop.
    pub(super) services: Vec<Service>,
    /// The same, but the old one of each until it has stopped.
    pub(super) stops_by: Vec<Service>,
    /// The container stops since an earlier step.
    pub(super) stops: bool,
    pub(super) kernel: Kernel,
    pub(super) now: Time,
    /// What has become of the scenario's hardships.
    pub(super) hardships: Hardened,
    /// How many of each kind every service has had.
    made: BTreeMap<(String, u8), usize>,
    rest: Option<Signal>,
    /// What the next start of the container would know of services that were stopped by hand.
    pub(super) remembered: BTreeMap<usize, bool>,
    /// Services to whose input nothing more comes from rinit, and their main processes that know it.
    pub(super) closed: BTreeSet<usize>,
    at_end: BTreeSet<Pid>,
    pub(super) interrupts: u32,
    pub(super) exit: Option<u8>,
    pub(super) rules: Vec<Box<dyn Rule>>,
    pub(super) states: Vec<State>,
    pub(super) steps: Vec<(Time, Step)>,
    seen: BTreeSet<(State, State)>,
    total: usize,
}

/// Plays a scenario to its end, or to the first rule that is broken.
pub fn play(scenario: &Scenario) -> Outcome {
    let supervisor = Supervisor::new(&scenario.services, scenario.stop_timeout);
    let mut world = World {
        scenario,
        supervisor,
        defined: scenario.services.clone(),
        services: scenario.services.clone(),
        stops_by: scenario.services.clone(),
        stops: false,
        kernel: Kernel::new(scenario.hardships.reaps_last),
        now: Time::ZERO,
        hardships: Hardened::default(),
        made: BTreeMap::new(),
        rest: None,
        remembered: BTreeMap::new(),
        closed: BTreeSet::new(),
        at_end: BTreeSet::new(),
        interrupts: 0,
        exit: None,
        rules: rules::all(),
        states: vec![State::Stopped; scenario.services.len()],
        steps: Vec::new(),
        seen: BTreeSet::new(),
        total: 0,
    };
    for (index, (at, _)) in scenario.requests.iter().enumerate() {
        world.kernel.plan(*at, Act::Ask(index));
    }
    for orphan in &scenario.orphans {
        world.kernel.simple(Time::ZERO, Role::Orphan, *orphan);
    }
    // A panic breaks a rule like anything else.
    let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.run()));
    let failure =
        run.unwrap_or_else(|panic| Err(format!("panic: {:?}", panic.downcast_ref::<String>()))).err();
    let names = world.services.iter().map(|service| service.name.clone()).collect();
    Outcome { steps: world.steps, names, failure, seen: world.seen }
}

pub(super) type Check = Result<(), String>;

impl World<'_> {
    fn run(&mut self) -> Check {
        self.feed(Event::Boot)?;
        let (mut at_once, mut moment) = (0, self.now);
        while self.exit.is_none() {
            let deadline = self.supervisor.next_deadline();
            let next = [deadline, self.kernel.next()].into_iter().flatten().min();
            if self.stalls(next, deadline)? {
                continue;
            }
            let Some(next) = next else {
                return Err("nothing will ever happen any more, and the container has not ended".to_owned());
            };
            if next > self.now {
                self.judge(|rule, scene| rule.still(scene, next))?;
                self.now = next;
            }
            if self.now > moment {
                (at_once, moment) = (0, self.now);
            }
            self.wakes(deadline)?;
            if at_once > STEPS_AT_ONCE {
                return Err(format!("more than {STEPS_AT_ONCE} steps at one moment: it spins"));
            }
            let before = self.total;
            self.turn(deadline.is_some_and(|at| at <= self.now))?;
            // What PID 1 does not get to see may have waited for long.
            at_once += usize::from(self.total > before);
        }
        self.judge(|rule, scene| rule.end(scene))
    }

    fn turn(&mut self, due: bool) -> Check {
        self.inputs_end();
        let endless = self.total > STEPS_OF_THE_CLOCK && !self.supervisor.is_stopping();
        if due && !endless && (self.scenario.tick_first || self.kernel.next().is_none_or(|at| at > self.now))
        {
            self.takes_in_all()?;
            self.gives_back()?;
            // Limits may have moved with that.
            let is_due = self.supervisor.next_deadline().is_some_and(|at| at <= self.now);
            return if is_due && self.exit.is_none() { self.feed(Event::Tick) } else { Ok(()) };
        }
        if self.total > STEPS && !self.supervisor.is_stopping() {
            return self.feed(Event::StopRequested { signal: None });
        }
        let act = self.kernel.take(self.now);
        match act.and_then(|act| self.happens(act)) {
            None => Ok(()),
            Some(seen) => self.sees(seen),
        }
    }

    /// Something happens. What PID 1 gets to see of it, sooner or later.
    pub(super) fn happens(&mut self, act: Act) -> Option<Seen> {
        match act {
            Act::SetUp(pid) => self.kernel.set_up(self.now, pid).map(|outcome| Seen::SetUp(pid, outcome)),
            Act::End(pid, status, oom) => {
                self.kernel.end(self.now, pid, status, oom);
                None
            }
            Act::Vanish(pid) => {
                self.kernel.vanish(pid);
                // At the end PID 1 looks often whether anything is left.
                self.rest.map(|_| Seen::Ended)
            }
            Act::Say(pid, news) => self.kernel.can_say(pid, &news).then_some(Seen::Said(pid, news)),
            Act::Deliver(pid, scope, signal) => self.delivers(pid, scope, signal),
            Act::DeliverToAll(signal) => {
                self.kernel.signal_all(self.now, signal);
                Some(Seen::Ended)
            }
            Act::Reap => Some(Seen::Ended),
            Act::Ask(index) => Some(Seen::Asked(index)),
        }
    }

    pub(super) fn sees(&mut self, seen: Seen) -> Check {
        match seen {
            Seen::SetUp(pid, outcome) => self.set_up(pid, outcome),
            Seen::Said(pid, news) => self.said(pid, news),
            Seen::NotSignalled(event) => self.feed(event),
            Seen::Ended => self.reap(),
            Seen::Asked(index) => self.ask(index),
        }
    }

    /// Tells the supervisor an event, and what comes of what it decides, until nothing is left to do.
    pub(super) fn feed(&mut self, event: Event) -> Check {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            if self.exit.is_some() {
                return Ok(());
            }
            self.total += 1;
            if self.total > MOST_STEPS {
                return Err(format!("more than {MOST_STEPS} steps: it never ends"));
            }
            self.judge(|rule, scene| rule.event(scene, &event))?;
            let mut effects = Vec::new();
            self.supervisor.step(self.now, event.clone(), &mut effects);
            self.steps.push((self.now, Step::Event(event, effects.clone())));
            self.carry_out_all(effects, &mut events)?;
            if events.is_empty() && self.rest.is_some() {
                events.extend(self.kernel.gone_groups(false).into_iter().map(|pid| Event::GroupGone { pid }));
            }
            if events.len() + self.kernel.made as usize > 20_000 {
                return Err("thousands of processes: it spins".to_owned());
            }
        }
        Ok(())
    }

    pub(super) fn carry_out_all(&mut self, effects: Vec<Effect>, answers: &mut VecDeque<Event>) -> Check {
        for effect in effects {
            if self.exit.is_some() {
                return Err(format!("after the exit was told: {effect:?}"));
            }
            self.take_over_for(&effect);
            self.judge(|rule, scene| rule.effect(scene, &effect))?;
            answers.extend(self.carry_out(effect));
        }
        self.take_over();
        self.look_at_states()?;
        self.judge(|rule, scene| rule.after(scene))?;
        self.states = self.current_states();
        self.time_passes();
        Ok(())
    }

    fn current_states(&self) -> Vec<State> {
        let ids = (0..self.supervisor.len()).map(ServiceId);
        ids.filter_map(|id| self.supervisor.state(id).map(|(state, _)| state)).collect()
    }

    fn look_at_states(&mut self) -> Check {
        for (index, after) in self.current_states().into_iter().enumerate() {
            let before = self.states.get(index).copied().unwrap_or(State::Stopped);
            if before == after {
                continue;
            }
            // Several may follow one another within a step; what is seen then is the first and the last.
            let reach =
                |from: &State| from.successors().iter().any(|next| next.successors().contains(&after));
            if before.successors().contains(&after) {
                self.seen.insert((before, after));
            } else if !before
                .successors()
                .iter()
                .any(|next| next.successors().contains(&after) || reach(next))
            {
                return Err(format!("{} -> {} is in no table", before.as_str(), after.as_str()));
            }
        }
        Ok(())
    }

    pub(super) fn judge(&mut self, ask: impl Fn(&mut dyn Rule, &Scene<'_>) -> Check) -> Check {
        let scene = Scene {
            now: self.now,
            scenario: self.scenario,
            supervisor: &self.supervisor,
            defined: &self.defined,
            services: &self.services,
            stops_by: &self.stops_by,
            kernel: &self.kernel,
            before: &self.states,
            remembered: &self.remembered,
            refuses: self.is_refused_now(),
            stalled: self.hardships.stalled_until,
        };
        self.rules.iter_mut().try_for_each(|rule| ask(&mut **rule, &scene))
    }

    fn carry_out(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Spawn(service) => {
                let life = self.nth(service, 0, |player| &player.lives).cloned().unwrap_or(Life::PLAIN);
                Some(match start_error(self.making(life.fork)) {
                    Some(error) => Event::SpawnFailed { service, error },
                    None => {
                        let definition = &self.services[service.0];
                        let pid = self.kernel.main(self.now, service.0, &life, definition.policy.notify);
                        if self.scenario.hardships.unreachable.as_ref() == Some(&definition.name) {
                            self.kernel.shield(pid);
                        }
                        Event::Spawned { service, pid }
                    }
                })
            }
            Effect::Probe(service) => {
                let errand = self.nth(service, 1, |player| &player.probes).cloned().unwrap_or(Errand::PLAIN);
                Some(match self.errand(Role::Probe(service.0), &errand) {
                    Ok(pid) => Event::ProbeSpawned { service, pid },
                    Err(error) => Event::ProbeSpawnFailed { service, error },
                })
            }
            Effect::Hook { service, hook, .. } => {
                let player = self.player(service);
                let errand = player.and_then(|player| player.hooks.iter().find(|(which, _)| *which == hook));
                let errand = errand.map_or(Errand::PLAIN, |(_, errand)| errand.clone());
                Some(match self.errand(Role::Hook(service.0, hook), &errand) {
                    Ok(pid) => Event::HookSpawned { service, hook, pid },
                    Err(error) => Event::HookSpawnFailed { service, hook, error },
                })
            }
            Effect::Signal { pid, scope, signal } => self.send(pid, scope, signal),
            Effect::CloseInput(service) => {
                self.closed.insert(service.0);
                None
            }
            Effect::TerminateRest => self.send_rest(&[Signal::TERM, Signal::CONT]),
            Effect::KillRest => self.send_rest(&[Signal::KILL]),
            Effect::Remember { service, stopped } => {
                if !self.is_refused_now() {
                    self.remembered.insert(service.0, stopped);
                }
                None
            }
            Effect::Notice(_) => None,
            Effect::Exit(status) => {
                self.exit = Some(status);
                None
            }
        }
    }

    /// The input of what nobody writes to any more ends.
    pub(super) fn inputs_end(&mut self) {
        for reader in self.closed.clone() {
            let name = &self.services[reader].name;
            let writes = |service: usize| {
                self.services.get(service).is_some_and(|service| service.exec.readers().any(|it| it == name))
            };
            let open = self.kernel.all().any(|process| match process.role {
                Role::Main(service) | Role::Hook(service, _) => process.dead.is_none() && writes(service),
                Role::Probe(_) | Role::Member | Role::Orphan => false,
            });
            let main = self.kernel.main_of(reader).filter(|main| main.exec.is_none()).map(|main| main.pid);
            if let Some(pid) = main.filter(|pid| !open && self.at_end.insert(*pid)) {
                self.kernel.end_of_input(self.now, pid);
            }
        }
    }

    fn player(&self, service: ServiceId) -> Option<&Player> {
        let name = &self.services.get(service.0)?.name;
        self.scenario.players.iter().find(|player| player.name == *name)
    }

    /// What the next process of a kind does.
    fn nth<T>(&mut self, service: ServiceId, kind: u8, of: impl Fn(&Player) -> &Vec<T>) -> Option<&T> {
        let name = self.services.get(service.0)?.name.clone();
        let count = self.made.entry((name, kind)).or_default();
        let nth = *count;
        *count += 1;
        let all = of(self.player(service)?);
        all.get(nth % all.len().max(1))
    }

    fn errand(&mut self, role: Role, errand: &Errand) -> Result<Pid, StartError> {
        match start_error(self.making(errand.fork)) {
            Some(error) => Err(error),
            None => Ok(self.kernel.simple(self.now, role, errand.conduct)),
        }
    }

    fn send_rest(&mut self, signals: &[Signal]) -> Option<Event> {
        self.rest = signals.first().copied();
        if self.kernel.is_empty() {
            return Some(Event::NothingLeft);
        }
        signals.iter().for_each(|signal| self.send_to_all(*signal));
        None
    }

    fn set_up(&mut self, pid: Pid, outcome: Making) -> Check {
        match start_error(outcome) {
            None => self.feed(Event::Executed { pid }),
            Some(error) => self.feed(Event::SetupFailed { pid, error }),
        }
    }

    fn said(&mut self, pid: Pid, news: News) -> Check {
        let Some(Role::Main(index)) = self.kernel.get(pid).map(|process| process.role) else { return Ok(()) };
        let now_is = self.services.get(index).and_then(|service| service.policy.notify);
        let heard = match self.kernel.get(pid).and_then(|process| process.notify) {
            Some(Notify::Systemd) => now_is == Some(Notify::Systemd),
            Some(Notify::Descriptor(_)) => news == News::Ready,
            None => false,
        };
        if heard {
            self.feed(Event::Notified { service: ServiceId(index), news })?;
        }
        Ok(())
    }

    pub(super) fn reap(&mut self) -> Check {
        let mut ended = self.kernel.reap();
        ended.sort_by_key(|process| !matches!(process.role, Role::Main(_)));
        for process in &ended {
            self.supervisor.reaped(process.pid);
        }
        for process in ended {
            let Some((status, oom)) = process.dead else { continue };
            let main = matches!(process.role, Role::Main(_));
            if matches!(process.role, Role::Member | Role::Orphan) {
                continue;
            }
            if let Some(outcome) = process.exec.filter(|_| main) {
                let pid = process.pid;
                let killed =
                    StartError { message: "killed".to_owned(), retry: Retry::ByPolicy, code: status.code() };
                let error = match status {
                    ExitStatus::Signal(_) => Some(killed),
                    ExitStatus::Code(127) => start_error(outcome),
                    ExitStatus::Code(_) => None,
                };
                match error {
                    None => self.feed(Event::Executed { pid })?,
                    Some(error) => self.feed(Event::SetupFailed { pid, error })?,
                }
            }
            // One in place of SIGCONT has the process go on, or else fails.
            let resumes = Hook::Control(Control::Signal(Signal::CONT));
            if let Role::Hook(service, hook) = process.role
                && hook == resumes
                && status.success()
                && let Some(main) = self.kernel.main_of(service).map(|main| main.pid)
            {
                self.kernel.signal(self.now, main, Scope::Group, Signal::CONT);
            }
            if main && let Some((by, group)) = self.kernel.succeed(&process) {
                self.feed(Event::Succeeded { pid: process.pid, by, group })?;
                continue;
            }
            let group_left = self.kernel.watch_group(process.group);
            let output = if matches!(process.role, Role::Probe(_)) { b"said".to_vec() } else { Vec::new() };
            self.feed(Event::Exited { pid: process.pid, status, group_left, oom: main && oom, output })?;
        }
        self.look_at_groups(false)?;
        if self.kernel.is_empty() && self.rest.is_some() {
            self.feed(Event::NothingLeft)?;
        } else if self.rest == Some(Signal::KILL) {
            self.kernel.signal_all(self.now, Signal::KILL);
        }
        Ok(())
    }
}

fn start_error(making: Making) -> Option<StartError> {
    let (retry, code) = match making {
        Making::Works => return None,
        Making::Transient => (Retry::Yes, 125),
        Making::Permanent => (Retry::No, 127),
    };
    Some(StartError { message: "cannot".to_owned(), retry, code })
}
