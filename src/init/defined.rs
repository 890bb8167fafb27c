//! A definition in words, key by key: what `status NAME` tells of it that has no place of its own in the answer. Every
//! type is taken apart whole, so that a new key cannot be forgotten here.

#![forbid(unsafe_code)]

use crate::model::capability::{self, NAMES};
use crate::model::{
    Backoff, Capabilities, Context, Exec, Finish, Hook, Hooks, KillMode, Policy, Service, Streams, Ulimit,
    duration, words,
};
use serde_json::{Map, Value};
use std::ffi::{OsStr, OsString};

/// A longer text is cut: the answer has to fit into one line of the protocol.
const MAX_TEXT: usize = 1024;

/// Settings that differ from their defaults, each by its key and as a definition has it, less the quotes. Arguments of
/// commands only where `privileged`.
pub fn settings(service: &Service, privileged: bool) -> Map<String, Value> {
    let mut settings = Settings { found: Map::new(), service, privileged };
    // Their own fields of the answer: name, description, healthcheck, origin.
    let Service { name: _, description: _, exec, policy, hooks, healthcheck: _, origin: _ } = service;
    settings.exec(exec);
    settings.policy(policy);
    settings.hooks(hooks);
    settings.found
}

struct Settings<'a> {
    found: Map<String, Value>,
    service: &'a Service,
    privileged: bool,
}

impl Settings<'_> {
    fn add(&mut self, key: &str, value: Option<String>) {
        if let Some(value) = value {
            self.found.insert(key.to_owned(), Value::String(value));
        }
    }

    fn flag(&mut self, key: &str, value: bool) {
        self.add(key, value.then(|| "true".to_owned()));
    }

    fn exec(&mut self, exec: &Exec) {
        let Exec { command: _, arg0, streams, working_dir: _, environment: _, context } = exec;
        self.add("arg0", arg0.as_deref().map(cut));
        if let Some(streams) = streams {
            // Who writes to it says so itself.
            let Streams { reads: _, stdout, stderr } = &**streams;
            let reader = |name: &Option<String>| name.as_ref().map(|name| format!("service:{name}"));
            self.add("stdout", reader(stdout));
            self.add("stderr", reader(stderr));
        }
        let Context {
            user: _,
            group_add,
            umask,
            ulimits,
            oom_score_adj,
            nice,
            cap_drop,
            cap_add,
            no_new_privileges,
        } = &**context;
        self.add("group_add", list(group_add.iter().map(u32::to_string)));
        self.add("umask", umask.map(|mask| format!("{mask:03o}")));
        self.add("ulimits", list(ulimits.iter().map(ulimit)));
        self.add("oom_score_adj", oom_score_adj.map(|score| score.to_string()));
        self.add("nice", nice.map(|nice| nice.to_string()));
        self.add("cap_drop", capabilities(*cap_drop));
        self.add("cap_add", capabilities(*cap_add));
        self.flag("no_new_privileges", *no_new_privileges);
    }

    fn policy(&mut self, policy: &Policy) {
        let Policy {
            restart: _,
            backoff,
            essential: _,
            autostart: _,
            depends_on: _,
            stop_signal: _,
            stop_grace_period: _,
            kill_mode,
            notify,
            start_timeout,
            watchdog: _,
            run_timeout,
            refuse_manual_stop,
        } = policy;
        self.add("backoff", (*backoff != Backoff::default()).then(|| self::backoff(backoff)));
        self.add(
            "kill_mode",
            match kill_mode {
                KillMode::Mixed => None,
                KillMode::Group => Some("group".to_owned()),
                KillMode::Process => Some("process".to_owned()),
            },
        );
        // With `notify` it stands beside that.
        let start_timeout = start_timeout.filter(|_| notify.is_none());
        self.add("start_timeout", start_timeout.map(duration::format));
        self.add("run_timeout", run_timeout.map(duration::format));
        self.flag("refuse_manual_stop", *refuse_manual_stop);
    }

    fn hooks(&mut self, hooks: &Hooks) {
        let Hooks {
            pre_start,
            post_start,
            pre_stop,
            stop,
            post_stop,
            post_stop_timeout,
            finish,
            max_death_tally,
            control,
        } = hooks;
        let named = [
            (Hook::PreStart, pre_start),
            (Hook::PostStart, post_start),
            (Hook::PreStop, pre_stop),
            (Hook::Stop, stop),
            (Hook::PostStop, post_stop),
        ];
        for (hook, command) in named {
            self.add(hook.as_str(), command.as_ref().map(|command| self.command(hook, command)));
        }
        self.add("post_stop_timeout", post_stop_timeout.map(duration::format));
        self.add(
            "finish",
            finish.as_ref().map(|finish| match finish {
                Finish::S6(name) => format!("s6:{name}"),
                Finish::Runit => "runit".to_owned(),
            }),
        );
        self.add("max_death_tally", max_death_tally.map(|most| most.to_string()));
        for (control, command) in control {
            let hook = Hook::Control(*control);
            self.add(&hook.full_key(), Some(self.command(hook, command)));
        }
    }

    fn command(&self, hook: Hook, command: &[OsString]) -> String {
        let shown = self.service.shown_words(&hook.full_key(), command).into_iter().map(cut);
        match self.privileged {
            true => cut(words::join(shown).as_ref()),
            false => words::join(shown.take(1)) + " ...",
        }
    }
}

fn list(items: impl Iterator<Item = String>) -> Option<String> {
    let text = items.collect::<Vec<_>>().join(", ");
    (!text.is_empty()).then_some(text)
}

fn ulimit(limit: &Ulimit) -> String {
    let Ulimit { resource, soft, hard } = limit;
    let name = format!("{resource:?}").to_lowercase();
    let value = |limit: &Option<u64>| limit.map_or("unlimited".to_owned(), |limit| limit.to_string());
    match soft == hard {
        true => format!("{name} {}", value(soft)),
        false => format!("{name} soft {} hard {}", value(soft), value(hard)),
    }
}

fn capabilities(set: Capabilities) -> Option<String> {
    match capability::names(set).count() {
        count if count == NAMES.len() => Some("ALL".to_owned()),
        _ => list(capability::names(set).map(str::to_owned)),
    }
}

fn backoff(backoff: &Backoff) -> String {
    let Backoff { initial, factor, max, reset_after, limit, window } = backoff;
    let span = |span| duration::format(span);
    let mut text = format!(
        "initial {}, factor {factor}, max {}, reset_after {}",
        span(*initial),
        span(*max),
        span(*reset_after)
    );
    if let Some(limit) = limit {
        text.push_str(&format!(", limit {limit}"));
    }
    if let Some(window) = window {
        text.push_str(&format!(" within {}", span(*window)));
    }
    text
}

/// A text of bounded length. `...` at its end says that there was more.
pub fn cut(text: &OsStr) -> String {
    let text = text.to_string_lossy();
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_cut() {
        assert_eq!(cut(OsStr::new("é")), "é");
        assert_eq!(cut(OsStr::new(&"é".repeat(MAX_TEXT))), "é".repeat(MAX_TEXT));
        assert_eq!(cut(OsStr::new(&"é".repeat(MAX_TEXT + 1))), "é".repeat(MAX_TEXT) + "...");
    }
}
