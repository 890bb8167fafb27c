//! 100,000 processes whose parents have ended.

use super::{Init, Place, puppet};
use crate::support::{Running, wait_for_seen};
use crate::{require_namespace, require_programs};
use nix::sys::signal::Signal;
use std::process::Stdio;
use std::time::Duration;

/// A hundred thousand in all, in so many rounds.
const ROUNDS: usize = 10;

const EACH: usize = 10_000;

const DEADLINE: Duration = Duration::from_secs(80);

/// Processor time in nanoseconds. Where the kernel does not count them, in ticks of ten milliseconds.
fn cpu(pid: i32) -> u64 {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
    if let Some(time) = read("schedstat").split(' ').next().and_then(|time| time.parse().ok()) {
        return time;
    }
    let stat = read("stat");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10_000_000
}

/// Anonymous memory in kB. How much of the program is mapped depends on what has been executed since it was last unmapped.
fn memory(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Makes orphans under an init whenever it reads a line.
struct Factory {
    init: Running,
    tell: std::io::PipeWriter,
    rounds: usize,
}

impl Factory {
    fn start(init: &Init, place: Place) -> Factory {
        let (reader, tell) = std::io::pipe().unwrap();
        let script = format!("while read count; do {} orphans $count && echo made; done; exit 7", puppet());
        let init = init.launch(place, &["sh", "-c", &script]).stdin(Stdio::from(reader)).start();
        Factory { init, tell, rounds: 0 }
    }

    /// Makes that many and waits until none is left; the processor time that the init has taken, in nanoseconds.
    fn make(&mut self, count: usize) -> u64 {
        let before = cpu(self.init.pid());
        std::io::Write::write_all(&mut self.tell, format!("{count}\n").as_bytes()).unwrap();
        self.rounds += 1;
        wait_for_seen("the orphans to be made", DEADLINE, || {
            let made = self.init.stdout().lines().filter(|line| *line == "made").count();
            if made == self.rounds { Ok(()) } else { Err(self.init.stderr()) }
        });
        wait_for_seen("the orphans to be reaped", DEADLINE, || {
            let left = self.init.zombies().len();
            if left == 0 { Ok(()) } else { Err(format!("{left} left")) }
        });
        cpu(self.init.pid()) - before
    }
}

#[test]
fn a_hundred_thousand_leave_nothing_behind() {
    require_namespace!();
    let mut factory = Factory::start(&Init::rinit(), Place::Pid1);
    factory.make(EACH); // so that everything has been used once
    let before = memory(factory.init.pid());
    let time: u64 = (0..ROUNDS).map(|_| factory.make(EACH)).sum();
    let after = memory(factory.init.pid());
    println!("{} ns for each, {before} kB before, {after} kB after", time / (ROUNDS * EACH) as u64);
    assert!(after <= before + 16, "rinit has grown from {before} kB to {after} kB");
    factory.init.signal(Signal::SIGKILL);
}

#[test]
fn not_as_pid_1_neither() {
    let mut factory = Factory::start(&Init::rinit(), Place::Plain);
    factory.make(5000);
    drop(factory.tell);
    assert_eq!(factory.init.wait_exit(DEADLINE).status, 7);
}

/// In turns, and the best of each, because the machine is busy with other tests. The margin is for what is left of
/// that: the real measurement is a benchmark's.
#[test]
fn an_orphan_costs_no_more_than_under_tini() {
    require_namespace!();
    require_programs!(["tini"]);
    let mut ours = Factory::start(&Init::rinit(), Place::Pid1);
    let mut theirs = Factory::start(&Init::real("tini"), Place::Pid1);
    let (mut least, mut least_of_tini) = (u64::MAX, u64::MAX);
    for round in 1..=8 {
        least = least.min(ours.make(5000));
        least_of_tini = least_of_tini.min(theirs.make(5000));
        println!("rinit {least} ns, tini {least_of_tini} ns for 5000 orphans");
        if round >= 3 && least * 4 <= least_of_tini * 5 {
            return;
        }
    }
    panic!("rinit takes {least} ns for 5000 orphans, tini {least_of_tini} ns");
}
