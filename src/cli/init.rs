//! No verb: be the init. Makes its settings out of the command line and the environment.

#![forbid(unsafe_code)]

use super::near;
use super::parse::{UsageError, Words};
use super::role::{self, Role};
use super::table::{self, Opt};
use super::values::{self, Env, SERVICES_DIR};
use crate::control::address::Address;
use crate::init::{self, Listening, LogFormat, Remap, Settings, TiniOptions};
use crate::model::exit;
use log::LevelFilter;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

/// Inside the ten seconds that Docker gives, so that rinit ends it and can say who had to be killed.
pub(super) const STOP_TIMEOUT: Duration = Duration::from_secs(9);

pub(super) fn run(words: &Words) -> Result<u8, UsageError> {
    let role = role::role(words)?;
    let default_is_there = values::default_services();
    let settings = settings(words, &values::env, role, default_is_there).map_err(UsageError::of_init)?;
    let format = settings.log_format;
    let status = init::run(settings);
    if status == exit::NOT_FOUND
        && let Some(hint) = verb_hint(&words.operands)
    {
        init::say_last(format, &hint);
    }
    Ok(status)
}

/// A COMMAND that may have been meant for a verb.
fn verb_hint(command: &[OsString]) -> Option<String> {
    let name = command.first()?.to_str()?;
    let near = near::verb(name)?;
    if near == name {
        return Some(format!(
            "rinit: {name:?} was taken for a COMMAND; in a running container it is a verb: docker exec CONTAINER rinit {name}{}",
            if name == "check" {
                "; in a new one: docker run --entrypoint /sbin/rinit IMAGE check"
            } else {
                ""
            }
        ));
    }
    Some(format!("rinit: {name:?} was taken for a COMMAND; did you mean {near:?}? Try 'rinit --help'."))
}

/// How the control socket is opened.
fn listening(words: &Words, role: Role) -> Listening {
    match role {
        Role::Init => Listening::Wanted,
        Role::Second => Listening::Required,
        Role::Reaper if words.has(Opt::Socket) => Listening::Required,
        Role::Reaper => Listening::Off,
    }
}

fn settings(words: &Words, env: Env<'_>, role: Role, default_is_there: bool) -> Result<Settings, String> {
    let services = match role {
        Role::Init | Role::Second => values::services(words, env, default_is_there),
        Role::Reaper => Vec::new(),
    };
    let command = words.operands.clone();
    let default_level = match (services.is_empty(), command.is_empty()) {
        (true, true) => {
            return Err(format!(
                "nothing to do: give a COMMAND, or services with --services DIR or in {SERVICES_DIR}"
            ));
        }
        (true, false) => LevelFilter::Warn,
        (false, _) => LevelFilter::Info,
    };
    let stop_timeout = values::read(words, env, &table::STOP_TIMEOUT, values::read_duration)?;
    let log_level = values::read(words, env, &table::LOG_LEVEL, read_level)?;
    let log_level = log_level.or_else(|| values::env_verbosity(env)).unwrap_or(default_level);
    let log_format = values::read(words, env, &table::LOG_FORMAT, read_format)?;
    Ok(Settings {
        services,
        style: values::style(words, env)?,
        command,
        stop_timeout: stop_timeout.unwrap_or(STOP_TIMEOUT),
        socket: values::read(words, env, &table::SOCKET, Address::parse)?,
        listening: listening(words, role),
        state_dir: values::read(words, env, &table::STATE_DIR, read_dir)?,
        log_level: values::raised(log_level, words.all(Opt::Verbose).count()),
        log_format: log_format.unwrap_or(LogFormat::Text),
        logging: values::logging(words, env)?,
        tini_options: tini_options(words, env)?,
    })
}

fn read_dir(text: &OsStr) -> Result<PathBuf, String> {
    // rinit leaves the directory that it was started in before it needs this one.
    match std::path::absolute(text) {
        Ok(path) => Ok(path),
        Err(_) => Err("it is empty: give a directory".to_owned()),
    }
}

