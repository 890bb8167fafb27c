//! The drivers `json-file` and `file`.

use super::{logger, sh};
use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, Running, wait_for_seen};
use crate::{require_namespace, require_root};
use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const STAYS: &str = "exec sleep 1000";

/// A service that runs a script, and logs to a file of this driver in the directory `logs`.
fn to_file(launch: &Launch, driver: &str, script: &str, options: &str) -> String {
    let path = launch.dir().join("logs/{{.Name}}.log");
    let path = path.display();
    sh(script) + &format!("[logging]\ndriver = \"{driver}\"\noptions = {{ path = \"{path}\", {options} }}\n")
}

fn text(init: &Running, name: &str) -> String {
    fs::read_to_string(init.dir().join("logs").join(name)).unwrap_or_default()
}

#[track_caller]
fn wait_text(init: &Running, name: &str, wanted: impl Fn(&str) -> bool) -> String {
    wait_for_seen("the text of a file", PATIENCE, || {
        let text = text(init, name);
        if wanted(&text) { Ok(text) } else { Err(text) }
    })
}

fn warnings(init: &Running) -> Vec<String> {
    let all = init.stderr();
    let warnings = all.lines().filter_map(|line| line.strip_prefix("rinit: warning: "));
    warnings.map(str::to_owned).collect()
}

#[test]
fn lines_of_both_streams_are_in_the_file() {
    require_namespace!();
    let launch = Launch::pid1();
    let script = "umask 077; echo out; echo err >&2; printf 'a \\377<b>'";
    let json = to_file(&launch, "json-file", script, "");
    let plain = to_file(&launch, "file", script, "");
    let stamped = to_file(&launch, "file", script, "timestamps = true");
    let no = |text: &str| format!("restart = \"no\"\n{text}");
    let mut init = launch
        .service("json", &no(&json))
        .service("plain", &no(&plain))
        .service("stamped", &no(&stamped))
        .start();
    assert_eq!(init.wait_exit(PATIENCE).status, 0, "{}", init.stderr());
    let objects = text(&init, "json.log");
    let mut logs: Vec<(String, String)> = objects
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|object| {
            assert!(
                object["time"].as_str().unwrap().ends_with('Z') && object.as_object().unwrap().len() == 3
            );
            let field = |name: &str| object[name].as_str().unwrap().to_owned();
            (field("stream"), field("log"))
        })
        .collect();
    logs.sort();
    let expected = [("stderr", "err\n"), ("stdout", "a \u{fffd}<b>"), ("stdout", "out\n")];
    assert_eq!(logs, expected.map(|(stream, log)| (stream.to_owned(), log.to_owned())));
    assert!(objects.contains("\\ufffd\\u003cb\\u003e"), "{objects}");

    let bytes = fs::read(init.dir().join("logs/plain.log")).unwrap();
    let mut lines: Vec<&[u8]> = bytes.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n').collect();
    lines.sort_unstable();
    assert_eq!(lines, [&b"a \xff<b>"[..], b"err", b"out"]);
    let stamped = fs::read(init.dir().join("logs/stamped.log")).unwrap();
    let stamped = String::from_utf8_lossy(&stamped).into_owned();
    assert!(stamped.starts_with("20") && stamped.contains("Z out\n"), "{stamped}");

    let mode = |path: &str| fs::metadata(init.dir().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("logs"), mode("logs/json.log")), (0o750, 0o640));
    assert_eq!(init.stdout(), "", "it is in files alone");
}

