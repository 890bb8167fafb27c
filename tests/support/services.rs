//! What `rinit status --json` tells of each service.

use super::docker::Container;
use super::{Output, PATIENCE, Running, wait_for_seen};
use std::collections::BTreeMap;
use std::time::Duration;

/// One service, as far as tests look at it.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
pub struct Service {
    pub name: String,
    pub state: String,
    pub health: Option<String>,
    pub pid: Option<i32>,
    pub restarts: u64,
    pub last_exit: Option<String>,
    pub reason: Option<String>,
    /// What it says of itself.
    pub says: Option<String>,
}

/// A running init that can be asked: in a container or in a PID namespace.
pub trait Status {
    /// `rinit WORD...`.
    fn ask(&self, words: &[&str]) -> Output;

    /// All services by name.
    #[track_caller]
    fn services(&self) -> BTreeMap<String, Service> {
        let told = self.ask(&["status", "--json"]);
        parse(&told).unwrap_or_else(|| panic!("no status: {told:?}"))
    }

    #[track_caller]
    fn service(&self, name: &str) -> Service {
        self.services().remove(name).unwrap_or_else(|| panic!("no service {name}"))
    }

    /// The service's process id; it must have a process.
    #[track_caller]
    fn pid_of(&self, name: &str) -> i32 {
        let service = self.service(name);
        service.pid.unwrap_or_else(|| panic!("no process: {service:?}"))
    }

    /// Every service that has a process, with its process id.
    #[track_caller]
    fn pids(&self) -> BTreeMap<String, i32> {
        self.services().into_values().filter_map(|service| Some((service.name, service.pid?))).collect()
    }

    /// Waits until the service is as `wanted`, also while no init answers.
    #[track_caller]
    fn wait_service(&self, name: &str, what: &str, wanted: impl Fn(&Service) -> bool) -> Service {
        wait_for_seen(&format!("{name}: {what}"), PATIENCE, || {
            let told = self.ask(&["status", "--json"]);
            let service = parse(&told).and_then(|mut services| services.remove(name));
            let found = service.clone().filter(&wanted);
            found.ok_or_else(|| {
                std::thread::sleep(Duration::from_millis(50)); // each question costs some processes
                service.map_or_else(|| format!("{told:?}"), |service| format!("{service:?}"))
            })
        })
    }

    #[track_caller]
    fn wait_state(&self, name: &str, state: &str) -> Service {
        self.wait_service(name, state, |service| service.state == state)
    }
}

impl Status for Container {
    fn ask(&self, words: &[&str]) -> Output {
        self.exec(&[&["/sbin/rinit"], words].concat())
    }
}

impl Status for Running {
    fn ask(&self, words: &[&str]) -> Output {
        self.rinit(words)
    }
}

fn parse(told: &Output) -> Option<BTreeMap<String, Service>> {
    #[derive(serde::Deserialize)]
    struct Report {
        services: Vec<Service>,
    }
    let report: Report = serde_json::from_str(&told.stdout).ok()?;
    Some(report.services.into_iter().map(|service| (service.name.clone(), service)).collect())
}
