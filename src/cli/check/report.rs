//! What `rinit check` has found, for people and, with `--json`, for programs. docs/check.md describes the JSON.

#![forbid(unsafe_code)]

use super::order;
use crate::config::{Checked, Config, Diagnostic};
use crate::model::text::escaped;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The whole of it as one document.
#[derive(Serialize)]
pub(super) struct Report<'a> {
    version: u32,
    /// How many mistakes there are.
    pub errors: usize,
    /// How many warnings.
    pub warnings: usize,
    /// Why the exit status is 1 where there is no mistake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    diagnostics: Vec<Finding<'a>>,
    notes: Vec<Cow<'a, str>>,
    start_order: Vec<Vec<&'a str>>,
    stop_order: Vec<Vec<&'a str>>,
    by_hand: Vec<&'a str>,
    /// What became of each directory.
    directories: BTreeMap<&'a str, &'a str>,
}

/// A mistake or a warning. Lines and columns count from 1, columns in characters; the end is behind the last one.
#[derive(Serialize)]
struct Finding<'a> {
    file: Cow<'a, str>,
    line: Option<u32>,
    column: Option<u32>,
    end_column: Option<u32>,
    severity: &'static str,
    code: Option<&'static str>,
    message: Cow<'a, str>,
    help: Option<Cow<'a, str>>,
}

impl<'a> Report<'a> {
    /// Of what was found.
    pub fn new(checked: &'a Checked) -> Report<'a> {
        let services = checked.config.as_ref().map_or(&[][..], |config| &config.services);
        let warnings = checked.found.iter().filter(|found| found.warning.is_some()).count();
        let by_hand = services.iter().filter(|service| !service.policy.autostart);
        let directories = checked.config.iter().flat_map(|config| &config.directories);
        Report {
            version: 1,
            errors: checked.found.len().saturating_sub(warnings),
            warnings,
            refused: None,
            diagnostics: checked.found.iter().map(finding).collect(),
            notes: notes(checked).collect(),
            start_order: order::start(services),
            stop_order: order::stop(services),
            by_hand: by_hand.map(|service| service.name.as_str()).collect(),
            directories: directories.map(|(name, what)| (name.as_str(), what.as_str())).collect(),
        }
    }
}

impl Report<'_> {
    /// `--strict`: warnings alone are refused as well.
    pub fn be_strict(&mut self) {
        if self.errors == 0 && self.warnings > 0 {
            self.refused = Some(format!("{}, refused by --strict", count(self.warnings, "warning")));
        }
    }
}

fn finding(found: &Diagnostic) -> Finding<'_> {
    let place = found.place.as_ref();
    Finding {
        file: Cow::Owned(escaped(&found.file.to_string_lossy()).into_owned()),
        line: place.map(|place| place.line),
        column: place.map(|place| place.column),
        end_column: place.map(|place| place.column.saturating_add(place.width)),
        severity: found.severity(),
        code: found.warning,
        message: escaped(&found.message),
        help: found.help.as_deref().map(escaped),
    }
}

fn notes(checked: &Checked) -> impl Iterator<Item = Cow<'_, str>> {
    checked.config.iter().flat_map(|config| &config.notes).map(|note| escaped(note))
}

/// Mistakes, warnings and notes, with their number at the end.
pub(super) fn findings(checked: &Checked) -> String {
    let mut text: String = checked.found.iter().map(|found| format!("{found}\n\n")).collect();
    let warnings = checked.found.iter().filter(|found| found.warning.is_some()).count();
    let counts = [(checked.found.len().saturating_sub(warnings), "error"), (warnings, "warning")];
    let counts = counts.iter().filter(|(number, _)| *number > 0).map(|(number, what)| count(*number, what));
    let counts: Vec<String> = counts.collect();
    if !counts.is_empty() {
        text.extend([&counts.join(", "), "\n"]);
    }
    for note in notes(checked) {
        text.extend(["note: ", &note, "\n"]);
    }
    text
}

/// `1 error`, `2 errors`.
pub(super) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// What a configuration without a mistake would do.
pub(super) fn summary(config: &Config, report: &Report<'_>) -> String {
    let mut text = match config.services.len() {
        0 => return "no mistakes, and no services\n".to_owned(),
        1 => "no mistakes in 1 service\n".to_owned(),
        count => format!("no mistakes in {count} services\n"),
    };
    for (title, steps) in [("start", &report.start_order), ("stop", &report.stop_order)] {
        text.extend([title, " order:\n"]);
        for (number, names) in (1..).zip(steps) {
            text.push_str(&format!("  {number}. {}\n", names.join(", ")));
        }
    }
    for (name, what) in &config.directories {
        text.extend([name, ": ", what, "\n"]);
    }
    if !report.by_hand.is_empty() {
        text.extend(["not started by itself: ", &report.by_hand.join(", "), "\n"]);
    }
    text
}
