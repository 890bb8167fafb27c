//! The table of keys. The reader works from it, and so does what describes the keys to people.

use super::definition::Draft;
use super::reader::{Reader, Value};
use super::{depends, environment, health, service};

/// One key of a definition.
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value is.
    pub kind: &'static str,
    /// What holds without it; empty where nothing does.
    pub default: &'static str,
    /// What it means, in one line.
    pub meaning: &'static str,
    /// An example, in TOML.
    pub example: &'static str,
    /// The keys of its table, where it is one.
    pub keys: &'static [Key],
    /// Reads a value into a draft.
    pub(super) read: fn(&mut Reader<'_>, &Value<'_>, &mut Draft),
}

/// The keys of a service.
pub static SERVICE: &[Key] = &[
    Key {
        name: "command",
        kind: "array of strings, or a string split as a shell splits it",
        default: "",
        meaning: "what is run",
        example: r#"command = ["nginx", "-g", "daemon off;"]"#,
        keys: &[],
        read: service::command,
    },
    Key {
        name: "description",
        kind: "string",
        default: "",
        meaning: "one line for people, shown by rinit status",
        example: r#"description = "the public web server""#,
        keys: &[],
        read: service::description,
    },
    Key {
        name: "restart",
        kind: "always, no, on-failure, on-failure:N or unless-stopped",
        default: "always",
        meaning: "when it is started again after it has ended; no makes it a task",
        example: r#"restart = "on-failure:5""#,
        keys: &[],
        read: service::restart,
    },
    Key {
        name: "backoff",
        kind: "table",
        default: "",
        meaning: "how long to wait before a restart",
        example: r#"backoff = { initial = "1s", max = "5m" }"#,
        keys: BACKOFF,
        read: service::backoff,
    },
    Key {
        name: "essential",
        kind: "boolean",
        default: "false",
        meaning: "when it stops for good, the container stops with its exit code",
        example: "essential = true",
        keys: &[],
        read: |reader, value, draft| set(&mut draft.service.policy.essential, reader.boolean(value)),
    },
    Key {
        name: "autostart",
        kind: "boolean",
        default: "true",
        meaning: "whether it is started without being asked for",
        example: "autostart = false",
        keys: &[],
        read: |reader, value, draft| set(&mut draft.service.policy.autostart, reader.boolean(value)),
    },
    Key {
        name: "depends_on",
        kind: "array of names, or table of name = condition",
        default: "",
        meaning: "what has to be there before it starts",
        example: r#"depends_on = { db = "service_healthy" }"#,
        keys: &[],
        read: depends::depends_on,
    },
    Key {
        name: "user",
        kind: "name or number, with or without :group",
        default: "as rinit itself",
        meaning: "who it runs as; with a group, in that group alone",
        example: r#"user = "1000:1000""#,
        keys: &[],
        read: service::user,
    },
    Key {
        name: "working_dir",
        kind: "absolute path",
        default: "where rinit was started",
        meaning: "the directory that it runs in",
        example: r#"working_dir = "/srv""#,
        keys: &[],
        read: service::working_dir,
    },
    Key {
        name: "environment",
        kind: "table of name = value, or array of \"NAME=VALUE\"",
        default: "",
        meaning: "variables added to rinit's own environment",
        example: r#"environment = { PORT = "8080" }"#,
        keys: &[],
        read: environment::environment,
    },
    Key {
        name: "env_file",
        kind: "path or array of paths, relative to the definition's directory",
        default: "",
        meaning: "files of NAME=VALUE lines; environment goes before them",
        example: "env_file = []",
        keys: &[],
        read: environment::env_file,
    },
    Key {
        name: "stop_signal",
        kind: "signal name or number, as a string",
        default: "SIGTERM; for main the signal that rinit got",
        meaning: "what asks it to stop",
        example: r#"stop_signal = "SIGQUIT""#,
        keys: &[],
        read: service::stop_signal,
    },
    Key {
        name: "stop_grace_period",
        kind: "duration",
        default: "10s",
        meaning: "how long it may take to stop before it is killed",
        example: r#"stop_grace_period = "30s""#,
        keys: &[],
        read: service::stop_grace_period,
    },
    Key {
        name: "healthcheck",
        kind: "table",
        default: "",
        meaning: "how to find out whether it is well; exactly one of test, http and tcp",
        example: r#"healthcheck = { http = "http://127.0.0.1:8080/health" }"#,
        keys: HEALTHCHECK,
        read: health::healthcheck,
    },
];

