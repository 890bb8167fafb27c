//! Supervisors with many services.

use super::figures::Results;
use super::kernel::{self, Child, Fifo, Line, PATIENCE, inside, posix_spawn, start_pid1};
use super::layout::{Layout, lay_out, takes};
use super::options::Options;
use super::peers::Peer;
use super::proc;
use super::programs::Programs;
use super::rows::{GROWTH, MANY, SHARED, counts};
use nix::libc;
use std::time::{Duration, Instant};

const SUPERVISORS: [&str; 7] = ["rinit", "rinit-glibc", "dinit", "s6", "runit", "supervisord", "horust"];

/// What a service has to have run for before every supervisor starts it again as fast as it can.
const SETTLED: Duration = Duration::from_millis(1200);

/// So many questions a round.
const QUESTIONS: usize = 10;

pub struct Services<'a> {
    pub programs: &'a Programs,
    pub options: &'a Options,
    peers: Vec<&'a Peer>,
}

/// A supervisor all of whose services run.
pub struct Session {
    pub child: Child,
    /// Its own processes.
    pub own: Vec<i32>,
    /// Those of the services.
    services: Vec<i32>,
    fifo: Fifo,
    layout: Layout,
    took: Duration,
    _room: tempfile::TempDir,
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

impl<'a> Services<'a> {
    pub fn new(programs: &'a Programs, options: &'a Options, peers: &'a [Peer]) -> Services<'a> {
        let peers = peers
            .iter()
            .filter(|peer| SUPERVISORS.contains(&peer.name) && options.wants_subject(peer.name))
            .collect();
        Services { programs, options, peers }
    }

    pub fn measure(&self, results: &mut Results) {
        for count in counts() {
            if self.options.quick && count > MANY || !self.options.wants_any(&rows_of(count)) {
                continue;
            }
            let rounds = self.options.rounds(if count > 1000 {
                3
            } else if count > MANY {
                7
            } else {
                9
            });
            eprintln!("{count} services, {rounds} rounds");
            for round in 0..rounds {
                self.bare(count, results);
                for peer in self.peers.iter().filter(|peer| round < at_most(peer)) {
                    let all = SHARED.contains(&count) && takes(peer, count);
                    if all || (GROWTH.contains(&count) && peer.name == "rinit") {
                        self.round(peer, count, results);
                    }
                }
            }
        }
    }

    /// What no supervisor can be faster than.
    fn bare(&self, count: usize, results: &mut Results) {
        let room = self.programs.room();
        let fifo = Fifo::new(room.path());
        let line = Line::new(&[self.programs.tiny()], &[("BENCH_UP", &fifo.path)]);
        let begun = Instant::now();
        let mut children: Vec<Child> = (0..count).map(|_| posix_spawn(&line)).collect();
        assert!(children.last_mut().is_none_or(|last| fifo.wait(count, last)));
        results.add(&format!("up.{count}"), "bare", ms(begun.elapsed()));
        fifo.take();
        if count == MANY {
            for child in children.iter_mut().take(QUESTIONS) {
                let begun = Instant::now();
                child.signal(libc::SIGKILL);
                child.wait();
                *child = posix_spawn(&line);
                fifo.wait(1, child);
                results.add("restart.time", "bare", ms(begun.elapsed()));
                fifo.take();
            }
        }
        let asking = Line::new(&[self.programs.tiny().as_str(), "t"], &[]);
        for row in ["ask", "health"] {
            (0..QUESTIONS).for_each(|_| {
                results.add(&format!("{row}.{count}"), "bare", ms(timed(&asking)));
            });
        }
        let begun = Instant::now();
        children.iter().for_each(|child| child.signal(libc::SIGTERM));
        children.iter_mut().for_each(|child| {
            child.wait();
        });
        results.add(&format!("stop.{count}"), "bare", ms(begun.elapsed()));
    }

    /// Starts a supervisor and waits until its services run and it has come to rest.
    pub fn start(&self, peer: &Peer, count: usize) -> Option<Session> {
        let room = self.programs.room();
        let fifo = Fifo::new(room.path());
        let dir = room.path().join("services");
        std::fs::create_dir(&dir).unwrap();
        let layout = lay_out(peer, &dir, count, &self.programs.tiny(), &fifo.path);
        let begun = Instant::now();
        let mut child = start_pid1(&layout.start);
        if !fifo.wait(count, &mut child) {
            return None;
        }
        let took = begun.elapsed();
        let (mut own, mut services) = proc::parted(child.pid, &self.programs.tiny);
        let mut before = -1.0;
        while before != proc::cpu(&own) && begun.elapsed() < PATIENCE {
            before = proc::cpu(&own);
            std::thread::sleep(Duration::from_millis(400));
            (own, services) = proc::parted(child.pid, &self.programs.tiny);
        }
        fifo.take();
        Some(Session { child, own, services, fifo, layout, took, _room: room })
    }

    fn round(&self, peer: &Peer, count: usize, results: &mut Results) {
        let Some(mut session) = self.start(peer, count) else {
            results.note(format!("{} did not bring {count} services up ", peer.name));
            return;
        };
        let mut add = |row: &str, sample| results.add(&format!("{row}.{count}"), peer.name, sample);
        add("up", ms(session.took));
        add("up-cpu", proc::cpu(&session.own) / count as f64);
        add("pss", proc::memory(&session.own, "Pss:"));
        add("rss", proc::memory(&session.own, "Rss:"));
        if count == MANY && self.options.wants("restart") {
            session.restarts(peer, results);
        }
        session.questions(peer, count, results);
        let begun = Instant::now();
        session.child.signal(session.layout.stop);
        match session.child.wait_within(PATIENCE) {
            true => results.add(&format!("stop.{count}"), peer.name, ms(begun.elapsed())),
            false => results.note(format!("{} did not stop {count} services", peer.name)),
        }
    }
}

/// Where a round takes seconds, and no one wonders about the last percent.
fn at_most(peer: &Peer) -> usize {
    match peer.name {
        "supervisord" | "horust" => 3,
        _ => usize::MAX,
    }
}

/// The rows that a session with so many services fills.
fn rows_of(count: usize) -> Vec<String> {
    let names = ["up", "up-cpu", "pss", "rss", "stop", "ask", "health"];
    let mut rows: Vec<String> = names.iter().map(|name| format!("{name}.{count}")).collect();
    if count == MANY {
        rows.extend(["restart.time", "restart.cpu"].map(str::to_owned));
    }
    rows
}

/// From exec to exit.
pub fn timed(line: &Line) -> Duration {
    let begun = Instant::now();
    posix_spawn(line).wait();
    begun.elapsed()
}

impl Session {
    /// Kills services one after the other, each of which has run for more than a second.
    fn restarts(&mut self, peer: &Peer, results: &mut Results) {
        if self.layout.patient {
            std::thread::sleep(SETTLED);
        }
        let kills = if self.layout.patient { 2 } else { QUESTIONS };
        let before = proc::cpu(&self.own);
        let mut done = 0;
        for pid in self.services.iter().take(kills) {
            let begun = Instant::now();
            kernel::signal(*pid, libc::SIGKILL);
            if !self.fifo.wait(1, &mut self.child) {
                results.note(format!("{} did not start a killed service again", peer.name));
                return;
            }
            results.add("restart.time", peer.name, ms(begun.elapsed()));
            self.fifo.take();
            done += 1;
            std::thread::sleep(Duration::from_millis(5));
        }
        results.add("restart.cpu", peer.name, (proc::cpu(&self.own) - before) / f64::from(done));
    }

    fn questions(&self, peer: &Peer, count: usize, results: &mut Results) {
        let slow = peer.name == "supervisord";
        let times = if slow { 1 } else { QUESTIONS };
        let health = peer
            .name
            .starts_with("rinit")
            .then(|| Line::new(&[&peer.path.display().to_string(), "health"], &[]));
        let questions = [("ask", &self.layout.ask), ("health", &health)];
        for (row, line) in questions.iter().filter_map(|(row, line)| Some((row, line.as_ref()?))) {
            for _ in 0..times {
                let (took, status) = inside(self.child.pid, || {
                    let begun = Instant::now();
                    let status = posix_spawn(line).wait();
                    (begun.elapsed(), status)
                });
                match status {
                    0 => results.add(&format!("{row}.{count}"), peer.name, ms(took)),
                    _ => results.note(format!("{row} of {}: exit status {status}", peer.name)),
                }
            }
        }
    }
}