/// A kill in the middle of a rotation loses what the logger has read, as at any other time, and doubles nothing.
#[test]
fn kills_while_files_are_rotated_double_nothing() {
    require_namespace!();
    for options in ["", ", compress = true"] {
        const LINES: usize = 400_000;
        const KILLS: usize = 10;
        let launch = Launch::pid1();
        let script = format!("seq -f %08.0f {LINES}; echo all > done; {STAYS}");
        let options = format!("max-size = 10000, max-file = 999{options}");
        let directory = launch.dir().display().to_string();
        let definition =
            format!("working_dir = \"{directory}\"\n") + &to_file(&launch, "file", &script, &options);
        let mut init = launch.service("web", &definition).start();
        let mut last = None;
        for kill in 0..KILLS {
            let reached = LINES * 9 / 10_000 * (kill + 1) / (2 * KILLS);
            wait_for_seen("files to be rotated", PATIENCE, || {
                let count = fs::read_dir(init.dir().join("logs")).map_or(0, Iterator::count);
                if count >= reached { Ok(()) } else { Err(format!("{count} of {reached}")) }
            });
            let pid = logger(&init, last);
            init.run(&["sh", "-c", &format!("kill -9 {pid}")]).ok();
            last = Some(pid);
        }
        wait_for_seen("the end", PATIENCE, || fs::read(init.dir().join("done")).map_err(|e| e.to_string()));
        wait_text(&init, "web.log", |text| text.contains(&LINES.to_string()));
        init.signal(Signal::SIGTERM);
        assert_eq!(init.wait_exit(PATIENCE).status, 0);

        let all = read_all(&init.dir().join("logs/web.log"), 999);
        let numbers: Vec<usize> =
            all.lines().filter(|line| line.len() == 8).filter_map(|line| line.parse().ok()).collect();
        let broken = all.lines().count() - numbers.len();
        let wrong = numbers.windows(2).find(|pair| pair[0] >= pair[1]);
        assert_eq!(wrong, None, "in order, and nothing twice");
        let missing = LINES - numbers.len();
        println!("{missing} of {LINES} lines are missing, {broken} are pieces, after {KILLS} kills");
        assert!(broken <= 2 * KILLS, "{broken} pieces");
        // What a logger has read and not written: a batch, and the line under way.
        assert!(missing * 9 <= KILLS * 2 * 64 * 1024, "{missing} are missing");
    }
}

/// All files, the oldest first.
fn read_all(path: &Path, max_file: u32) -> String {
    let name = |end: String| format!("{}{end}", path.display());
    let mut all = String::new();
    for number in (1..max_file).rev() {
        let (plain, compressed) = (name(format!(".{number}")), name(format!(".{number}.gz")));
        if let Ok(text) = fs::read_to_string(&plain) {
            all += &text;
        } else if Path::new(&compressed).exists() {
            all += &crate::support::output("gzip", &["-dc", &compressed]).unwrap().ok();
            all += "\n";
        }
    }
    all + &fs::read_to_string(path).unwrap()
}

/// With a tmpfs on the directory of the logs, in which a file leaves little room.
fn on_a_small_disk(mut launch: Launch, options: &str, then: &str) -> Launch {
    let logs = launch.dir().join("logs");
    fs::create_dir(&logs).unwrap();
    let logs = logs.display();
    let script = format!("mount -t tmpfs -o {options} tmpfs {logs} && {then}cd / && exec \"$@\"");
    launch = launch.through(&["sh", "-c", &script, "sh"]);
    launch
}

