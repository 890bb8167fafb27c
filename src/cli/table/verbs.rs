//! Every verb: what it takes and what the help says of it.

#![forbid(unsafe_code)]

use super::entry::{Command, Verb};
use super::flags::*;

/// Every verb, in the order of the help.
pub static COMMANDS: [Command; 18] = [
    Command {
        verb: Verb::Health,
        name: "health",
        usage: &["health [OPTION]... [NAME]...", "health [--timeout DURATION] -- COMMAND [ARG]..."],
        summary: "tell whether all services are healthy",
        details: &[
            "Asks the running init and prints one line for each service that is not healthy. The answer is healthy if \
             every service that should run does, no task has failed, and every health check has passed. If nothing \
             runs at all, it is not healthy. With NAME it asks about these services alone. NAME may be a pattern as \
             in a shell.",
            "With COMMAND it asks no init. It runs COMMAND, and at the timeout kills it with its children. The exit \
             status is 0 if COMMAND's is 0, and 1 for everything else.",
            "Exit status: 0 healthy, 1 not healthy, 2 usage, 3 no init answers.",
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
            "Prints a table of all services. The last line names those that need attention. On a terminal they are \
             coloured, unless NO_COLOR is set.",
            "With NAME it prints everything about these services: how they ended, what they need and what needs \
             them, their definition and environment, and the last results of their health checks. NAME may be a \
             pattern as in a shell.",
            "Values that come from files or from the container's environment are not shown. Arguments and other values \
             are shown only to root and the user that rinit runs as.",
            "Exit status: 0 shown, 1 no such service, 2 usage, 3 no init answers.",
        ],
        flags: &[&ALL, &JSON, &TIMEOUT, &SOCKET, &HELP],
        examples: &[
            ("rinit status", "all services"),
            ("rinit status web", "everything about one service: why does it not run?"),
            ("rinit status --json", "all services, for a script"),
        ],
    },
    Command {
        verb: Verb::Check,
        name: "check",
        usage: &["check [OPTION]... [DIR]..."],
        summary: "look for mistakes in service definitions",
        details: &[
            "Reads the definitions in each DIR (by default those that the init would read) and starts nothing. \
             Prints every mistake with its file, line and column; a warning for what is valid but unwise; and the \
             order in which the services start and stop. Without DIR and --services it also checks that the \
             programs exist.",
            "It reads directories of s6, s6-rc and runit as well, and prints what each became. With --toml it prints \
             TOML files with the same meaning, each after a line with its name.",
            "Exit status: 0 no mistakes, 1 mistakes, with --strict also warnings, 2 usage.",
        ],
        flags: &[&SERVICES, &STYLE, &STOP_TIMEOUT, &STRICT, &JSON, &TOML, &SCHEMA, &HELP],
        examples: &[
            ("rinit check services.d", "before an image is built from it"),
            ("rinit check --strict", "in the image, by its Dockerfile: a mistake ends the build"),
            ("rinit check --toml /etc/service", "a tree of runit as TOML files"),
            ("rinit check --schema > rinit.schema.json", "for an editor"),
        ],
    },
    Command {
        verb: Verb::Start,
        name: "start",
        usage: &["start [OPTION]... NAME..."],
        summary: "run services, and what they depend on",
        details: &[
            "Starts each service as soon as its dependencies are there, and waits until it runs. A service that has \
             failed or completed starts again. NAME may be a pattern as in a shell, with * ? and [a-z].",
            "Only root and the user that rinit runs as may do this; from outside: docker exec -u 0. Exit status: 0 done, 1 not done, 2 usage, 3 no init answers.",
        ],
        flags: &[&NO_WAIT, &JSON, &ACT_TIMEOUT, &SOCKET, &HELP],
        examples: &[
            ("rinit start web", "after rinit stop web"),
            ("rinit start --no-wait 'worker*'", "every service whose name begins so"),
        ],
    },
    Command {
        verb: Verb::Stop,
        name: "stop",
        usage: &["stop [OPTION]... NAME..."],
        summary: "stop services",
        details: &[
            "Stops each service with its stop signal and grace, and waits until it has stopped. It stays stopped until it is \
             started; with restart = \"unless-stopped\" also after a restart of the container. Services that depend on \
             it go on running. NAME may be a pattern as in a shell.",
            "Only root and the user that rinit runs as may do this; from outside: docker exec -u 0. Exit status: 0 done, 1 not done, 2 usage, 3 no init answers.",
        ],
        flags: &[&FORCE, &NO_WAIT, &JSON, &ACT_TIMEOUT, &SOCKET, &HELP],
        examples: &[
            ("rinit stop web", "until rinit start web"),
            ("rinit stop 'worker-[0-9]'", "several at once"),
        ],
    },
    Command {
        verb: Verb::Restart,
        name: "restart",
        usage: &["restart [OPTION]... NAME..."],
        summary: "stop services and start them",
        details: &[
            "Stops each service with its stop signal and grace, starts it and waits until it runs. What depends on it with \
             restart = true is restarted with it. NAME may be a pattern as in a shell.",
            "Only root and the user that rinit runs as may do this; from outside: docker exec -u 0. Exit status: 0 done, 1 not done, 2 usage, 3 no init answers.",
        ],
        flags: &[&FORCE, &NO_WAIT, &JSON, &ACT_TIMEOUT, &SOCKET, &HELP],
        examples: &[("rinit restart web", "after a change that a reload does not see")],
    },
    Command {
        verb: Verb::Pause,
        name: "pause",
        usage: &["pause [OPTION]... NAME..."],
        summary: "suspend services",
        details: &[
            "Sends SIGSTOP to each service's process group. Its health check is suspended too. NAME may be a pattern as in \
             a shell.",
            "Only root and the user that rinit runs as may do this; from outside: docker exec -u 0. Exit status: 0 done, 1 not done, 2 usage, 3 no init answers.",
        ],
        flags: &[&JSON, &ACT_TIMEOUT, &SOCKET, &HELP],
        examples: &[("rinit pause worker", "until rinit resume worker")],
    },
    Command {
        verb: Verb::Resume,
        name: "resume",
        usage: &["resume [OPTION]... NAME..."],
        summary: "continue paused services",
        details: &[
            "Sends SIGCONT to each service's process group. NAME may be a pattern as in a shell.",
            "Only root and the user that rinit runs as may do this; from outside: docker exec -u 0. Exit status: 0 done, 1 not done, 2 usage, 3 no init answers.",
        ],
        flags: &[&JSON, &ACT_TIMEOUT, &SOCKET, &HELP],
        examples: &[("rinit resume worker", "after rinit pause worker")],
    },
    Command {
        verb: Verb::Signal,
        name: "signal",
        usage: &["signal [OPTION]... SIGNAL NAME..."],
        summary: "send services a signal",
        details: &[
            "Sends SIGNAL (HUP, SIGHUP or 1) to the main process of each service, and does nothing else. If the \
             service ends, its key restart decides what follows. A service that was sent SIGSTOP counts as running. \
             Use rinit stop and rinit pause to stop and to suspend a service. NAME may be a pattern as in a shell.",
            "Only root and the user that rinit runs as may do this; from outside: docker exec -u 0. Exit status: 0 sent, 1 a service has no process, 2 usage, 3 no init \
             answers.",
        ],
        flags: &[&GROUP, &JSON, &TIMEOUT, &SOCKET, &HELP],
        examples: &[
            ("rinit signal HUP nginx", "for a program that reads its configuration again then"),
            ("rinit signal --group USR1 'worker*'", "to their children as well"),
        ],
    },
    Command {
        verb: Verb::Wait,
        name: "wait",
        usage: &["wait [OPTION]... NAME..."],
        summary: "wait until services are ready, healthy or ended",
        details: &[
            "Waits until all of these services meet the condition at the same time: ready (it runs, and with notify \
             has reported that it is ready; or it has completed), healthy, stopped (nothing of it runs, and it does \
             not start by itself), completed or failed. NAME may be a pattern as in a shell.",
            "If the condition can no longer come true by itself, it ends at once and says why.",
            "Exit status: 0 met, 1 not met in time or never, 2 usage, 3 no init answers.",
        ],
        flags: &[&FOR, &JSON, &WAIT_TIMEOUT, &SOCKET, &HELP],
        examples: &[
            ("rinit wait --for healthy db", "in a script that needs the database"),
            ("rinit wait --for completed --timeout 5m migrate", "until a task is done"),
        ],
    },
    Command {
        verb: Verb::Events,
        name: "events",
        usage: &["events [OPTION]... [NAME]..."],
        summary: "show what has happened",
        details: &[
            "Prints the last events, 1024 at most, one on a line: number, time, service, kind and attributes. With \
             NAME, only those of these services. NAME may be a pattern as in a shell. With --follow it goes on to \
             print new events, until rinit ends or Ctrl-C.",
            "Exit status: 0 shown, 1 cut off or refused, 2 usage, 3 no init answers.",
        ],
        flags: &[&FOLLOW, &SINCE, &KIND, &JSON_LINES, &TIMEOUT, &SOCKET, &HELP],
        examples: &[
            ("rinit events", "all that is kept"),
            ("rinit events -f --kind die --kind oom", "what ends, as it does"),
            ("rinit events --since 10m 'worker*'", "some services in the last ten minutes"),
        ],
    },
    Command {
        verb: Verb::Logs,
        name: "logs",
        usage: &["logs [OPTION]... [NAME]..."],
        summary: "show what services have written",
        details: &[
            "Prints the last lines of each service, 64 KiB of them at most, by the time of their arrival, each with the name \
             of its service. With NAME, only those of these services. NAME may be a pattern as in a shell. With --follow it \
             goes on to print new lines, until rinit ends or Ctrl-C.",
            "There is something to show of services that have a log driver: console, say. What others write is in docker \
             logs.",
            "Exit status: 0 shown, 1 cut off or refused, 2 usage, 3 no init answers.",
        ],
        flags: &[
            &FOLLOW_LOGS,
            &TAIL,
            &SINCE_TIME,
            &UNTIL,
            &TIMESTAMPS,
            &NO_COLOR,
            &JSON_LOGS,
            &TIMEOUT,
            &SOCKET,
            &HELP,
        ],
        examples: &[
            ("rinit logs -f", "all services, as they write"),
            ("rinit logs -n 20 web", "the last lines of one"),
            ("rinit logs --since 10m -t 'worker*'", "some services in the last ten minutes, with the time"),
        ],
    },
    Command {
        verb: Verb::Reload,
        name: "reload",
        usage: &["reload [OPTION]..."],
        summary: "read the service definitions again",
        details: &[
            "The init reads every definition again and applies what has changed: new services start, removed \
             services stop, changed ones restart. A change of only healthcheck, restart, backoff, stop_signal, \
             stop_grace_period or description takes effect without a restart. If there is any mistake, \
             nothing changes, and all mistakes are shown. SIGHUP to rinit does the same if there is no main process.",
            "Only root and the user that rinit runs as may do this; from outside: docker exec -u 0. Exit status: 0 done, 1 mistakes, 2 usage, 3 no init answers.",
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
            "Asks the init to stop all services in order and to end, as SIGTERM does. It does not wait for the end: \
             in a container this command ends with it. rinit events -f shows the stop. Only root and the user that \
             rinit runs as may do this; from outside: docker exec -u 0.",
            "Exit status: 0 it stops, 1 refused, 2 usage, 3 no init answers.",
        ],
        flags: &[&JSON, &TIMEOUT, &SOCKET, &HELP],
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
        summary: "probe once whether a service can be reached",
        details: &[
            "http: a GET request; a status of 200 to 399 is healthy. tcp: a connection; healthy if it is accepted. \
             unix: the same to a stream socket at PATH, or at @NAME for an abstract one. No names are resolved: a \
             host is an IP address, or localhost, for which 127.0.0.1 and then ::1 is tried.",
            "Exit status: 0 healthy, 1 not healthy, 2 usage. The result is on standard output.",
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
    Command {
        verb: Verb::Man,
        name: "man",
        usage: &["man [OPTION]..."],
        summary: "print the manual page",
        details: &["Prints rinit(1), for man and mandoc: one page with the help of all verbs."],
        flags: &[&HELP],
        examples: &[("rinit man", "to read it at once: rinit man | man -l -")],
    },
    Command {
        verb: Verb::Completions,
        name: "completions",
        usage: &["completions [OPTION]... SHELL", "completions [OPTION]... SHELL -- WORD..."],
        summary: "print a completion script for a shell",
        details: &[
            "Prints the script for bash, zsh or fish. It completes verbs, options and their values, and the services of \
             the running init.",
            "With the words of a command line after --, beginning with rinit, it prints what the last word may become. \
             The scripts call it like this.",
        ],
        flags: &[&HELP],
        examples: &[
            ("rinit completions bash", "for this shell alone: source <(rinit completions bash)"),
            ("rinit completions zsh", "into a file _rinit in a directory of $fpath"),
            ("rinit completions fish", "into ~/.config/fish/completions/rinit.fish"),
            ("rinit completions bash -- rinit st", "start, status and stop"),
        ],
    },
];

/// The verb of that name.
pub fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}
