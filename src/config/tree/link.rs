//! What the services of trees say of each other: bundles taken apart, pipelines joined, and what starts by itself.

use super::raw::{Named, Report};
use super::source::written;
use super::trees::{Bundle, Trees};
use crate::config::files::Found;
use crate::config::read::draft::{Draft, Written};
use crate::config::text::excerpt::quote;
use crate::model::{Condition, Streams, graph, ordered, suggest};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// More names than this, bundles taken apart, are refused.
const MOST_DEPENDENCIES: usize = 100_000;
/// What s6-overlay defines itself, outside of the user's tree: rinit has done it, or has nothing of the kind.
const OF_OVERLAY: [&str; 9] = [
    "base",
    "top",
    "user",
    "user2",
    "fix-attrs",
    "legacy-cont-init",
    "legacy-services",
    "s6rc-oneshot-runner",
    "s6rc-fdholder",
];
/// The bundles that say what s6-overlay starts.
const STARTED_BY_OVERLAY: [&str; 2] = ["user", "user2"];
/// The bundle that by custom says what is started.
const STARTED: &str = "default";

/// Puts together all services, those of TOML files among them, and returns the bundles with their services.
pub(crate) fn link(
    drafts: &mut BTreeMap<String, Draft>,
    trees: &mut Trees,
    found: &Found,
) -> BTreeMap<String, Vec<String>> {
    drafts.append(&mut trees.drafts);
    // Bundles may hold pipelines, as they hold bundles.
    let pipelines = pipelines(drafts, trees);
    check_contents(drafts, &pipelines, trees, found);
    cycles(trees);
    let mut groups = take_apart(drafts, &pipelines, trees);
    groups.extend(pipelines);
    join(drafts, trees, found);
    join_bundles(drafts, trees, &mut groups);
    expand_dependencies(drafts, &groups, trees);
    start_what_is_asked_for(drafts, trees, &groups);
    groups.retain(|_, services| !services.is_empty());
    groups
}

/// Whether what bundles name is there.
fn check_contents(
    drafts: &BTreeMap<String, Draft>,
    pipelines: &BTreeMap<String, Vec<String>>,
    trees: &mut Trees,
    found: &Found,
) {
    let Trees { bundles, report, .. } = trees;
    let known = drafts.keys().chain(bundles.keys()).chain(pipelines.keys());
    let known: Vec<&str> = known.map(String::as_str).collect();
    for named in bundles.values().flat_map(|bundle| &bundle.contents) {
        let is_known = drafts.contains_key(&named.name)
            || bundles.contains_key(&named.name)
            || pipelines.contains_key(&named.name)
            || OF_OVERLAY.contains(&named.name.as_str());
        if !is_known && found.complete && !found.unusable.contains(&named.name) {
            unknown(named, &known, report);
        }
    }
}

/// Each bundle with its services, those of bundles and pipelines in it among them.
fn take_apart(
    drafts: &BTreeMap<String, Draft>,
    pipelines: &BTreeMap<String, Vec<String>>,
    trees: &mut Trees,
) -> BTreeMap<String, Vec<String>> {
    let Trees { bundles, report, .. } = trees;
    let mut groups = BTreeMap::new();
    let mut steps = 0_usize;
    for (name, bundle) in bundles.iter() {
        let mut seen = ordered::set([name.as_str()]);
        let mut todo = vec![name.as_str()];
        let mut services = BTreeSet::new();
        while let Some(next) = todo.pop().filter(|_| steps <= MOST_DEPENDENCIES) {
            steps = steps.saturating_add(1);
            match bundles.get(next) {
                Some(bundle) => {
                    let contents = bundle.contents.iter().map(|named| named.name.as_str());
                    todo.extend(contents.filter(|name| seen.insert(name)));
                }
                None if drafts.contains_key(next) => {
                    services.insert(next.to_owned());
                }
                None => {
                    let of_pipeline = pipelines.get(next).map_or(&[][..], Vec::as_slice);
                    steps = steps.saturating_add(of_pipeline.len());
                    services.extend(of_pipeline.iter().cloned());
                }
            }
        }
        groups.insert(name.clone(), services.into_iter().collect());
        if steps > MOST_DEPENDENCIES {
            too_many(&bundle.path, report);
            break;
        }
    }
    groups
}

