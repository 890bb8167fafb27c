//! Where the configuration comes from, and reading it again: all of it or nothing.

pub(super) mod command;
pub(super) mod not_started;
pub(super) mod reading;

use super::events;
use super::executor::Executor;
use super::logs;
use super::requests::answer::Pending;
use super::settings::Settings;
use crate::config::wire::Mistakes;
use crate::config::{self, Config, Diagnostic, Style};
use crate::control::protocol::ReloadReport;
use crate::control::server::ClientId;
use crate::model::{Logging, Service, words};
use crate::supervisor::{Plan, ServiceId, Supervisor, Time, plan};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;

/// Everything that the configuration is read from.
pub struct Source {
    dirs: Vec<PathBuf>,
    style: Option<Style>,
    command: Vec<OsString>,
    logging: Option<Logging>,
    groups: BTreeMap<String, Vec<String>>,
    /// The clients that wait for this reading.
    askers: Vec<Asker>,
    /// Those who have asked since that began.
    next: Vec<Asker>,
}

/// Where a request to reload came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// The signal SIGHUP.
    Signal,
    /// This client.
    Client(ClientId),
}

/// The result of a reload, and the clients that wait for it.
pub type Answer = (Vec<Asker>, Result<ReloadReport, String>);

const STOPPING: &str = "the container is being stopped";

impl Source {
    /// As the settings say. To be called before rinit leaves the directory that it was started in.
    pub fn new(settings: &Settings, groups: BTreeMap<String, Vec<String>>) -> Source {
        let absolute = |dir: &PathBuf| std::path::absolute(dir).unwrap_or_else(|_| dir.clone());
        Source {
            dirs: settings.services.iter().map(absolute).collect(),
            style: settings.style,
            command: settings.command.clone(),
            logging: settings.logging.clone(),
            groups,
            askers: Vec::new(),
            next: Vec::new(),
        }
    }

    /// Names of services, those of groups replaced by their members. One that has none is no group, for no name at
    /// all would stand for every service.
    pub fn expand(&self, names: Vec<String>) -> Vec<String> {
        if self.groups.is_empty() {
            return names;
        }
        let mut expanded = Vec::new();
        for name in names {
            match self.groups.get(&name).filter(|members| !members.is_empty()) {
                Some(members) => expanded.extend(members.iter().cloned()),
                None => expanded.push(name),
            }
        }
        let mut seen = BTreeSet::new();
        expanded.retain(|name| seen.insert(name.clone()));
        expanded
    }

    /// Reads the configuration for the first time, with the directories as the user wrote them.
    ///
    /// # Errors
    /// All mistakes in the definitions, with their places.
    pub fn first(settings: &Settings) -> Result<Config, Vec<Diagnostic>> {
        load(settings.services.clone(), settings.style, settings.command.clone())
    }

    /// Starts to read the definitions again. A request that comes while they are read is answered after one more reading,
    /// because the files may have changed since.
    ///
    /// # Errors
    /// The container is stopping, or the child that reads cannot be started.
    pub fn ask(&mut self, executor: &mut Executor, now: Time, asker: Asker) -> Result<(), String> {
        if executor.supervisor.is_stopping() {
            return Err(STOPPING.to_owned());
        }
        if executor.reader.is_busy() {
            if !self.next.contains(&asker) {
                self.next.push(asker);
            }
            return Ok(());
        }
        let arguments = reading::arguments(&self.dirs, self.style, &self.command);
        executor.reader.begin(&executor.poller, &executor.launcher, now, &arguments)?;
        self.askers.push(asker);
        Ok(())
    }

    /// Where it has been read, carries out what has changed: who has asked for it, and what came of it. With any mistake
    /// nothing is changed, and the message has all of them.
    /// No other gets the place of a service that one of `pending` waits for.
    pub fn finish(&mut self, executor: &mut Executor, now: Time, pending: &[Pending]) -> Option<Answer> {
        executor.reader.pass(now);
        if executor.supervisor.is_stopping() {
            executor.reader.cancel(&executor.poller, now);
            let mut askers = std::mem::take(&mut self.askers);
            askers.append(&mut self.next);
            return (!askers.is_empty()).then(|| (askers, Err(STOPPING.to_owned())));
        }
        let (askers, result) = match executor.reader.outcome(&executor.poller, now) {
            Some(outcome) => {
                (std::mem::take(&mut self.askers), self.take_over(executor, now, outcome, pending))
            }
            // Those who asked during another reading.
            None if !self.next.is_empty() && !executor.reader.is_busy() => {
                let mut askers = std::mem::take(&mut self.next);
                let first = askers.pop()?;
                match self.ask(executor, now, first) {
                    Ok(()) => {
                        self.askers.append(&mut askers);
                        return None;
                    }
                    Err(error) => {
                        askers.push(first);
                        (askers, Err(error))
                    }
                }
            }
            None => return None,
        };
        Some((askers, result))
    }

