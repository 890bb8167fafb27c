//! The one table of processes: which there are, what each is to its service, and whom a signal can still reach.
//!
//! The supervisor owns the table. All code that makes, watches, reaps or signals a process uses it; nothing else keeps
//! a list of its own. A process enters with `insert`, as soon as it is forked and before anything can be reaped. It
//! leaves in two steps. `reap` marks it the moment the kernel has given up its process ID, so that from then on nothing
//! can be sent to it. `told` removes it when its service learns how it ended. All that ended together are marked before
//! the first of them is told, and nothing spreads to other services until all of them are: so no service is told to
//! stop, and nobody reads that it is, whose end was seen already. An orphan is in no table, and costs one look-up.
//!
//! A process group can outlive its leader. Its number stays taken as long as it has a member, so the table keeps it
//! under the leader's process ID until `group_gone`. A member that somebody else reaps ends without a word to rinit;
//! therefore whoever asks for `groups` looks at each of them again after every reaping, and at those of `groups_due`
//! before a deadline expires. A signal takes a [`Target`], and only [`Table::target`] makes one: for a process that is
//! not reaped, for its group, or for a group that was left. There is no other way to send one to a service.

use super::event::{Pid, Scope, ServiceId};
use crate::model::Hook;
use std::collections::BTreeMap;

/// What a process is to its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Its main process.
    Main,
    /// A probe of its health check.
    Probe,
    /// One of its hooks.
    Hook(Hook),
}

/// A process of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// Of this service.
    pub service: ServiceId,
    /// What it is to it.
    pub role: Role,
    /// The process group that is signalled with it.
    pub group: Pid,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    process: Process,
    /// Nothing can be sent to it any more, and its service is about to be told.
    reaped: bool,
}

/// The processes that rinit has made, and the groups that they left.
#[derive(Debug, Default)]
pub struct Table {
    entries: BTreeMap<Pid, Entry>,
    /// Groups that have outlived their leaders, when they were looked at last.
    groups: BTreeMap<Pid, Process>,
    /// Groups of main processes that do not lead them.
    led: BTreeMap<Pid, Pid>,
    /// Those whose process IDs the kernel has given to others before their services were told.
    displaced: BTreeMap<Pid, Process>,
    /// How many are reaped and not told yet.
    untold: usize,
}

/// Somebody whom a signal can reach. Only the table makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target(Reach);

/// Who that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// A process that is not reaped.
    Process(Pid),
    /// The group of a leader that is not reaped, who may not have made it yet.
    Group(Pid),
    /// The group of a process that does not lead it, as it was when that took over: it may have left it since.
    GroupOf(Pid, Pid),
    /// A group whose leader is reaped.
    GroupLeft(Pid),
}

impl Target {
    /// Who it is.
    pub fn reach(self) -> Reach {
        self.0
    }
}

impl Table {
    /// Records a process. Recording it again changes nothing. One that is reaped gives way, and is told first.
    pub fn insert(&mut self, pid: Pid, service: ServiceId, role: Role) {
        let process = Process { service, role, group: pid };
        let entry = self.entries.entry(pid).or_insert(Entry { process, reaped: false });
        if entry.reaped {
            let Entry { process: old, .. } = std::mem::replace(entry, Entry { process, reaped: false });
            self.displaced.insert(pid, old);
        }
    }

    /// A process that rinit has made and whose service was not told yet that it has ended.
    pub fn get(&self, pid: Pid) -> Option<Process> {
        self.entries.get(&pid).map(|entry| entry.process)
    }

    /// Whether the process of this number is reaped, and its service not told yet.
    pub fn is_reaped(&self, pid: Pid) -> bool {
        self.entries.get(&pid).is_some_and(|entry| entry.reaped)
    }

    /// The process of this number whose end is told next.
    pub fn ended(&self, pid: Pid) -> Option<Process> {
        self.displaced.get(&pid).copied().or_else(|| self.get(pid))
    }

    /// Whether another process has the number of one whose end is to be told.
    pub fn is_displaced(&self, pid: Pid) -> bool {
        self.displaced.contains_key(&pid)
    }

    /// The service whose main process this is.
    pub fn main_of(&self, pid: Pid) -> Option<ServiceId> {
        self.get(pid).filter(|process| process.role == Role::Main).map(|process| process.service)
    }

    /// The service to whose main process a number belongs: its process ID, or that of its group.
    pub fn owner(&self, number: Pid) -> Option<ServiceId> {
        self.main_of(number).or_else(|| self.main_of(*self.led.get(&number)?))
    }

