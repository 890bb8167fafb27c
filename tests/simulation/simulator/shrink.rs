//! From a failing scenario to the shortest that fails: leaves out one thing after another, as long as it still does.

use super::scenario::*;
use super::world;
use rinit::model::{Backoff, KillMode, Service, Shared};

/// Tries each way to make it simpler, again and again, until none fails any more in the same way.
pub fn shrink(mut scenario: Scenario) -> Scenario {
    let Some(failure) = world::play(&scenario).failure else { return scenario };
    let mut simpler = true;
    while simpler {
        simpler = false;
        let mut at = 0;
        while let Some(candidate) = candidate(&scenario, at) {
            let fails =
                || world::play(&candidate).failure.is_some_and(|other| kind(&other) == kind(&failure));
            if candidate != scenario && fails() {
                scenario = candidate;
                simpler = true;
            } else {
                at += 1;
            }
        }
    }
    scenario
}

/// What is alike in failures of one kind: the first words, without names and numbers.
pub fn kind(failure: &str) -> Vec<&str> {
    let words = failure.split(|letter: char| !letter.is_ascii_alphabetic());
    words.filter(|word| word.len() > 2 && *word != "main").take(6).collect()
}

type Edit<'e> = &'e dyn Fn(&mut Scenario);

/// The scenario with one thing less, or the same again: the one with this number, if there are so many. Only one is made
/// at a time, as there may be many, and each may be large.
fn candidate(scenario: &Scenario, wanted: usize) -> Option<Scenario> {
    let (mut number, mut found) = (0, None);
    let mut with = |change: Edit<'_>| {
        if number == wanted {
            let candidate = found.insert(scenario.clone());
            change(candidate);
        }
        number += 1;
    };
    let mut names: Vec<String> = scenario.players.iter().map(|player| player.name.clone()).collect();
    names.sort();
    for name in &names {
        with(&|it| drop_service(it, name));
    }
    for at in 0..scenario.requests.len() {
        with(&|it| {
            it.requests.remove(at);
        });
    }
    for (at, (_, request)) in scenario.requests.iter().enumerate() {
        for name in Scenario::targets(request).iter().skip(1) {
            with(&|it| {
                if let Request::Start(names) | Request::Stop(names) | Request::Restart(names) =
                    &mut it.requests[at].1
                {
                    names.retain(|other| other != name);
                }
            });
        }
    }
    for at in 0..scenario.orphans.len() {
        with(&|it| {
            it.orphans.remove(at);
        });
    }
    for at in 0..scenario.players.len() {
        players(scenario, at, &mut with);
    }
    for change in SERVICE_CHANGES {
        for name in &names {
            with(&|it| each_definition(it, name, change));
        }
    }
    for name in &names {
        for on in &names {
            with(&|it| {
                each_definition(it, name, &|service| {
                    service.policy.depends_on.retain(|need| need.name != *on);
                    stop_writing(service, on);
                });
            });
        }
    }
    with(&|it| it.tick_first = false);
    for at in 0..scenario.hardships.stalls.len() {
        with(&|it| {
            it.hardships.stalls.remove(at);
        });
    }
    with(&|it| it.hardships.spawns_take.clear());
    with(&|it| it.hardships.refusals.clear());
    with(&|it| it.hardships.senders_take.clear());
    with(&|it| it.hardships.reaps_last = false);
    with(&|it| it.hardships.unreachable = None);
    found
}

type Change = &'static dyn Fn(&mut Service);

