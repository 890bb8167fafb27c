//! What the answers carry: plain data. A field that an older init does not send is taken as empty.

#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What `health` found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthReport {
    /// Whether there are no problems.
    pub healthy: bool,
    /// How many services were asked about.
    #[serde(default)]
    pub services: usize,
    /// How many of these somebody has stopped.
    #[serde(default)]
    pub stopped: usize,
    /// How many of these are started on demand alone, and were not.
    #[serde(default)]
    pub not_started: usize,
    /// What is not well, in the order of the definitions.
    #[serde(default)]
    pub problems: Vec<Problem>,
}

/// One service that is not well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Its name; empty if it is no service's problem.
    pub service: String,
    /// What is wrong, on one line.
    pub message: String,
}

/// What came of it, for one service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionResult {
    /// Its name.
    pub service: String,
    /// Whether it is as it was to be.
    pub done: bool,
    /// What it is now, for people: its state, and why.
    pub message: String,
}

/// What a reload has changed, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadReport {
    /// New, and started.
    pub start: Vec<String>,
    /// Gone, and stopped.
    pub stop: Vec<String>,
    /// Changed, and restarted.
    pub restart: Vec<String>,
    /// Changed in what takes effect without a restart.
    pub change: Vec<String>,
}

/// How the container stopped the last time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastStopReport {
    /// When, as RFC 3339 has it.
    pub when: String,
    /// Why.
    pub cause: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// The services that had to be killed.
    pub killed: Vec<String>,
    /// The exit status of the container.
    pub exit_status: u8,
}

/// What `status` found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// In the order of the definitions.
    pub services: Vec<ServiceStatus>,
    /// The container is stopping.
    #[serde(default)]
    pub stopping: bool,
    /// How it stopped the last time, where that could be remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_stop: Option<LastStopReport>,
}

/// One service. What is not known is `null`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Its name.
    pub name: String,
    /// From its definition.
    pub description: Option<String>,
    /// `stopped`, `waiting`, `starting`, `running`, `stopping`, `backoff`, `paused`, `completed` or `failed`.
    pub state: String,
    /// `starting`, `healthy` or `unhealthy`, if it has a health check.
    pub health: Option<String>,
    /// Its main process.
    pub pid: Option<i32>,
    /// How long it has been in this state, in milliseconds.
    #[serde(default)]
    pub since_ms: u64,
    /// How often it was started again.
    #[serde(default)]
    pub restarts: u64,
    /// `exited with code 1`, `killed by SIGKILL`.
    pub last_exit: Option<String>,
    /// That was asked for: by a stop, a restart or a reload.
    #[serde(default)]
    pub exit_asked: bool,
    /// Why rinit itself ended it, to start it again: it was unhealthy, for instance.
    #[serde(default)]
    pub exit_reason: Option<String>,
    /// Why it has failed.
    pub reason: Option<String>,
    /// What it says of itself, by systemd's `STATUS=`.
    #[serde(default)]
    pub says: Option<String>,
    /// The dependencies that are not there yet.
    #[serde(default)]
    pub waiting_for: Vec<String>,
    /// In `backoff`: when it is started again.
    pub restart_in_ms: Option<u64>,
    /// How many probes have failed in a row, if it has a health check.
    pub failing_streak: Option<u32>,
    /// The last probes, oldest first; only if the service was asked for by name.
    #[serde(default)]
    pub probes: Vec<ProbeResult>,
    /// Where it is defined.
    pub file: Option<String>,
    /// What it is defined as, and more; only if the service was asked for by name. An object, as `init/requests/details.rs`
    /// makes it and the reference describes it: its fields are read by people mostly, and as types they would cost
    /// every image kilobytes.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub details: Value,
}

/// The result of one probe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeResult {
    /// How long ago it was started, in milliseconds.
    pub started_ms_ago: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Its exit code; 128 + N if signal N ended it; `null` if it was killed at its timeout.
    pub exit_code: Option<i32>,
    /// It was killed at its timeout.
    #[serde(default)]
    pub timed_out: bool,
    /// What it wrote, at most 4,096 bytes.
    #[serde(default)]
    pub output: String,
    /// It was a probe of an earlier process of the service.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub earlier: bool,
}
