//! Every option: how it is written and what the help says of it.

#![forbid(unsafe_code)]

use super::entry::{Flag, Opt};

const fn switch(opt: Opt, long: &'static str, help: &'static str) -> Flag {
    Flag { opt, short: None, long, value: None, env: None, help }
}

/// `--services`
pub static SERVICES: Flag = Flag {
    opt: Opt::Services,
    short: None,
    long: "services",
    value: Some("DIR"),
    env: Some("RINIT_SERVICES"),
    help: "a directory of service definitions; may be repeated, in the variable with : between them. A service in a \
           later DIR replaces one of the same name. Default /etc/services.d, if it exists",
};
/// `--style`
pub static STYLE: Flag = Flag {
    opt: Opt::Style,
    short: None,
    long: "style",
    value: Some("STYLE"),
    env: Some("RINIT_STYLE"),
    help: "s6 or runit: whose service directories these are, if no file in them tells; default s6",
};
/// `--stop-timeout`
pub static STOP_TIMEOUT: Flag = Flag {
    opt: Opt::StopTimeout,
    short: None,
    long: "stop-timeout",
    value: Some("DURATION"),
    env: Some("RINIT_STOP_TIMEOUT"),
    help: "how long the whole stop may take, from the signal to the last SIGKILL; default 9s, inside the 10s that \
           Docker waits",
};
/// `--socket`
pub static SOCKET: Flag = Flag {
    opt: Opt::Socket,
    short: None,
    long: "socket",
    value: Some("PATH"),
    env: Some("RINIT_SOCKET"),
    help: "the control socket: a path, or @NAME for an abstract socket. Without it the init chooses one, and the verbs find it",
};
/// `--state-dir`
pub static STATE_DIR: Flag = Flag {
    opt: Opt::StateDir,
    short: None,
    long: "state-dir",
    value: Some("DIR"),
    env: Some("RINIT_STATE_DIR"),
    help: "the directory that keeps the names of unless-stopped services that were stopped by hand, and a report of \
           the last stop; default /var/lib/rinit, or ~/.local/state/rinit if rinit is not PID 1",
};
/// `--log-level`
pub static LOG_LEVEL: Flag = Flag {
    opt: Opt::LogLevel,
    short: None,
    long: "log-level",
    value: Some("LEVEL"),
    env: Some("RINIT_LOG"),
    help: "the level of rinit's messages on standard error: off, error, warn, info, debug or trace; default info, \
           or warn with COMMAND alone",
};
/// `--log-format`
pub static LOG_FORMAT: Flag = Flag {
    opt: Opt::LogFormat,
    short: None,
    long: "log-format",
    value: Some("FORMAT"),
    env: Some("RINIT_LOG_FORMAT"),
    help: "the format of these messages: text or json; default text",
};
/// `--log-driver`
pub static LOG_DRIVER: Flag = Flag {
    opt: Opt::LogDriver,
    short: None,
    long: "log-driver",
    value: Some("DRIVER"),
    env: Some("RINIT_LOG_DRIVER"),
    help: "where the output of services goes whose definition has no logging: inherit, console, json-file, file or none; default inherit",
};
/// `--log-opt`
pub static LOG_OPT: Flag = Flag {
    opt: Opt::LogOpt,
    short: None,
    long: "log-opt",
    value: Some("KEY=VALUE"),
    env: Some("RINIT_LOG_OPTS"),
    help: "an option of this driver; may be repeated, in the variable with blanks between them",
};
/// `-s`
pub static SUBREAPER: Flag = Flag {
    short: Some('s'),
    env: Some("TINI_SUBREAPER"),
    ..switch(
        Opt::Subreaper,
        "subreaper",
        "accepted for scripts written for tini; rinit always reaps orphans, also if it is not PID 1",
    )
};
/// `-p`
pub static PARENT_DEATH_SIGNAL: Flag = Flag {
    opt: Opt::ParentDeathSignal,
    short: Some('p'),
    long: "parent-death-signal",
    value: Some("SIGNAL"),
    env: None,
    help: "the signal that rinit gets when its parent ends",
};
/// `-v`
pub static VERBOSE: Flag = Flag {
    short: Some('v'),
    env: Some("TINI_VERBOSITY"),
    ..switch(Opt::Verbose, "verbose", "raise the log level by one; may be repeated")
};
/// `-w`
pub static WARN_ZOMBIES: Flag = Flag {
    short: Some('w'),
    ..switch(Opt::WarnZombies, "warn-zombies", "warn about each orphan that is reaped")
};
/// `-g`
pub static KILL_PROCESS_GROUP: Flag = Flag {
    short: Some('g'),
    env: Some("TINI_KILL_PROCESS_GROUP"),
    ..switch(Opt::KillProcessGroup, "kill-process-group", "signals go to COMMAND's process group")
};
/// `-e`
pub static REMAP_EXIT: Flag = Flag {
    opt: Opt::RemapExit,
    short: Some('e'),
    long: "remap-exit",
    value: Some("CODE"),
    env: None,
    help: "exit with 0 in place of CODE; may be repeated",
};
/// `--help`
pub static HELP: Flag = Flag { short: Some('h'), ..switch(Opt::Help, "help", "show this help") };
/// `--version`
pub static VERSION: Flag = Flag { short: Some('V'), ..switch(Opt::Version, "version", "show the version") };
/// `--live`
pub static LIVE: Flag = switch(Opt::Live, "live", "healthy if rinit answers and nothing has failed for good");
/// `--ready`
pub static READY: Flag = switch(
    Opt::Ready,
    "ready",
    "healthy if every service is ready, and healthy where it has a check; as without an option",
);
/// `--startup`
pub static STARTUP: Flag =
    switch(Opt::Startup, "startup", "healthy if every service has been ready or completed once");
