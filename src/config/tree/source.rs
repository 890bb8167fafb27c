//! A source definition of s6-rc: a directory with a `type`.

use super::raw::{Dir, Named, Report};
use super::style::Style;
use super::trees::{Bundle, Outside, Pipe};
use super::{contenv, longrun, words};
use crate::config::read::draft::{Draft, Written};
use crate::config::text::excerpt::quote;
use crate::model::{Condition, Restart, suggest};
use std::ffi::OsString;

/// What a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A service directory, of no s6-rc.
    Service,
    /// A service with a `run`.
    Longrun,
    /// Something that is done once, and undone.
    Oneshot,
    /// A name for several.
    Bundle,
}

const TYPES: [(&str, Kind); 3] =
    [("longrun", Kind::Longrun), ("oneshot", Kind::Oneshot), ("bundle", Kind::Bundle)];

/// What it is; `None` where that cannot be told, which is reported.
pub(super) fn kind(dir: &Dir, report: &mut Report) -> Option<Kind> {
    if dir.has("type") {
        let word = dir.word("type", "longrun, oneshot or bundle", report)?;
        let kind = TYPES.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind);
        if kind.is_none() {
            let names = TYPES.map(|(name, _)| name);
            let message = format!("expected longrun, oneshot or bundle, found {}", quote(&word));
            let help = suggest::did_you_mean(&word, &names);
            let help = help.or_else(|| Some("write one of them into it".to_owned()));
            report.mistake(dir.at("type"), message, help);
        }
        return kind;
    }
    let of_source = |names: &[&'static str]| names.iter().find(|name| dir.has(name)).copied();
    // s6-overlay's own bundles may be without.
    if of_source(&["contents.d", "contents"]).is_some() {
        return Some(Kind::Bundle);
    }
    let missing = match (
        dir.has("run"),
        of_source(&["dependencies.d", "dependencies", "producer-for", "consumer-for"]),
    ) {
        (true, None) => return Some(Kind::Service),
        (true, Some(file)) => Some(("longrun", file)),
        (false, _) if dir.has("up") => Some(("oneshot", "up")),
        (false, _) => None,
    };
    match missing {
        Some((word, file)) => {
            let message = format!("it has no type, which s6-rc wants beside {file}");
            report.mistake(&dir.path, message, Some(format!("echo {word} > {}", dir.at("type").display())));
        }
        None => {
            let help = "a service has a program named run, a source definition of s6-rc a file named type";
            report.mistake(&dir.path, "it has neither run nor type", Some(help.to_owned()));
        }
    }
    None
}

/// A service with a `run`, and how it stands in a pipeline.
pub(super) fn longrun(name: &str, dir: &Dir, report: &mut Report) -> (Draft, Pipe) {
    let before = report.count();
    let mut draft = longrun::read(name, name, dir, Style::S6, report);
    for file in ["down", "log"] {
        if dir.has(file) {
            report.note(&dir.at(file), "not used: s6-rc passes over it");
        }
    }
    draft.service.policy.autostart = true;
    common(&mut draft, dir, report);
    if let Some(timeout) = longrun::millis(dir, "timeout-up", report)
        && draft.service.policy.notify.is_some()
    {
        draft.service.policy.start_timeout = Some(timeout);
    }
    let timeout = longrun::millis(dir, "timeout-down", report);
    if let Some(timeout) = timeout.filter(|_| !dir.has("timeout-kill")) {
        draft.service.policy.stop_grace_period = timeout;
    }
    let produces = dir.lines("producer-for", report);
    if produces.len() != 1 && dir.has("producer-for") {
        let help = "write the name of the one service that reads what this one writes";
        report.mistake(dir.at("producer-for"), "expected one name", Some(help.to_owned()));
    }
    let consumes = dir.lines("consumer-for", report);
    let name_file = dir.lines("pipeline-name", report);
    let is_last = produces.is_empty() && !consumes.is_empty();
    let pipeline = name_file.into_iter().next().filter(|_| is_last);
    if dir.has("pipeline-name") && !is_last {
        report.note(&dir.at("pipeline-name"), "not used: only the last of a pipeline names it");
    }
    draft.flawed = report.count() > before;
    (draft, Pipe { produces_for: produces.into_iter().next(), consumes, pipeline })
}