/// The keys of `backoff`.
pub static BACKOFF: &[Key] = &[
    Key {
        name: "initial",
        kind: "duration",
        default: "100ms",
        meaning: "the wait before the first restart",
        example: r#"initial = "1s""#,
        keys: &[],
        read: service::backoff_initial,
    },
    Key {
        name: "factor",
        kind: "number of at least 1",
        default: "2",
        meaning: "what each further wait is multiplied by",
        example: "factor = 1.5",
        keys: &[],
        read: |reader, value, draft| set(&mut draft.service.policy.backoff.factor, reader.factor(value)),
    },
    Key {
        name: "max",
        kind: "duration",
        default: "1m",
        meaning: "the longest wait",
        example: r#"max = "5m""#,
        keys: &[],
        read: service::backoff_max,
    },
    Key {
        name: "reset_after",
        kind: "duration",
        default: "10s",
        meaning: "after running so long it is restarted at once, and the waits begin anew",
        example: r#"reset_after = "1m""#,
        keys: &[],
        read: service::backoff_reset_after,
    },
];

/// The keys of `healthcheck`.
pub static HEALTHCHECK: &[Key] = &[
    Key {
        name: "test",
        kind: "string for /bin/sh -c, or array that begins with CMD, CMD-SHELL or NONE",
        default: "",
        meaning: "a program; exit status 0 is healthy",
        example: r#"test = ["CMD", "redis-cli", "ping"]"#,
        keys: &[],
        read: health::test,
    },
    Key {
        name: "http",
        kind: "http:// URL with an IP address or localhost",
        default: "",
        meaning: "a GET request; a status of 200 to 399 is healthy",
        example: r#"http = "http://127.0.0.1:8080/health""#,
        keys: &[],
        read: health::http,
    },
    Key {
        name: "tcp",
        kind: "ADDRESS:PORT with an IP address or localhost",
        default: "",
        meaning: "a connection; one that is accepted is healthy",
        example: r#"tcp = "127.0.0.1:6379""#,
        keys: &[],
        read: health::tcp,
    },
    Key {
        name: "interval",
        kind: "duration",
        default: "30s",
        meaning: "from the end of one probe to the start of the next, and before the first",
        example: r#"interval = "10s""#,
        keys: &[],
        read: health::interval,
    },
    Key {
        name: "timeout",
        kind: "duration",
        default: "30s",
        meaning: "how long one probe may take",
        example: r#"timeout = "3s""#,
        keys: &[],
        read: health::timeout,
    },
    Key {
        name: "start_period",
        kind: "duration",
        default: "0s",
        meaning: "for so long after the start failures do not count",
        example: r#"start_period = "20s""#,
        keys: &[],
        read: health::start_period,
    },
    Key {
        name: "start_interval",
        kind: "duration",
        default: "5s",
        meaning: "the interval during start_period, until the first success",
        example: r#"start_interval = "1s""#,
        keys: &[],
        read: health::start_interval,
    },
    Key {
        name: "retries",
        kind: "whole number of at least 1",
        default: "3",
        meaning: "so many failures in a row make it unhealthy",
        example: "retries = 5",
        keys: &[],
        read: |reader, value, draft| set(&mut draft.health.timing.retries, reader.count_from_1(value)),
    },
    Key {
        name: "on_unhealthy",
        kind: "restart, none or shutdown",
        default: "restart",
        meaning: "what is done with it then",
        example: r#"on_unhealthy = "none""#,
        keys: &[],
        read: health::on_unhealthy,
    },
];

