//! Every option and every verb, defined once: the parser and the help come from these tables.

#![forbid(unsafe_code)]

/// An option's meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opt {
    /// Where services are defined.
    Services,
    /// How long the stop may take.
    StopTimeout,
    /// Where the control socket is.
    Socket,
    /// Where rinit keeps what it remembers.
    StateDir,
    /// What rinit says of itself.
    LogLevel,
    /// How it says that.
    LogFormat,
    /// Reap orphans where rinit is not PID 1.
    Subreaper,
    /// A signal at the end of the parent.
    ParentDeathSignal,
    /// Say more.
    Verbose,
    /// Tell each reaped orphan.
    WarnZombies,
    /// Signals go to the process group.
    KillProcessGroup,
    /// An exit status becomes 0.
    RemapExit,
    /// Show the help.
    Help,
    /// Show the version.
    Version,
    /// Health: nothing has failed for good.
    Live,
    /// Health: everything is ready.
    Ready,
    /// Health: everything has been ready once.
    Startup,
    /// Health: probe first.
    Now,
    /// JSON in place of text.
    Json,
    /// How long to wait.
    Timeout,
}

/// How an option is written.
#[derive(Debug)]
pub struct Flag {
    /// Its meaning.
    pub opt: Opt,
    /// `-h`.
    pub short: Option<char>,
    /// `--help`, without the dashes.
    pub long: &'static str,
    /// What it takes, as the help calls it.
    pub value: Option<&'static str>,
    /// The environment variable that is read where it is not given.
    pub env: Option<&'static str>,
    /// What it does.
    pub help: &'static str,
}

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
    help: "where services are defined; may be repeated (in the environment with : between); a service in a later \
           DIR replaces one of the same name; default /etc/services.d, if it is there",
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
    help: "the control socket: a path, or @NAME for an abstract one; by default rinit and its verbs find each other",
};
/// `--state-dir`
pub static STATE_DIR: Flag = Flag {
    opt: Opt::StateDir,
    short: None,
    long: "state-dir",
    value: Some("DIR"),
    env: Some("RINIT_STATE_DIR"),
    help: "where it is remembered which unless-stopped services were stopped by hand, and how the last stop went; \
           default /var/lib/rinit, for an init that is not PID 1 ~/.local/state/rinit",
};
/// `--log-level`
pub static LOG_LEVEL: Flag = Flag {
    opt: Opt::LogLevel,
    short: None,
    long: "log-level",
    value: Some("LEVEL"),
    env: Some("RINIT_LOG"),
    help: "what rinit writes of itself to standard error: off, error, warn, info, debug or trace; default info, \
           with COMMAND alone warn",
};
/// `--log-format`
pub static LOG_FORMAT: Flag = Flag {
    opt: Opt::LogFormat,
    short: None,
    long: "log-format",
    value: Some("FORMAT"),
    env: Some("RINIT_LOG_FORMAT"),
    help: "how it writes that: text or json; default text",
};
/// `-s`
pub static SUBREAPER: Flag = Flag {
    short: Some('s'),
    env: Some("TINI_SUBREAPER"),
    ..switch(Opt::Subreaper, "subreaper", "reap orphans also where rinit is not PID 1: it always does")
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
    ..switch(Opt::Verbose, "verbose", "one log level more; may be repeated")
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
pub static LIVE: Flag =
    switch(Opt::Live, "live", "well means: rinit answers, and nothing has failed for good");
/// `--ready`
pub static READY: Flag = switch(Opt::Ready, "ready", "well means: everything is ready or healthy");
/// `--startup`
pub static STARTUP: Flag = switch(Opt::Startup, "startup", "well means: everything has been ready once");
/// `--now`
pub static NOW: Flag = switch(Opt::Now, "now", "probe first, in place of reporting the last results");
/// `--json`
pub static JSON: Flag = switch(Opt::Json, "json", "print JSON");
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
/// `--timeout` of `probe`.
pub static PROBE_TIMEOUT: Flag = Flag { help: "how long it may take; default 30s", ..TIMEOUT_BASE };

const TIMEOUT_BASE: Flag =
    Flag { opt: Opt::Timeout, short: None, long: "timeout", value: Some("DURATION"), env: None, help: "" };

/// The options of the init.
pub static INIT_FLAGS: [&Flag; 14] = [
    &SERVICES,
    &STOP_TIMEOUT,
    &SOCKET,
    &STATE_DIR,
    &LOG_LEVEL,
    &LOG_FORMAT,
    &SUBREAPER,
    &PARENT_DEATH_SIGNAL,
    &VERBOSE,
    &WARN_ZOMBIES,
    &KILL_PROCESS_GROUP,
    &REMAP_EXIT,
    &HELP,
    &VERSION,
];

/// A verb's meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Is everything well?
    Health,
    /// What does each service do?
    Status,
    /// Are the definitions right?
    Check,
    /// Run services.
    Start,
    /// Stop services.
    Stop,
    /// Stop services and start them.
    Restart,
    /// Have services stand still.
    Pause,
    /// Have them go on.
    Resume,
    /// Read the definitions again.
    Reload,
    /// Stop the container.
    Shutdown,
    /// Can a service be reached?
    Probe,
    /// Explain.
    Help,
}

