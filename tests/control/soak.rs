//! `rinit health` over and over: what it costs, and that nothing of it stays.

use super::hostile::{at_rest, await_descriptors, number};
use crate::require_namespace;
use crate::support::{Launch, PATIENCE, rinit_bin};
use std::time::{Duration, Instant};

/// Asks so many times from inside, and says what the processes have cost, in microseconds each.
const ASK: &str = r#"
import os, resource, sys
rinit, count = sys.argv[1], int(sys.argv[2])
before = resource.getrusage(resource.RUSAGE_CHILDREN)
null = os.open("/dev/null", os.O_RDWR)
actions = [(os.POSIX_SPAWN_DUP2, null, 1)]
for _ in range(count):
    pid = os.posix_spawn(rinit, [rinit, "health"], os.environ, file_actions=actions)
    assert os.waitpid(pid, 0)[1] == 0
after = resource.getrusage(resource.RUSAGE_CHILDREN)
print(int((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e6 / count))
"#;

const A_TIME: usize = 1_000;

/// A few thousand times, or for RINIT_SOAK_SECONDS.
#[test]
fn a_week_of_health_leaves_nothing() {
    require_namespace!();
    let init = Launch::pid1().service("web", "command = ['sleep', '100000']").start();
    init.wait_healthy(PATIENCE);
    let seconds = std::env::var("RINIT_SOAK_SECONDS").map_or(0, |seconds| seconds.parse().unwrap());
    let end = Instant::now() + Duration::from_secs(seconds);
    let bin = rinit_bin().display().to_string();
    let ask =
        || -> u64 { init.run(&["python3", "-c", ASK, &bin, &A_TIME.to_string()]).ok().parse().unwrap() };
    ask();
    let processes = init.processes().len();
    let descriptors = at_rest(&init);
    let memory = number(&init, "smaps_rollup", "Anonymous:");
    let (mut count, mut costs, ticks) = (0, Vec::new(), ticks(init.pid()));
    while costs.len() < 2 || Instant::now() < end {
        costs.push(ask());
        count += A_TIME;
    }
    costs.sort_unstable();
    let own = (self::ticks(init.pid()) - ticks) * 10_000 / count as u64;
    let now = number(&init, "smaps_rollup", "Anonymous:");
    eprintln!(
        "{count} times `rinit health`: {} us of CPU each (best {}, worst {} of {A_TIME}), and {own} us in PID 1; \
         memory of PID 1 {memory} KiB before, {now} KiB after",
        costs[costs.len() / 2],
        costs[0],
        costs[costs.len() - 1],
    );
    await_descriptors(&init, descriptors);
    assert_eq!(init.processes().len(), processes, "{:#?}", init.processes());
    assert_eq!(now, memory, "KiB of PID 1's anonymous memory");
}

/// The CPU time of a process, in hundredths of a second.
fn ticks(pid: i32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}