/// `--now`
pub static NOW: Flag = switch(Opt::Now, "now", "run every health check now, and report these results");
/// `--force`
pub static FORCE: Flag =
    switch(Opt::Force, "force", "also stop a service whose definition says refuse_manual_stop");
/// `--all` of `status`.
pub static ALL: Flag = Flag {
    short: Some('a'),
    ..switch(
        Opt::All,
        "all",
        "show also what is part of rinit, such as the logger; its names begin with a dot",
    )
};
/// `--json`
pub static JSON: Flag = switch(Opt::Json, "json", "print JSON");
/// `--strict`
pub static STRICT: Flag = switch(Opt::Strict, "strict", "warnings count as mistakes");
/// `--toml`
pub static TOML: Flag =
    switch(Opt::Toml, "toml", "print service directories as TOML files with the same meaning");
/// `--schema`
pub static SCHEMA: Flag =
    switch(Opt::Schema, "schema", "print a JSON schema of definitions, for editors, and check nothing");
/// `--timeout` of a verb that asks the init.
pub static TIMEOUT: Flag = Flag {
    opt: Opt::Timeout,
    short: None,
    long: "timeout",
    value: Some("DURATION"),
    env: None,
    help: "how long to wait for the answer; default 5s",
};
/// `--timeout` of `health`.
pub static HEALTH_TIMEOUT: Flag = Flag {
    help: "how long to wait: for the answer 5s by default, with --now 60s; for COMMAND 30s",
    ..TIMEOUT_BASE
};
/// `--timeout` of what waits for services.
pub static ACT_TIMEOUT: Flag =
    Flag { help: "how long to wait until it is done; default 60s", ..TIMEOUT_BASE };
/// `--timeout` of `wait`.
pub static WAIT_TIMEOUT: Flag = Flag { help: "how long to wait; default 60s", ..TIMEOUT_BASE };
/// `--no-wait`
pub static NO_WAIT: Flag = switch(Opt::NoWait, "no-wait", "do not wait until it is done");
/// `--for`
pub static FOR: Flag = Flag {
    opt: Opt::For,
    short: None,
    long: "for",
    value: Some("CONDITION"),
    env: None,
    help: "what to wait for: ready, healthy, stopped, completed or failed; default ready",
};
/// `--group`
pub static GROUP: Flag =
    switch(Opt::Group, "group", "send it to the whole process group, not to the main process alone");
/// `--since`
pub static SINCE: Flag = Flag {
    opt: Opt::Since,
    short: None,
    long: "since",
    value: Some("SINCE"),
    env: None,
    help: "only events after this number, or of this last time, such as 10m; with --follow, 0s means only new ones",
};
/// `--kind`
pub static KIND: Flag = Flag {
    opt: Opt::Kind,
    short: None,
    long: "kind",
    value: Some("KIND"),
    env: None,
    help: "only events of this kind, such as die; may be repeated",
};
/// `--follow`
pub static FOLLOW: Flag =
    Flag { short: Some('f'), ..switch(Opt::Follow, "follow", "then print new events as they happen") };
/// `--json` of `events`.
pub static JSON_LINES: Flag = switch(Opt::Json, "json", "print JSON, one line for each event");
/// `--follow` of `logs`.
pub static FOLLOW_LOGS: Flag =
    Flag { short: Some('f'), ..switch(Opt::Follow, "follow", "then print new lines as they are written") };
/// `--tail`
pub static TAIL: Flag = Flag {
    opt: Opt::Tail,
    short: Some('n'),
    long: "tail",
    value: Some("LINES"),
    env: None,
    help: "of what is kept, only the last so many lines of each service",
};
/// `--since` of `logs`.
pub static SINCE_TIME: Flag = Flag {
    opt: Opt::Since,
    short: None,
    long: "since",
    value: Some("TIME"),
    env: None,
    help: "only lines of this last time, such as 10m, or since a time, such as 2026-11-29T12:00:00Z",
};
/// `--until`
pub static UNTIL: Flag = Flag {
    opt: Opt::Until,
    short: None,
    long: "until",
    value: Some("TIME"),
    env: None,
    help: "only lines before this, written as with --since",
};
/// `--timestamps`
pub static TIMESTAMPS: Flag =
    Flag { short: Some('t'), ..switch(Opt::Timestamps, "timestamps", "print the time before each line") };
/// `--no-color`
pub static NO_COLOR: Flag = switch(Opt::NoColor, "no-color", "no colours, also on a terminal");
/// `--json` of `logs`.
pub static JSON_LOGS: Flag = switch(Opt::Json, "json", "print JSON, one line for each line of a service");
/// `--timeout` of `probe`.
pub static PROBE_TIMEOUT: Flag = Flag { help: "how long it may take; default 30s", ..TIMEOUT_BASE };

const TIMEOUT_BASE: Flag =
    Flag { opt: Opt::Timeout, short: None, long: "timeout", value: Some("DURATION"), env: None, help: "" };

/// The options of the init.
pub static INIT_FLAGS: [&Flag; 17] = [
    &SERVICES,
    &STYLE,
    &STOP_TIMEOUT,
    &SOCKET,
    &STATE_DIR,
    &LOG_LEVEL,
    &LOG_FORMAT,
    &LOG_DRIVER,
    &LOG_OPT,
    &SUBREAPER,
    &PARENT_DEATH_SIGNAL,
    &VERBOSE,
    &WARN_ZOMBIES,
    &KILL_PROCESS_GROUP,
    &REMAP_EXIT,
    &HELP,
    &VERSION,
];