/// How a verb is written, and what the help says of it.
#[derive(Debug)]
pub struct Command {
    /// Its meaning.
    pub verb: Verb,
    /// Its name.
    pub name: &'static str,
    /// Each form, without `rinit`.
    pub usage: &'static [&'static str],
    /// For the list of verbs.
    pub summary: &'static str,
    /// What it does; paragraphs.
    pub details: &'static [&'static str],
    /// Its options.
    pub flags: &'static [&'static Flag],
    /// Command lines, each with what it does.
    pub examples: &'static [(&'static str, &'static str)],
}

/// Every verb, in the order of the help.
pub static COMMANDS: [Command; 12] = [
    Command {
        verb: Verb::Health,
        name: "health",
        usage: &["health [OPTION]... [NAME]...", "health [--timeout DURATION] -- COMMAND [ARG]..."],
        summary: "tell whether everything is well",
        details: &[
            "Asks the running init and prints one line for each service that is not well. Well means: every \
             service that should run does, no task has failed, and every health check is healthy. With NAME: of \
             these services alone.",
            "With COMMAND it asks nobody: it runs COMMAND and kills it and its children at the timeout. The exit \
             status is 0 if COMMAND's is 0, and 1 for everything else.",
            "Exit status: 0 well, 1 not well, 2 usage, 3 no init answers.",
        ],
        flags: &[&LIVE, &READY, &STARTUP, &NOW, &JSON, &HEALTH_TIMEOUT, &SOCKET, &HELP],
        examples: &[
            ("rinit health", "in a Dockerfile: HEALTHCHECK CMD [\"/sbin/rinit\", \"health\"]"),
            ("rinit health --now web db", "probe two services and wait for the results"),
            ("rinit health --timeout 2s -- redis-cli ping", "run a check that must not hang"),
        ],
    },
    Command {
        verb: Verb::Status,
        name: "status",
        usage: &["status [OPTION]... [NAME]..."],
        summary: "show what each service does",
        details: &[
            "Prints a table of all services. With NAME: all there is to know of these, the last results of their \
             health checks among it.",
            "Exit status: 0 shown, 1 no such service, 2 usage, 3 no init answers.",
        ],
        flags: &[&JSON, &TIMEOUT, &SOCKET, &HELP],
        examples: &[
            ("rinit status", "all services"),
            ("rinit status web", "one service, with its last probes"),
            ("rinit status --json", "the same for a script"),
        ],
    },
    Command {
        verb: Verb::Check,
        name: "check",
        usage: &["check [OPTION]... [DIR]..."],
        summary: "look for mistakes in service definitions",
        details: &[
            "Reads the definitions in each DIR (by default those that the init would read) and starts nothing. \
             Prints every mistake with its file, line and column, or else the order in which the services start.",
            "Exit status: 0 no mistakes, 1 mistakes, 2 usage.",
        ],
        flags: &[&SERVICES, &HELP],
        examples: &[("rinit check services.d", "before an image is built from it")],
    },
    Command {
        verb: Verb::Start,
        name: "start",
        usage: &["start [OPTION]... NAME..."],
        summary: "run services, and what they depend on",
        details: &[
            "Starts each service as soon as its dependencies are there, also one that has failed or completed, and waits \
             until it runs.",
            "Only root and rinit's own user may. Exit status: 0 done, 1 not done, 2 usage, 3 no init answers.",
        ],
        flags: &[&JSON, &ACT_TIMEOUT, &SOCKET, &HELP],
        examples: &[("rinit start web", "after rinit stop web")],
    },
    Command {
        verb: Verb::Stop,
        name: "stop",
        usage: &["stop [OPTION]... NAME..."],
        summary: "stop services",
        details: &[
            "Stops each service with its stop signal and grace, and waits until it has stopped. It stays so until it is \
             started; one with restart = \"unless-stopped\" also after a restart of the container. What depends on it \
             goes on running.",
            "Only root and rinit's own user may. Exit status: 0 done, 1 not done, 2 usage, 3 no init answers.",
        ],
        flags: &[&JSON, &ACT_TIMEOUT, &SOCKET, &HELP],
        examples: &[("rinit stop web", "until rinit start web")],
    },
    Command {
        verb: Verb::Restart,
        name: "restart",
        usage: &["restart [OPTION]... NAME..."],
        summary: "stop services and start them",
        details: &[
            "Stops each service with its stop signal and grace, starts it and waits until it runs. What depends on it with \
             restart = true is restarted with it.",
            "Only root and rinit's own user may. Exit status: 0 done, 1 not done, 2 usage, 3 no init answers.",
        ],
        flags: &[&JSON, &ACT_TIMEOUT, &SOCKET, &HELP],
        examples: &[("rinit restart web", "after a change that a reload does not see")],
    },
    Command {
        verb: Verb::Pause,
        name: "pause",
        usage: &["pause [OPTION]... NAME..."],
        summary: "have services stand still",
        details: &[
            "Sends SIGSTOP to each service's process group. Its health check rests meanwhile.",
            "Only root and rinit's own user may. Exit status: 0 done, 1 not done, 2 usage, 3 no init answers.",
        ],
        flags: &[&JSON, &ACT_TIMEOUT, &SOCKET, &HELP],
        examples: &[("rinit pause worker", "until rinit resume worker")],
    },
    Command {
        verb: Verb::Resume,
        name: "resume",
        usage: &["resume [OPTION]... NAME..."],
        summary: "have paused services go on",
        details: &[
            "Sends SIGCONT to each service's process group.",
            "Only root and rinit's own user may. Exit status: 0 done, 1 not done, 2 usage, 3 no init answers.",
        ],
        flags: &[&JSON, &ACT_TIMEOUT, &SOCKET, &HELP],
        examples: &[("rinit resume worker", "after rinit pause worker")],
    },
    Command {
        verb: Verb::Reload,
        name: "reload",
        usage: &["reload [OPTION]..."],
        summary: "read the service definitions again",
        details: &[
            "Has the init read every definition again and carry out what has changed: new services start, those that \
             are gone stop, changed ones restart. A change of only healthcheck, restart, backoff, stop_signal, \
             stop_grace_period or description takes effect without a restart. With any mistake nothing is changed, \
             and all of them are shown. SIGHUP to rinit does the same where there is no main process.",
            "Only root and rinit's own user may. Exit status: 0 done, 1 mistakes, 2 usage, 3 no init answers.",
        ],
        flags: &[&JSON, &TIMEOUT, &SOCKET, &HELP],
        examples: &[("rinit reload", "after a change; rinit check looks without doing it")],
    },
    Command {
        verb: Verb::Shutdown,
        name: "shutdown",
        usage: &["shutdown [OPTION]..."],
        summary: "stop everything, and with it the container",
        details: &[
            "Asks the init to stop all services in order and to end, as SIGTERM does, and does not wait for it. \
             Only root and rinit's own user may.",
            "Exit status: 0 it stops, 1 refused, 2 usage, 3 no init answers.",
        ],
        flags: &[&TIMEOUT, &SOCKET, &HELP],
        examples: &[("rinit shutdown", "as docker stop does from outside")],
    },
    Command {
        verb: Verb::Probe,
        name: "probe",
        usage: &[
            "probe [OPTION]... http URL",
            "probe [OPTION]... tcp ADDRESS:PORT",
            "probe [OPTION]... unix PATH",
        ],
        summary: "try once whether a service can be reached",
        details: &[
            "http: a GET request; a status of 200 to 399 is well. tcp: a connection; one that is accepted is well. \
             unix: the same to a stream socket, at PATH or at @NAME for an abstract one. Hosts are IP addresses or localhost, which is 127.0.0.1: no names are resolved.",
            "Exit status: 0 well, 1 not well, 2 usage. What happened is on standard output.",
        ],
        flags: &[&PROBE_TIMEOUT, &HELP],
        examples: &[
            ("rinit probe http http://127.0.0.1:8080/health", "in place of curl"),
            ("rinit probe --timeout 2s tcp [::1]:6379", "is the port open?"),
            ("rinit probe unix /run/app.sock", "does somebody listen there?"),
        ],
    },
    Command {
        verb: Verb::Help,
        name: "help",
        usage: &["help [VERB]"],
        summary: "explain rinit, or one of its verbs",
        details: &["Prints the same as --help, or as VERB --help."],
        flags: &[&HELP],
        examples: &[("rinit help health", "what does the health verb take?")],
    },
];

/// The verb of that name.
pub fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}
