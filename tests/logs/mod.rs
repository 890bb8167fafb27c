//! What services write, through the logger: names, whole lines, and what is left when somebody is killed.

mod asked;
mod console;
mod docker;
mod files;
mod killed;
mod last;
mod outlets;
mod owners;
mod read_back;
mod reload;

use crate::support::{PATIENCE, Running, wait_for_seen};
use std::fmt::Write as _;

/// The process of the logger, once there is one other than `before`.
#[track_caller]
fn logger(init: &Running, before: Option<i32>) -> i32 {
    wait_for_seen("a logger", PATIENCE, || {
        let told = init.rinit(&["status", "--json", ".logger"]);
        let report: serde_json::Value = serde_json::from_str(&told.stdout).unwrap_or_default();
        let pid = report["services"][0]["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok());
        pid.filter(|pid| Some(*pid) != before).ok_or_else(|| format!("{told:?}"))
    })
}

/// A definition that runs a shell script.
fn sh(script: &str) -> String {
    let mut text = String::new();
    writeln!(text, "command = [\"sh\", \"-c\", {}]", serde_json::to_string(script).unwrap()).unwrap();
    text
}

/// The lines of standard output, those of one service, without its name.
fn lines_of(init: &Running, service: &str) -> Vec<String> {
    let stdout = init.stdout();
    let lines = stdout.lines().filter_map(|line| {
        let (name, rest) = line.split_at_checked(line.find(['|', '+'])?)?;
        (name.trim_end() == service)
            .then(|| rest.trim_start_matches(['|', '+']).trim_start_matches(' ').to_owned())
    });
    lines.collect()
}
