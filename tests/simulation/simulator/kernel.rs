//! A kernel that does what the scenario says: processes with their groups, signals, and a time line.

use super::scenario::*;
use rinit::model::{Hook, Notify, Signal};
use rinit::supervisor::{ExitStatus, News, Pid, Scope, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What a process is to rinit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Main(usize),
    Probe(usize),
    Hook(usize, Hook),
    /// Of a main process's group.
    Member,
    Orphan,
}

pub struct Process {
    pub pid: Pid,
    pub group: Pid,
    pub role: Role,
    conduct: Conduct,
    /// Its parent is another process, which is not of its group, and reaps it so long after its end.
    reaped_outside: Option<Duration>,
    /// The main process that has made it.
    parent: Option<Pid>,
    /// That has named it as its successor.
    heir: bool,
    /// The outcome of its set-up, as long as it was not told.
    pub exec: Option<Making>,
    life: Option<Life>,
    /// How it may say that it is ready.
    pub notify: Option<Notify>,
    /// Halted by SIGSTOP, and what happens to it after SIGCONT.
    halted: Option<Vec<Act>>,
    /// PID 1 has it killed.
    pub killed: bool,
    /// SIGKILL has come to it.
    dying: bool,
    /// It has ended; nobody has reaped it yet.
    pub dead: Option<(ExitStatus, bool)>,
}

/// Something that will happen.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    SetUp(Pid),
    End(Pid, ExitStatus, bool),
    /// Somebody else reaps it.
    Vanish(Pid),
    Say(Pid, News),
    /// A child of PID 1's sends a signal.
    Deliver(Pid, Scope, Signal),
    /// It sends a signal to everything that is left.
    DeliverToAll(Signal),
    /// SIGCHLD.
    Reap,
    /// By its place among the requests.
    Ask(usize),
}

#[derive(Default)]
pub struct Kernel {
    processes: BTreeMap<Pid, Process>,
    line: BTreeMap<(Time, u64), Act>,
    count: u64,
    last_pid: i32,
    /// Ended and not reaped, in the order of their ends.
    ended: Vec<Pid>,
    /// Reaped leaders of whose groups others were left.
    groups: Vec<Pid>,
    pub made: u64,
    /// So many signals were left to children of PID 1's.
    pub deliveries: usize,
    /// When the first of these children was made that is at work or is to follow.
    sender_made: Time,
    /// PID 1 learns of an end after everything else of this moment.
    reaps_last: bool,
    /// Process groups that no signal of PID 1's reaches.
    unreachable: BTreeSet<Pid>,
}

impl Kernel {
    pub fn new(reaps_last: bool) -> Kernel {
        Kernel { reaps_last, ..Kernel::default() }
    }

    /// When something happens next.
    pub fn next(&self) -> Option<Time> {
        self.line.keys().next().map(|(time, _)| *time)
    }

    pub fn plan(&mut self, at: Time, act: Act) {
        self.count += 1;
        self.line.insert((at, self.count), act);
    }

    /// A child of PID 1's does this: the next one, which takes all that waits while another one is at work.
    pub fn deliver_after(&mut self, now: Time, takes: Duration, act: Act) {
        let is_delivery = |(_, act): &(_, &Act)| matches!(act, Act::Deliver(..) | Act::DeliverToAll(_));
        let ends: BTreeSet<Time> = self.line.iter().filter(is_delivery).map(|((at, _), _)| *at).collect();
        let at = match ends.last() {
            None => {
                self.sender_made = now;
                now + takes
            }
            Some(end) if ends.len() > 1 || self.sender_made == now => *end,
            Some(end) => *end + takes,
        };
        self.deliveries += 1;
        let doomed = match act {
            Act::Deliver(pid, scope, Signal::KILL) => self.targets(pid, scope),
            Act::DeliverToAll(Signal::KILL) => self.processes.keys().copied().collect(),
            _ => Vec::new(),
        };
        doomed.into_iter().for_each(|pid| self.dooms(pid));
        self.plan(at, act);
    }

