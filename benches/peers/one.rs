//! Inits with one command.

use super::figures::Results;
use super::kernel::{Child, Fifo, Line, PATIENCE, start_pid1};
use super::options::Options;
use super::peers::Peer;
use super::proc;
use super::programs::Programs;
use std::time::{Duration, Instant};

/// Orphans a round.
const ORPHANS: usize = 2000;

const INITS: [&str; 6] = ["rinit", "rinit-glibc", "tini", "tini-static", "dumb-init", "catatonit"];

pub struct One<'a> {
    pub programs: &'a Programs,
    pub options: &'a Options,
    inits: Vec<&'a Peer>,
}

impl<'a> One<'a> {
    pub fn new(programs: &'a Programs, options: &'a Options, peers: &'a [Peer]) -> One<'a> {
        let inits = peers.iter().filter(|peer| INITS.contains(&peer.name)).collect();
        One { programs, options, inits }
    }

    pub fn measure(&self, results: &mut Results) {
        eprintln!("one command");
        if self.options.wants("size") {
            self.sizes(results);
        }
        if self.options.wants("one.start-end") {
            self.start_and_end(results);
        }
        if self.options.wants_any(&["one.pss".to_owned(), "one.dirty".to_owned()]) {
            self.memory(results);
        }
        if self.options.wants("one.orphan") {
            self.orphans(results);
        }
    }

    fn line(&self, init: &Peer, words: &[&str], environment: &[(&str, &str)]) -> Line {
        let (path, tiny) = (init.path.display().to_string(), self.programs.tiny());
        Line::new(&[&[path.as_str(), "--", &tiny], words].concat(), environment)
    }

    fn sizes(&self, results: &mut Results) {
        let size = |path| std::fs::metadata(path).unwrap().len() as f64 / 1024.0;
        results.add("size", "bare", size(&self.programs.tiny));
        for init in &self.inits {
            results.add("size", init.name, size(&init.path));
        }
    }

    /// The same namespace is made for everybody: what is left over the bare spawn is the init's.
    fn start_and_end(&self, results: &mut Results) {
        let time = |line: &Line| {
            let begun = Instant::now();
            let status = start_pid1(line).wait();
            assert_eq!(status, 0);
            begun.elapsed().as_secs_f64() * 1000.0
        };
        let bare = Line::new(&[self.programs.tiny().as_str(), "t"], &[]);
        let lines: Vec<(&str, Line)> =
            self.inits.iter().map(|init| (init.name, self.line(init, &["t"], &[]))).collect();
        for _ in 0..self.options.rounds(500) {
            let alone = time(&bare);
            results.add("one.start-end", "bare", alone);
            for (name, line) in &lines {
                results.add("one.start-end", name, time(line) - alone);
            }
        }
    }

    /// An init whose command runs.
    fn running(&self, init: &Peer) -> (Child, tempfile::TempDir) {
        let room = self.programs.room();
        let fifo = Fifo::new(room.path());
        let mut child = start_pid1(&self.line(init, &[], &[("BENCH_UP", &fifo.path)]));
        assert!(fifo.wait(1, &mut child), "{} does not start its command", init.name);
        (child, room)
    }

    fn memory(&self, results: &mut Results) {
        let mut add = |name: &str, pid: i32| {
            results.add("one.pss", name, proc::memory(&[pid], "Pss:"));
            results.add("one.dirty", name, proc::memory(&[pid], "Anonymous:"));
        };
        for _ in 0..self.options.rounds(15) {
            let rest = Duration::from_millis(600);
            let bare = start_pid1(&Line::new(&[self.programs.tiny()], &[]));
            let empty = self.programs.empty.as_ref();
            let empty = empty.map(|path| start_pid1(&Line::new(&[path.display().to_string()], &[])));
            let inits: Vec<_> = self.inits.iter().map(|init| (init.name, self.running(init))).collect();
            std::thread::sleep(rest);
            add("bare", bare.pid);
            if let Some(empty) = &empty {
                add("empty", empty.pid);
            }
            for (name, (child, _room)) in &inits {
                add(name, child.pid);
            }
        }
    }

    /// All of them at the same time: an init that sleeps disturbs nobody. Returns what is running.
    pub fn begin_idle(&self) -> Vec<(String, Child, tempfile::TempDir)> {
        let one = |init: &&Peer| {
            let (child, room) = self.running(init);
            (init.name.to_owned(), child, room)
        };
        self.inits.iter().map(one).collect()
    }

    fn orphans(&self, results: &mut Results) {
        let count = ORPHANS.to_string();
        for _ in 0..self.options.rounds(9) {
            for init in &self.inits {
                let room = self.programs.room();
                let fifo = Fifo::new(room.path());
                let line = self.line(init, &["o", &count], &[("BENCH_UP", &fifo.path)]);
                let mut child = start_pid1(&line);
                assert!(fifo.wait(1, &mut child), "{} does not come to an end with orphans", init.name);
                let begun = Instant::now();
                while proc::tree(child.pid).len() > 2 {
                    assert!(begun.elapsed() < PATIENCE, "{} leaves zombies", init.name);
                    std::thread::sleep(Duration::from_millis(1));
                }
                results.add("one.orphan", init.name, proc::cpu(&[child.pid]) / ORPHANS as f64);
            }
        }
    }
}
