//! A tree under a supervisor, in a PID namespace of its own, with the recorder in place of the services.

use super::super::text;
use super::Step;
use super::record::{Record, dir, kind, read};
use crate::pid1::{compiled, which};
use crate::support::{Launch, PATIENCE, Running, wait_for, wait_for_seen};
use rinit::config::Style;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

/// Who runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Supervisor {
    S6,
    Runit,
    Rinit,
}

pub struct Stage {
    supervisor: Supervisor,
    init: Running,
    files: BTreeMap<String, Vec<String>>,
}

fn recorder() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| compiled("tests/trees/recorder.c"))
}

impl Stage {
    /// Under s6 or runit itself.
    #[track_caller]
    pub fn peer(style: Style, tree: &str) -> Stage {
        let launch = prepare(tree);
        let tree = launch.dir().join("tree").display().to_string();
        let (supervisor, launch) = match style {
            Style::S6 => (Supervisor::S6, launch.init(&which("s6-svscan").unwrap()).arg(&tree)),
            // runsvdir ends before its services do: somebody has to stay.
            Style::Runit => {
                let keeper = launch.dir().join("keeper");
                std::os::unix::fs::symlink("/bin/sh", &keeper).unwrap();
                let script = format!("env -u PWD -u OLDPWD runsvdir {tree}; while sleep 1; do :; done");
                (Supervisor::Runit, launch.init(&keeper).arg("-c").arg(&script))
            }
        };
        Stage { supervisor, init: launch.start(), files: BTreeMap::new() }
    }

    /// Under rinit.
    #[track_caller]
    pub fn rinit(style: Style, tree: &str) -> Stage {
        let launch = prepare(tree);
        let tree = launch.dir().join("tree");
        let style = Style::ALL.iter().find(|(_, of)| *of == style).unwrap().0;
        let init = launch.arg("--style").arg(style).services(&tree).start();
        Stage { supervisor: Supervisor::Rinit, init, files: BTreeMap::new() }
    }

    /// Does what is to be done, stops everything, and returns what was recorded.
    #[track_caller]
    pub fn play(mut self, steps: &[Step]) -> Record {
        for step in steps {
            match *step {
                Step::See(place, event, count) => self.see(place, event, count),
                Step::Down(place) => self.down(place),
                Step::Up(place) => self.order(place, ["-u", "up", "start"]),
                Step::Kill(place, signal) => {
                    let pid = self.last_pid(place).to_string();
                    self.init.run(&["kill", &format!("-{signal}"), &pid]).ok();
                }
                Step::Tell(place, theirs, ours) => self.tell(place, theirs, ours),
                Step::Check(place) => self.check(place),
                Step::File(path, lines) => self.file(path, lines),
                Step::First(place, count) => wait_for("enough events", PATIENCE, || {
                    let events = read(&self.record());
                    let here = events.iter().filter(|event| dir(event, &self.base()) == place).count();
                    (here >= count).then_some(())
                }),
            }
        }
        let own = [1, 2].map(|number| {
            let link = fs::read_link(format!("/proc/{}/fd/{number}", self.init.pid())).unwrap();
            link.display().to_string()
        });
        self.stop();
        Record::new(&self.record(), self.init.dir(), own, self.files.clone())
    }

    fn record(&self) -> PathBuf {
        self.init.dir().join("record")
    }

    fn base(&self) -> String {
        self.init.dir().display().to_string()
    }

    #[track_caller]
    fn see(&self, place: &str, event: &str, count: usize) {
        wait_for_seen(&format!("{count} times {event} in {place}"), PATIENCE, || {
            let events = read(&self.record());
            let here = events.iter().filter(|e| dir(e, &self.base()) == place && kind(e) == event).count();
            if here >= count { Ok(()) } else { Err(format!("{here} in {events:#?}")) }
        });
    }

    fn last_pid(&self, place: &str) -> i64 {
        let events = read(&self.record());
        let mut here = events.iter().filter(|e| dir(e, &self.base()) == place && kind(e) == "run");
        here.next_back().unwrap()["pid"].as_i64().unwrap()
    }

    fn down(&self, place: &str) {
        self.order(place, ["-d", "down", "stop"]);
    }

    fn path(&self, place: &str) -> String {
        self.init.dir().join("tree").join(place).display().to_string()
    }

    /// What a service is told, in the words of s6, runit and rinit.
    #[track_caller]
    fn order(&self, place: &str, words: [&str; 3]) {
        let path = self.path(place);
        match self.supervisor {
            Supervisor::S6 if words[0] == "-d" => self.init.run(&["s6-svc", "-T10000", "-wD", "-d", &path]),
            Supervisor::S6 => self.init.run(&["s6-svc", words[0], &path]),
            Supervisor::Runit => self.init.run(&["sv", "-w10", words[1], &path]),
            Supervisor::Rinit => self.init.rinit(&[words[2], &place.replace('/', "-")]),
        }
        .ok();
    }

    #[track_caller]
    fn tell(&self, place: &str, theirs: &str, ours: &[&str]) {
        match self.supervisor {
            Supervisor::Rinit => drop(self.init.rinit(&[ours, &[place]].concat()).ok()),
            // With -w it waits for a process that began in another second than it did itself: not every control has one.
            Supervisor::Runit => drop(self.init.run(&["sv", theirs, &self.path(place)]).ok()),
            Supervisor::S6 => self.order(place, ["", theirs, ""]),
        }
    }

    #[track_caller]
    fn check(&self, place: &str) {
        match self.supervisor {
            Supervisor::Rinit => drop(self.init.rinit(&["health", "--now", place]).ok()),
            Supervisor::S6 | Supervisor::Runit => self.order(place, ["", "check", ""]),
        }
    }

    /// The lines of a file, without the times that loggers put before them.
    #[track_caller]
    fn file(&mut self, path: &str, lines: usize) {
        let file = self.init.dir().join("tree").join(path);
        let seen = wait_for(&format!("{lines} lines in {path}"), PATIENCE, || {
            let text = fs::read_to_string(&file).unwrap_or_default();
            let seen: Vec<String> = text.lines().map(str::to_owned).collect();
            (seen.len() >= lines).then_some(seen)
        });
        self.files.insert(path.to_owned(), seen);
    }

    /// Has everything stopped in the supervisor's own way, and waits until nothing of it is left.
    #[track_caller]
    fn stop(&mut self) {
        match self.supervisor {
            Supervisor::S6 | Supervisor::Rinit => {
                self.init.signal(nix::sys::signal::Signal::SIGTERM);
                self.init.wait_exit(PATIENCE);
            }
            Supervisor::Runit => {
                for process in self.init.find("runsvdir").iter().filter(|process| process.name == "runsvdir")
                {
                    self.init.run(&["kill", "-HUP", &process.pid.to_string()]).ok();
                }
                wait_for("the end of all that runsv looks after", PATIENCE, || {
                    let left = self.init.processes();
                    let left = left
                        .iter()
                        .filter(|p| !["keeper", "sleep"].contains(&p.name.as_str()) && !p.is_zombie());
                    (left.count() == 0).then_some(())
                });
            }
        }
    }
}

/// The tree in a directory of its own, and the environment.
fn prepare(tree: &str) -> Launch {
    let launch = Launch::pid1();
    let record = format!("RECORD={}", launch.dir().join("record").display());
    let path = format!("PATH={}", std::env::var("PATH").unwrap());
    text::make(&tree.replace("${RECORDER}", recorder()), launch.dir());
    launch.through(&["env", "-i", &record, &path, "A_VARIABLE=a value"])
}
