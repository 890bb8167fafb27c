//! A reload that adds, changes and removes services that log.

use super::{lines_of, logger, sh};
use crate::require_namespace;
use crate::support::services::Status;
use crate::support::{Launch, PATIENCE, Running, wait_for_seen};
use nix::sys::signal::Signal;

const TALKS: &str = "trap 'echo told; exit' TERM; echo begun; while :; do sleep 1000 & wait $!; done";

fn define(init: &Running, name: &str, toml: &str) {
    std::fs::write(init.dir().join(format!("services.d/{name}.toml")), toml).unwrap();
}

/// How many ends of pipes PID 1 has.
fn ends(init: &Running) -> String {
    init.run(&["sh", "-c", "ls -l /proc/1/fd | grep -c pipe: || true"]).ok()
}

#[track_caller]
fn wait_ends(init: &Running, expected: &str) {
    wait_for_seen("the ends of pipes", PATIENCE, || {
        let left = ends(init);
        if left == expected { Ok(()) } else { Err(format!("{left} in place of {expected}")) }
    });
}

#[test]
fn the_logger_comes_and_goes_with_those_that_need_it() {
    require_namespace!();
    let mut init = Launch::pid1().service("x", &sh("exec sleep 1000")).start();
    init.wait_state("x", "running");
    let (own, x) = (ends(&init), init.pid_of("x"));
    assert!(init.find("rinit-logger").is_empty());

    let console = "logging.driver = \"console\"\n";
    define(&init, "web", &(sh(TALKS) + console));
    init.rinit(&["reload"]).ok();
    init.wait_line("its line", |line| line == "web  | begun");
    let pid = logger(&init, None);
    define(&init, "db", &(sh(TALKS) + console));
    init.rinit(&["reload"]).ok();
    init.wait_line("the line of the other", |line| line == "db   | begun");
    assert_eq!(logger(&init, None), pid, "one logger for all");

    // What takes effect without a restart.
    let web = init.pid_of("web");
    define(&init, "web", &(sh(TALKS) + "[logging]\ndriver = \"console\"\noptions = { format = \"json\" }\n"));
    init.rinit(&["reload"]).ok();
    assert_eq!(init.pid_of("web"), web);
    init.rinit(&["restart", "web"]).ok();
    init.wait_line("a line of JSON", |line| {
        line.contains("\"service\":\"web\"") && line.contains("\"log\":\"told\"")
    });
    define(&init, "web", &(sh(TALKS) + "logging.driver = \"none\"\n"));
    init.rinit(&["reload"]).ok();
    init.rinit(&["restart", "web"]).ok();

    // One logs no more, the other one is gone.
    define(&init, "web", &sh(TALKS));
    init.rinit(&["reload"]).ok();
    init.wait_line("a line as it is", |line| line == "begun");
    std::fs::remove_file(init.dir().join("services.d/db.toml")).unwrap();
    init.rinit(&["reload"]).ok();
    init.wait_line("the last words of db", |line| line == "db   | told");
    wait_for_seen("the logger to be gone", PATIENCE, || {
        let left = init.find("rinit-logger");
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    });
    wait_ends(&init, &own);
    assert_eq!(lines_of(&init, "db"), ["begun", "told"]);
    assert_eq!(init.pid_of("x"), x);
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
}

#[test]
fn a_service_that_comes_back_logs_again() {
    require_namespace!();
    let mut init = Launch::pid1()
        .service("web", &sh(TALKS))
        .service("x", &sh("exec sleep 1000"))
        .arg("--log-driver")
        .arg("console")
        .start();
    init.wait_line("its line", |line| line == "web  | begun");
    let with_web = ends(&init);
    for round in 1..4 {
        std::fs::remove_file(init.dir().join("services.d/web.toml")).unwrap();
        init.rinit(&["reload"]).ok();
        wait_for_seen("its last words", PATIENCE, || {
            let lines = lines_of(&init, "web");
            if lines.len() == 2 * round { Ok(()) } else { Err(format!("{lines:?}")) }
        });
        define(&init, "web", &sh(TALKS));
        init.rinit(&["reload"]).ok();
        wait_for_seen("its line again", PATIENCE, || {
            let lines = lines_of(&init, "web");
            if lines.len() == 2 * round + 1 { Ok(()) } else { Err(format!("{lines:?}")) }
        });
        wait_ends(&init, &with_web);
    }
    init.signal(Signal::SIGTERM);
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
}