    /// Another process takes the place of a main process that was reaped. Whose that is. One that has a place already
    /// gets no other.
    pub(super) fn succeed(&mut self, pid: Pid, by: Pid, group: Pid) -> Option<ServiceId> {
        self.ended(pid).filter(|process| process.role == Role::Main)?;
        if self.entries.contains_key(&by) {
            return None;
        }
        let process = Process { group, ..self.told(pid, false)? };
        if group != by {
            self.led.insert(group, by);
        }
        self.entries.insert(by, Entry { process, reaped: false });
        Some(process.service)
    }

    /// A process, or the leader of a group that was left.
    pub fn whose(&self, pid: Pid) -> Option<Process> {
        self.get(pid).or_else(|| self.groups.get(&pid).copied())
    }

    /// A process was reaped: marks it. `None` if it is not in the table.
    pub fn reap(&mut self, pid: Pid) -> Option<Process> {
        let entry = self.entries.get_mut(&pid)?;
        if !std::mem::replace(&mut entry.reaped, true) {
            self.untold = self.untold.saturating_add(1);
        }
        Some(entry.process)
    }

    /// Whether some are reaped whose services are still to be told.
    pub fn has_untold(&self) -> bool {
        self.untold > 0
    }

    /// The service of a process is told that it has ended. `group_left`: others of its group are there.
    pub(super) fn told(&mut self, pid: Pid, group_left: bool) -> Option<Process> {
        let displaced = self.displaced.remove(&pid).map(|process| Entry { process, reaped: true });
        let Entry { process, reaped } = displaced.or_else(|| self.entries.remove(&pid))?;
        if reaped {
            self.untold = self.untold.saturating_sub(1);
        }
        if process.role == Role::Main {
            self.led.remove(&process.group);
        }
        if group_left {
            self.groups.insert(process.group, process);
        }
        Some(process)
    }

    /// The services that have a process, or a group that one has left.
    pub fn services(&self) -> impl Iterator<Item = ServiceId> {
        let processes = self.entries.values().map(|entry| entry.process);
        processes.chain(self.groups.values().copied()).map(|process| process.service)
    }

    /// The groups that have outlived their leaders, as far as is known.
    pub fn groups(&self) -> impl Iterator<Item = Pid> {
        self.groups.keys().copied()
    }

    /// Those of main processes, and whose they were.
    pub(super) fn groups_of_mains(&self) -> impl Iterator<Item = (Pid, ServiceId)> {
        let mains = self.groups.iter().filter(|(_, process)| process.role == Role::Main);
        mains.map(|(pid, process)| (*pid, process.service))
    }

    /// A group has lost its last member.
    pub(super) fn group_gone(&mut self, leader: Pid) -> Option<Process> {
        self.groups.remove(&leader)
    }