/// The keys of one entry of `depends_on`.
pub static DEPENDENCY: &[Key] = &[Key {
    name: "condition",
    kind: "service_started, service_healthy or service_completed_successfully",
    default: "service_started",
    meaning: "what has to be true of it",
    example: r#"condition = "service_healthy""#,
    keys: &[],
    read: depends::condition,
}];

/// The table that a key belongs into: empty for the service itself.
pub(super) fn owner(name: &str) -> Option<&'static str> {
    let has = |keys: &[Key]| keys.iter().any(|key| key.name == name);
    if has(SERVICE) {
        return Some("");
    }
    SERVICE.iter().find(|key| has(key.keys)).map(|key| key.name)
}

/// Takes over a value that could be read.
pub(super) fn set<T>(into: &mut T, read: Option<T>) {
    if let Some(value) = read {
        *into = value;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{definition, source::Source, syntax, users::Accounts};
    use super::*;
    use std::path::Path;

    fn mistakes(text: &str) -> Vec<String> {
        let source = Source::new("x.toml", text);
        let accounts = Accounts::new(Path::new("/nonexistent"));
        let mut parsed = syntax::parse(&source);
        let mut draft = definition::Draft::new("x");
        let mut reader = Reader::new(&source, &accounts, &mut parsed);
        reader.table("", &parsed.table, SERVICE, &mut draft);
        reader.into_mistakes().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_example_is_right() {
        for key in SERVICE {
            assert_eq!(mistakes(key.example), [""; 0], "{}", key.name);
        }
        for key in BACKOFF {
            assert_eq!(mistakes(&format!("[backoff]\n{}", key.example)), [""; 0], "{}", key.name);
        }
        for key in HEALTHCHECK {
            let probe = if ["test", "http", "tcp"].contains(&key.name) { "" } else { "test = \"true\"" };
            let text = format!("[healthcheck]\n{}\n{probe}", key.example);
            assert_eq!(mistakes(&text), [""; 0], "{}", key.name);
        }
        assert_eq!(mistakes(&format!("[depends_on.db]\n{}", DEPENDENCY[0].example)), [""; 0]);
    }

    #[test]
    fn every_key_is_described_once() {
        for keys in [SERVICE, BACKOFF, HEALTHCHECK, DEPENDENCY] {
            for (index, key) in keys.iter().enumerate() {
                assert!(key.example.starts_with(key.name), "{}", key.name);
                assert!(!key.kind.is_empty() && !key.meaning.is_empty(), "{}", key.name);
                assert!(keys.iter().skip(index + 1).all(|other| other.name != key.name), "{}", key.name);
            }
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_model() {
        let draft = definition::Draft::new("x");
        let policy = &draft.service.policy;
        let timing = &draft.health.timing;
        let default = |keys: &[Key], name: &str| keys.iter().find(|key| key.name == name).unwrap().default;
        let show = crate::model::duration::format;
        assert_eq!(default(SERVICE, "essential"), policy.essential.to_string());
        assert_eq!(default(SERVICE, "autostart"), policy.autostart.to_string());
        assert_eq!(default(SERVICE, "stop_grace_period"), show(policy.stop_grace_period));
        assert_eq!(default(BACKOFF, "initial"), show(policy.backoff.initial));
        assert_eq!(default(BACKOFF, "factor"), policy.backoff.factor.to_string());
        assert_eq!(default(BACKOFF, "max"), show(policy.backoff.max));
        assert_eq!(default(BACKOFF, "reset_after"), show(policy.backoff.reset_after));
        assert_eq!(default(HEALTHCHECK, "interval"), show(timing.interval));
        assert_eq!(default(HEALTHCHECK, "timeout"), show(timing.timeout));
        assert_eq!(default(HEALTHCHECK, "start_interval"), show(timing.start_interval));
        assert_eq!(default(HEALTHCHECK, "retries"), timing.retries.to_string());
        assert!(timing.start_period.is_zero() && default(HEALTHCHECK, "start_period") == "0s");
    }
}
