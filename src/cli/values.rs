//! What the values of options and environment variables mean. Messages name the one that is wrong.

#![forbid(unsafe_code)]

use super::parse::Words;
use super::table::{self, Flag};
use crate::config::Style;
use crate::control::address::Address;
use crate::model::{Driver, LONGEST_OPTIONS, Logging, Signal, duration};
use log::LevelFilter;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where services are defined if nothing else is said.
pub(super) const SERVICES_DIR: &str = "/etc/services.d";

/// How long an init may take that knows what to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// The environment, or what a test has in its place.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The process's environment.
pub(super) fn env(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// An option's value, from the command line or else from the environment, where empty means not set; with what it
/// was given as.
fn given(words: &Words, env: Env<'_>, flag: &Flag) -> Option<(String, OsString)> {
    if let Some(value) = words.last(flag.opt) {
        return Some((format!("--{}", flag.long), value.to_owned()));
    }
    let name = flag.env?;
    env(name).filter(|value| !value.is_empty()).map(|value| (name.to_owned(), value))
}

/// An option's value as `read` understands it.
pub(super) fn read<T>(
    words: &Words,
    env: Env<'_>,
    flag: &Flag,
    read: fn(&OsStr) -> Result<T, String>,
) -> Result<Option<T>, String> {
    let Some((source, value)) = given(words, env, flag) else { return Ok(None) };
    read(&value).map(Some).map_err(|cause| format!("{source} {value:?}: {cause}"))
}

/// `--timeout`, in whichever form the verb has it.
pub(super) fn timeout(words: &Words, default: Duration) -> Result<Duration, String> {
    match read(words, &env, &table::TIMEOUT, read_duration)? {
        Some(Duration::ZERO) => Err("--timeout must be more than zero".to_owned()),
        given => Ok(given.unwrap_or(default)),
    }
}

/// The same for what the init is to keep to: in milliseconds for the request, and how long to wait for the answer. That
/// is a little longer, so that the answer says how it stands.
pub(super) fn limit(words: &Words, default: Duration) -> Result<(u64, Duration), String> {
    let timeout = timeout(words, default)?;
    let millis = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX).max(1);
    Ok((millis, timeout.saturating_add(ANSWER)))
}

/// `--socket`.
pub(super) fn socket(words: &Words) -> Result<Option<Address>, String> {
    read(words, &env, &table::SOCKET, Address::parse)
}

/// Whether the directory that the init takes by itself is there.
pub(super) fn default_services() -> bool {
    Path::new(SERVICES_DIR).is_dir()
}

/// `--services`, each of them, or else `/etc/services.d` if it is there.
pub(super) fn services(words: &Words, env: Env<'_>, default_is_there: bool) -> Vec<PathBuf> {
    let from_env = || {
        let value = table::SERVICES.env.and_then(env).unwrap_or_default();
        std::env::split_paths(&value).filter(|path| !path.as_os_str().is_empty()).collect()
    };
    let mut dirs: Vec<PathBuf> = words.all(table::SERVICES.opt).map(PathBuf::from).collect();
    if dirs.is_empty() {
        dirs = from_env();
    }
    if dirs.is_empty() && default_is_there {
        dirs.push(PathBuf::from(SERVICES_DIR));
    }
    dirs
}

/// `--style`.
pub(super) fn style(words: &Words, env: Env<'_>) -> Result<Option<Style>, String> {
    read(words, env, &table::STYLE, |text| {
        let style = Style::ALL.iter().find(|(name, _)| text == *name).map(|(_, style)| *style);
        style.ok_or_else(|| "no style: write s6 or runit".to_owned())
    })
}

/// `--log-driver` and `--log-opt`.
pub(super) fn logging(words: &Words, env: Env<'_>) -> Result<Option<Logging>, String> {
    let driver =
        read(words, env, &table::LOG_DRIVER, |name| Driver::parse(name.to_str().unwrap_or_default()))?;
    let (source, given) = log_options(words, env)?;
    let Some(driver) = driver else {
        return match given.is_empty() {
            true => Ok(None),
            false => Err(format!("{source}: the log driver inherit has no options: give --log-driver")),
        };
    };
    let mut options = Vec::new();
    for option in given {
        let (name, value) =
            option.split_once('=').ok_or_else(|| format!("{source} {option:?}: write KEY=VALUE"))?;
        driver.check(name, value).map_err(|(message, help)| {
            let help = help.map(|help| format!("; {help}")).unwrap_or_default();
            format!("{source} {option:?}: {message}{help}")
        })?;
        options.push((name.to_owned(), value.to_owned()));
    }
    let length: usize = options.iter().map(|(name, value)| name.len().saturating_add(value.len())).sum();
    match length > LONGEST_OPTIONS {
        true => Err(format!("{source}: the options are longer than {LONGEST_OPTIONS} bytes")),
        false => Ok(Some(Logging { driver, options })),
    }
}

