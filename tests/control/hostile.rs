//! Clients that mean no good, against a running init: each gets its answer or is cut off, nothing is left of it, and
//! the services are looked after meanwhile.

use crate::require_namespace;
use crate::support::processes::processes;
use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, Running, wait_for, wait_for_seen};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(super) const SCRIPT: &str = include_str!("hostile.py");

/// A service with as much to tell as there can be.
const WEB: &str = r#"
command = ["sleep", "100000"]
restart = "always"
backoff = { reset_after = "1ms" }

[healthcheck]
test = ["CMD", "sh", "-c", "head -c 4096 /dev/zero | tr '\\0' x"]
interval = "20ms"
"#;

fn start() -> Running {
    let init = Launch::pid1().service("web", WEB).start();
    init.wait_healthy(PATIENCE);
    init
}

#[track_caller]
fn attack(init: &Running, words: &[&str]) -> String {
    init.run(&[&["python3", "-c", SCRIPT], words].concat()).ok()
}

/// One number of a file in PID 1's directory of /proc, in KiB.
pub(super) fn number(init: &Running, file: &str, field: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/{file}", init.pid())).unwrap();
    let line = text.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

fn descriptors(init: &Running) -> Vec<PathBuf> {
    let dir = std::fs::read_dir(format!("/proc/{}/fd", init.pid())).unwrap();
    let mut targets: Vec<PathBuf> =
        dir.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok()).collect();
    targets.sort();
    targets
}

/// Waits until PID 1 has no more than `count` descriptors: a probe has some while it runs, and a client until it is
/// seen to be gone.
#[track_caller]
pub(super) fn await_descriptors(init: &Running, count: usize) {
    wait_for_seen(&format!("{count} descriptors"), PATIENCE, || {
        let now = descriptors(init);
        if now.len() <= count { Ok(()) } else { Err(format!("{now:#?}")) }
    });
}

/// How many it has when nothing is asked and no probe runs: its one service is then the only other process.
#[track_caller]
pub(super) fn at_rest(init: &Running) -> usize {
    let is_alone = || init.processes().len() == 2;
    let between_probes = || {
        wait_for("a moment between two probes", PATIENCE, || {
            let count = is_alone().then(|| descriptors(init).len());
            count.filter(|_| is_alone())
        })
    };
    // A client that has gone may not have been seen to be gone yet.
    (0..3).map(|_| between_probes()).min().unwrap()
}

/// Every attack, and nothing is left of any.
#[test]
fn nothing_is_left_of_any_attack() {
    require_namespace!();
    let init = start();
    let seed = std::process::id().to_string();
    eprintln!("seed {seed}");
    let attacks: [&[&str]; 17] = [
        &["hundred"],
        &["endless"],
        &["noise", &seed],
        &["half_a_character"],
        &["thousand"],
        &["killed"],
        &["half_closed"],
        &["descriptors"],
        &["deep"],
        &["names"],
        &["blanks"],
        &["idle"],
        &["coming_and_going"],
        &["deaf_followers"],
        &["killed_followers"],
        &["talking_follower"],
        &["all_places"],
    ];
    let before = at_rest(&init);
    let mut memory = None;
    for round in 1..=2 {
        for words in attacks {
            attack(&init, words);
            await_descriptors(&init, before);
            assert_eq!(init.rinit(&["health"]).status, 0, "after {words:?}");
        }
        // What the first round needed at a time is kept for the next one; a leak would be there once more.
        let now = number(&init, "smaps_rollup", "Anonymous:");
        let known = *memory.get_or_insert(now);
        eprintln!("round {round}: {now} KiB anonymous memory");
        assert!(now <= known + 256, "{known} KiB after the first round, {now} KiB after the second");
    }
    assert_eq!(init.service("web").restarts, 0);
}

