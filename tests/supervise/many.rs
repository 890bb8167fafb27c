//! Five hundred services, of which a hundred end all the time: two minutes of it leave no trace in rinit.

use crate::require_namespace;
use crate::support::services::{Service, Status};
use crate::support::{Launch, PATIENCE, Running, wait_for, wait_for_seen};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

const IDLE: usize = 400;
const CRASHING: usize = 100;
/// From when on nothing may grow, and until when.
const FROM: Duration = Duration::from_secs(20);
const UNTIL: Duration = Duration::from_secs(120);
/// KiB that may come from chance: more services than before may have ended at the same moment. Less than seven bytes
/// for each crash.
const CHANCE: u64 = 64;

/// One service in four is killed by a signal, one ends with 0.
fn crashing(number: usize) -> String {
    let end = ["exit 1", "exit 3", "kill -9 $$", "exit 0"][number % 4];
    format!("command = [\"sh\", \"-c\", \"{end}\"]\nbackoff = {{ initial = \"100ms\", max = \"1s\" }}\n")
}

fn start() -> Running {
    // Twenty thousand lines, which nobody wants to see when a test fails.
    let log = tempfile::tempfile().unwrap();
    let mut launch = Launch::pid1().stderr(log.into());
    for number in 0..IDLE {
        launch = launch.service(&format!("idle{number:03}"), "command = [\"sleep\", \"infinity\"]\n");
    }
    for number in 0..CRASHING {
        launch = launch.service(&format!("crash{number:03}"), &crashing(number));
    }
    launch.start()
}

/// What must not change.
#[derive(Debug, PartialEq)]
struct Idle {
    /// Process ids by name.
    pids: BTreeMap<String, i32>,
    /// How often each of them has slept, which is once more each time that it is woken.
    sleeps: BTreeMap<String, u64>,
}

/// What rinit itself uses.
#[derive(Debug)]
pub(super) struct Usage {
    /// KiB of memory of its own.
    pub memory: u64,
    pub descriptors: usize,
}

/// The number behind a word in a file of /proc.
pub(super) fn number(path: &Path, key: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next()?.parse().ok())
}

fn idle(init: &Running) -> Idle {
    let is_idle = |service: &Service| service.name.starts_with("idle");
    let all: Vec<Service> = init.services().into_values().filter(is_idle).collect();
    assert!(all.iter().all(|service| service.state == "running" && service.restarts == 0), "{all:#?}");
    let pids: BTreeMap<String, i32> =
        all.into_iter().map(|service| (service.name, service.pid.unwrap())).collect();
    let proc = format!("/proc/{}/root/proc", init.pid());
    let sleeps = pids.iter().map(|(name, pid)| {
        let status = format!("{proc}/{pid}/status");
        (name.clone(), number(status.as_ref(), "voluntary_ctxt_switches:").unwrap())
    });
    Idle { sleeps: sleeps.collect(), pids }
}

/// The least of many looks: what is needed for a moment is not kept.
pub(super) fn usage(init: &Running) -> Usage {
    let proc = format!("/proc/{}", init.pid());
    let (maps, descriptors) = (format!("{proc}/smaps_rollup"), format!("{proc}/fd"));
    let mut least = Usage { memory: u64::MAX, descriptors: usize::MAX };
    for _ in 0..100 {
        least.memory = least.memory.min(number(maps.as_ref(), "Anonymous:").unwrap());
        least.descriptors = least.descriptors.min(std::fs::read_dir(&descriptors).unwrap().count());
        std::thread::sleep(Duration::from_millis(10));
    }
    least
}

/// How often rinit has gone to sleep.
fn rinit_sleeps(init: &Running) -> u64 {
    number(format!("/proc/{}/status", init.pid()).as_ref(), "voluntary_ctxt_switches:").unwrap()
}

fn crashes(init: &Running) -> u64 {
    let services = init.services();
    services
        .values()
        .filter(|service| service.name.starts_with("crash"))
        .map(|service| service.restarts)
        .sum()
}

#[test]
fn two_minutes_of_a_hundred_crashing_services_leave_nothing_behind() {
    require_namespace!();
    let begun = Instant::now();
    let mut init = start();
    wait_for_seen("all to have been started", Duration::from_secs(60), || {
        let startup = init.rinit(&["health", "--startup"]);
        if startup.status == 0 { Ok(()) } else { Err(format!("{startup:?}")) }
    });
    std::thread::sleep(FROM.saturating_sub(begun.elapsed()));
    // An answer about five hundred services takes memory too: none is asked for between the two looks.
    let (idle_before, crashes_before, usage_before) = (idle(&init), crashes(&init), usage(&init));
    std::thread::sleep(UNTIL.saturating_sub(begun.elapsed()));
    let (usage_after, idle_after, crashes_after) = (usage(&init), idle(&init), crashes(&init));
    println!("{} crashes: {usage_before:?}, then {usage_after:?}", crashes_after - crashes_before);
    assert!(crashes_after > crashes_before + 20 * CRASHING as u64, "{crashes_before}, {crashes_after}");
    assert_eq!(idle_after.pids, idle_before.pids);
    assert_eq!(idle_after.sleeps, idle_before.sleeps, "an idle service was woken");
    assert!(usage_after.memory <= usage_before.memory + CHANCE, "{usage_before:?}, {usage_after:?}");
    assert_eq!(usage_after.descriptors, usage_before.descriptors);

    nothing_wakes_rinit(&init);
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0, "nobody had to be killed");
}

/// Without those that crash there is nothing to do.
#[track_caller]
fn nothing_wakes_rinit(init: &Running) {
    let names: Vec<String> = (0..CRASHING).map(|number| format!("crash{number:03}")).collect();
    let words: Vec<&str> = std::iter::once("stop").chain(names.iter().map(String::as_str)).collect();
    init.rinit(&words).ok();
    wait_for("the last of them", PATIENCE, || (init.processes().len() == 1 + IDLE).then_some(()));
    // A client that has gone is news for rinit too: let it come to rest.
    wait_for_seen("a second without anything to do", PATIENCE, || {
        let before = rinit_sleeps(init);
        std::thread::sleep(Duration::from_secs(1));
        let woken = rinit_sleeps(init) - before;
        if woken == 0 { Ok(()) } else { Err(format!("woken {woken} times")) }
    });
    let before = rinit_sleeps(init);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(rinit_sleeps(init), before, "something wakes rinit");
}
