//! Tests that need what this machine may lack: they say SKIPPED, or fail where nothing may be skipped (CI=true).

use super::docker::{EXAMPLE, POSTGRES, SCRATCH};
use std::io::Write;
use std::sync::OnceLock;

/// Ends the test here, with the reason.
#[macro_export]
macro_rules! skip {
    ($($why:tt)*) => {{
        $crate::support::skip::skipped(&format!($($why)*));
        return;
    }};
}

/// Skips the test unless it runs as root.
#[macro_export]
macro_rules! require_root {
    () => {
        if !$crate::support::skip::is_root() {
            $crate::skip!("needs root");
        }
    };
}

/// Skips the test unless a Docker engine with the tests' images answers.
#[macro_export]
macro_rules! require_docker {
    () => {
        if let Some(why) = $crate::support::skip::no_docker() {
            $crate::skip!("needs Docker: {why}");
        }
    };
}

/// Skips the test unless the engine of a swarm answers, with the image of examples/visits.
#[macro_export]
macro_rules! require_swarm {
    () => {
        if let Some(why) = $crate::support::swarm::no_swarm() {
            $crate::skip!("needs a swarm: {why}");
        }
    };
}

/// Skips the test unless there is a Python that has the published schemas of Kubernetes' API.
#[macro_export]
macro_rules! require_schemas {
    () => {
        if std::env::var_os("RINIT_TEST_PYTHON").is_none() {
            $crate::skip!("needs the schemas of Kubernetes' API: tests/run installs them");
        }
    };
}

/// Skips the test unless it may start a PID namespace: as root, or in a user namespace of its own.
#[macro_export]
macro_rules! require_namespace {
    () => {
        if let Some(why) = $crate::support::skip::no_namespace() {
            $crate::skip!("needs a PID namespace: {why}");
        }
    };
}

/// Says that a test is skipped, to the real standard error: libtest shows what it captures only when a test fails.
pub fn skipped(why: &str) {
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "must be skipped, which CI=true forbids: {why}"
    );
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // In one piece: other tests write at the same time.
    let _ = std::io::stderr().write_all(format!("SKIPPED: {test}: {why}\n").as_bytes());
}

pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Why there are no Docker tests here, if there are none.
pub fn no_docker() -> Option<String> {
    static WHY: OnceLock<Option<String>> = OnceLock::new();
    WHY.get_or_init(|| {
        for image in [EXAMPLE, POSTGRES, SCRATCH] {
            match super::output("docker", &["image", "inspect", "--format", "{{.Id}}", image]) {
                Ok(output) if output.status == 0 => {}
                Ok(output) => return Some(format!("{} (tests/run builds the images)", output.stderr.trim())),
                Err(error) => return Some(format!("cannot run docker: {error}")),
            }
        }
        None
    })
    .clone()
}

/// Why no PID namespace can be started here, if none can.
pub fn no_namespace() -> Option<String> {
    static WHY: OnceLock<Option<String>> = OnceLock::new();
    WHY.get_or_init(|| {
        let mut args = super::launch::unshare_args(is_root());
        args.push("true");
        match super::output("unshare", &args) {
            Ok(output) if output.status == 0 => None,
            Ok(output) => Some(output.stderr.trim().to_owned()),
            Err(error) => Some(format!("cannot run unshare: {error}")),
        }
    })
    .clone()
}
