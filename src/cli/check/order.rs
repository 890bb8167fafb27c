//! The order in which services start and stop, in steps.

#![forbid(unsafe_code)]

use crate::model::Service;

/// The services in steps: all of one step start at once, when what they depend on in the steps before is there.
/// They are sorted by name.
pub(super) fn start(services: &[Service]) -> Vec<Vec<&str>> {
    steps(services, services.iter().map(|service| dependencies(services, service)).collect())
}

/// The services in steps: all of one step stop at once, when what depends on them in the steps before has stopped.
pub(super) fn stop(services: &[Service]) -> Vec<Vec<&str>> {
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); services.len()];
    for (index, service) in services.iter().enumerate() {
        for dependency in dependencies(services, service) {
            if let Some(after) = after.get_mut(dependency) {
                after.push(index);
            }
        }
    }
    steps(services, after)
}

fn dependencies(services: &[Service], service: &Service) -> Vec<usize> {
    let index = |name: &str| services.binary_search_by(|service| service.name.as_str().cmp(name)).ok();
    service.policy.depends_on.iter().filter_map(|dependency| index(&dependency.name)).collect()
}

/// Each service as early as those that it comes `after` let it.
fn steps(services: &[Service], after: Vec<Vec<usize>>) -> Vec<Vec<&str>> {
    let mut placed = vec![false; services.len()];
    let mut steps = Vec::new();
    loop {
        let is_placed = |index: &usize| placed.get(*index).is_some_and(|placed| *placed);
        let is_next = |index: &usize| {
            !is_placed(index) && after.get(*index).is_some_and(|after| after.iter().all(is_placed))
        };
        let now: Vec<usize> = (0..services.len()).filter(is_next).collect();
        // A configuration without mistakes has no cycle, and so nothing is left.
        if now.is_empty() {
            return steps;
        }
        for index in &now {
            if let Some(placed) = placed.get_mut(*index) {
                *placed = true;
            }
        }
        steps.push(now.iter().filter_map(|index| Some(services.get(*index)?.name.as_str())).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Condition, Dependency, Exec, Policy, Shared};

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
            policy: Policy { depends_on, ..Policy::default() }.into(),
            hooks: Shared::default(),
            healthcheck: None,
            logging: None,
            origin: None,
        }
    }

    #[test]
    fn both_orders_go_in_steps() {
        let services = [
            service("db", &[]),
            service("log", &[]),
            service("migrate", &["db"]),
            service("redis", &[]),
            service("web", &["migrate", "redis"]),
        ];
        assert_eq!(start(&services), [vec!["db", "log", "redis"], vec!["migrate"], vec!["web"]]);
        assert_eq!(stop(&services), [vec!["log", "web"], vec!["migrate", "redis"], vec!["db"]]);
    }

    #[test]
    fn even_a_cycle_ends() {
        let services = [service("a", &["b"]), service("b", &["a"]), service("c", &[])];
        assert_eq!(start(&services), [["c"]]);
        assert_eq!(stop(&services), [["c"]]);
    }
}