#[test]
fn a_full_disk_loses_lines_and_nothing_else() {
    require_namespace!();
    require_root!();
    const LINES: usize = 30_000;
    let launch = Launch::pid1();
    let logs = launch.dir().join("logs");
    let filler = logs.join("filler").display().to_string();
    let script = format!(
        "seq -f %08.0f {LINES}; touch done; while [ -e {filler} ]; do sleep 0.02; done; echo after; {STAYS}"
    );
    let dir = launch.dir().display().to_string();
    let definition = format!("working_dir = \"{dir}\"\n") + &to_file(&launch, "file", &script, "");
    let other = sh("i=0; while :; do echo line $i; i=$((i+1)); sleep 0.01; done");
    let launch =
        launch.service("web", &definition).service("other", &(other + "logging.driver = \"console\"\n"));
    let mut init =
        on_a_small_disk(launch, "size=160k,mode=777", &format!("head -c 100000 /dev/zero > {filler}; "))
            .start();
    wait_for_seen("everything to be written", PATIENCE, || {
        fs::read(init.dir().join("done")).map_err(|_| init.stderr())
    });
    // Nobody else has waited for the disk.
    init.wait_line("a further line", |line| line == "other  | line 100");
    init.run(&["rm", &filler]).ok();
    let path = logs.join("web.log").display().to_string();
    let written = wait_for_seen("the file to go on", PATIENCE, || {
        let text = init.run(&["cat", &path]).ok();
        if text.lines().any(|line| line == "after") { Ok(text) } else { Err(init.stderr()) }
    });
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    let numbers: Vec<usize> = written.lines().filter_map(|line| line.parse().ok()).collect();
    assert_eq!(numbers.len() + 1, written.lines().count(), "each line is whole");
    assert!(written.lines().all(|line| line.len() == 8 || line == "after"));
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "in order, and nothing twice");
    let lost = LINES - numbers.len();
    assert!(lost > 0);
    let expected = [
        format!("web: cannot write {path}: No space left on device. Lines are lost until that is mended"),
        format!("web: {path} is written again"),
        format!("web: {lost} lines of its output could not be delivered"),
    ];
    assert_eq!(warnings(&init), expected, "each is said once, and the count is right");
}

