//! Trees under rinit alone: s6-rc, whose programs no distribution of the tests has, reloads, and the command line.

use super::text;
use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, Running, wait_for};
use crate::{require_namespace, support};
use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::fs::PermissionsExt;

const SLEEP: &str = "#!/bin/sh\nexec sleep 100000\n";

fn start(tree: &str) -> Running {
    let launch = Launch::pid1();
    let dir = launch.dir().to_owned();
    text::make(&tree.replace("${DIR}", &dir.display().to_string()), &dir);
    launch.services(&dir.join("tree")).start()
}

/// The lines that services have written into a file of theirs.
fn told(init: &Running) -> Vec<String> {
    let text = fs::read_to_string(init.dir().join("told")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

const ORDER: &str = "\
-- tree/mount/type
oneshot
-- tree/mount/up
/bin/sh -c \"sleep 0.2; echo mounted >> ${DIR}/told\"
-- tree/mount/down
/bin/sh -c \"echo unmounted >> ${DIR}/told\"
-- tree/point/type
oneshot
-- tree/point/up
# nothing
-- tree/point/dependencies.d/mount
-- tree/db/type
longrun
-- tree/db/run x
#!/bin/sh
trap 'echo db ends >> ${DIR}/told; exit 0' TERM
echo db starts >> ${DIR}/told
sleep 0.2
echo db is ready >> ${DIR}/told
echo >&3
while :; do sleep 100000 & wait $!; done
-- tree/db/notification-fd
3
-- tree/db/dependencies.d/point
-- tree/web/type
longrun
-- tree/web/run x
#!/bin/sh
echo web starts >> ${DIR}/told
trap 'echo web ends >> ${DIR}/told; exit 0' TERM
while :; do sleep 100000 & wait $!; done
-- tree/web/dependencies
db
-- tree/other/type
longrun
-- tree/other/run x
#!/bin/sh
echo other starts >> ${DIR}/told
exec sleep 100000
-- tree/user/contents.d/web
-- tree/extra/contents.d/other
";

#[test]
fn source_definitions_start_in_order_and_are_undone_in_reverse() {
    require_namespace!();
    let mut init = start(ORDER);
    wait_for("the last of them", PATIENCE, || told(&init).contains(&"web starts".to_owned()).then_some(()));
    init.wait_healthy(PATIENCE);
    assert_eq!(told(&init), ["mounted", "db starts", "db is ready", "web starts"]);
    init.rinit(&["start", "extra"]).ok();
    wait_for("the bundle", PATIENCE, || told(&init).contains(&"other starts".to_owned()).then_some(()));
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    assert_eq!(told(&init)[5..], ["web ends", "db ends", "unmounted"]);
}

#[test]
fn a_pipeline_carries_every_line() {
    require_namespace!();
    let writer = |name: &str| {
        format!(
            "-- tree/{name}/type\nlongrun\n-- tree/{name}/run x\n#!/bin/sh\nfor n in 1 2 3; do echo {name} $n; done\n\
             exec sleep 100000\n-- tree/{name}/producer-for\nfilter\n"
        )
    };
    let mut init = start(&format!(
        "{}{}-- tree/filter/type\nlongrun\n-- tree/filter/run x\n#!/bin/sh\nexec sed -u s/^/filtered./\n\
         -- tree/filter/consumer-for\na\nb\n-- tree/filter/producer-for\nlog\n\
         -- tree/log/type\nlongrun\n-- tree/log/run x\n#!/bin/sh\nexec cat >> ${{DIR}}/told\n\
         -- tree/log/consumer-for\nfilter\n-- tree/log/pipeline-name\nall\n",
        writer("a"),
        writer("b")
    ));
    wait_for("six lines", PATIENCE, || (told(&init).len() == 6).then_some(()));
    let mut lines = told(&init);
    lines.sort();
    let expected = ["a 1", "a 2", "a 3", "b 1", "b 2", "b 3"].map(|line| format!("filtered.{line}"));
    assert_eq!(lines, expected);
    init.rinit(&["stop", "all"]).ok();
    assert_eq!(init.find("sleep 100000").len(), 0);
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
}

#[test]
fn a_reload_reads_directories_again() {
    require_namespace!();
    let tree = format!(
        "-- tree/same/run x\n{SLEEP}-- tree/gone/run x\n{SLEEP}-- tree/grace/run x\n{SLEEP}\
         -- tree/signal/run x\n{SLEEP}-- tree/logged/run x\n{SLEEP}-- tree/toml.toml\ncommand = \"sleep 100000\"\n"
    );
    let init = start(&tree);
    init.wait_healthy(PATIENCE);
    let before = init.pids();
    let dir = init.dir().join("tree");
    // A mistake, and nothing changes.
    let run = dir.join("same/run");
    fs::set_permissions(&run, fs::Permissions::from_mode(0o644)).unwrap();
    let refused = init.rinit(&["reload"]);
    assert_eq!(refused.status, 1);
    assert!(
        refused.stderr.contains("same/run: error: it is not executable\n    = chmod +x /"),
        "{refused:?}"
    );
    fs::set_permissions(&run, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(init.rinit(&["reload"]).ok(), "nothing has changed");
    assert_eq!(init.pids(), before);

    fs::remove_dir_all(dir.join("gone")).unwrap();
    fs::write(dir.join("grace/timeout-kill"), "4000").unwrap();
    fs::remove_file(dir.join("toml.toml")).unwrap();
    let more = format!(
        "-- tree/logged/log/run x\n#!/bin/sh\nexec cat\n-- tree/signal/notification-fd\n3\n-- tree/new/run x\n{SLEEP}\
         -- tree/toml/run x\n{SLEEP}"
    );
    text::make(&more, init.dir());
    fs::remove_file(dir.join("signal/notification-fd")).unwrap();
    fs::write(dir.join("signal/down-signal"), "INT").unwrap();
    init.rinit(&["reload"]).ok();
    init.wait_healthy(PATIENCE);
    let after = init.pids();
    assert_eq!((after.get("same"), after.get("grace")), (before.get("same"), before.get("grace")));
    assert_eq!(after.get("signal"), before.get("signal"));
    assert_eq!(after.get("gone"), None);
    assert!(after.contains_key("new") && after.contains_key("logged-log"));
    assert_ne!(after.get("logged"), before.get("logged"));
    assert_ne!(after.get("toml"), before.get("toml"));
}

/// `rinit check` with these words, in a directory with a tree.
fn check(tree: &str, words: &[&str]) -> support::Output {
    let dir = tempfile::tempdir().unwrap();
    text::make(tree, dir.path());
    let mut command = std::process::Command::new("sh");
    let script = format!("cd {} && exec \"$0\" check \"$@\"", dir.path().display());
    command.args(["-c", &script]).arg(support::rinit_bin()).args(words);
    support::launch::clean_environment(&mut command);
    let output = support::output_of(&mut command).unwrap();
    let path = fs::canonicalize(dir.path()).unwrap().display().to_string();
    support::Output { stdout: output.stdout.replace(&path, "DIR"), ..output }
}

#[test]
fn check_says_what_each_directory_became() {
    let tree = format!(
        "-- tree/web/run x\n{SLEEP}-- tree/web/log/run x\n{SLEEP}-- tree/db/run x\n{SLEEP}-- tree/db/check x\n{SLEEP}\
         -- tree/once/type\noneshot\n-- tree/once/up\n/bin/true\n-- tree/all/contents.d/once\n-- tree/rc/type\nlongrun\n\
         -- tree/rc/run x\n{SLEEP}-- tree/t.toml\ncommand = \"true\"\n-- tree/web/timeout-kill\n5\n"
    );
    let shown = check(&tree, &["tree"]).ok();
    for line in [
        "all: bundle of s6-rc",
        "db: service directory of runit",
        "once: oneshot of s6-rc",
        "rc: longrun of s6-rc",
        "web: service directory of s6",
        "web-log: logger of web",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line} is missing in:\n{shown}");
    }
    let json: serde_json::Value = serde_json::from_str(&check(&tree, &["--json", "tree"]).ok()).unwrap();
    assert_eq!(json["directories"]["web-log"], "logger of web");
    assert_eq!(json["directories"]["t"], serde_json::Value::Null);
}

#[test]
fn the_style_is_an_option_and_a_variable() {
    let tree = format!("-- tree/web/run x\n{SLEEP}-- tree/web/finish x\n{SLEEP}");
    let noted = check(&tree, &["tree"]);
    assert!(noted.stderr.contains("note: tree/web: taken for one of s6"), "{noted:?}");
    let shown = check(&tree, &["--style", "runit", "--toml", "tree"]).ok();
    let expected = r#"# web.toml
command = ["./run"]
backoff = { initial = "1s", factor = 1, max = "1s", reset_after = "1s" }
working_dir = "DIR/tree/web"
kill_mode = "process"
post_stop = ["./finish"]
post_stop_timeout = "31622400s"
finish = "runit""#;
    assert_eq!(shown, expected);
    let refused = check("-- tree/web/run\nx\n", &["--toml", "tree"]);
    assert_eq!((refused.status, refused.stdout.as_str()), (1, ""));
    assert!(refused.stderr.contains("= chmod +x tree/web/run"), "{refused:?}");
}

#[test]
fn finish_runs_where_no_deaths_can_be_written() {
    require_namespace!();
    let ends = |name: &str| {
        let run = format!("-- tree/{name}/run x\n#!/bin/sh\nexit 3\n");
        format!("{run}-- tree/{name}/finish x\n#!/bin/sh\necho $3 >> ${{DIR}}/told\nexit 125\n")
    };
    let init = start(&format!(
        "{}-- tree/web/supervise\nin the way\n\
         {}-- tree/db/supervise/death_tally -> ${{DIR}}/elsewhere\n\
         -- tree/idle/run x\n{SLEEP}",
        ends("web"),
        ends("db")
    ));
    let mut names = wait_for("both", PATIENCE, || Some(told(&init)).filter(|told| told.len() == 2));
    names.sort();
    assert_eq!(names, ["db", "web"]);
    assert!(!init.dir().join("elsewhere").exists(), "a link is not followed");
}

/// As s6-overlay's images have them. What follows it is executed, with the environment that all services have.
#[test]
fn scripts_for_with_contenv_run_without_it() {
    require_namespace!();
    let mut init = start(
        "\
-- tree/once/type
oneshot
-- tree/once/up
${DIR}/tree/once/script word
-- tree/once/script x
#!/command/with-contenv sh
echo \"once $1 $RINIT_SERVICE\" >> ${DIR}/told
-- tree/web/type
longrun
-- tree/web/dependencies.d/once
-- tree/web/run x
#!/usr/bin/with-contenv sh
echo \"web $1 $RINIT_SERVICE\" >> ${DIR}/told
exec sleep 100000
-- tree/web/finish x
#!/usr/bin/with-contenv sh
echo \"ended $1 $2 $3\" >> ${DIR}/told
",
    );
    wait_for("both", PATIENCE, || (told(&init).len() == 2).then_some(()));
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    assert_eq!(told(&init), ["once word once", "web web web", "ended 256 15 web"]);
}
