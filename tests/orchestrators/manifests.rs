//! The manifests of examples/visits: Kubernetes' are valid by the published schema, and everywhere the times fit.

use crate::require_schemas;
use crate::support::swarm::visits;
use crate::support::{Output, output, repository};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The first version that knows all that the manifests use, and the last that the package of schemas has.
const VERSIONS: [&str; 2] = ["1.30", "1.37"];

/// The longest that `rinit health` itself waits for an answer.
const ANSWER: Duration = Duration::from_secs(5);

/// What rinit's `--stop-timeout` is by itself.
const STOP_TIMEOUT: Duration = Duration::from_secs(9);

/// Between rinit's last SIGKILL and the orchestrator's.
const MARGIN: Duration = Duration::from_secs(1);

fn manifests(version: &str, files: &[PathBuf]) -> Output {
    let python = std::env::var("RINIT_TEST_PYTHON").unwrap();
    let mut args = vec![repository().join("tests/orchestrators/manifests.py"), version.into()];
    args.extend_from_slice(files);
    output(&python, &args).unwrap()
}

#[track_caller]
fn read(version: &str, files: &[PathBuf]) -> Vec<Value> {
    serde_json::from_str(&manifests(version, files).ok()).unwrap()
}

fn kubernetes() -> Vec<PathBuf> {
    ["store.yaml", "web.yaml"].map(|name| visits().join("kubernetes").join(name)).to_vec()
}

#[test]
fn kubernetes_manifests_are_valid() {
    require_schemas!();
    for version in VERSIONS {
        assert_eq!(read(version, &kubernetes()).len(), 6, "{version}");
    }
}

#[test]
fn a_mistake_in_a_manifest_would_be_seen() {
    require_schemas!();
    let web = std::fs::read_to_string(visits().join("kubernetes/web.yaml")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mistakes = [
        ("livenessProbe:", "livenessProb:"),
        ("periodSeconds: 2", "periodSeconds: 2s"),
        ("terminationGracePeriodSeconds", "terminationGracePeriod"),
        ("kind: Deployment", "kind: Deploymnet"),
    ];
    for (right, wrong) in mistakes {
        assert!(web.contains(right), "{right}");
        let file = dir.path().join("web.yaml");
        std::fs::write(&file, web.replacen(right, wrong, 1)).unwrap();
        assert_ne!(manifests(VERSIONS[1], &[file]).status, 0, "{wrong}");
    }
    assert_ne!(manifests("1.28", &kubernetes()).status, 0, "it did not know preStop.sleep");
}

/// Seconds as a number, or as "12s".
#[track_caller]
fn seconds(value: &Value) -> Duration {
    let text = value.as_str().and_then(|text| text.strip_suffix('s'));
    let number = text.map_or_else(|| value.as_u64(), |text| text.parse().ok());
    Duration::from_secs(number.unwrap_or_else(|| panic!("no seconds: {value}")))
}

/// The graces of a role's services: all of them, because each depends on another; and the longest.
#[track_caller]
fn graces(role: &str) -> (Duration, Duration) {
    let name = Path::new(role).strip_prefix("/etc/roles").unwrap();
    let sources = rinit::config::Sources {
        dirs: vec![visits().join("roles").join(name)],
        command: vec![],
        environment: vec![],
        style: None,
        root: "/".into(),
    };
    let services = rinit::config::load(&sources).unwrap().services;
    let graces = services.iter().map(|service| service.policy.stop_grace_period);
    (graces.clone().sum(), graces.max().unwrap())
}

/// Graces, rinit's time for the stop, the orchestrator's: each within the next. The longest grace.
#[track_caller]
fn assert_stop_fits(what: &str, role: &str, stop_timeout: Option<&Value>, outer: Duration) -> Duration {
    let (sum, longest) = graces(role);
    let stop_timeout = stop_timeout.map_or(STOP_TIMEOUT, seconds);
    assert!(sum <= stop_timeout, "{what}: {sum:?} of graces in {stop_timeout:?}");
    assert!(stop_timeout + MARGIN <= outer, "{what}: {stop_timeout:?} within {outer:?}");
    longest
}

/// Compose's and Swarm's files. Swarm ends what is unhealthy, and rinit has to have the time to heal it before.
#[test]
fn times_of_compose_and_swarm_fit() {
    require_schemas!();
    let dockerfile = std::fs::read_to_string(visits().join("Dockerfile")).unwrap();
    let (_, image) = dockerfile.split_once("HEALTHCHECK ").unwrap();
    let of_image = |option: &str| {
        let (_, rest) = image.split_once(&format!("--{option}=")).unwrap();
        seconds(&rest.split(' ').next().map(|text| format!("{}s", text.trim_end_matches('s'))).into())
    };
    for file in ["compose.yaml", "stack.yml"] {
        let documents = read("-", &[visits().join(file)]);
        let services = documents[0]["services"].as_object().unwrap();
        assert_eq!(services.len(), 3);
        for (name, service) in services {
            let what = format!("{file}: {name}");
            let environment = &service["environment"];
            let outer = service.get("stop_grace_period").map_or(Duration::from_secs(10), seconds);
            let role = environment["RINIT_SERVICES"].as_str().unwrap();
            let grace = assert_stop_fits(&what, role, environment.get("RINIT_STOP_TIMEOUT"), outer);

            let check = service.get("healthcheck");
            let time = |key: &str, option: &str| {
                check.map_or_else(|| of_image(option), |check| seconds(&check[key]))
            };
            assert!(time("timeout", "timeout") >= ANSWER, "{what}");
            let retries = u32::try_from(time("retries", "retries").as_secs()).unwrap();
            let patience = time("interval", "interval") * (retries - 1);
            assert!(patience > grace + MARGIN, "{what}: {patience:?} to heal, {grace:?} of grace");
        }
    }
}

#[test]
fn times_of_kubernetes_fit() {
    require_schemas!();
    let documents = read(VERSIONS[1], &kubernetes());
    let pods: Vec<&Value> =
        documents.iter().filter_map(|document| document.pointer("/spec/template/spec")).collect();
    assert_eq!(pods.len(), 2);
    for pod in pods {
        let container = &pod["containers"][0];
        let what = container["name"].as_str().unwrap();
        let variables = container["env"].as_array().unwrap();
        let variable =
            |name| variables.iter().find(|entry| entry["name"] == name).map(|entry| &entry["value"]);
        let pre_stop = container.pointer("/lifecycle/preStop/sleep/seconds").map_or(Duration::ZERO, seconds);
        let outer = seconds(&pod["terminationGracePeriodSeconds"]) - pre_stop;
        let role = variable("RINIT_SERVICES").unwrap().as_str().unwrap();
        assert_stop_fits(what, role, variable("RINIT_STOP_TIMEOUT"), outer);
        for (probe, scale) in
            [("startupProbe", "--startup"), ("readinessProbe", "--ready"), ("livenessProbe", "--live")]
        {
            let probe = &container[probe];
            assert_eq!(probe["exec"]["command"], serde_json::json!(["/sbin/rinit", "health", scale]));
            assert!(seconds(&probe["timeoutSeconds"]) >= ANSWER, "{what}: {probe}");
        }
    }
}