    /// Whether a child of PID 1's has this signal for a process.
    pub fn is_coming(&self, process: &Process, signal: Signal) -> bool {
        self.line.values().any(|act| match act {
            Act::Deliver(pid, Scope::Process, sent) => *pid == process.pid && *sent == signal,
            // A process that has succeeded another one may be in that one's group.
            Act::Deliver(pid, Scope::Group, sent) => self.group_of(*pid) == process.group && *sent == signal,
            Act::DeliverToAll(sent) => *sent == signal,
            _ => false,
        })
    }

    /// What happens at this moment.
    pub fn take(&mut self, now: Time) -> Option<Act> {
        let (key, _) = self.line.first_key_value().filter(|((time, _), _)| *time <= now)?;
        let key = *key;
        self.line.remove(&key)
    }

    /// What happens next, if that is not after this moment, and when.
    pub fn take_with_time(&mut self, until: Time) -> Option<(Time, Act)> {
        let (at, _) = *self.line.first_key_value()?.0;
        Some((at, self.take(until)?))
    }

    /// Everything stands still for so long.
    pub fn freeze(&mut self, now: Time, length: Duration) {
        for ((at, count), act) in std::mem::take(&mut self.line) {
            self.line.insert((if at >= now { at + length } else { at }, count), act);
        }
    }

    /// Its parent, who is not rinit, reaps it, unless that was killed.
    pub fn vanish(&mut self, pid: Pid) {
        if self.get(pid).is_some_and(|process| process.reaped_outside.is_some()) {
            self.processes.remove(&pid);
        }
    }

    /// Whether children have ended that were not reaped.
    pub fn has_to_reap(&self) -> bool {
        !self.ended.is_empty()
    }

    /// Whether a group is gone and nobody knows, for its last member was reaped by somebody else.
    pub fn has_unseen(&self) -> bool {
        self.groups.iter().any(|leader| !self.group_exists(*leader))
    }

    /// Whether nothing of a group runs: what is left of it are zombies.
    pub fn is_group_dead(&self, group: Pid) -> bool {
        self.all().all(|process| process.group != group || process.dead.is_some())
    }

    /// Processes that are there: alive, or not reaped yet.
    pub fn all(&self) -> impl Iterator<Item = &Process> {
        self.processes.values()
    }

    pub fn get(&self, pid: Pid) -> Option<&Process> {
        self.processes.get(&pid)
    }

    /// The main process of a service, unless it was reaped.
    pub fn main_of(&self, service: usize) -> Option<&Process> {
        self.all().find(|process| process.role == Role::Main(service))
    }

    pub fn group_exists(&self, group: Pid) -> bool {
        self.all().any(|process| process.group == group)
    }

    pub fn is_empty(&self) -> bool {
        self.processes.is_empty()
    }

    fn process(&mut self, now: Time, group: Option<Pid>, role: Role, conduct: Conduct) -> Pid {
        self.last_pid += 1;
        self.made += 1;
        let pid = Pid(self.last_pid);
        if let Some((after, status, oom)) = conduct.end
            && !matches!(role, Role::Main(_))
        {
            self.plan(now + after, Act::End(pid, status, oom));
        }
        let group = group.unwrap_or(pid);
        let process = Process {
            pid,
            group,
            role,
            conduct,
            reaped_outside: None,
            parent: None,
            heir: false,
            exec: None,
            life: None,
            notify: None,
            halted: None,
            killed: false,
            dying: false,
            dead: None,
        };
        self.processes.insert(pid, process);
        pid
    }

    pub fn simple(&mut self, now: Time, role: Role, conduct: Conduct) -> Pid {
        self.process(now, None, role, conduct)
    }

    /// A main process, which has still to execute its program.
    pub fn main(&mut self, now: Time, service: usize, life: &Life, notify: Option<Notify>) -> Pid {
        let pid = self.process(now, None, Role::Main(service), life.conduct);
        self.plan(now + life.set_up, Act::SetUp(pid));
        if let Some(process) = self.processes.get_mut(&pid) {
            process.exec = Some(life.exec);
            process.life = Some(life.clone());
            process.notify = notify;
        }
        pid
    }

