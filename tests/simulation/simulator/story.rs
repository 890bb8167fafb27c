//! A run, readable: who was there, and what happened when.

use super::scenario::*;
use super::world::{Outcome, Step};
use rinit::model::Service;
use rinit::supervisor::{Effect, Event, Notice, ServiceId, Time};
use std::fmt::Write;

/// The last so many steps are shown.
const SHOWN: usize = 60;

pub fn tell(scenario: &Scenario, outcome: &Outcome) -> String {
    let mut text = format!("stop timeout {:?}\n", scenario.stop_timeout);
    for service in &scenario.services {
        describe(&mut text, scenario, service);
    }
    for (at, request) in &scenario.requests {
        if let Request::Reload(services) = request {
            let _ = writeln!(text, "the reload at {at:?} brings:");
            services.iter().for_each(|service| describe(&mut text, scenario, service));
        }
    }
    if !scenario.orphans.is_empty() {
        let _ = writeln!(text, "orphans: {:?}", scenario.orphans);
    }
    let skipped = outcome.steps.len().saturating_sub(SHOWN);
    if skipped > 0 {
        let _ = writeln!(text, "... {skipped} steps ...");
    }
    for (at, step) in outcome.steps.iter().skip(skipped) {
        step_line(&mut text, *at, step, &outcome.names);
    }
    text
}

fn describe(text: &mut String, scenario: &Scenario, service: &Service) {
    let needs: Vec<String> = service
        .policy
        .depends_on
        .iter()
        .map(|need| {
            let required = if need.required { "" } else { " not required" };
            let restart = if need.restart { " restart" } else { "" };
            format!("{} {}{required}{restart}", need.name, need.condition.as_str())
        })
        .collect();
    let policy = &service.policy;
    let _ = writeln!(
        text,
        "{}: {:?}{}{} needs [{}] grace {:?} {:?}",
        service.name,
        policy.restart,
        if policy.essential { " essential" } else { "" },
        if policy.autostart { "" } else { " no autostart" },
        needs.join(", "),
        policy.stop_grace_period,
        policy.kill_mode,
    );
    let _ = writeln!(
        text,
        "    {:?} start_timeout {:?} watchdog {:?} signal {:?} {:?}",
        policy.notify, policy.start_timeout, policy.watchdog, policy.stop_signal, policy.backoff
    );
    let hooks = [
        ("pre_start", &service.hooks.pre_start),
        ("post_start", &service.hooks.post_start),
        ("pre_stop", &service.hooks.pre_stop),
        ("stop_command", &service.hooks.stop),
        ("post_stop", &service.hooks.post_stop),
    ];
    let hooks = hooks.iter().filter(|(_, hook)| hook.is_some()).map(|(name, _)| (*name).to_owned());
    let control = service.hooks.control.iter().map(|(control, _)| control.name());
    let hooks: Vec<String> = hooks.chain(control).collect();
    let _ =
        writeln!(text, "    hooks {hooks:?} health {:?}", service.healthcheck.as_ref().map(|it| it.timing));
    if let Some(limit) = policy.run_timeout {
        let _ = writeln!(text, "    run_timeout {limit:?}");
    }
    if service.hooks.finish.is_some() || service.hooks.post_stop_timeout.is_some() {
        let _ = writeln!(text, "    {:?} within {:?}", service.hooks.finish, service.hooks.post_stop_timeout);
    }
    if let Some(streams) = &service.exec.streams {
        let _ = writeln!(text, "    {streams:?}");
    }
    if let Some(player) = scenario.players.iter().find(|player| player.name == service.name) {
        player.lives.iter().for_each(|life| {
            let _ = writeln!(text, "    {life:?}");
        });
        if service.healthcheck.is_some() {
            let _ = writeln!(text, "    probes {:?}", player.probes);
        }
        if !hooks.is_empty() {
            let _ = writeln!(text, "    {:?}", player.hooks);
        }
    }
}

fn step_line(text: &mut String, at: Time, step: &Step, names: &[String]) {
    let (what, effects) = match step {
        Step::Event(event, effects) => (event_text(event), effects),
        Step::Reload(plan, effects) => (format!("reload {plan:?}"), effects),
    };
    let named = |text: String| {
        (0..names.len()).fold(text, |text, id| text.replace(&format!("{:?}", ServiceId(id)), &names[id]))
    };
    let _ = writeln!(text, "{:>10} {}", format!("{at:?}"), named(what));
    for effect in effects {
        if !matches!(effect, Effect::Notice(Notice::Waiting(..))) {
            let _ = writeln!(text, "             -> {}", named(format!("{effect:?}")));
        }
    }
}

fn event_text(event: &Event) -> String {
    match event {
        Event::Exited { pid, status, group_left, oom, .. } => format!(
            "process {} {status}{}{}",
            pid.0,
            if *group_left { ", others of its group are left" } else { "" },
            if *oom { ", out of memory" } else { "" }
        ),
        other => format!("{other:?}"),
    }
}
