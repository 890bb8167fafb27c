//! `rinit health`: is everything well? And `rinit health -- COMMAND`: is this one?

#![forbid(unsafe_code)]

use super::ask::{ask, names};
use super::output::{self, json};
use super::parse::Words;
use super::table::Opt;
use super::values;
use crate::control::protocol::{HealthReport, Mode, Request, Verb};
use crate::model::duration;
use crate::model::exit::{DONE, NOT_DONE};
use crate::model::text::cause;
use crate::model::text::printable;
use crate::sys::timed::{self, Outcome};
use std::ffi::OsString;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(5);

/// Probing first takes as long as the slowest probe, which Docker's default allows 30 s.
const NOW_TIMEOUT: Duration = Duration::from_secs(60);

const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

/// So much of a problem is shown; `status` shows the rest.
const MAX_MESSAGE: usize = 1024;

pub(super) fn run(words: &Words) -> Result<u8, String> {
    match &words.rest {
        Some(command) => run_command(words, command),
        None => ask_init(words),
    }
}

fn ask_init(words: &Words) -> Result<u8, String> {
    let now = words.has(Opt::Now);
    let request = Request { mode: mode(words)?, now, ..Request::new(Verb::Health, names(words)?) };
    let timeout = values::timeout(words, if now { NOW_TIMEOUT } else { TIMEOUT })?;
    let response = match ask(words, &request, timeout)? {
        Ok(response) => response,
        Err(status) => return Ok(status),
    };
    let report = response.health.unwrap_or_default();
    let text = if words.has(Opt::Json) { json(&report) } else { lines(&report) };
    // That nobody reads the text does not change what the status says.
    let _ = output::out(&text);
    Ok(if report.healthy { DONE } else { NOT_DONE })
}

fn mode(words: &Words) -> Result<Mode, String> {
    let modes = [(Opt::Live, Mode::Live), (Opt::Ready, Mode::Ready), (Opt::Startup, Mode::Startup)];
    let mut given = modes.iter().filter(|(opt, _)| words.has(*opt)).map(|(_, mode)| *mode);
    match (given.next(), given.next()) {
        (mode, None) => Ok(mode.unwrap_or_default()),
        _ => Err("--live, --ready and --startup exclude each other".to_owned()),
    }
}

/// One line for each service that is not well; Docker keeps them with its own result.
fn lines(report: &HealthReport) -> String {
    if report.healthy {
        return healthy(report);
    }
    let line = |message: &str| printable(message.as_bytes(), MAX_MESSAGE).replace('\n', " ");
    let problems = report.problems.iter().map(|problem| match problem.service.as_str() {
        "" => format!("{}\n", line(&problem.message)),
        name => format!("{name}: {}\n", line(&problem.message)),
    });
    problems.collect()
}

/// How many are well, and how many are not meant to run.
fn healthy(report: &HealthReport) -> String {
    let well = report.services.saturating_sub(report.stopped).saturating_sub(report.not_started);
    let noun = if well == 1 { "service" } else { "services" };
    let mut text = format!("healthy: {well} {noun}");
    for (count, what) in [(report.stopped, "stopped by hand"), (report.not_started, "not started")] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    text.push('\n');
    text
}

/// Docker knows 0 and 1 alone: any other status of the command becomes 1.
fn run_command(words: &Words, command: &[OsString]) -> Result<u8, String> {
    let [program, ..] = command else { return Err("COMMAND is missing after --".to_owned()) };
    if !words.operands.is_empty() {
        return Err("health takes either NAME or -- COMMAND, not both".to_owned());
    }
    for (opt, long) in [
        (Opt::Live, "live"),
        (Opt::Ready, "ready"),
        (Opt::Startup, "startup"),
        (Opt::Now, "now"),
        (Opt::Json, "json"),
        (Opt::Socket, "socket"),
    ] {
        if words.has(opt) {
            return Err(format!("--{long} has no meaning with -- COMMAND"));
        }
    }
    let timeout = values::timeout(words, COMMAND_TIMEOUT)?;
    let said = match timed::run(command, timeout) {
        Ok(Outcome::Exited(0)) => return Ok(DONE),
        // It has spoken for itself.
        Ok(Outcome::Exited(_)) => return Ok(NOT_DONE),
        Ok(Outcome::Killed(number)) => match crate::model::Signal::new(number) {
            Some(signal) => format!("killed by {signal}"),
            None => format!("killed by signal {number}"),
        },
        Ok(Outcome::TimedOut) => format!("not done within {}: killed", duration::format(timeout)),
        Ok(Outcome::Interrupted) => "interrupted: killed".to_owned(),
        Err(e) => format!("cannot run: {}", cause(&e)),
    };
    output::err(&format!("rinit: {}: {said}\n", program.to_string_lossy()));
    Ok(NOT_DONE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::protocol::Problem;

    fn with(options: &[Opt]) -> Words {
        let options = options.iter().map(|opt| (*opt, OsString::new())).collect();
        Words { options, ..Words::default() }
    }

    #[test]
    fn one_line_for_each_problem() {
        let problem =
            |service: &str, message: &str| Problem { service: service.into(), message: message.into() };
        let problems =
            vec![problem("nginx", "unhealthy: HTTP 503\nbusy\x1b[2J"), problem("", "rinit is stopping")];
        let report = HealthReport { services: 3, problems, ..HealthReport::default() };
        assert_eq!(lines(&report), "nginx: unhealthy: HTTP 503 busy [2J\nrinit is stopping\n");
        let well = |services, stopped, not_started| {
            lines(&HealthReport { healthy: true, services, stopped, not_started, problems: vec![] })
        };
        assert_eq!(well(3, 0, 0), "healthy: 3 services\n");
        assert_eq!(well(1, 0, 0), "healthy: 1 service\n");
        assert_eq!(well(3, 2, 0), "healthy: 1 service, 2 stopped by hand\n");
        assert_eq!(well(5, 1, 2), "healthy: 2 services, 1 stopped by hand, 2 not started\n");
    }

    #[test]
    fn only_one_scale_at_a_time() {
        assert_eq!(mode(&with(&[])), Ok(Mode::Default));
        assert_eq!(mode(&with(&[Opt::Now, Opt::Ready])), Ok(Mode::Ready));
        assert!(mode(&with(&[Opt::Live, Opt::Startup])).is_err());
    }

    #[test]
    fn a_command_s_status_becomes_zero_or_one() {
        let check = |script: &str| {
            let words = with(&[]);
            run_command(&words, &["/bin/sh".into(), "-c".into(), script.into()])
        };
        assert_eq!(check("exit 0"), Ok(0));
        assert_eq!(check("exit 1"), Ok(1));
        assert_eq!(check("exit 2"), Ok(1));
        assert_eq!(check("kill -9 $$"), Ok(1));
        assert_eq!(run_command(&with(&[]), &["/nonexistent/program".into()]), Ok(1));
        assert!(run_command(&with(&[]), &[]).is_err());
        assert!(run_command(&with(&[Opt::Now]), &["true".into()]).is_err());
    }
}
