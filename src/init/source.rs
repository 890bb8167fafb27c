//! Where the configuration comes from, and reading it again: all of it or nothing.

use super::events;
use super::executor::Executor;
use super::settings::Settings;
use crate::config::{self, Config, Diagnostic, Style};
use crate::control::protocol::ReloadReport;
use crate::model::Service;
use crate::supervisor::{Plan, ServiceId, plan};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Instant;

/// Everything that the configuration is read from.
pub struct Source {
    dirs: Vec<PathBuf>,
    style: Option<Style>,
    command: Vec<OsString>,
    groups: BTreeMap<String, Vec<String>>,
}

impl Source {
    /// As the settings say. To be called before rinit leaves the directory that it was started in.
    pub fn new(settings: &Settings, groups: BTreeMap<String, Vec<String>>) -> Source {
        let absolute = |dir: &PathBuf| std::path::absolute(dir).unwrap_or_else(|_| dir.clone());
        Source {
            dirs: settings.services.iter().map(absolute).collect(),
            style: settings.style,
            command: settings.command.clone(),
            groups,
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
    pub fn first(settings: &Settings) -> Result<Config, Vec<Diagnostic>> {
        load(settings.services.clone(), settings.style, settings.command.clone())
    }

    /// Reads it again and carries out what has changed. With any mistake nothing is changed, and the message has all
    /// of them.
    pub fn reload(&mut self, executor: &mut Executor, epoch: Instant) -> Result<ReloadReport, String> {
        if executor.supervisor.is_stopping() {
            return Err("the container is being stopped".to_owned());
        }
        let config = load(self.dirs.clone(), self.style, self.command.clone()).map_err(|mistakes| {
            let error = refusal(&mistakes);
            executor.events.reloaded(events::wall_clock(), Err(&error));
            error
        })?;
        let current: Vec<Service> = executor
            .supervisor
            .current()
            .filter_map(|ServiceId(index)| executor.services.get(index).cloned())
            .collect();
        let plan = plan(&current, &config.services);
        let changes = summary(&plan);
        log::info!("reload: {changes}");
        executor.events.reloaded(events::wall_clock(), Ok(&changes));
        executor.reload(epoch.elapsed(), config.services, &plan);
        self.groups = config.groups;
        let Plan { start, stop, restart, change } = plan;
        Ok(ReloadReport { start, stop, restart, change })
    }
}

fn load(dirs: Vec<PathBuf>, style: Option<Style>, command: Vec<OsString>) -> Result<Config, Vec<Diagnostic>> {
    let environment = if dirs.is_empty() { Vec::new() } else { std::env::vars_os().collect() };
    config::load(&config::Sources { dirs, command, environment, style, root: "/".into() })
}

fn refusal(mistakes: &[Diagnostic]) -> String {
    let count = match mistakes.len() {
        1 => "1 error".to_owned(),
        count => format!("{count} errors"),
    };
    let mut text = format!("{count}, nothing was changed\n");
    for mistake in mistakes {
        text.push_str(&format!("{mistake}\n"));
    }
    text.trim_end().to_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_stands_for_its_members() {
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
        let groups = [("all", &["db", "web"][..]), ("none", &[])];
        let groups = groups.map(|(name, members)| (name.to_owned(), words(members))).into();
        let source = Source { dirs: Vec::new(), style: None, command: Vec::new(), groups };
        assert_eq!(source.expand(words(&["web", "all", "x"])), ["web", "db", "x"]);
        assert_eq!(source.expand(words(&["none"])), ["none"], "never nothing: that would be everything");
        assert!(source.expand(Vec::new()).is_empty());
    }
}