fn too_many(path: &Path, report: &mut Report) {
    let message = format!("more than {MOST_DEPENDENCIES} names, bundles taken apart");
    report.mistake(path, message, Some("put fewer bundles into bundles and dependencies".to_owned()));
}

/// The bundles that services of TOML files say that they are in.
fn join_bundles(
    drafts: &BTreeMap<String, Draft>,
    trees: &mut Trees,
    groups: &mut BTreeMap<String, Vec<String>>,
) {
    for (name, draft) in drafts {
        for (bundle, span) in &draft.bundles {
            if drafts.contains_key(bundle) {
                let message = format!("{} is the name of a service", quote(bundle));
                trees.report.add(draft.source.as_ref().map(|source| source.mistake(span, &message, None)));
            } else {
                let services = groups.entry(bundle.clone()).or_default();
                if let Err(at) = services.binary_search(name) {
                    services.insert(at, name.clone());
                }
            }
        }
    }
}

fn unknown(named: &Named, known: &[&str], report: &mut Report) {
    let help = suggest::did_you_mean(&named.name, known);
    let help = help.or_else(|| {
        Some(format!("make a directory of that name, or remove it from {}", named.path.display()))
    });
    report.mistake(&named.path, format!("unknown service {}", quote(&named.name)), help);
}

/// Bundles that hold themselves.
fn cycles(trees: &mut Trees) {
    let Trees { bundles, report, .. } = trees;
    let index = ordered::map(bundles.keys().enumerate().map(|(number, name)| (name.as_str(), number)));
    let contents = |bundle: &Bundle| -> Vec<usize> {
        bundle.contents.iter().filter_map(|named| index.get(named.name.as_str()).copied()).collect()
    };
    let all: Vec<(&String, &Bundle)> = bundles.iter().collect();
    let mut edges: Vec<Vec<usize>> = bundles.values().map(contents).collect();
    while let Some(cycle) = graph::find_cycle(&edges)
        && let (Some(&from), Some(&to)) = (cycle.first(), cycle.get(1))
        && let Some((_, first)) = all.get(from)
    {
        let names: Vec<&str> = cycle.iter().filter_map(|at| Some(all.get(*at)?.0.as_str())).collect();
        let message = format!("bundle cycle: {}", names.join(" -> "));
        report.mistake(
            &first.path,
            message,
            Some("remove one of these names from where it stands".to_owned()),
        );
        // Without this edge the next search finds another cycle.
        if let Some(out) = edges.get_mut(from) {
            out.retain(|target| *target != to);
        }
    }
}

/// Each pipeline that has a name, with its services.
fn pipelines(drafts: &BTreeMap<String, Draft>, trees: &mut Trees) -> BTreeMap<String, Vec<String>> {
    let Trees { pipes, bundles, report, .. } = trees;
    let mut pipelines: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (last, pipeline) in pipes.iter().filter_map(|(name, pipe)| Some((name, pipe.pipeline.as_ref()?))) {
        if drafts.contains_key(&pipeline.name)
            || bundles.contains_key(&pipeline.name)
            || pipelines.contains_key(&pipeline.name)
        {
            let message = format!("{} is there already", quote(&pipeline.name));
            report.mistake(&pipeline.path, message, Some("give the pipeline another name".to_owned()));
            continue;
        }
        let mut services = ordered::set([last.clone()]);
        let mut todo = vec![last];
        while let Some(pipe) = todo.pop().and_then(|name| pipes.get(name)) {
            let producers = pipe.consumes.iter().map(|producer| &producer.name);
            todo.extend(producers.filter(|name| services.insert((*name).clone())));
        }
        pipelines.insert(pipeline.name.clone(), services.into_iter().collect());
    }
    pipelines
}

