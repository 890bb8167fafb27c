//! The driver `console`.

use super::{lines_of, logger, sh};
use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, wait_for_seen};
use crate::{require_namespace, skip};
use nix::sys::signal::Signal;

const STAYS: &str = "exec sleep 1000";

#[test]
fn lines_have_the_names_of_their_services() {
    require_namespace!();
    let mut init = Launch::pid1()
        .service("web", &sh(&format!("echo hello; echo oh >&2; {STAYS}")))
        .service("database", &sh(&format!("echo up; {STAYS}")))
        .arg("--log-driver")
        .arg("console")
        .start();
    init.wait_line("a line of web", |line| line == "web       | hello");
    init.wait_line("another one", |line| line == "web       | oh");
    init.wait_line("a line of database", |line| line == "database  | up");
    assert!(init.stderr().contains("web       | oh\n") && !init.stdout().contains("oh"));
    assert_eq!(init.services().into_keys().collect::<Vec<_>>(), ["database", "web"], "the logger is hidden");
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    // Nothing is said of the logger as long as it is well.
    assert!(!init.stderr().contains("logger"), "{}", init.stderr());
    assert!(init.stderr().contains("2 services to stop"));
}

#[test]
fn each_service_may_have_a_driver_and_a_format_of_its_own() {
    require_namespace!();
    let mut init = Launch::pid1()
        .service("a", &(sh("echo from a; exit 0") + "restart = \"no\"\n"))
        .service(
            "b",
            &(sh("printf 'caf\\351 \"b\"'")
                + "restart = \"no\"\n[logging]\ndriver = \"console\"\noptions = { format = \"json\" }\n"),
        )
        .service("c", &(sh("echo from c") + "restart = \"no\"\nlogging.driver = \"none\"\n"))
        .service("d", &(sh("echo from d") + "restart = \"no\"\nlogging.driver = \"inherit\"\n"))
        .env("RINIT_LOG_DRIVER", "console")
        .env("RINIT_LOG_OPTS", "timestamps=true")
        .start();
    // When every service has ended, so has the container: the logger does not hold it.
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    let stdout = init.stdout();
    let line = |of: &str| stdout.lines().find(|line| line.starts_with(of)).unwrap_or_default().to_owned();
    assert!(line("a  | 20").ends_with("Z from a"), "{stdout}");
    let json: serde_json::Value = serde_json::from_str(&line("{")).unwrap();
    assert_eq!(
        (&json["service"], &json["stream"], &json["log"]),
        (&"b".into(), &"stdout".into(), &"caf\u{fffd} \"b\"".into())
    );
    assert!(json["time"].as_str().unwrap().ends_with('Z') && json.as_object().unwrap().len() == 4);
    assert!(
        !stdout.contains("from c") && stdout.contains("\nfrom d\n") || stdout.starts_with("from d\n"),
        "{stdout}"
    );
}

#[test]
fn lines_are_whole_however_they_are_written() {
    require_namespace!();
    // Partial lines, what is no UTF-8, a NUL, 200 KiB without an end of line, and a last line without one by a process that
    // is killed in the middle of it.
    let script = "i=0; while [ $i -lt 50 ]; do printf 'one '; printf 'line\\n'; i=$((i+1)); done; \
                  printf 'bytes \\377\\376 \\000.\\n'; head -c 204800 /dev/zero | tr '\\0' x; echo; \
                  printf 'last wor'; kill -9 $$";
    let mut init = Launch::pid1()
        .service("web", &(sh(script) + "restart = \"no\"\n"))
        .service(
            "noise",
            &(sh("i=0; while [ $i -lt 500 ]; do echo noise $i; i=$((i+1)); done") + "restart = \"no\"\n"),
        )
        .arg("--log-driver")
        .arg("console")
        .start();
    // The exit status is that of the service that has failed.
    assert_eq!(init.wait_exit(PATIENCE).status, 137);
    let web = lines_of(&init, "web");
    assert_eq!(web[..50], vec!["one line".to_owned(); 50]);
    assert_eq!(web[50], "bytes \u{fffd}\u{fffd} \0.");
    let long: Vec<usize> = web[51..55].iter().map(String::len).collect();
    assert_eq!(long, [65536, 65536, 65536, 204_800 - 3 * 65536]);
    assert_eq!(init.stdout().matches("web    + ").count(), 3);
    assert_eq!(web[55..], ["last wor"]);
    let noise: Vec<String> = (0..500).map(|number| format!("noise {number}")).collect();
    assert_eq!(lines_of(&init, "noise"), noise);
}

