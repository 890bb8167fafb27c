//! Services that write to others: nothing is lost, whoever ends.

use crate::require_namespace;
use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, Running, repository, wait_for_seen};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

const PAGE: usize = 4096;

/// So often each of the two is killed.
const KILLS: usize = 10;

/// The text of a file in the init's directory.
fn text(init: &Running, file: &str) -> String {
    std::fs::read_to_string(init.dir().join(file)).unwrap_or_default()
}

#[track_caller]
fn wait_text(init: &Running, file: &str, expected: &str) {
    wait_for_seen(&format!("{file} to be {expected:?}"), PATIENCE, || {
        let seen = text(init, file);
        if seen == expected { Ok(()) } else { Err(seen) }
    });
}

/// What is missing of the records that were written, and whether all others are whole and in order.
#[track_caller]
fn missing(dir: &Path) -> usize {
    let counts = std::fs::read(dir.join("counts")).unwrap();
    let counts: Vec<usize> =
        counts.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().unwrap()) as usize).collect();
    let read = std::fs::read(dir.join("read")).unwrap();
    assert_eq!(read.len() % PAGE, 0, "half a record");
    let mut found: BTreeMap<usize, usize> = BTreeMap::new();
    let mut last = None;
    for (at, record) in read.chunks_exact(PAGE).enumerate() {
        let word = |at: usize| u64::from_le_bytes(record[at..at + 8].try_into().unwrap()) as usize;
        let this = (word(0), word(8));
        assert!(record.chunks_exact(16).all(|part| *part == record[..16]), "record {at} is not whole");
        assert!(last.is_none_or(|last| last < this), "{last:?} comes before {this:?}");
        // The last one of a life may have been written and not been counted any more.
        let counted = counts.get(this.0).copied().unwrap_or_default();
        assert!(this.1 <= counted, "{this:?} was never written");
        *found.entry(this.0).or_default() += usize::from(this.1 < counted);
        last = Some(this);
    }
    counts.iter().enumerate().map(|(life, count)| count - found.get(&life).copied().unwrap_or_default()).sum()
}

const PROGRAM: &str = "tests/supervise/records.py";

/// Kills the writer and the reader of so many megabytes again and again, and looks at what has come through.
#[track_caller]
fn kill_again_and_again(mut init: Running, megabytes: usize, reader: &str) {
    let records = megabytes * 1024 * 1024 / PAGE;
    let begun = std::time::Instant::now();
    let size = |init: &Running| {
        std::fs::metadata(init.dir().join("read")).map_or(0, |file| file.len() as usize / PAGE)
    };
    let deadline = Duration::from_secs(240);
    for kill in 0..2 * KILLS {
        let reached = records * (kill + 1) / (2 * KILLS + 2);
        wait_for_seen("records to come through", deadline, || {
            let size = size(&init);
            if size >= reached { Ok(()) } else { Err(format!("{size} of {reached}")) }
        });
        let name = if kill % 2 == 0 { "web" } else { reader };
        let pid = init.wait_state(name, "running").pid.unwrap();
        init.run(&["sh", "-c", &format!("kill -9 {pid}")]).ok();
    }
    wait_for_seen("all to be written", deadline, || match init.stderr().contains("all is written") {
        true => Ok(()),
        false => Err(format!("{} of {records}", size(&init))),
    });
    // A part of it is still in the pipe.
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(deadline).status, 0);
    let took = begun.elapsed();
    assert!(init.stderr().contains("the input has ended"), "the reader was not given its time");
    let missing = missing(init.dir());
    println!(
        "{megabytes} MB in {took:.1?}, {missing} records of 4096 bytes gone with {KILLS} killed readers"
    );
    assert!(missing <= KILLS, "{missing} records are missing: a killed reader holds one at most");
}

#[test]
fn what_is_written_is_read_though_writer_and_reader_are_killed_again_and_again() {
    require_namespace!();
    let megabytes = 200;
    let records = megabytes * 1024 * 1024 / PAGE;
    let program = repository().join(PROGRAM).display().to_string();
    let launch = Launch::pid1();
    let dir = launch.dir().display().to_string();
    let pace = "backoff = { initial = \"1ms\", max = \"10ms\" }\nstop_grace_period = \"60s\"\n";
    let write =
        format!("command = [\"python3\", \"-S\", \"{program}\", \"write\", \"{dir}\", \"{records}\"]\n");
    let read = format!("command = [\"python3\", \"-S\", \"{program}\", \"read\", \"{dir}\"]\n");
    let init = launch
        .service("web", &format!("{write}stdout = \"service:log\"\n{pace}"))
        .service("log", &format!("{read}{pace}"))
        .arg("--stop-timeout")
        .arg("60s")
        .start();
    kill_again_and_again(init, megabytes, "log");
}

/// The same as a tree of s6 has it.
#[test]
fn a_gigabyte_goes_through_run_and_log_run() {
    require_namespace!();
    let megabytes = 1024;
    let records = megabytes * 1024 * 1024 / PAGE;
    let program = repository().join(PROGRAM).display().to_string();
    let launch = Launch::pid1();
    let dir = launch.dir().to_owned();
    let run = format!("exec python3 -S {program}");
    let tree = format!(
        "-- tree/web/run x\n#!/bin/sh\n{run} write {0} {records}\n-- tree/web/timeout-kill\n60000\n\
         -- tree/web/log/run x\n#!/bin/sh\n{run} read {0}\n-- tree/web/log/timeout-kill\n60000\n",
        dir.display()
    );
    crate::trees::text::make(&tree, &dir);
    let init = launch.services(&dir.join("tree")).arg("--stop-timeout").arg("60s").start();
    kill_again_and_again(init, megabytes, "web-log");
}

