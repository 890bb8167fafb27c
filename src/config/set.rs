//! What the services say of each other: that dependencies are there, can come true, and form no cycle.

use super::files::Found;
use super::read::draft::{Draft, Written};
use super::text::diagnostic::{Diagnostic, MOST_MISTAKES};
use super::text::excerpt::quote;
use crate::model::{Condition, MAIN, Restart, graph, ordered, suggest};
use std::collections::BTreeMap;
use std::ops::Range;

/// Checks all `depends_on`.
pub(super) fn check(drafts: &BTreeMap<String, Draft>, found: &Found) -> Vec<Diagnostic> {
    let mut mistakes = Vec::new();
    for draft in drafts.values() {
        let of_draft = draft.depends_on.iter().filter_map(|written| {
            let (span, message, help) = match drafts.get(&written.name) {
                _ if written.name == draft.service.name => {
                    let help = written.file.is_some().then(|| "remove the name here".to_owned());
                    (&written.name_span, format!("{} depends on itself", quote(&written.name)), help)
                }
                Some(target) => impossible(written, target)?,
                None if !written.required => return None,
                None => unknown(draft, written, drafts, found)?,
            };
            place(draft, written, span, &message, help)
        });
        mistakes.extend(of_draft.take(MOST_MISTAKES));
    }
    mistakes.extend(cycles(drafts));
    mistakes
}

/// Takes away the dependencies that need not be there and are not. Returns a note for each.
pub(super) fn leave_out_missing(drafts: &mut BTreeMap<String, Draft>) -> Vec<String> {
    let names = ordered::set(drafts.keys().cloned());
    let mut notes = Vec::new();
    for draft in drafts.values_mut() {
        let Draft { depends_on, source: Some(source), .. } = draft else { continue };
        depends_on.retain(|written| {
            let there = names.contains(&written.name);
            if !there {
                let (file, line) = (source.path.display(), source.line_of(written.name_span.start));
                let name = source.quote(&written.name_span, &written.name);
                notes.push(format!("{file}:{line}: there is no service {name}, which is not required"));
            }
            there
        });
    }
    notes
}

type Mistake<'w> = (&'w Range<usize>, String, Option<String>);

fn place(
    draft: &Draft,
    written: &Written,
    span: &Range<usize>,
    message: &str,
    help: Option<String>,
) -> Option<Diagnostic> {
    match &written.file {
        Some(file) => {
            let help = help.or_else(|| Some("remove the name here, or define what it names".to_owned()));
            Some(Diagnostic::of_file(file, message.to_owned(), help))
        }
        None => Some(draft.source.as_ref()?.mistake(span, message, help)),
    }
}

/// A condition that can never be met. What is missing from a file with mistakes may be one of them.
fn impossible<'w>(written: &'w Written, target: &Draft) -> Option<Mistake<'w>> {
    if target.flawed {
        return None;
    }
    let name = &written.name;
    match (written.condition?, target.service.policy.restart) {
        (Condition::Healthy, _) if target.service.healthcheck.is_none() => {
            let message = format!("{} has no healthcheck, so it never becomes healthy", quote(name));
            let help = format!("give {name} a [healthcheck], or wait for \"service_started\"");
            Some((&written.condition_span, message, Some(help)))
        }
        (Condition::CompletedSuccessfully, Restart::Always | Restart::UnlessStopped) => {
            let message = format!("{} is always restarted, so it never completes", quote(name));
            let help = format!("set restart = \"no\" or \"on-failure\" in {name}");
            Some((&written.condition_span, message, Some(help)))
        }
        _ => None,
    }
}

fn unknown<'w>(
    draft: &Draft,
    written: &'w Written,
    drafts: &BTreeMap<String, Draft>,
    found: &Found,
) -> Option<Mistake<'w>> {
    let name = &written.name;
    if !found.complete || found.unusable.contains(name) {
        return None;
    }
    if name == MAIN {
        let message = "\"main\" is the command that rinit is given, and it was given none".to_owned();
        return Some((&written.name_span, message, Some("or set `command` in main.toml".to_owned())));
    }
    let known: Vec<&str> = drafts.keys().map(String::as_str).collect();
    let help = suggest::did_you_mean(name, &known);
    Some((&written.name_span, format!("unknown service {}", draft.quote(written)), help))
}

/// One mistake for each cycle, at the dependency that leads on from its first service.
fn cycles(drafts: &BTreeMap<String, Draft>) -> Vec<Diagnostic> {
    let nodes: Vec<&Draft> = drafts.values().collect();
    let index = ordered::map(drafts.keys().enumerate().map(|(i, name)| (name.as_str(), i)));
    let mut edges: Vec<Vec<usize>> = nodes
        .iter()
        .enumerate()
        .map(|(from, draft)| {
            let targets = draft.depends_on.iter().filter_map(|w| index.get(w.name.as_str()).copied());
            targets.filter(|to| *to != from).collect()
        })
        .collect();
    let mut mistakes = Vec::new();
    while mistakes.len() < MOST_MISTAKES
        && let Some(mut cycle) = graph::find_cycle(&edges)
    {
        // The path ends where it begins; it is shown from the service that comes first by name.
        cycle.pop();
        let first = cycle.iter().enumerate().min_by_key(|(_, node)| **node).map_or(0, |(at, _)| at);
        cycle.rotate_left(first);
        let (Some(&from), Some(&to)) = (cycle.first(), cycle.get(1)) else { break };
        // Without this edge the next search finds another cycle.
        if let Some(out) = edges.get_mut(from) {
            out.retain(|target| *target != to);
        }
        cycle.push(from);
        let names: Vec<&str> = cycle
            .iter()
            .filter_map(|node| nodes.get(*node))
            .map(|draft| draft.service.name.as_str())
            .collect();
        let message = format!("dependency cycle: {}", names.join(" -> "));
        let draft = nodes.get(from);
        let written =
            draft.and_then(|d| d.depends_on.iter().find(|w| index.get(w.name.as_str()) == Some(&to)));
        if let (Some(draft), Some(written)) = (draft, written) {
            let help = written.file.is_some().then(|| "remove one of these dependencies".to_owned());
            mistakes.extend(place(draft, written, &written.name_span, &message, help));
        }
    }
    mistakes
}