    /// Takes the outcome of a process's set-up, which is told once; the life of one that works begins. One that was
    /// killed meanwhile executes nothing any more, though it may take its time to die.
    pub fn set_up(&mut self, now: Time, pid: Pid) -> Option<Making> {
        let process = self.processes.get_mut(&pid).filter(|process| !process.dying)?;
        let outcome = process.exec.take()?;
        let alive = process.dead.is_none();
        let Some(life) = process.life.take().filter(|_| alive) else { return Some(outcome) };
        if outcome != Making::Works {
            self.plan(now, Act::End(pid, ExitStatus::Code(127), false));
            return Some(outcome);
        }
        if let Some((after, status, oom)) = life.conduct.end {
            self.plan(now + after, Act::End(pid, status, oom));
        }
        if let Some(after) = life.ready {
            self.plan(now + after, Act::Say(pid, News::Ready));
        }
        for (after, news) in life.says {
            self.plan(now + after, Act::Say(pid, news));
        }
        for Member { conduct, reaped_outside, heir, own_group } in life.members {
            let group = (!own_group).then_some(pid);
            let member = self.process(now, group, Role::Member, conduct);
            if let Some(process) = self.processes.get_mut(&member) {
                (process.reaped_outside, process.parent, process.heir) = (reaped_outside, Some(pid), heir);
            }
        }
        Some(outcome)
    }

    /// Whether a process that has something to say can: a halted one says it later.
    pub fn can_say(&mut self, pid: Pid, news: &News) -> bool {
        let Some(process) = self.processes.get_mut(&pid).filter(|process| process.dead.is_none()) else {
            return false;
        };
        match &mut process.halted {
            Some(later) => later.push(Act::Say(pid, news.clone())),
            None => return true,
        }
        false
    }

    /// A process comes to its end, unless it is halted.
    pub fn end(&mut self, now: Time, pid: Pid, status: ExitStatus, oom: bool) {
        let Some(process) = self.processes.get_mut(&pid).filter(|process| process.dead.is_none()) else {
            return;
        };
        if let Some(later) = &mut process.halted
            && status != ExitStatus::Signal(9)
        {
            later.push(Act::End(pid, status, oom));
            return;
        }
        process.dead = Some((status, oom));
        if let Some(after) = process.reaped_outside {
            return self.plan(now + after, Act::Vanish(pid));
        }
        // One whose parent is the main process is reaped by that.
        let parent = process.parent.filter(|_| process.role == Role::Member);
        if parent.and_then(|parent| self.get(parent)).is_some_and(|parent| parent.dead.is_none()) {
            self.processes.remove(&pid);
            return;
        }
        self.ended(now, pid);
    }

    /// There is one more for rinit to reap.
    fn ended(&mut self, now: Time, pid: Pid) {
        match self.reaps_last {
            true => drop(self.line.insert((now, u64::MAX), Act::Reap)),
            false if self.ended.is_empty() => self.plan(now, Act::Reap),
            false => {}
        }
        self.ended.push(pid);
    }

    /// The process that takes the place of a main process, which is reaped, and its group.
    pub fn succeed(&mut self, main: &Process) -> Option<(Pid, Pid)> {
        let may = |it: &&mut Process| it.heir && it.parent == Some(main.pid) && it.dead.is_none();
        let heir = self.processes.values_mut().filter(|_| main.notify == Some(Notify::Systemd)).find(may)?;
        (heir.role, heir.notify, heir.heir, heir.parent) = (main.role, main.notify, false, None);
        Some((heir.pid, heir.group))
    }

    /// The process group of a process, or the group of that number.
    pub fn group_of(&self, pid: Pid) -> Pid {
        self.get(pid).map_or(pid, |process| process.group)
    }

    pub fn signal(&mut self, now: Time, pid: Pid, scope: Scope, signal: Signal) {
        for target in self.targets(pid, scope) {
            self.signal_one(now, target, signal);
        }
    }

    fn targets(&self, pid: Pid, scope: Scope) -> Vec<Pid> {
        match scope {
            Scope::Process => vec![pid],
            Scope::Group => {
                let group = self.group_of(pid);
                self.all().filter(|process| process.group == group).map(|it| it.pid).collect()
            }
        }
    }

    fn dooms(&mut self, pid: Pid) {
        let is_reachable = self.get(pid).is_some_and(|process| !self.is_unreachable(process.group));
        if let Some(process) = self.processes.get_mut(&pid).filter(|it| is_reachable && it.dead.is_none()) {
            process.killed = true;
        }
    }

