//! The logger is killed while services write.

use super::{lines_of, logger, sh};
use crate::require_namespace;
use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, wait_for_seen};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::time::Duration;

/// So often.
const KILLS: usize = 10;

/// What a logger has read and not written: a batch for all services, and the line under way of each.
const BATCH: usize = 3 * 64 * 1024;

/// How many bytes come through: `RINIT_LOG_MEGABYTES`, or 4 MB.
fn bytes() -> usize {
    let megabytes = std::env::var("RINIT_LOG_MEGABYTES").map_or(4, |text| text.parse().unwrap());
    megabytes * 1_000_000
}

/// Each life of the service numbers its lines from 1. Both are killed ten times, the one in the middle of its lines.
#[test]
fn killed_loggers_lose_their_batches_and_nothing_comes_twice() {
    require_namespace!();
    const LINE: usize = "L1 00000001\n".len();
    let share = bytes() / LINE / (KILLS + 1);
    let script = format!(
        "n=$(($(cat n) + 1)); echo $n > n; [ $n -gt {KILLS} ] && end={share} || end=99999999; \
         seq -f \"L$n %08.0f\" $end; echo all; exec sleep 1000"
    );
    let launch = Launch::pid1();
    let dir = launch.dir().to_owned();
    let (life, out) = (dir.join("n"), dir.join("out"));
    std::fs::write(&life, "0").unwrap();
    let settings = format!("working_dir = {dir:?}\nbackoff = {{ initial = \"10ms\", max = \"20ms\" }}\n");
    let mut init = launch
        .service("web", &(sh(&script) + &settings))
        .service("quiet", &sh("i=0; while :; do echo line $i; i=$((i+1)); sleep 0.05; done"))
        .through(&["sh", "-c", "out=$1; shift; exec \"$@\" > $out", "sh", &out.display().to_string()])
        .arg("--log-driver")
        .arg("console")
        .start();
    let size = || usize::try_from(out.metadata().map_or(0, |file| file.len())).unwrap();
    let mut last = None;
    for kill in 1..=KILLS {
        let reached = size() + share * LINE;
        wait_for_seen("lines to come through", Duration::from_secs(120), || {
            if size() >= reached { Ok(()) } else { Err(format!("{} of {reached}", size())) }
        });
        let (pid, web) = (logger(&init, last), init.pid_of("web"));
        init.run(&["sh", "-c", &format!("kill -9 {pid} -{web}")]).ok();
        last = Some(pid);
        wait_for_seen("the next life", PATIENCE, || {
            let life = std::fs::read_to_string(&life).unwrap();
            if life.trim() == (kill + 1).to_string() { Ok(()) } else { Err(life) }
        });
    }
    let text = || String::from_utf8(std::fs::read(&out).unwrap()).unwrap();
    wait_for_seen("the end", Duration::from_secs(120), || {
        if text().contains("web    | all\n") { Ok(()) } else { Err(size().to_string()) }
    });
    let count = text().matches("quiet  | ").count();
    wait_for_seen("further lines", PATIENCE, || {
        let now = text().matches("quiet  | ").count();
        if now > count { Ok(()) } else { Err(now.to_string()) }
    });
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);

    let text = text();
    let of =
        |service: &str| -> Vec<&str> { text.lines().filter_map(|line| line.strip_prefix(service)).collect() };
    let written = of("web    | ");
    let whole = |line: &&str| {
        // A piece of a line looks like none.
        let (life, number) =
            line.strip_prefix('L')?.split_once(' ').filter(|(_, number)| number.len() >= 8)?;
        Some((life.parse().ok()?, number.parse().ok()?))
    };
    let numbers: Vec<(usize, usize)> = written.iter().filter_map(whole).collect();
    let wrong: Vec<_> = numbers.windows(2).filter(|pair| pair[0] >= pair[1]).collect();
    assert!(wrong.is_empty(), "in order, and nothing twice: {wrong:?}");
    let pieces = written.len() - numbers.len() - 1;
    assert!(pieces <= 3 * KILLS, "{pieces} pieces of lines");
    let ends: BTreeMap<usize, usize> = numbers.iter().copied().collect();
    let missing = ends.values().sum::<usize>() - numbers.len();
    println!("{missing} of {} lines are missing, {pieces} are pieces, after {KILLS} kills", numbers.len());
    assert!(missing * LINE <= KILLS * BATCH, "{missing} are missing");
    assert_eq!(
        (ends.len(), ends[&(KILLS + 1)]),
        (KILLS + 1, share),
        "each life, and the last one to its end"
    );
    let quiet: Vec<usize> = of("quiet  | line ").iter().filter_map(|number| number.parse().ok()).collect();
    assert!(quiet.windows(2).all(|pair| pair[0] < pair[1]));
}

/// What is written while there is no logger waits in the pipe.
#[test]
fn nothing_is_lost_while_the_logger_is_away() {
    require_namespace!();
    let script = "echo first; while ! [ -e go ]; do sleep 0.05; done; echo second; exec sleep 1000";
    let launch = Launch::pid1();
    let definition = sh(script) + &format!("working_dir = \"{}\"\n", launch.dir().display());
    let mut init = launch.service("web", &definition).arg("--log-driver").arg("console").start();
    init.wait_line("the first", |line| line == "web  | first");
    let pid = logger(&init, None);
    init.run(&["sh", "-c", &format!("kill -STOP {pid}")]).ok();
    std::fs::write(init.dir().join("go"), "").unwrap();
    // The line is in the pipe, and nobody reads it.
    wait_for_seen("web to have written", PATIENCE, || {
        let found = init.find("sleep 1000");
        if found.iter().any(|it| it.command == "sleep 1000") { Ok(()) } else { Err(format!("{found:?}")) }
    });
    init.run(&["sh", "-c", &format!("kill -9 {pid}")]).ok();
    init.wait_line("the second", |line| line == "web  | second");
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    assert_eq!(lines_of(&init, "web"), ["first", "second"]);
}

/// A logger that is told to end, by whomever, delivers what it has.
#[test]
fn a_terminated_logger_loses_nothing() {
    require_namespace!();
    const LINES: usize = 100_000;
    let script = format!("seq -f %08.0f {LINES}; echo all >&2; exec sleep 1000");
    let mut init = Launch::pid1().service("web", &sh(&script)).arg("--log-driver").arg("console").start();
    let mut last = None;
    for kill in 0..5 {
        wait_for_seen("lines to come through", PATIENCE, || {
            let seen = lines_of(&init, "web").len();
            if seen >= LINES * kill / 6 { Ok(()) } else { Err(format!("{seen}")) }
        });
        let pid = logger(&init, last);
        init.run(&["sh", "-c", &format!("kill -INT {pid}")]).ok();
        last = Some(pid);
    }
    init.wait_line("the end", |line| line == "web  | all");
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    let numbers: Vec<usize> = lines_of(&init, "web").iter().filter_map(|line| line.parse().ok()).collect();
    let wrong = numbers.iter().zip(1..).position(|(number, expected)| *number != expected);
    assert_eq!((wrong, numbers.len()), (None, LINES));
}
