//! `rinit check`. Golden directories: for each `tests/check/NN-name` the real binary runs in it, with the arguments
//! of its file `args`, one a line (`services.d` without one), and the environment of its file `variables`. What it
//! writes and its exit status are in `expected`, the same with `--json` in `expected.json`. `RINIT_BLESS=1` writes
//! both anew.

mod schema;

use crate::support::{Launch, Output, PATIENCE, repository, rinit_bin};
use crate::{require_namespace, require_root};
use rinit::config::lint::CODES;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The words of a file, one a line; none without the file.
fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).map_or(Vec::new(), |text| text.lines().map(str::to_owned).collect())
}

/// `rinit check ARG...` in a directory, with nothing of rinit's in the environment but these variables.
fn check(dir: &Path, args: &[&str], variables: &[String]) -> Output {
    let mut command = Command::new(rinit_bin());
    command.arg("check").args(args).current_dir(dir);
    command.env_remove("RINIT_SERVICES").env_remove("RINIT_STOP_TIMEOUT");
    command.envs(variables.iter().filter_map(|line| line.split_once('=')));
    let output = command.output().unwrap();
    Output {
        status: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn cases() -> Vec<PathBuf> {
    let base = repository().join("tests/check");
    let mut cases: Vec<PathBuf> = fs::read_dir(&base).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.is_dir());
    cases.sort();
    assert!(cases.len() >= 15, "the cases are missing from {}", base.display());
    cases
}

/// What a user sees, and what a program reads, in files to compare.
fn outcome(case: &Path) -> [(PathBuf, String); 2] {
    let mut args = lines(&case.join("args"));
    let variables = lines(&case.join("variables"));
    if args.is_empty() {
        args.push("services.d".to_owned());
    }
    let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
    let Output { status, stdout, stderr } = check(case, &args, &variables);
    let text = format!("-- exit status {status}, standard error:\n{stderr}-- standard output:\n{stdout}");
    args.insert(0, "--json");
    let json = check(case, &args, &variables);
    assert_eq!((json.status, json.stderr.as_str()), (status, ""), "{}", case.display());
    assert_eq!(json.stdout.lines().count(), 1);
    let document: Value = serde_json::from_str(&json.stdout).unwrap();
    let json = serde_json::to_string_pretty(&document).unwrap() + "\n";
    [(case.join("expected"), text), (case.join("expected.json"), json)]
}

#[test]
fn golden_directories() {
    let mut failed = String::new();
    for (file, shown) in cases().iter().flat_map(|case| outcome(case)) {
        if std::env::var_os("RINIT_BLESS").is_some() {
            fs::write(&file, &shown).unwrap();
        }
        let expected = fs::read_to_string(&file).unwrap_or_default();
        if shown != expected {
            writeln!(failed, "== {}\n-- expected:\n{expected}-- shown:\n{shown}", file.display()).unwrap();
        }
    }
    assert!(failed.is_empty(), "{failed}RINIT_BLESS=1 takes over what is shown");
}

/// Every code is seen in a golden file, save those that no file in a repository can show, and explained in the
/// documentation; and no other code is.
#[test]
fn every_warning_is_tested_and_documented() {
    let mut seen: BTreeSet<String> =
        ["world-writable", "service-writes-definitions", "capability-missing"].map(String::from).into();
    for case in cases() {
        let report: Value = serde_json::from_slice(&fs::read(case.join("expected.json")).unwrap()).unwrap();
        let codes = report["diagnostics"].as_array().unwrap().iter().filter_map(|d| d["code"].as_str());
        seen.extend(codes.map(str::to_owned));
    }
    let page = fs::read_to_string(repository().join("docs/check.md")).unwrap();
    let (_, page) = page.split_once("## Warnings").unwrap();
    let (page, _) = page.split_once("\n## ").unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let explained: BTreeSet<String> = rows.map(|(code, _)| code.to_owned()).collect();
    let known: BTreeSet<String> = CODES.map(str::to_owned).into();
    assert_eq!(seen, known);
    assert_eq!(explained, known);
}

/// A directory with one service.
fn directory(service: &str) -> TempDir {
    let dir = TempDir::new().unwrap();
    fs::create_dir(dir.path().join("d")).unwrap();
    fs::write(dir.path().join("d/a.toml"), service).unwrap();
    for (path, mode) in [("d", 0o755), ("d/a.toml", 0o644)] {
        fs::set_permissions(dir.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    dir
}

#[test]
fn what_everybody_may_write_to_is_told() {
    let dir = directory("command = \"a\"");
    assert_eq!(check(dir.path(), &["d"], &[]).stderr, "");
    let mode = |path: &str, mode| {
        fs::set_permissions(dir.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
        check(dir.path(), &["d"], &[])
    };
    let told = mode("d/a.toml", 0o666);
    let expected = "d/a.toml: warning: everybody may write to this file: whoever can write here decides what rinit runs \
                    [world-writable]\n    = chmod o-w d/a.toml\n\n1 warning\n";
    assert_eq!((told.status, told.stderr.as_str()), (0, expected));
    // The directory stands for what is in it.
    let told = mode("d", 0o1777).stderr;
    assert!(told.starts_with("d: warning: everybody may write to this directory"), "{told}");
    assert!(told.ends_with("\n1 warning\n"), "{told}");
}

/// A ConfigMap of Kubernetes' is 0777, and mounted read-only.
#[test]
fn what_is_mounted_read_only_is_nobody_s_to_write() {
    require_namespace!();
    let dir = directory("command = \"a\"");
    fs::set_permissions(dir.path().join("d"), fs::Permissions::from_mode(0o777)).unwrap();
    let check = |mount: &str| {
        let script = format!("set -e; {mount}; exec \"$RINIT\" check \"$DIR\"");
        let output = std::process::Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
            .env("RINIT", rinit_bin())
            .env("DIR", dir.path().join("d"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(check(":").contains("[world-writable]"));
    assert_eq!(check("mount --bind \"$DIR\" \"$DIR\"; mount -o remount,bind,ro \"$DIR\""), "");
}

#[test]
fn what_the_user_of_a_service_may_write_to_is_told() {
    require_root!();
    let dir = directory("command = \"a\"\nuser = \"54321:54322\"");
    assert_eq!(check(dir.path(), &["d"], &[]).stderr, "");
    std::os::unix::fs::chown(dir.path().join("d/a.toml"), Some(54321), None).unwrap();
    let told = check(dir.path(), &["d"], &[]).stderr;
    assert!(told.starts_with("d/a.toml: warning: the user of a may write to this file"), "{told}");
    assert!(told.contains("[service-writes-definitions]\n    = chown root:root d/a.toml\n"), "{told}");
    // By its group, if that may write.
    std::os::unix::fs::chown(dir.path().join("d/a.toml"), Some(0), Some(54322)).unwrap();
    assert_eq!(check(dir.path(), &["d"], &[]).stderr, "");
    fs::set_permissions(dir.path().join("d/a.toml"), fs::Permissions::from_mode(0o664)).unwrap();
    assert!(check(dir.path(), &["d"], &[]).stderr.contains("[service-writes-definitions]"));
}

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    let dir = directory("command = \"a\"");
    for (args, message) in [
        (&["--services", "d", "d"][..], "give the directories either as DIR or with --services, not both"),
        (&["--schema", "d"], "--schema stands alone"),
        (&["--schema", "--json"], "--schema stands alone"),
        (&["--stop-timeout", "9", "d"], "--stop-timeout \"9\": the unit is missing"),
    ] {
        let told = check(dir.path(), args, &[]);
        assert_eq!((told.status, told.stdout.as_str()), (2, ""), "{args:?}");
        assert!(told.stderr.contains(message), "{told:?}");
    }
    let told = check(dir.path(), &["d"], &["RINIT_STOP_TIMEOUT=soon".to_owned()]);
    assert_eq!(told.status, 2);
}

/// The init says nothing of what is merely unwise.
#[test]
fn the_init_does_not_warn() {
    let mut init =
        Launch::plain().service("a", "command = \"true\"\nrestart = \"no\"\nstop_signal = \"KILL\"").start();
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    let said = init.stderr();
    assert!(!said.contains("stop-signal-kill") && !said.contains("cannot be caught"), "{said}");
}

#[test]
fn the_examples_warn_of_nothing() {
    for (dir, timeout) in [
        ("services.d", "9s"),
        ("examples/nginx-redis/services.d", "9s"),
        ("examples/postgres/services.d", "40s"),
    ] {
        let told = check(&repository(), &["--json", "--stop-timeout", timeout, dir], &[]);
        let report: Value = serde_json::from_str(&told.stdout).unwrap();
        // The users that some name are in the image, perhaps not on this machine.
        let mut codes = report["diagnostics"].as_array().unwrap().iter().map(|found| &found["code"]);
        assert!(codes.all(|code| code == "account-missing"), "{told:?}");
    }
}

/// Variables that are unset here do not hide a mistake, and there is an end to what is said about them.
#[test]
fn a_crowd_of_unset_variables_is_a_warning_and_hides_no_mistake() {
    let variables: String = (0..150).map(|n| format!("V{n} = \"${{NOT_SET_{n}}}\"\n")).collect();
    let text = format!("command = [\"/bin/true\"]\n[environment]\n{variables}");
    let found = check(directory(&text).path(), &["d"], &[]);
    assert_eq!(found.status, 0, "{}", found.stderr);
    assert!(found.stderr.contains("warning: 50 more warnings are not shown"), "{}", found.stderr);
    let found = check(directory(&format!("{text}[healthcheck]\nsmell = 1\n")).path(), &["d"], &[]);
    assert_eq!(found.status, 1);
    assert!(found.stderr.contains("unknown key \"smell\" in healthcheck"), "{}", found.stderr);
}

/// A script that calls a tool of another supervisor may still work. `rinit check` says it; each start need not.
#[test]
fn tools_of_other_supervisors_are_noted_by_check_alone() {
    let dir = TempDir::new().unwrap();
    let run = dir.path().join("web/run");
    fs::create_dir(dir.path().join("web")).unwrap();
    fs::write(&run, "#!/bin/sh\nsv -w 5 up db\nexec sleep 60\n").unwrap();
    fs::set_permissions(&run, fs::Permissions::from_mode(0o755)).unwrap();
    let said = check(dir.path(), &["."], &[]);
    assert!(said.stderr.contains("sv does not work under rinit"), "{}{}", said.stderr, said.stdout);
    let sources = rinit::config::Sources {
        dirs: vec![dir.path().to_owned()],
        command: Vec::new(),
        environment: Vec::new(),
        style: None,
        root: "/".into(),
    };
    let notes = rinit::config::load(&sources).unwrap().notes;
    assert!(notes.iter().all(|note| !note.contains("does not work")), "{notes:?}");
}