#[test]
fn both_outputs_and_those_of_hooks_go_where_they_are_told_to() {
    require_namespace!();
    let dir = tempfile::tempdir().unwrap();
    let read =
        |file: &str| format!("command = ['sh', '-c', 'exec cat >> {}/{file}']\n", dir.path().display());
    let mut init = Launch::pid1()
        .service(
            "web",
            "command = ['sh', '-c', 'echo out; echo err >&2; exec sleep 1000']\n\
             stdout = \"service:log\"\nstderr = \"service:errors\"\n\
             pre_start = \"echo before\"\npost_stop = \"echo after\"\n",
        )
        .service(
            "two",
            "command = \"echo two\"\nrestart = \"no\"\nstdout = \"service:log\"\ndepends_on = [\"web\"]\n",
        )
        .service("log", &read("log"))
        .service("errors", &read("errors"))
        .start();
    init.wait_state("two", "completed");
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    let text = |file: &str| std::fs::read_to_string(dir.path().join(file)).unwrap();
    let mut log: Vec<String> = text("log").lines().map(str::to_owned).collect();
    log[1..3].sort();
    assert_eq!(log, ["before", "out", "two", "after"]);
    assert_eq!(text("errors"), "err\n");
    assert_eq!(init.stdout(), "", "nothing goes to rinit's own output");
}

#[test]
fn a_chain_stops_from_its_beginning_and_each_reads_to_the_end() {
    require_namespace!();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().display();
    let pass_on = |text: &str| {
        format!(
            "command = ['sh', '-c', 'while read line; do sleep 0.1; echo $line {text}; done; echo end {text}']\n"
        )
    };
    let mut init = Launch::pid1()
        .service(
            "a",
            "command = ['sh', '-c', 'trap \"echo last; exit\" TERM; echo a; while :; do sleep 1 & wait $!; done']\n\
             stdout = \"service:b\"\n",
        )
        .service("b", &format!("{}stdout = \"service:c\"\n", pass_on("b")))
        .service("c", &format!("{}stdout = \"service:d\"\n", pass_on("c")))
        .service("d", &format!("command = ['sh', '-c', 'exec cat > {path}/read']\n"))
        .start();
    wait_for_seen("the first line", PATIENCE, || {
        let seen = std::fs::read_to_string(dir.path().join("read")).unwrap_or_default();
        if seen == "a b c\n" { Ok(()) } else { Err(seen) }
    });
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    let read = std::fs::read_to_string(dir.path().join("read")).unwrap();
    assert_eq!(read, "a b c\nlast b c\nend b c\nend c\n");
}

#[test]
fn a_reload_adds_changes_and_removes_readers_without_a_loss() {
    require_namespace!();
    let launch = Launch::pid1();
    let read =
        |file: &str| format!("command = ['sh', '-c', 'exec cat >> {}']\n", launch.dir().join(file).display());
    let (one, two) = (read("one"), read("two"));
    let web = "command = ['sh', '-c', 'trap \"echo told; exit\" TERM; echo begun; while :; do sleep 1 & wait $!; done']\n";
    let mut init =
        launch.service("web", web).service("log", &one).service("x", "command = \"sleep 1000\"\n").start();
    init.wait_line("web", |line| line == "begun");
    let define = |init: &Running, name: &str, toml: &str| {
        std::fs::write(init.dir().join(format!("services.d/{name}.toml")), toml).unwrap();
    };
    let x = init.pid_of("x");
    // Those of its own output, before there is one between services.
    let ends = |init: &Running| init.run(&["sh", "-c", "ls -l /proc/1/fd | grep -c pipe: || true"]).ok();
    let own = ends(&init);

    // From now on `log` is given a pipe: both are started anew.
    define(&init, "web", &format!("{web}stdout = \"service:log\"\n"));
    init.rinit(&["reload"]).ok();
    init.wait_line("the end of the first", |line| line == "told");
    wait_text(&init, "one", "begun\n");

    // Another definition of the reader: the writer goes on, and what it writes meanwhile waits in the pipe.
    let pid = init.pid_of("web");
    define(&init, "log", &two);
    init.rinit(&["reload"]).ok();
    init.wait_state("log", "running");
    assert_eq!(init.pid_of("web"), pid);
    init.rinit(&["restart", "web"]).ok();
    wait_text(&init, "two", "told\nbegun\n");

    // Both go: the reader reads what the writer says at its end.
    for name in ["web", "log"] {
        std::fs::remove_file(init.dir().join(format!("services.d/{name}.toml"))).unwrap();
    }
    init.rinit(&["reload"]).ok();
    wait_text(&init, "two", "told\nbegun\ntold\n");
    wait_for_seen("the reader to be gone", PATIENCE, || {
        let left = init.find("cat");
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    });
    assert_eq!(init.pid_of("x"), x);
    wait_for_seen("the ends of pipes to be only its own", PATIENCE, || {
        let left = ends(&init);
        if left == own { Ok(()) } else { Err(format!("{left} in place of {own}")) }
    });
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
}

#[test]
fn without_descriptors_for_its_pipe_a_service_is_tried_again() {
    require_namespace!();
    // Ten pairs of descriptors are more than there are.
    let mut launch = Launch::pid1().through(&["prlimit", "--nofile=24:24"]);
    for number in 0..10 {
        launch = launch
            .service(
                &format!("web{number}"),
                &format!("command = \"sleep 1000\"\nstdout = \"service:log{number}\"\n"),
            )
            .service(&format!("log{number}"), "command = \"cat\"\n");
    }
    let mut init = launch.start();
    init.wait_line("what is wrong", |line| {
        line.contains("cannot make the pipe to log")
            && (line.contains("Too many open files") || line.contains("No file descriptors")) // glibc, musl
            && line.contains("restarting")
    });
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
}