const SERVICE_CHANGES: [Change; 21] = [
    &|service| service.hooks = Shared::default(),
    &|service| service.hooks.pre_start = None,
    &|service| service.hooks.post_start = None,
    &|service| service.hooks.pre_stop = None,
    &|service| service.hooks.stop = None,
    &|service| service.hooks.post_stop = None,
    &|service| service.hooks.finish = None,
    &|service| service.hooks.control.clear(),
    &|service| {
        service.hooks.control.pop();
    },
    &|service| service.exec.streams = None,
    &|service| service.policy.run_timeout = None,
    &|service| service.healthcheck = None,
    &|service| service.policy.notify = None,
    &|service| service.policy.start_timeout = None,
    &|service| service.policy.watchdog = None,
    &|service| service.policy.stop_signal = None,
    &|service| service.policy.backoff = Backoff::default(),
    &|service| (service.policy.backoff.limit, service.policy.backoff.window) = (None, None),
    &|service| service.policy.kill_mode = KillMode::Mixed,
    &|service| service.policy.essential = service.name == rinit::model::MAIN,
    &|service| service.policy.autostart = true,
];

fn each_definition(scenario: &mut Scenario, name: &str, change: &dyn Fn(&mut Service)) {
    let reloaded = scenario.requests.iter_mut().filter_map(|(_, request)| match request {
        Request::Reload(services) => Some(services),
        _ => None,
    });
    for services in reloaded.chain([&mut scenario.services]) {
        services.iter_mut().filter(|service| service.name == name).for_each(change);
    }
}

/// What a service writes no longer goes to that other one.
fn stop_writing(service: &mut Service, to: &str) {
    if let Some(streams) = &mut service.exec.streams {
        streams.stdout.take_if(|name| name == to);
    }
}

fn drop_service(scenario: &mut Scenario, name: &str) {
    let without = |services: &mut Vec<Service>| {
        services.retain(|service| service.name != name);
        for service in services {
            service.policy.depends_on.retain(|need| need.name != name);
            stop_writing(service, name);
        }
    };
    without(&mut scenario.services);
    for (_, request) in &mut scenario.requests {
        if let Request::Reload(services) = request {
            without(services);
        }
    }
    scenario.requests.retain_mut(|(_, request)| {
        if let Request::Start(names) | Request::Stop(names) | Request::Restart(names) = request {
            names.retain(|other| other != name);
            return !names.is_empty();
        }
        !Scenario::targets(request).iter().any(|other| other == name)
    });
    scenario.players.retain(|player| player.name != name);
}

fn players(scenario: &Scenario, at: usize, with: &mut dyn FnMut(Edit<'_>)) {
    let player = &scenario.players[at];
    for life in 0..player.lives.len() {
        with(&|it| {
            it.players[at].lives.remove(life);
        });
        with(&|it| it.players[at].lives[life] = Life::PLAIN);
        with(&|it| it.players[at].lives[life].says.clear());
        with(&|it| it.players[at].lives[life].members.clear());
        with(&|it| {
            it.players[at].lives[life].members.pop();
        });
        with(&|it| {
            it.players[at].lives[life].members.iter_mut().for_each(|member| member.own_group = false);
        });
        with(&|it| {
            let members = it.players[at].lives[life].members.iter_mut();
            members.for_each(|member| (member.heir, member.own_group) = (false, false));
        });
        with(&|it| it.players[at].lives[life].conduct.end = None);
        with(&|it| it.players[at].lives[life].conduct.on_stop = Conduct::PLAIN.on_stop);
        with(&|it| it.players[at].lives[life].conduct.stuck = Conduct::PLAIN.stuck);
        with(&|it| it.players[at].lives[life].set_up = Conduct::PLAIN.stuck);
        with(&|it| it.players[at].lives[life].fork = Making::Works);
        with(&|it| it.players[at].lives[life].exec = Making::Works);
        for said in 0..player.lives[life].says.len() {
            with(&|it| {
                it.players[at].lives[life].says.remove(said);
            });
        }
    }
    for probe in 0..player.probes.len() {
        with(&|it| {
            it.players[at].probes.remove(probe);
        });
        with(&|it| it.players[at].probes[probe] = Errand::PLAIN);
    }
    for hook in 0..player.hooks.len() {
        with(&|it| {
            it.players[at].hooks.remove(hook);
        });
        with(&|it| it.players[at].hooks[hook].1.conduct = Errand::PLAIN.conduct);
    }
}
