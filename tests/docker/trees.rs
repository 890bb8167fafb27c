//! Three hundred services in the manner of s6, of s6-rc and of runit, with dependencies, in one container.

use crate::require_docker;
use crate::support::PATIENCE;
use crate::support::docker::{ContainerBuilder, SCRATCH};
use crate::trees::text;
use std::fmt::Write;
use std::time::Duration;

/// Of each kind.
const EACH: usize = 100;
/// Busybox has nothing to wait with that ends at SIGTERM but this.
const RUN: &str = "run x\n#!/bin/sh\nexec sleep 100000\n";

/// Every tenth has a logger, and every s6-rc service depends on the one before; the first of each ten is a oneshot.
fn tree() -> String {
    let mut tree = String::new();
    for n in 0..EACH {
        write!(tree, "-- tree/s6-{n}/{RUN}-- tree/s6-{n}/timeout-kill\n5000\n").unwrap();
        write!(tree, "-- tree/runit-{n}/{RUN}-- tree/runit-{n}/check x\n#!/bin/sh\nexit 0\n").unwrap();
        if n % 10 == 0 {
            for style in ["s6", "runit"] {
                write!(tree, "-- tree/{style}-{n}/log/run x\n#!/bin/sh\nexec cat\n").unwrap();
            }
            write!(tree, "-- tree/rc-{n}/type\noneshot\n-- tree/rc-{n}/up\n/bin/true\n").unwrap();
            write!(tree, "-- tree/rc-{n}/down\n/bin/true\n").unwrap();
        } else {
            write!(tree, "-- tree/rc-{n}/type\nlongrun\n-- tree/rc-{n}/{RUN}").unwrap();
        }
        if n > 0 {
            writeln!(tree, "-- tree/rc-{n}/dependencies.d/rc-{}", n - 1).unwrap();
        }
        writeln!(tree, "-- tree/user/contents.d/rc-{n}").unwrap();
    }
    writeln!(tree, "-- tree/last.toml\ncommand = \"sleep 100000\"\ndepends_on = [\"user\", \"runit-7\"]")
        .unwrap();
    tree
}

#[test]
fn three_hundred_services_of_three_kinds_come_and_go() {
    require_docker!();
    let builder = ContainerBuilder::new(SCRATCH);
    let dir = builder.shared_dir();
    text::make(&tree(), &dir);
    let services = format!("--volume={}:/etc/services.d:ro", dir.join("tree").display());
    // A chain of a hundred shares the time, and a busy machine needs its time for each.
    let patience = ["--env=RINIT_STOP_TIMEOUT=110s", "--stop-timeout=120"];
    let container = builder.options(&[&services]).options(&patience).start();
    container.wait_healthy(Duration::from_secs(60));
    let status = container.exec(&["/sbin/rinit", "status", "--json"]).ok();
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    let services = status["services"].as_array().unwrap();
    // With the loggers and the one in TOML.
    assert_eq!(services.len(), 3 * EACH + 2 * EACH / 10 + 1);
    let count = |state: &str| services.iter().filter(|service| service["state"] == state).count();
    assert_eq!((count("running"), count("completed")), (3 * EACH + EACH / 10 + 1, EACH / 10), "{status:#}");
    let pid_of = |name: &str| {
        services.iter().find(|service| service["name"] == name).unwrap()["pid"].as_i64().unwrap()
    };
    assert!(pid_of("rc-9") < pid_of("rc-11") && pid_of("rc-11") < pid_of("last"));
    container.stop();
    assert_eq!(container.exit_code(), 0, "{:#?}", container.logs());
    container.wait_log(&["stopped in"], PATIENCE);
    // Each one ends by SIGTERM, as sleep does.
    assert_eq!(container.count_log(&["SIGKILL"]), 0);
}
