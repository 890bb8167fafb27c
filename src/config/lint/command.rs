//! What the command of a service gives away: that it ends, forks, or stands behind a shell that keeps the signals.

use super::shell::{self, Simple, Then, base, is_shell, lists};
use super::subject::Subject;
use crate::model::{KillMode, MAIN, Restart};

/// Programs that are done at once, whatever their arguments.
const ENDS: &str = ": [ cd chgrp chmod chown cp echo exit export false groupadd install ldconfig ln mkdir mktemp mv \
                    printf rm rmdir set test touch true umask useradd";

/// Programs that are done soon with this word among their arguments.
const ENDS_WITH: &str = "alembic upgrade
artisan migrate
dbmate up
flyway migrate
liquibase update
manage.py collectstatic
manage.py migrate
prisma migrate
rails db:migrate
rake db:migrate
sysctl -w";

/// Daemons that fork unless one of these option letters is given.
const FORKS: &str = "atd df
cron f
crond dfhnVx
sshd DGTVdit";

/// Programs that leave another one in the background, with the words that have them do it.
const LEAVES: &str = "apache2ctl start
apachectl start
celery --detach
gunicorn --daemon
mysqld --daemonize
pg_ctl start
rc-service start
redis-server --daemonize yes
start-stop-daemon --background
systemctl start";

/// Words that only a shell would understand.
const OPERATORS: &str = "&& || | ; & > >> 2>&1 <";

/// Programs to whose arguments such words and `$NAME` may mean something.
const LANGUAGES: &str = "[ awk envsubst execlineb expr find gawk jq lua mawk node parallel perl php ruby sed ssh su test \
                         xargs";

/// The key that all of it is about.
const COMMAND: &[&str] = &["command"];

pub(super) fn look(subject: &mut Subject<'_>) {
    let command = &subject.draft.service.exec.command;
    let Some(words) = command.iter().map(|word| word.to_str()).collect::<Option<Vec<&str>>>() else { return };
    match shell::line(&words) {
        Some((shell, line)) => {
            let Some(commands) = shell::commands(line) else { return };
            behind_a_shell(subject, shell, &commands);
            task(subject, &commands);
        }
        None => {
            let words = words.iter().map(|word| (*word).to_owned()).collect();
            let simple = Simple { words, exec: true, then: Then::Next };
            without_a_shell(subject, &simple.words);
            background(subject, &simple);
            task(subject, &[simple]);
        }
    }
}

/// A program that is done at once, and is started again each time.
fn task(subject: &mut Subject<'_>, commands: &[Simple]) {
    if !matches!(subject.draft.service.policy.restart, Restart::Always | Restart::UnlessStopped) {
        return;
    }
    let ends = |simple: &Simple| simple.then == Then::Next && is_done_soon(simple);
    let Some(last) = commands.last().filter(|_| commands.iter().all(ends)) else { return };
    let key = if subject.is_written("restart") { "restart" } else { "command" };
    let message = format!("{} ends by itself, and is started again each time", subject.quote(last.program()));
    subject.warn("task-restarts", &[key], &message, "write restart = \"no\" for a task");
}

fn is_done_soon(simple: &Simple) -> bool {
    let knows = |entry: &str| {
        let Some((program, word)) = entry.split_once(' ') else { return false };
        let from = simple.words.iter().position(|word| base(word) == program);
        from.is_some_and(|from| simple.words.iter().skip(from).any(|other| other == word))
    };
    lists(ENDS, simple.system_program()) || ENDS_WITH.lines().any(knows)
}

fn behind_a_shell(subject: &mut Subject<'_>, shell: &str, commands: &[Simple]) {
    let Some((last, before)) = commands.split_last() else { return };
    // A script that catches signals, or waits for what it has started, knows what it does.
    if commands.iter().any(|simple| matches!(simple.program(), "trap" | "wait")) {
        return;
    }
    if last.then == Then::Background {
        let message = format!(
            "the shell ends while {} is in the background, and then it is stopped",
            subject.quote(last.program())
        );
        subject.warn("goes-to-background", COMMAND, &message, "leave out the &");
        return;
    }
    background(subject, last);
    keeps_signal(subject, shell, before, last);
}