/// Checks the pipelines and joins who writes with who reads.
fn join(drafts: &mut BTreeMap<String, Draft>, trees: &mut Trees, found: &Found) {
    let Trees { pipes, report, .. } = trees;
    let known: Vec<&str> = pipes.keys().map(String::as_str).collect();
    let is_unknown =
        |named: &Named| !pipes.contains_key(&named.name) && !found.unusable.contains(&named.name);
    for (name, pipe) in pipes.iter() {
        let others = pipe.produces_for.iter().chain(&pipe.consumes);
        others.filter(|other| is_unknown(other)).for_each(|other| unknown(other, &known, report));
        if let Some(reader) = &pipe.produces_for
            && let Some(other) = pipes.get(&reader.name)
        {
            if !other.consumes.iter().any(|producer| producer.name == *name) {
                let message =
                    format!("{} does not say that it reads what {name} writes", quote(&reader.name));
                let help = format!("write {name} into {}/consumer-for", reader.name);
                report.mistake(&reader.path, message, Some(help));
            }
            if let Some(draft) = drafts.get_mut(name) {
                let streams = Streams { stdout: Some(reader.name.clone()), ..Streams::default() };
                draft.service.exec.streams = Some(Box::new(streams));
                draft.depends_on.push(written(reader.clone()));
            }
        }
        for producer in &pipe.consumes {
            let Some(other) = pipes.get(&producer.name) else { continue };
            match &other.produces_for {
                Some(reader) if reader.name == *name => {}
                Some(reader) => {
                    let message = format!("{} writes to {}", quote(&producer.name), quote(&reader.name));
                    let help =
                        format!("a service is in one pipeline: remove {} from one of the two", producer.name);
                    report.mistake(&producer.path, message, Some(help));
                }
                None => {
                    let message = format!("{} does not say that it writes to {name}", quote(&producer.name));
                    let help = format!("write {name} into {}/producer-for", producer.name);
                    report.mistake(&producer.path, message, Some(help));
                }
            }
        }
    }
}

/// In place of a bundle each service in it is depended on; and on what is done once, until it is done.
fn expand_dependencies(
    drafts: &mut BTreeMap<String, Draft>,
    groups: &BTreeMap<String, Vec<String>>,
    trees: &mut Trees,
) {
    let tasks =
        ordered::map(drafts.iter().map(|(name, draft)| (name.clone(), draft.service.policy.is_task())));
    let mut total = 0_usize;
    for draft in drafts.values_mut() {
        let mut all: Vec<Written> = Vec::new();
        let mut seen = BTreeSet::new();
        for written in std::mem::take(&mut draft.depends_on) {
            let of_tree = written.file.is_some();
            let services: Vec<&str> = match groups.get(&written.name) {
                Some(services) if !tasks.contains_key(&written.name) => {
                    services.iter().map(String::as_str).collect()
                }
                None if of_tree
                    && !tasks.contains_key(&written.name)
                    && OF_OVERLAY.contains(&written.name.as_str()) =>
                {
                    continue;
                }
                _ => vec![written.name.as_str()],
            };
            for name in services {
                if !seen.insert(name.to_owned()) || total >= MOST_DEPENDENCIES {
                    continue;
                }
                total = total.saturating_add(1);
                let condition = match tasks.get(name) {
                    Some(true) if of_tree => Some(Condition::CompletedSuccessfully),
                    _ => written.condition,
                };
                all.push(Written { name: name.to_owned(), condition, ..written.clone() });
            }
        }
        draft.depends_on = all;
    }
    if total >= MOST_DEPENDENCIES
        && let Some(bundle) = trees.bundles.values().next()
    {
        too_many(&bundle.path, &mut trees.report);
    }
}

/// Of the services of s6-rc only those start that a bundle asks for, and what these depend on; without such a bundle
/// all of them.
fn start_what_is_asked_for(
    drafts: &mut BTreeMap<String, Draft>,
    trees: &Trees,
    groups: &BTreeMap<String, Vec<String>>,
) {
    let has = |name: &&str| trees.bundles.contains_key(*name);
    let mut asking: Vec<&str> = STARTED_BY_OVERLAY.into_iter().filter(has).collect();
    if asking.is_empty() {
        asking.extend(Some(STARTED).filter(has));
    }
    if asking.is_empty() {
        return;
    }
    let mut todo: Vec<String> =
        asking.into_iter().filter_map(|name| groups.get(name)).flatten().cloned().collect();
    let others = drafts
        .iter()
        .filter(|(name, draft)| draft.service.policy.autostart && !trees.sources.contains(*name));
    todo.extend(others.map(|(name, _)| name.clone()));
    let mut asked: BTreeSet<String> = BTreeSet::new();
    while let Some(name) = todo.pop() {
        if !asked.insert(name.clone()) {
            continue;
        }
        let Some(draft) = drafts.get(&name) else { continue };
        todo.extend(draft.depends_on.iter().map(|written| written.name.clone()));
        todo.extend(draft.service.exec.readers().map(str::to_owned));
    }
    for name in &trees.sources {
        if let Some(draft) = drafts.get_mut(name) {
            draft.service.policy.autostart = asked.contains(name);
        }
    }
}