/// The pipes are there before the first line, and after the last one.
#[test]
fn words_of_hooks_and_last_words_are_delivered() {
    require_namespace!();
    let script = "trap 'echo told; printf bye; exit' TERM; echo runs; while :; do sleep 1000 & wait $!; done";
    let mut init = Launch::pid1()
        .service("web", &(sh(script) + "pre_start = \"echo before\"\npost_stop = \"echo after\"\n"))
        .arg("--log-driver")
        .arg("console")
        .start();
    init.wait_line("its line", |line| line == "web  | runs");
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
    assert_eq!(lines_of(&init, "web"), ["before", "runs", "told", "bye", "after"]);
}

#[test]
fn command_is_a_service_like_others() {
    require_namespace!();
    let mut init = Launch::pid1()
        .arg("--log-driver")
        .arg("console")
        .command(&["sh", "-c", "echo hello; exit 7"])
        .start();
    assert_eq!(init.wait_exit(PATIENCE).status, 7);
    assert_eq!(init.stdout(), "main  | hello\n");
}

/// Where nobody asks for a logger there is none, and nothing of it.
#[test]
fn without_a_driver_everything_is_as_before() {
    require_namespace!();
    let mut init =
        Launch::pid1().service("web", &sh(&format!("echo hello; {STAYS}"))).service("x", &sh(STAYS)).start();
    init.wait_line("its line", |line| line == "hello");
    assert!(init.find("rinit-logger").is_empty());
    let told = init.rinit(&["status", ".logger"]);
    assert!(told.stderr.contains("no service is called .logger"), "{told:?}");
    let web = init.pid_of("web");
    let same = init.run(&["sh", "-c", &format!("[ /proc/1/fd/1 -ef /proc/{web}/fd/1 ] && echo same")]);
    assert_eq!(same.ok(), "same");
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
}

/// It needs no right but to write: no capability, and none by executing something.
#[test]
fn the_logger_has_few_rights() {
    require_namespace!();
    let init = Launch::pid1().service("web", &sh(STAYS)).arg("--log-driver").arg("console").start();
    let pid = logger(&init, None);
    let status = init.run(&["cat", &format!("/proc/{pid}/status")]).ok();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.trim().to_owned()
    };
    assert_eq!((field("CapPrm:"), field("CapEff:")), ("0".repeat(16), "0".repeat(16)));
    assert_eq!(field("NoNewPrivs:"), "1");
    assert_eq!(field("Name:"), "rinit-logger");
    let refused = init.rinit(&["stop", ".logger"]);
    assert_eq!(refused.status, 1, "{refused:?}");
    let names = |words: &[&str]| -> Vec<String> {
        let report: serde_json::Value = serde_json::from_str(&init.rinit(words).ok()).unwrap();
        let services = report["services"].as_array().unwrap().iter();
        services.map(|service| service["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&["status", "--json", "*"]), ["web"], "a pattern means services");
    assert_eq!(names(&["status", "--json", "-a"]), [".logger", "web"]);
}

/// Nobody wakes up while nothing is written.
#[test]
fn an_idle_logger_sleeps() {
    require_namespace!();
    let init = Launch::pid1()
        .service("web", &sh(&format!("echo hello; {STAYS}")))
        .arg("--log-driver")
        .arg("console")
        .start();
    init.wait_line("its line", |line| line == "web  | hello");
    let pid = logger(&init, None);
    let Some(before) = switches(&init, pid) else { skip!("the kernel does not count switches") };
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(switches(&init, pid), Some(before));
    wait_for_seen("its memory to be small", PATIENCE, || {
        let status = init.run(&["cat", &format!("/proc/{pid}/status")]).ok();
        let rss =
            status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap_or("0 kB").trim().to_owned();
        let kib: u64 = rss.trim_end_matches(" kB").parse().unwrap();
        if kib < 600 { Ok(()) } else { Err(rss) }
    });
}

fn switches(init: &crate::support::Running, pid: i32) -> Option<String> {
    let status = init.run(&["cat", &format!("/proc/{pid}/status")]).ok();
    status.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).map(str::to_owned)
}