    pub fn signal_all(&mut self, now: Time, signal: Signal) {
        let targets: Vec<Pid> = self.processes.keys().copied().collect();
        for target in targets {
            self.signal_one(now, target, signal);
        }
        self.adopt(now);
    }

    /// Everything is told to end, parents outside of groups as well: rinit reaps whom they leave.
    fn adopt(&mut self, now: Time) {
        let mut left = Vec::new();
        for process in self.processes.values_mut() {
            if process.reaped_outside.take().is_some() && process.dead.is_some() {
                left.push(process.pid);
            }
        }
        left.into_iter().for_each(|pid| self.ended(now, pid));
    }

    /// No signal of PID 1's reaches this process group from now on.
    pub fn shield(&mut self, group: Pid) {
        self.unreachable.insert(group);
    }

    pub fn is_unreachable(&self, group: Pid) -> bool {
        self.unreachable.contains(&group)
    }

    fn signal_one(&mut self, now: Time, pid: Pid, signal: Signal) {
        if self.get(pid).is_some_and(|process| self.is_unreachable(process.group)) {
            return;
        }
        let Some(process) = self.processes.get_mut(&pid).filter(|process| process.dead.is_none()) else {
            return;
        };
        let conduct = process.conduct;
        match signal {
            Signal::KILL if process.dying => {}
            Signal::KILL => {
                (process.killed, process.dying) = (true, true);
                let end = Act::End(pid, ExitStatus::Signal(9), false);
                if conduct.stuck.is_zero() {
                    self.end(now, pid, ExitStatus::Signal(9), false);
                } else {
                    self.plan(now + conduct.stuck, end);
                }
            }
            Signal::STOP => {
                process.halted.get_or_insert_default();
            }
            Signal::CONT => {
                for act in process.halted.take().unwrap_or_default() {
                    self.plan(now, act);
                }
            }
            Signal::TSTP => {}
            other => {
                // Before its program is executed, a signal has its default effect.
                let reaction = match process.exec {
                    Some(_) => Some((Duration::ZERO, None)),
                    None => conduct.on_stop,
                };
                if let Some((after, code)) = reaction {
                    let status = code.map_or(ExitStatus::Signal(other.number()), ExitStatus::Code);
                    self.plan(now + after, Act::End(pid, status, false));
                }
            }
        }
    }

    /// What a process reads has come to an end: it does as it would when told to stop.
    pub fn end_of_input(&mut self, now: Time, pid: Pid) {
        let Some(process) = self.processes.get_mut(&pid).filter(|process| process.dead.is_none()) else {
            return;
        };
        if let Some((after, code)) = process.conduct.on_stop {
            let status = ExitStatus::Code(code.unwrap_or_default());
            self.plan(now + after, Act::End(pid, status, false));
        }
    }

    /// Reaps all that have ended, in the order in which they did.
    pub fn reap(&mut self) -> Vec<Process> {
        let ended = std::mem::take(&mut self.ended);
        ended.into_iter().filter_map(|pid| self.processes.remove(&pid)).collect()
    }

    /// Whether others are left of the group of a main process that was reaped. If so, its end will be told.
    pub fn watch_group(&mut self, leader: Pid) -> bool {
        let left = self.group_exists(leader);
        if left {
            self.groups.push(leader);
        }
        left
    }

    /// The groups that are gone since they were looked at last. Before a deadline, those of which only zombies are left
    /// are.
    pub fn gone_groups(&mut self, before_deadline: bool) -> Vec<Pid> {
        let all = std::mem::take(&mut self.groups);
        let is_there =
            |group: Pid| self.group_exists(group) && !(before_deadline && self.is_group_dead(group));
        let (left, gone) = all.into_iter().partition(|leader| is_there(*leader));
        self.groups = left;
        gone
    }
}

impl Process {
    /// Whether SIGKILL takes a while to end it.
    pub fn is_stuck(&self) -> bool {
        !self.conduct.stuck.is_zero()
    }

    /// Whether it is neither at its end nor killed.
    pub fn runs_on(&self) -> bool {
        self.dead.is_none() && !self.killed
    }

    pub fn is_halted(&self) -> bool {
        self.halted.is_some() && self.dead.is_none()
    }
}