/// Each option as it is written, and where.
fn log_options(words: &Words, env: Env<'_>) -> Result<(String, Vec<String>), String> {
    let flag = &table::LOG_OPT;
    let text = |word: &OsStr| word.to_string_lossy().into_owned();
    let given: Vec<String> = words.all(flag.opt).map(text).collect();
    let name = flag.env.unwrap_or_default();
    match env(name).filter(|value| given.is_empty() && !value.is_empty()) {
        None => Ok((format!("--{}", flag.long), given)),
        Some(value) => {
            let value = text(&value);
            let split = crate::model::words::split(&value);
            let split = split.map_err(|_| format!("{name} {value:?}: a quote is not closed"))?;
            Ok((name.to_owned(), split))
        }
    }
}

/// A duration with its unit.
pub(super) fn read_duration(text: &OsStr) -> Result<Duration, String> {
    let text = text.to_str().unwrap_or_default().trim();
    match humantime::parse_duration(text) {
        Ok(read) if read <= duration::MAX => Ok(read),
        Ok(_) => Err(format!("longer than {}", duration::format(duration::MAX))),
        Err(_) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(format!("the unit is missing: write {text}s or {text}ms"))
        }
        Err(_) => Err("no duration: write a number and a unit, as in 500ms, 10s or 1m30s".to_owned()),
    }
}

/// A signal by its name or number.
pub(super) fn read_signal(text: &OsStr) -> Result<Signal, String> {
    let signal = text.to_str().and_then(Signal::parse);
    signal.ok_or_else(|| "no signal: write SIGTERM, TERM or 15, say".to_owned())
}

/// An exit status.
pub(super) fn read_status(text: &OsStr) -> Result<u8, String> {
    let status = text.to_str().and_then(|text| text.parse().ok());
    status.ok_or_else(|| "no exit status: write a number from 0 to 255".to_owned())
}

/// The level that `TINI_VERBOSITY` stands for.
pub(super) fn env_verbosity(env: Env<'_>) -> Option<LevelFilter> {
    let value = table::VERBOSE.env.and_then(env)?;
    let number: usize = value.to_str()?.trim().parse().ok()?;
    Some(raised(LevelFilter::Error, number))
}

/// Raises the level by this number of steps.
pub(super) fn raised(level: LevelFilter, by: usize) -> LevelFilter {
    LevelFilter::iter().filter(|other| *other > level).take(by).last().unwrap_or(level)
}

#[cfg(test)]
mod tests {
    use super::super::table::Opt;
    use super::*;

    fn words(options: &[(Opt, &str)]) -> Words {
        let options = options.iter().map(|(opt, value)| (*opt, OsString::from(value))).collect();
        Words { options, ..Words::default() }
    }

    fn paths(list: &[&str]) -> Vec<PathBuf> {
        list.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn the_command_line_goes_before_the_environment() {
        let env: Env<'_> = &|name| (name == "RINIT_SERVICES").then(|| "x::y:".into());
        let given = words(&[(Opt::Services, "a"), (Opt::Services, "b:c")]);
        assert_eq!(services(&given, env, true), paths(&["a", "b:c"]));
        assert_eq!(services(&words(&[]), env, true), paths(&["x", "y"]));
        assert_eq!(services(&words(&[]), &|_| Some("".into()), true), paths(&[SERVICES_DIR]));
        assert_eq!(services(&words(&[]), &|_| None, false), paths(&[]));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let env: Env<'_> = &|_| Some("10".into());
        let read = |words: &Words| read(words, env, &table::STOP_TIMEOUT, read_duration);
        let of_env = read(&words(&[])).unwrap_err();
        assert_eq!(of_env, "RINIT_STOP_TIMEOUT \"10\": the unit is missing: write 10s or 10ms");
        let of_option = read(&words(&[(Opt::StopTimeout, "soon")])).unwrap_err();
        assert!(of_option.starts_with("--stop-timeout \"soon\": no duration"), "{of_option}");
        assert_eq!(read(&words(&[(Opt::StopTimeout, "1m 30s")])), Ok(Some(Duration::from_secs(90))));
    }

    #[test]
    fn durations() {
        for (text, expected) in [("9s", 9000), ("500ms", 500), ("1h", 3_600_000), ("0s", 0), (" 1s ", 1000)] {
            assert_eq!(read_duration(OsStr::new(text)), Ok(Duration::from_millis(expected)), "{text}");
        }
        for text in ["", "s", "-1s", "1x", "10", "9999years", "1s2", "99999999999999999999s"] {
            assert!(read_duration(OsStr::new(text)).is_err(), "{text}");
        }
    }
}