/// tini's options. Its switches in the environment are on where the variable is there, whatever its value.
fn tini_options(words: &Words, env: Env<'_>) -> Result<TiniOptions, String> {
    let mut remap = Remap::default();
    for value in words.all(Opt::RemapExit) {
        remap.add(values::read_status(value).map_err(|cause| format!("-e {value:?}: {cause}"))?);
    }
    let to_group = table::KILL_PROCESS_GROUP.env.and_then(env).is_some();
    Ok(TiniOptions {
        to_group: to_group || words.has(Opt::KillProcessGroup),
        remap,
        parent_death_signal: values::read(words, env, &table::PARENT_DEATH_SIGNAL, values::read_signal)?,
        warn_zombies: words.has(Opt::WarnZombies),
    })
}

fn read_level(text: &OsStr) -> Result<LevelFilter, String> {
    let level = text.to_str().and_then(|text| text.parse().ok());
    level.ok_or_else(|| "no level: write off, error, warn, info, debug or trace".to_owned())
}

fn read_format(text: &OsStr) -> Result<LogFormat, String> {
    match text.to_str() {
        Some("text") => Ok(LogFormat::Text),
        Some("json") => Ok(LogFormat::Json),
        _ => Err("no format: write text or json".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse::{Line, parse};
    use super::*;
    use crate::model::Signal;
    use std::ffi::OsString;

    fn read(line: &str, env: &[(&str, &str)]) -> Result<Settings, String> {
        let Ok(Line::Init(words)) = parse(line.split_whitespace().map(OsString::from).collect()) else {
            panic!("{line} is not for the init");
        };
        let lookup = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
        settings(&words, &lookup, Role::Init, false)
    }

    #[test]
    fn the_defaults() {
        let expected = Settings {
            services: vec![],
            style: None,
            command: vec!["sh".into(), "-c".into()],
            stop_timeout: Duration::from_secs(9),
            socket: None,
            listening: Listening::Wanted,
            state_dir: None,
            log_level: LevelFilter::Warn,
            log_format: LogFormat::Text,
            logging: None,
            tini_options: TiniOptions::default(),
        };
        assert_eq!(read("sh -c", &[]), Ok(expected));
        assert_eq!(read("--services d sh", &[]).unwrap().log_level, LevelFilter::Info);
        assert_eq!(read("--services d", &[]).unwrap().log_level, LevelFilter::Info);
        assert!(read("", &[]).unwrap_err().starts_with("nothing to do"));
    }

    #[test]
    fn options_and_environment_say_the_same() {
        let by_options = read(
            "--services a --services b --stop-timeout 3s --socket @x --state-dir /s --log-level Debug \
             --log-format json --style runit --log-driver console --log-opt format=json --log-opt timestamps=true sh",
            &[("RINIT_LOG", "off"), ("RINIT_STOP_TIMEOUT", "no")],
        );
        let by_env = [
            ("RINIT_SERVICES", "a:b"),
            ("RINIT_STOP_TIMEOUT", "3s"),
            ("RINIT_SOCKET", "@x"),
            ("RINIT_STATE_DIR", "/s"),
            ("RINIT_STYLE", "runit"),
            ("RINIT_LOG", "debug"),
            ("RINIT_LOG_FORMAT", "json"),
            ("RINIT_LOG_DRIVER", "console"),
            ("RINIT_LOG_OPTS", " format=json 'timestamps=true'"),
        ];
        let by_env = read("sh", &by_env);
        assert!(by_env.is_ok(), "{by_env:?}");
        assert_eq!(by_options, by_env);
    }

    #[test]
    fn options_of_tini() {
        let read_ok = |line, env: &[_]| read(line, env).unwrap();
        let settings = read_ok("-gwse143 -e 0 -pKILL -vv sh", &[]);
        assert_eq!(settings.log_level, LevelFilter::Debug);
        let tini_options = settings.tini_options;
        assert!(tini_options.to_group && tini_options.warn_zombies);
        assert_eq!(tini_options.parent_death_signal, Some(Signal::KILL));
        assert_eq!([143, 0, 1, 255].map(|status| tini_options.remap.apply(status)), [0, 0, 1, 255]);
        assert!(read_ok("sh", &[("TINI_KILL_PROCESS_GROUP", "")]).tini_options.to_group);
        for (verbosity, level) in
            [("0", LevelFilter::Error), ("1", LevelFilter::Warn), ("9", LevelFilter::Trace)]
        {
            assert_eq!(read_ok("sh", &[("TINI_VERBOSITY", verbosity)]).log_level, level);
        }
        let both = [("TINI_VERBOSITY", "3"), ("RINIT_LOG", "error")];
        assert_eq!(read_ok("-v sh", &both).log_level, LevelFilter::Warn);
    }

    #[test]
    fn a_reaper_takes_no_services_and_no_socket() {
        let Ok(Line::Init(words)) = parse(["--", "id"].map(OsString::from).to_vec()) else {
            panic!("no init")
        };
        let env: Env<'_> = &|name| matches!(name, "RINIT_SERVICES" | "RINIT_SOCKET").then(|| "/x".into());
        let of = |role| settings(&words, env, role, true).unwrap();
        let reaper = of(Role::Reaper);
        assert_eq!((reaper.services.len(), reaper.listening), (0, Listening::Off));
        assert_eq!(reaper.log_level, LevelFilter::Warn);
        let second = of(Role::Second);
        assert_eq!((second.services.len(), second.listening), (1, Listening::Required));
        assert_eq!(of(Role::Init).listening, Listening::Wanted);
    }

    #[test]
    fn a_command_that_looks_like_a_verb_gets_a_hint() {
        assert!(verb_hint(&["helth".into()]).unwrap().contains("did you mean \"health\""));
        assert_eq!(verb_hint(&["nginx".into()]), None);
        assert_eq!(verb_hint(&[]), None);
    }

    #[test]
    fn every_bad_value_is_named_with_its_source() {
        for (line, env, message) in [
            ("--log-level loud sh", None, "--log-level \"loud\": no level"),
            ("sh", Some(("RINIT_LOG_FORMAT", "xml")), "RINIT_LOG_FORMAT \"xml\": no format"),
            ("sh", Some(("RINIT_LOG", "3")), "RINIT_LOG \"3\": no level"),
            ("-e 256 sh", None, "-e \"256\": no exit status"),
            ("-p SIGFOO sh", None, "--parent-death-signal \"SIGFOO\": no signal"),
            ("--socket @ sh", None, "--socket \"@\": it is empty"),
            ("--style S6 sh", None, "--style \"S6\": no style: write s6 or runit"),
            ("--state-dir= sh", None, "--state-dir \"\": it is empty"),
            (
                "--log-driver syslogd sh",
                None,
                "--log-driver \"syslogd\": no log driver: write one of inherit",
            ),
            (
                "--log-driver none --log-opt a=b sh",
                None,
                "--log-opt \"a=b\": the log driver none has no options",
            ),
            ("--log-opt format=json sh", None, "--log-opt: the log driver inherit has no options"),
            ("--log-driver console --log-opt format sh", None, "--log-opt \"format\": write KEY=VALUE"),
            (
                "--log-driver console --log-opt format=x sh",
                None,
                "--log-opt \"format=x\": expected one of text",
            ),
            (
                "--log-driver console sh",
                Some(("RINIT_LOG_OPTS", "'a")),
                "RINIT_LOG_OPTS \"'a\": a quote is not closed",
            ),
            ("--stop-timeout 5 sh", None, "--stop-timeout \"5\": the unit is missing"),
        ] {
            let error = read(line, env.as_slice()).unwrap_err();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
