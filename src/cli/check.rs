//! `rinit check`: are the service definitions right, and in what order would they start?

#![forbid(unsafe_code)]

use super::parse::Words;
use super::values::{self, SERVICES_DIR};
use super::{NOT_DONE, output, show};
use crate::config::{self, Diagnostic, Sources};
use crate::model::Service;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub(super) fn run(words: &Words) -> Result<u8, String> {
    let mut dirs: Vec<PathBuf> =
        words.operands.iter().chain(words.rest.iter().flatten()).map(PathBuf::from).collect();
    if dirs.is_empty() {
        dirs = values::services(words, &values::env, Path::new(SERVICES_DIR).is_dir());
    } else if words.has(super::table::Opt::Services) {
        return Err("give the directories either as DIR or with --services, not both".to_owned());
    }
    if dirs.is_empty() {
        return Err(format!("there is nothing to check: give a DIR; {SERVICES_DIR} is not there"));
    }
    let sources = Sources {
        dirs,
        command: Vec::new(),
        environment: std::env::vars_os().collect(),
        root: PathBuf::from("/"),
    };
    match config::load(&sources) {
        Ok(config) => {
            for note in &config.notes {
                output::err(&format!("note: {note}\n"));
            }
            Ok(show(&summary(&config.services)))
        }
        Err(mistakes) => {
            output::err(&all(&mistakes));
            Ok(NOT_DONE)
        }
    }
}

fn all(mistakes: &[Diagnostic]) -> String {
    let mut text: String = mistakes.iter().map(|mistake| format!("{mistake}\n\n")).collect();
    text.push_str(&match mistakes.len() {
        1 => "1 error\n".to_owned(),
        count => format!("{count} errors\n"),
    });
    text
}

fn summary(services: &[Service]) -> String {
    let mut text = match services.len() {
        0 => return "no mistakes, and no services\n".to_owned(),
        1 => "no mistakes in 1 service\n".to_owned(),
        count => format!("no mistakes in {count} services\n"),
    };
    text.push_str("start order:\n");
    for (number, names) in (1..).zip(steps(services)) {
        text.push_str(&format!("  {number}. {}\n", names.join(", ")));
    }
    let by_hand: Vec<&str> =
        services.iter().filter(|s| !s.policy.autostart).map(|s| s.name.as_str()).collect();
    if !by_hand.is_empty() {
        text.push_str(&format!("not started by itself: {}\n", by_hand.join(", ")));
    }
    text
}

/// The services in steps: all of one step start at once, when what they depend on in the steps before is there.
fn steps(services: &[Service]) -> Vec<Vec<&str>> {
    let mut left: Vec<&Service> = services.iter().collect();
    let mut placed: BTreeSet<&str> = BTreeSet::new();
    let mut steps = Vec::new();
    while !left.is_empty() {
        let (now, later): (Vec<&Service>, Vec<&Service>) = left.into_iter().partition(|service| {
            service.policy.depends_on.iter().all(|dependency| placed.contains(dependency.name.as_str()))
        });
        // A cycle, which a configuration without mistakes does not have.
        if now.is_empty() {
            break;
        }
        let names: Vec<&str> = now.iter().map(|service| service.name.as_str()).collect();
        placed.extend(&names);
        steps.push(names);
        left = later;
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Condition, Dependency, Exec, Hooks, Policy};

    fn service(name: &str, depends_on: &[&str]) -> Service {
        let depends_on = depends_on
            .iter()
            .map(|name| Dependency {
                name: (*name).to_owned(),
                condition: Condition::Started,
                required: true,
                restart: false,
            })
            .collect();
        Service {
            name: name.into(),
            description: None,
            exec: Exec::default(),
            policy: Policy { depends_on, ..Policy::default() },
            hooks: Hooks::default(),
            healthcheck: None,
            origin: None,
        }
    }

    #[test]
    fn the_order_is_shown_in_steps() {
        let mut by_hand = service("debug", &["web"]);
        by_hand.policy.autostart = false;
        let services = [
            by_hand,
            service("db", &[]),
            service("migrate", &["db"]),
            service("redis", &[]),
            service("web", &["migrate", "redis"]),
        ];
        let expected = "\
no mistakes in 5 services
start order:
  1. db, redis
  2. migrate
  3. web
  4. debug
not started by itself: debug
";
        assert_eq!(summary(&services), expected);
        assert_eq!(summary(&[]), "no mistakes, and no services\n");
    }

    #[test]
    fn even_a_cycle_ends() {
        assert_eq!(steps(&[service("a", &["b"]), service("b", &["a"]), service("c", &[])]), [["c"]]);
    }
}
