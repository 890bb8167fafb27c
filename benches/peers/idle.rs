//! Who wakes up while nothing happens, and what a health check costs.

use super::figures::Results;
use super::kernel::{Fifo, Line, posix_spawn, start_pid1};
use super::one::One;
use super::options::Options;
use super::peers::Peer;
use super::proc;
use super::programs::Programs;
use super::services::{Services, timed};
use std::time::{Duration, Instant};

const CHECKED: usize = 20;

/// All at the same time: who sleeps disturbs nobody, and who does not is what is looked for.
pub fn wake_ups(one: &One<'_>, services: &Services<'_>, peers: &[Peer], results: &mut Results) {
    let options = one.options;
    if !options.wants("one.idle") && !options.wants("idle.10") {
        return;
    }
    eprintln!("idle");
    let window = Duration::from_secs(if options.quick { 4 } else { 20 });
    let inits = one.begin_idle();
    let supervisors: Vec<_> = peers
        .iter()
        .filter(|peer| super::layout::takes(peer, 10) && options.wants_subject(peer.name))
        .filter_map(|peer| Some((peer.name, services.start(peer, 10)?)))
        .collect();
    // Whoever has something to do after a start shall be done with it.
    std::thread::sleep(Duration::from_secs(2));
    let look = || {
        let one =
            inits.iter().map(|(name, child, _)| ("one.idle", name.as_str(), proc::switches(&[child.pid])));
        let many = supervisors.iter().map(|(name, session)| ("idle.10", *name, proc::switches(&session.own)));
        one.chain(many).collect::<Vec<_>>()
    };
    let begun = Instant::now();
    let before = look();
    std::thread::sleep(window);
    let after = look();
    let seconds = begun.elapsed().as_secs_f64();
    for ((row, name, before), (_, _, after)) in before.into_iter().zip(after) {
        results.add(row, name, (after - before) / seconds);
    }
}

/// Twenty services, each of which is asked ten times a second. No peer has such a thing.
pub fn probes(programs: &Programs, options: &Options, rinit: &Peer, results: &mut Results) {
    if options.wants("probe.run") {
        probe_run(programs, options, rinit, results);
    }
    if !options.wants("probe.cpu") {
        return;
    }
    let room = programs.room();
    let fifo = Fifo::new(room.path());
    let tiny = programs.tiny();
    for number in 0..CHECKED {
        let definition = format!(
            "command = [\"{tiny}\"]\n[healthcheck]\ntest = [\"CMD\", \"{tiny}\", \"h\"]\ninterval = \"100ms\"\n"
        );
        std::fs::write(room.path().join(format!("s{number}.toml")), definition).unwrap();
    }
    std::fs::create_dir(room.path().join("d")).unwrap();
    for file in std::fs::read_dir(room.path()).unwrap().flatten() {
        if file.file_name().to_string_lossy().ends_with(".toml") {
            std::fs::rename(file.path(), room.path().join("d").join(file.file_name())).unwrap();
        }
    }
    let words =
        [rinit.path.display().to_string(), "--services".into(), room.path().join("d").display().to_string()];
    let mut child = start_pid1(&Line::new(&words, &[("BENCH_UP", &fifo.path)]));
    assert!(fifo.wait(CHECKED * 3, &mut child), "no health checks are run");
    for _ in 0..options.rounds(10) {
        fifo.take();
        let before = proc::cpu(&[child.pid]);
        assert!(fifo.wait(CHECKED * 5, &mut child), "no health checks are run");
        std::thread::sleep(Duration::from_millis(1));
        let count = fifo.count() as f64;
        results.add("probe.cpu", "rinit", (proc::cpu(&[child.pid]) - before) / count);
    }
}

fn probe_run(programs: &Programs, options: &Options, rinit: &Peer, results: &mut Results) {
    let room = programs.room();
    let path = room.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let words = [rinit.path.display().to_string(), "probe".into(), "unix".into(), path.display().to_string()];
    let line = Line::new(&words, &[]);
    let bare = Line::new(&[programs.tiny().as_str(), "t"], &[]);
    for _ in 0..options.rounds(100).min(128) {
        results.add("probe.run", "bare", timed(&bare).as_secs_f64() * 1000.0);
        let begun = Instant::now();
        assert_eq!(posix_spawn(&line).wait(), 0, "a probe fails");
        results.add("probe.run", "rinit", begun.elapsed().as_secs_f64() * 1000.0);
    }
}