/// The stop signal goes to the main process. dash makes a child of even a single command; the others do of all but
/// the last, and of that too in older versions.
fn keeps_signal(subject: &mut Subject<'_>, shell: &str, before: &[Simple], last: &Simple) {
    let service = &subject.draft.service;
    let is_task = service.policy.is_task() && service.name != MAIN;
    if is_task || service.policy.kill_mode == KillMode::Group || last.is_builtin() {
        return;
    }
    let piped = before.last().is_some_and(|simple| simple.then == Then::Pipe);
    let alone = before.is_empty() && !matches!(shell, "sh" | "dash");
    if !piped && (last.exec || alone) {
        return;
    }
    let program = subject.quote(last.program());
    let message = format!("{shell} gets the stop signal and does not pass it on to {program}");
    let help = match piped {
        true => "set kill_mode = \"group\"".to_owned(),
        false => format!("write \"exec\" before {program}, or set kill_mode = \"group\""),
    };
    subject.warn("shell-keeps-signal", COMMAND, &message, &help);
}

/// A program that returns while what it has started runs on: rinit stops that, because its service has ended.
fn background(subject: &mut Subject<'_>, simple: &Simple) {
    let program = simple.program();
    let rest = simple.words.get(1..).unwrap_or_default();
    let leaves = LEAVES.lines().any(|entry| {
        let mut words = entry.split(' ');
        words.next() == Some(program) && words.all(|wanted| rest.iter().any(|word| word == wanted))
    });
    let stays = |letters: &str| {
        let keeps = |word: &String| {
            word.starts_with("--") || word.starts_with('-') && word.chars().any(|c| letters.contains(c))
        };
        rest.iter().any(keeps)
    };
    let forks = FORKS.lines().any(|entry| {
        entry
            .split_once(' ')
            .is_some_and(|(name, letters)| name == simple.system_program() && !stays(letters))
    });
    if leaves || forks || is_init_script(&simple.words) {
        let message = format!(
            "{} puts itself into the background; rinit then takes the service for ended and kills it",
            subject.quote(program)
        );
        let help = "have the program itself run in the foreground";
        subject.warn("goes-to-background", COMMAND, &message, help);
    }
}

/// `service NAME start`, or the script itself.
fn is_init_script(words: &[String]) -> bool {
    match words {
        [service, _, start] if start == "start" => {
            matches!(service.as_str(), "service" | "/usr/sbin/service")
        }
        [script, start] => script.starts_with("/etc/init.d/") && start == "start",
        _ => false,
    }
}

/// Words that were meant for a shell, where there is none.
fn without_a_shell(subject: &mut Subject<'_>, words: &[String]) {
    let is_language = |word: &String| {
        let name = base(word);
        is_shell(word) || lists(LANGUAGES, name) || name.starts_with("python")
    };
    if words.iter().any(is_language) {
        return;
    }
    let arguments = words.get(1..).unwrap_or_default();
    if let Some(word) = arguments.iter().find(|word| lists(OPERATORS, word)) {
        let message =
            format!("{} is an argument like any other: no shell reads this command", subject.quote(word));
        let help = "write [\"sh\", \"-c\", \"...\"] for one that does";
        subject.warn("no-shell", COMMAND, &message, help);
    }
    if let Some(name) = arguments.iter().find_map(|word| variable(word)) {
        let message =
            format!("{} stays as it is: no shell reads this command", subject.quote(&format!("${name}")));
        let help = "${NAME} stands for a variable of rinit's own environment";
        subject.warn("dollar-not-replaced", COMMAND, &message, help);
    }
}

/// The name in a word such as `$PORT` or `--port=$PORT`.
fn variable(word: &str) -> Option<&str> {
    let (_, after) = word.split_once('$').filter(|_| !word.contains(char::is_whitespace))?;
    let end = after.find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
    let name = after.get(..end.unwrap_or(after.len()))?;
    (name.len() > 1 && name.starts_with(|c: char| c.is_ascii_uppercase())).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_in_words() {
        assert_eq!(variable("$PORT"), Some("PORT"));
        assert_eq!(variable("--port=$HTTP_PORT/x"), Some("HTTP_PORT"));
        for word in ["PORT", "$1", "$", "$x", "$X", "^a$", "${PORT}", "env $HOME;"] {
            assert_eq!(variable(word), None, "{word}");
        }
    }
}
