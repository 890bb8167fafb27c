//! The keys of the tables in a service.

use super::super::{depends, environment, health, service};
use super::{Key, set};

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
        meaning: "once it has been ready (and healthy, with a health check) for this time, the next restart comes at once, \
                  and the waits and the count begin anew",
        example: r#"reset_after = "1m""#,
        keys: &[],
        read: service::backoff_reset_after,
    },
    Key {
        name: "limit",
        kind: "whole number from 1 to 1000",
        default: "no limit",
        meaning: "maximum number of restarts in a row, or within window; after that the service fails",
        example: "limit = 5",
        keys: &[],
        read: |reader, value, draft| {
            draft.service.policy.backoff.limit = reader.number(value, 1..=service::MOST_RESTARTS);
        },
    },
    Key {
        name: "window",
        kind: "duration",
        default: "only restarts in a row count",
        meaning: "with limit: the time in which all restarts count, in a row or not",
        example: r#"window = "10m""#,
        keys: &[],
        read: service::backoff_window,
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
        name: "unix",
        kind: "absolute path",
        default: "",
        meaning: "a connection to a Unix socket; one that is accepted is healthy",
        example: r#"unix = "/run/app.sock""#,
        keys: &[],
        read: health::unix,
    },
    Key {
        name: "disable",
        kind: "boolean",
        default: "false",
        meaning: "whether there is no health check, as with the test NONE",
        example: "disable = true",
        keys: &[],
        read: health::disable,
    },
    Key {
        name: "interval",
        kind: "duration",
        default: "30s",
        meaning: "the wait from the end of one probe to the start of the next; also from the start of the service to the first probe whose failure counts",
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
        meaning: "time after the start in which no failure counts; the first probe whose failure counts comes at its end",
        example: r#"start_period = "20s""#,
        keys: &[],
        read: health::start_period,
    },
    Key {
        name: "start_interval",
        kind: "duration",
        default: "1s",
        meaning: "the time between probes until the first success; their failures do not count",
        example: r#"start_interval = "200ms""#,
        keys: &[],
        read: health::start_interval,
    },
    Key {
        name: "retries",
        kind: "whole number of at least 1",
        default: "3",
        meaning: "this many failures in a row make it unhealthy",
        example: "retries = 5",
        keys: &[],
        read: |reader, value, draft| set(&mut draft.health.timing.retries, reader.count_from_1(value)),
    },
    Key {
        name: "on_unhealthy",
        kind: "restart, none or shutdown",
        default: "restart",
        meaning: "what happens when it is unhealthy",
        example: r#"on_unhealthy = "none""#,
        keys: &[],
        read: health::on_unhealthy,
    },
];

/// The keys of one entry of `depends_on`.
pub static DEPENDENCY: &[Key] = &[
    Key {
        name: "condition",
        kind: "service_started, service_healthy or service_completed_successfully",
        default: "service_started",
        meaning: "what must be true of the other service",
        example: r#"condition = "service_healthy""#,
        keys: &[],
        read: depends::condition,
    },
    Key {
        name: "required",
        kind: "boolean",
        default: "true",
        meaning: "true: this service fails if the condition can no longer come true; false: it starts then, and the other service need not be defined",
        example: "required = false",
        keys: &[],
        read: depends::required,
    },
    Key {
        name: "restart",
        kind: "boolean",
        default: "false",
        meaning: "whether a restart of the other service restarts this one too",
        example: "restart = true",
        keys: &[],
        read: depends::restart,
    },
];

/// The keys of a variable in `environment` whose value is in a file.
pub static VARIABLE: &[Key] = &[Key {
    name: "file",
    kind: "path, relative to the definition's directory",
    default: "",
    meaning: "the file that holds the value; it is read at each start, without one newline at its end",
    example: r#"file = "/run/secrets/db_password""#,
    keys: &[],
    read: environment::file,
}];

/// The keys of an entry of `env_file` that is a table.
pub static ENV_FILE: &[Key] = &[
    Key {
        name: "path",
        kind: "path, relative to the definition's directory",
        default: "",
        meaning: "the file",
        example: r#"path = "./app.env""#,
        keys: &[],
        read: environment::env_file_path,
    },
    Key {
        name: "required",
        kind: "boolean",
        default: "true",
        meaning: "whether the file has to exist",
        example: "required = false",
        keys: &[],
        read: environment::env_file_required,
    },
    Key {
        name: "format",
        kind: "raw",
        default: "",
        meaning: "raw: everything after the = is the value, also quotes and comments",
        example: r#"format = "raw""#,
        keys: &[],
        read: environment::env_file_format,
    },
];