    /// Whom a signal for a process, or for its group, would reach. `None`: nobody is left, or nothing is known of it.
    pub fn target(&self, pid: Pid, scope: Scope) -> Option<Target> {
        let reach = match (self.entries.get(&pid), scope) {
            (Some(entry), _) if entry.reaped => return None,
            (Some(_), Scope::Process) => Reach::Process(pid),
            (Some(entry), Scope::Group) if entry.process.group != pid => {
                Reach::GroupOf(pid, entry.process.group)
            }
            (Some(_), Scope::Group) => Reach::Group(pid),
            (None, Scope::Group) => Reach::GroupLeft(*self.groups.get_key_value(&pid)?.0),
            (None, Scope::Process) => return None,
        };
        Some(Target(reach))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PID: Pid = Pid(7);
    const WEB: ServiceId = ServiceId(0);

    fn reach(table: &Table, scope: Scope) -> Option<Reach> {
        table.target(PID, scope).map(Target::reach)
    }

    #[test]
    fn nothing_can_be_sent_to_what_is_reaped() {
        let mut table = Table::default();
        assert_eq!(reach(&table, Scope::Process), None);
        table.insert(PID, WEB, Role::Main);
        assert_eq!(reach(&table, Scope::Process), Some(Reach::Process(PID)));
        assert_eq!(reach(&table, Scope::Group), Some(Reach::Group(PID)));
        assert_eq!(table.reap(PID).map(|it| it.service), Some(WEB));
        assert_eq!((reach(&table, Scope::Process), reach(&table, Scope::Group)), (None, None));
        assert_eq!(table.main_of(PID), Some(WEB));
        assert!(table.told(PID, false).is_some());
        assert_eq!((table.told(PID, true), table.get(PID)), (None, None));
        assert_eq!((reach(&table, Scope::Process), reach(&table, Scope::Group)), (None, None));
    }

    #[test]
    fn a_group_that_outlives_its_leader_can_be_reached_until_it_is_gone() {
        let mut table = Table::default();
        table.insert(PID, WEB, Role::Main);
        table.reap(PID);
        table.told(PID, true);
        assert_eq!(table.groups().collect::<Vec<_>>(), [PID]);
        assert_eq!(reach(&table, Scope::Process), None);
        assert_eq!(reach(&table, Scope::Group), Some(Reach::GroupLeft(PID)));
        // A process that has the number anew is another one.
        table.insert(PID, WEB, Role::Probe);
        assert_eq!(reach(&table, Scope::Group), Some(Reach::Group(PID)));
        assert!(table.group_gone(PID).is_some_and(|it| it.role == Role::Main));
        assert_eq!((table.group_gone(PID), table.groups().count()), (None, 0));
    }

    /// The kernel may give a number anew as soon as it is reaped.
    #[test]
    fn a_number_may_be_given_anew_before_an_end_is_told() {
        let mut table = Table::default();
        let db = ServiceId(1);
        table.insert(PID, WEB, Role::Main);
        table.reap(PID);
        table.insert(PID, db, Role::Main);
        assert_eq!((table.main_of(PID), table.ended(PID).map(|it| it.service)), (Some(db), Some(WEB)));
        assert_eq!(reach(&table, Scope::Process), Some(Reach::Process(PID)));
        assert!(table.has_untold() && table.is_displaced(PID));
        assert_eq!(table.told(PID, false).map(|it| it.service), Some(WEB));
        assert!(!table.has_untold() && !table.is_displaced(PID));
        assert_eq!(table.told(PID, false).map(|it| it.service), Some(db));
    }

    /// One in the same group, then one in a group of its own.
    #[test]
    fn a_successor_has_the_place_of_a_main_process() {
        let mut table = Table::default();
        table.insert(PID, WEB, Role::Main);
        table.reap(PID);
        assert_eq!(table.succeed(PID, Pid(8), PID), Some(WEB));
        assert!(!table.has_untold());
        assert_eq!(
            (table.owner(Pid(8)), table.owner(PID), table.owner(Pid(9))),
            (Some(WEB), Some(WEB), None)
        );
        let reach = |table: &Table, pid, scope| table.target(pid, scope).map(Target::reach);
        assert_eq!(reach(&table, Pid(8), Scope::Process), Some(Reach::Process(Pid(8))));
        assert_eq!(reach(&table, Pid(8), Scope::Group), Some(Reach::GroupOf(Pid(8), PID)));
        assert_eq!(reach(&table, PID, Scope::Process), None);
        // It has that place alone.
        table.insert(Pid(6), ServiceId(1), Role::Main);
        table.reap(Pid(6));
        assert_eq!(table.succeed(Pid(6), Pid(8), PID), None);
        assert_eq!(table.main_of(Pid(8)), Some(WEB));
        assert!(table.told(Pid(6), false).is_some());
        table.reap(Pid(8));
        assert_eq!(table.succeed(Pid(8), Pid(9), Pid(9)), Some(WEB));
        assert_eq!(
            (table.owner(PID), reach(&table, Pid(9), Scope::Group)),
            (None, Some(Reach::Group(Pid(9))))
        );
        assert_eq!(table.succeed(PID, Pid(10), PID), None);
        // What is left of a group has the group's number.
        table.reap(Pid(9));
        table.succeed(Pid(9), Pid(11), Pid(9));
        table.reap(Pid(11));
        table.told(Pid(11), true);
        assert_eq!(table.groups().collect::<Vec<_>>(), [Pid(9)]);
        assert_eq!(table.owner(Pid(9)), None);
    }

    #[test]
    fn what_is_reaped_is_untold_once() {
        let mut table = Table::default();
        assert_eq!(table.reap(PID), None);
        assert!(!table.has_untold());
        table.insert(PID, WEB, Role::Main);
        table.insert(Pid(8), WEB, Role::Probe);
        table.reap(PID);
        table.reap(PID);
        table.reap(Pid(8));
        table.told(PID, false);
        assert!(table.has_untold());
        table.told(Pid(8), false);
        assert!(!table.has_untold());
        // One that nobody has marked.
        table.insert(PID, WEB, Role::Main);
        table.told(PID, false);
        assert!(!table.has_untold());
    }
}