    /// Why a reload was refused, on one line for the log: of several mistakes the first one. Whoever has asked has got
    /// all of them.
    pub fn refusal_in_short(&self, error: &str) -> String {
        let mut lines = error.lines();
        let what = lines.next().unwrap_or_default();
        let Some(first) = lines.next() else { return format!("reload refused: {what}") };
        let dirs = words::join(self.dirs.iter().map(|dir| dir.display().to_string()));
        format!("reload refused: {what}; the first: {first}. rinit check {dirs} shows everything")
    }

    fn take_over(
        &mut self,
        executor: &mut Executor,
        now: Time,
        outcome: reading::Outcome,
        pending: &[Pending],
    ) -> Result<ReloadReport, String> {
        let read = outcome.and_then(|read| read.map_err(|mistakes| refusal(&mistakes)));
        let mut config =
            read.inspect_err(|error| executor.events.reloaded(events::wall_clock(), Err(error)))?;
        config.notes.iter().for_each(|note| log::debug!("{note}"));
        logs::equip(&mut config.services, self.logging.as_ref()).map_err(|mistake| {
            let error = format!("{mistake}; nothing was changed");
            executor.events.reloaded(events::wall_clock(), Err(&error));
            error
        })?;
        let current: Vec<Service> = executor
            .supervisor
            .current()
            .filter_map(|ServiceId(index)| executor.services.get(index).cloned())
            .collect();
        let mut plan = plan(&current, &config.services);
        restart_what_is_down(&executor.supervisor, &mut plan);
        let changes = summary(&plan);
        log::info!("reload: {changes}");
        executor.events.reloaded(events::wall_clock(), Ok(&changes));
        let waits = pending.iter().flat_map(Pending::services).collect();
        executor.reload(now, config.services, &plan, &waits);
        tell_stopped(&executor.supervisor, &plan);
        self.groups = config.groups;
        let Plan { start, stop, restart, change } = plan;
        Ok(ReloadReport { start, stop, restart, change })
    }
}

fn load(dirs: Vec<PathBuf>, style: Option<Style>, command: Vec<OsString>) -> Result<Config, Vec<Diagnostic>> {
    let environment = if dirs.is_empty() { Vec::new() } else { std::env::vars_os().collect() };
    config::load(&config::Sources { dirs, command, environment, style, root: "/".into() })
}

fn refusal(mistakes: &Mistakes) -> String {
    let count = match mistakes.count {
        1 => "1 error".to_owned(),
        count => format!("{count} errors"),
    };
    format!("{count}, nothing was changed\n{}", mistakes.text)
}

/// A change that takes effect while a service runs has nothing to take effect on where it waits for its next restart, or
/// has failed: the change may be what it needs. So it is started at once.
fn restart_what_is_down(supervisor: &Supervisor, plan: &mut Plan) {
    let is_down = |name: &mut String| supervisor.find(name).is_some_and(|id| supervisor.is_down(id));
    plan.restart.extend(plan.change.extract_if(.., is_down));
}

fn summary(plan: &Plan) -> String {
    if plan.is_empty() {
        return "nothing has changed".to_owned();
    }
    let parts =
        [("start", &plan.start), ("stop", &plan.stop), ("restart", &plan.restart), ("change", &plan.change)];
    let parts = parts.into_iter().filter(|(_, names)| !names.is_empty());
    parts.map(|(what, names)| format!("{what} {}", names.join(", "))).collect::<Vec<_>>().join("; ")
}

/// What has changed and does not run, because somebody has stopped it, looks forgotten.
fn tell_stopped(supervisor: &Supervisor, plan: &Plan) {
    for name in plan.start.iter().chain(&plan.restart).chain(&plan.change) {
        if supervisor.find(name).is_some_and(|id| supervisor.is_stopped_by_hand(id)) {
            log::info!(target: name, "stays stopped: it was stopped by request");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_stands_for_its_members() {
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
        let groups = [("all", &["db", "web"][..]), ("none", &[])];
        let groups = groups.map(|(name, members)| (name.to_owned(), words(members))).into();
        let source = Source {
            dirs: Vec::new(),
            style: None,
            command: Vec::new(),
            logging: None,
            groups,
            askers: Vec::new(),
            next: Vec::new(),
        };
        assert_eq!(source.expand(words(&["web", "all", "x"])), ["web", "db", "x"]);
        assert_eq!(source.expand(words(&["none"])), ["none"], "never nothing: that would be everything");
        assert!(source.expand(Vec::new()).is_empty());
    }
}
