//! What the recorder has written, made comparable: process ids, pipes and paths that differ from run to run have names.

use rinit::config::Style;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// All events of one run.
pub struct Record {
    events: Vec<Value>,
    base: String,
    /// The pipes of the supervisor's own output.
    own: [String; 2],
    /// Files that were looked at.
    pub files: BTreeMap<String, Vec<String>>,
}

/// The events so far. The last line may be half written.
pub fn read(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"))).collect()
}

/// The directory of an event, as seen from the tree.
pub fn dir<'e>(event: &'e Value, base: &str) -> &'e str {
    let cwd = event["cwd"].as_str().unwrap();
    let below = cwd.strip_prefix(base).unwrap_or(cwd);
    below.strip_prefix("/tree/").unwrap_or(below)
}

/// What an event is called: a start by the program that was started.
pub fn kind(event: &Value) -> String {
    let file = event["argv"][0].as_str().or_else(|| event["argv0"].as_str());
    match event["event"].as_str().unwrap() {
        "start" => file.unwrap().rsplit('/').next().unwrap().to_owned(),
        other => other.to_owned(),
    }
}

impl Record {
    pub fn new(path: &Path, base: &Path, own: [String; 2], files: BTreeMap<String, Vec<String>>) -> Record {
        let base = base.display().to_string();
        Record { events: read(path), base, own, files }
    }

    /// The directories that something has happened in.
    pub fn dirs(&self) -> impl Iterator<Item = &str> {
        self.events.iter().map(|event| dir(event, &self.base))
    }

    /// Whether everything was started without an ignored signal.
    pub fn nothing_is_ignored(&self) -> bool {
        let mut starts = self.events.iter().filter(|event| event["event"] == "start");
        starts.all(|event| event["ignored"].as_str().is_some_and(|mask| mask.bytes().all(|b| b == b'0')))
    }

    /// What has happened in one, without what is meant to differ.
    pub fn of(&self, wanted: &str, style: Style) -> Vec<String> {
        let mut pipes: Vec<String> = Vec::new();
        let mut last_run = None;
        let mut told = Vec::new();
        for event in self.events.iter().filter(|event| dir(event, &self.base) == wanted) {
            let is_finish = kind(event) == "finish";
            let mut event = event.clone();
            if kind(&event) == "run" {
                last_run = event["pid"].as_i64();
            }
            if event["event"] == "start" {
                self.neutral(&mut event, &mut pipes, style);
                if is_finish && style == Style::S6 {
                    let arguments = event["argv"].as_array_mut().unwrap();
                    if arguments.len() == 5 {
                        assert_eq!(arguments.pop().unwrap(), last_run.unwrap().to_string());
                    }
                }
                if is_finish && wanted.ends_with("/log") {
                    event["fds"] = json!(null);
                }
            }
            event["pid"] = json!(null);
            event["cwd"] = json!(null);
            told.push(event.to_string().replace(&self.base, "BASE"));
        }
        told
    }

    /// Names for what has other numbers each time.
    fn neutral(&self, event: &mut Value, pipes: &mut Vec<String>, style: Style) {
        if style == Style::Runit {
            event["session"] = json!(null);
            event["group"] = json!(null);
        }
        let inherited = |number: &str| fs::read_link(format!("/proc/self/fd/{number}")).ok();
        let fds = event["fds"].as_object_mut().unwrap();
        fds.retain(|number, target| {
            ["0", "1", "2"].contains(&number.as_str())
                || inherited(number) != target.as_str().map(PathBuf::from)
        });
        event["ignored"] = json!(null);
        // What runit runs out of control/ has a name of one letter.
        if kind(event).len() == 1 {
            event["blocked"] = json!(null);
        }
        for (_, target) in event["fds"].as_object_mut().unwrap() {
            let text = target.as_str().unwrap().to_owned();
            if let Some(number) = self.own.iter().position(|own| *own == text) {
                *target = json!(["standard output", "standard error"][number]);
            } else if text.starts_with("pipe:") {
                let number = pipes.iter().position(|pipe| *pipe == text).unwrap_or_else(|| {
                    pipes.push(text.clone());
                    pipes.len() - 1
                });
                *target = json!(format!("pipe {number}"));
            }
        }
        // A pipe for readiness is a new one at each start.
        pipes.truncate(1);
        let environment = event["env"].as_array_mut().unwrap();
        environment.retain(|entry| !entry.as_str().unwrap().starts_with("RINIT_"));
        environment.sort_by_key(ToString::to_string);
    }
}