#[test]
fn who_keeps_the_init_waiting_is_cut_off() {
    require_namespace!();
    let init = start();
    let before = at_rest(&init);
    attack(&init, &["silent"]);
    attack(&init, &["deaf"]);
    await_descriptors(&init, before);
}

/// Who is nobody could have filled PID 1 with what it tells of one service, named over and over.
#[test]
fn a_name_that_comes_often_costs_as_much_as_one() {
    require_namespace!();
    let init = start();
    let five = || init.rinit(&["status", "web"]).stdout.matches("xxxx").count() >= 5;
    wait_for("five probes with their output", PATIENCE, || five().then_some(()));
    // The highest since now.
    std::fs::write(format!("/proc/{}/clear_refs", init.pid()), "5").unwrap();
    let before = number(&init, "status", "VmHWM:");
    attack(&init, &["names"]);
    let after = number(&init, "status", "VmHWM:");
    assert!(after < before + 8 * 1024, "{before} KiB before, {after} KiB at the worst");
}

#[test]
fn a_descriptor_that_closes_slowly_does_not_stop_the_init() {
    require_namespace!();
    let init = start();
    attack(&init, &["lingering"]);
    assert_eq!(init.rinit(&["health"]).status, 0);
}

/// The services need descriptors too: clients get no more than their share of them.
#[test]
fn clients_leave_descriptors_for_the_services() {
    require_namespace!();
    let toml = "command = ['sleep', '100000']";
    let init = Launch::pid1().service("web", toml).through(&["prlimit", "--nofile=40:40"]).start();
    init.wait_healthy(PATIENCE);
    attack(&init, &["crowd_and_kill", &init.pid_of("web").to_string()]);
    assert_eq!(init.wait_state("web", "running").restarts, 1);
    assert!(!init.stderr().contains("cannot"), "a descriptor was missing");
}

/// While all of that goes on, a service that dies has its successor. How late it is is printed and not judged: other
/// tests use the same processors. RINIT_SOAK_SECONDS is for how long.
#[test]
fn a_service_that_dies_meanwhile_is_restarted() {
    require_namespace!();
    let toml = "command = ['sh', '-c', 'echo begun; exec sleep 100000']\nbackoff = { reset_after = '1ms' }";
    let init = Launch::pid1().service("web", toml).start();
    init.wait_healthy(PATIENCE);
    let seconds = std::env::var("RINIT_SOAK_SECONDS").map_or(3, |seconds| seconds.parse().unwrap());
    let mut known = 0;
    report("at rest", (0..30).map(|_| restart(&init, &mut known)).collect());
    let times = std::thread::scope(|scope| {
        let attackers = scope.spawn(|| attack(&init, &["everything", &seconds.to_string()]));
        let mut times = Vec::new();
        while !attackers.is_finished() {
            times.push(restart(&init, &mut known));
        }
        attackers.join().unwrap();
        times
    });
    assert_eq!(init.service("web").restarts, 30 + times.len() as u64);
    report("under attack", times);
}

/// Kills the service; the time until its successor has said something.
fn restart(init: &Running, known: &mut usize) -> Duration {
    let (line, _) = init.wait_line_after(*known, "the service begins", |line| line == "begun");
    let all = wait_for("the service's process", PATIENCE, || {
        let all = processes(Path::new("/proc"));
        all.into_iter().find(|process| process.ppid == init.pid() && process.name == "sleep")
    });
    let killed = Instant::now();
    kill(Pid::from_raw(all.pid), Signal::SIGKILL).unwrap();
    let (next, begun) = init.wait_line_after(line + 1, "its successor", |line| line == "begun");
    *known = next;
    begun.at - killed
}

fn report(when: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |part: usize| times[(times.len() - 1) * part / 1000].as_micros();
    eprintln!(
        "{} deaths {when}: successor after {} us (median), {} us (99 %), {} us (99.9 %), {} us (worst)",
        times.len(),
        at(500),
        at(990),
        at(999),
        at(1000)
    );
}