/// What is done once. Where nothing is done, its command is empty, and it is but a point in the order.
pub(super) fn oneshot(name: &str, dir: &Dir, outside: &Outside<'_>, report: &mut Report) -> Draft {
    let before = report.count();
    if !dir.has("up") {
        let help = "write the command line that starts it into up; empty, it does nothing";
        report.mistake(&dir.path, "it is a oneshot, and has no up", Some(help.to_owned()));
    }
    let up = command_line(dir, "up", outside, report);
    let down = command_line(dir, "down", outside, report);
    let mut draft = longrun::draft(name, dir);
    draft.service.policy.restart = Restart::No;
    draft.service.exec.command = up;
    draft.service.hooks.stop = Some(down).filter(|down| !down.is_empty());
    common(&mut draft, dir, report);
    draft.service.policy.run_timeout = longrun::millis(dir, "timeout-up", report);
    if let Some(timeout) = longrun::millis(dir, "timeout-down", report) {
        draft.service.policy.stop_grace_period = timeout;
    }
    draft.flawed = report.count() > before;
    draft
}

/// A name for several.
pub(super) fn bundle(dir: &Dir, report: &mut Report) -> Bundle {
    if !dir.has("contents.d") && !dir.has("contents") {
        let help =
            format!("mkdir {0}, and touch {0}/NAME for each service in it", dir.at("contents.d").display());
        report.mistake(&dir.path, "it is a bundle, and has no contents.d", Some(help));
    }
    Bundle { path: dir.path.clone(), contents: dir.list("contents", report) }
}

fn common(draft: &mut Draft, dir: &Dir, report: &mut Report) {
    draft.service.policy.refuse_manual_stop = dir.has("flag-essential");
    draft.depends_on = dir.list("dependencies", report).into_iter().map(written).collect();
}

/// A dependency as s6-rc has it.
pub(super) fn written(named: Named) -> Written {
    Written {
        name: named.name,
        condition: Some(Condition::Started),
        required: true,
        restart: false,
        name_span: 0..0,
        condition_span: 0..0,
        file: Some(named.path),
    }
}

/// The command of `up` or `down`; empty where it does nothing or is wrong, which is reported. What needs the language
/// of execline is left to it.
fn command_line(dir: &Dir, name: &str, outside: &Outside<'_>, report: &mut Report) -> Vec<OsString> {
    use std::os::unix::ffi::OsStringExt;
    let Some(text) = dir.bytes(name, report) else { return Vec::new() };
    let line = match words::split(&text) {
        Ok(line) => line,
        Err(message) => {
            let help =
                "it is one command line as execline has it; quotes are \", and \\ stands before a character";
            report.mistake(dir.at(name), message, Some(help.to_owned()));
            return Vec::new();
        }
    };
    if text.starts_with(b"#!") && !line.words.is_empty() {
        let help =
            "s6-rc takes #! for a comment: put the script into a file of its own, and its path into this one";
        report.note(&dir.at(name), help);
    }
    if !line.has_blocks {
        let mut words = line.words.into_iter();
        let program = words.next().map(|program| contenv::command(&dir.path, program));
        return program.into_iter().flatten().chain(words).collect();
    }
    match outside.execlineb() {
        Some(program) => vec![program.into(), "-Pc".into(), OsString::from_vec(text)],
        None => {
            let help = "write an absolute path and its arguments, without { }, or install execline";
            let message = "it is written in the execline language, and there is no execlineb";
            report.mistake(dir.at(name), message, Some(help.to_owned()));
            Vec::new()
        }
    }
}