/// Whatever is at the path: it is said, the service runs, and its lines are where `rinit logs` finds them.
#[test]
fn what_is_no_file_is_said_and_holds_up_nobody() {
    require_namespace!();
    let launch = Launch::pid1();
    let logs = launch.dir().join("logs");
    fs::create_dir(&logs).unwrap();
    fs::create_dir(logs.join("directory.log")).unwrap();
    fs::write(logs.join("target"), "mine\n").unwrap();
    std::os::unix::fs::symlink(logs.join("target"), logs.join("link.log")).unwrap();
    nix::unistd::mkfifo(&logs.join("fifo.log"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    // Somebody reads it, so opening it would not wait.
    let _reader = fs::OpenOptions::new().read(true).write(true).open(logs.join("fifo.log")).unwrap();
    let cases = [
        ("directory", "Is a directory"),
        ("link", "it is a symbolic link: give the path of the file itself"),
        ("fifo", "it is not a regular file"),
    ];
    let mut launch = launch;
    for (name, _) in cases {
        let definition = to_file(&launch, "json-file", &format!("echo hello; {STAYS}"), "");
        launch = launch.service(name, &definition);
    }
    let mut init = launch.start();
    for (name, why) in cases {
        let path = logs.join(format!("{name}.log"));
        let expected = format!("cannot write {}: {why}. Lines are lost until that is mended", path.display());
        init.wait_line(why, |line| line == format!("rinit: warning: {name}: {expected}"));
        wait_for_seen("its line", PATIENCE, || {
            let told = init.rinit(&["logs", name]);
            if told.stdout.ends_with("| hello\n") { Ok(()) } else { Err(format!("{told:?}")) }
        });
    }
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    for (name, _) in cases {
        let lost = format!("{name}: 1 line of its output could not be delivered");
        assert!(warnings(&init).contains(&lost), "{}", init.stderr());
    }
    assert_eq!(text(&init, "target"), "mine\n");
}

#[test]
fn a_disk_that_is_read_only_is_said_until_it_is_mended() {
    require_namespace!();
    require_root!();
    let launch = Launch::pid1();
    let logs = launch.dir().join("logs").display().to_string();
    let definition = to_file(&launch, "file", &format!("echo hello; {STAYS}"), "");
    let init = on_a_small_disk(launch.service("web", &definition), "ro,mode=777", "").start();
    let expected = format!("cannot write {logs}/web.log: Read-only file system");
    init.wait_line("a warning", |line| line.contains(&expected));
    init.run(&["mount", "-o", "remount,rw", &logs]).ok();
    init.wait_line("another one", |line| line.contains(&format!("{logs}/web.log is written again")));
    assert_eq!(init.run(&["cat", &format!("{logs}/web.log")]).ok(), "hello");
}

#[test]
fn a_file_that_was_moved_away_is_made_again() {
    require_namespace!();
    let launch = Launch::pid1();
    let script = "i=0; while :; do echo line $i; i=$((i+1)); sleep 0.02; done";
    let definition = to_file(&launch, "file", script, "");
    let mut init = launch.service("web", &definition).start();
    for round in 1..3 {
        wait_text(&init, "web.log", |text| text.lines().count() > 10);
        let moved = init.dir().join(format!("logs/moved.{round}"));
        fs::rename(init.dir().join("logs/web.log"), moved).unwrap();
    }
    wait_text(&init, "web.log", |text| !text.is_empty());
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    let all = text(&init, "moved.1") + &text(&init, "moved.2") + &text(&init, "web.log");
    let expected: Vec<String> = (0..all.lines().count()).map(|number| format!("line {number}")).collect();
    assert_eq!(all.lines().collect::<Vec<_>>(), expected);
}

/// Files are a default as any other driver, and take what is wrong with them to where they are set.
#[test]
fn the_default_for_all_gives_each_its_file() {
    require_namespace!();
    let launch = Launch::pid1();
    let path = format!("path={}/logs/{{{{.Name}}}}.log", launch.dir().display());
    let script = "echo hello";
    let mut init = launch
        .service("a", &(sh(script) + "restart = \"no\"\n"))
        .service(
            "b",
            &(sh(script)
                + "restart = \"no\"\nlogging = { driver = \"file\", options = { timestamps = true } }\n"),
        )
        .env("RINIT_LOG_DRIVER", "file")
        .env("RINIT_LOG_OPTS", &path)
        .start();
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    assert_eq!(text(&init, "a.log"), "hello\n");
    assert!(text(&init, "b.log").ends_with("Z hello\n"));

    let mut refused = Launch::pid1()
        .service("a", &sh(script))
        .service("b", &sh(script))
        .arg("--log-driver")
        .arg("json-file")
        .arg("--log-opt")
        .arg("path=/logs/x")
        .start();
    assert_ne!(refused.wait_exit(PATIENCE).status, 0);
    let said = "a and b log to the same file, /logs/x: give each its own";
    assert!(refused.stderr().contains(said), "{}", refused.stderr());
}

/// A reload that would give two services one file changes nothing.
#[test]
fn a_reload_to_a_file_that_is_taken_is_refused() {
    require_namespace!();
    let launch = Launch::pid1();
    let path = format!("{}/logs/a.log", launch.dir().display());
    let script = format!("echo hello; {STAYS}");
    let definition =
        sh(&script) + &format!("logging = {{ driver = \"file\", options = {{ path = \"{path}\" }} }}\n");
    let init = launch.service("a", &definition).start();
    wait_text(&init, "a.log", |text| text == "hello\n");
    fs::write(init.dir().join("services.d/b.toml"), &definition).unwrap();
    let told = init.rinit(&["reload"]);
    assert_eq!(told.status, 1);
    assert!(told.stderr.contains("a logs to the same file"), "{told:?}");
    fs::remove_file(init.dir().join("services.d/b.toml")).unwrap();

    // Another file is taken without a restart, and another driver as well.
    let pid = init.pid_of("a");
    let other = definition.replace("a.log", "other.log").replace("\"file\"", "\"json-file\"");
    fs::write(init.dir().join("services.d/a.toml"), &other).unwrap();
    init.rinit(&["reload"]).ok();
    assert_eq!(init.pid_of("a"), pid);
    init.rinit(&["restart", "a"]).ok();
    wait_text(&init, "other.log", |text| text.contains("\"log\":\"hello\\n\""));
    assert_eq!(text(&init, "a.log"), "hello\n");
}
