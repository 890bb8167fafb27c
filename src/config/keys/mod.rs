//! The table of keys. The reader works from it, and so does what describes the keys to people.
//!
//! `service` has the keys of a service. Each other file reads the values of the keys that belong together, and has the keys
//! of their tables.

pub(super) mod command;
pub(super) mod depends;
mod environment;
mod health;
mod logging;
mod process;
pub(super) mod readiness;
mod restart;
mod service;
pub(super) mod streams;
mod ulimits;
mod value;

pub use super::read::reader::Key;
pub use super::read::setting::{Setting, Sight};
pub use depends::DEPENDENCY;
pub use environment::{ENV_FILE, VARIABLE};
pub use health::HEALTHCHECK;
pub use logging::LOGGING;
pub use restart::{BACKOFF, restart_word};
pub use service::SERVICE;
pub use ulimits::{ULIMIT, ULIMITS};

/// The tables of keys below those of a service, each with its name as `owner.key`; `NAME` is the user's to choose.
pub static TABLES: &[(&str, &[Key])] = &[
    ("backoff", BACKOFF),
    ("depends_on.NAME", DEPENDENCY),
    ("environment.NAME", VARIABLE),
    ("env_file", ENV_FILE),
    ("ulimits", ULIMITS),
    ("ulimits.NAME", ULIMIT),
    ("logging", LOGGING),
    ("healthcheck", HEALTHCHECK),
];

#[cfg(test)]
mod tests {
    use super::*;
    use super::{command, readiness, streams};
    use crate::config::read::draft::Draft;
    use crate::config::read::interpolate::Variables;
    use crate::config::read::reader::{ReadContext, Reader};
    use crate::config::read::users::Accounts;
    use crate::config::secrets;
    use crate::config::text::source::Source;
    use crate::config::text::syntax;
    use crate::model::KillMode;
    use std::path::Path;

    fn mistakes(text: &str) -> Vec<String> {
        let source = Source::new("x.toml", text, secrets::find);
        let outside = ReadContext {
            accounts: Accounts::new(Path::new("/nonexistent")),
            variables: Variables::new(&[]),
            is_elsewhere: false,
        };
        let mut parsed = syntax::parse(&source);
        let mut draft = Draft::new("x");
        let mut reader = Reader::new(&source, &outside, SERVICE, &mut parsed);
        reader.table("", &parsed.table, SERVICE, &mut draft);
        readiness::check(&mut reader, &parsed.table, &draft);
        command::check(&mut reader, &parsed.table, &draft);
        streams::check(&mut reader, &parsed.table, &mut draft);
        reader.into_mistakes().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_example_is_right() {
        for key in SERVICE {
            let more = match key.name {
                "watchdog" => "notify = \"systemd\"\n",
                "post_stop_timeout" | "finish" => "post_stop = \"true\"\n",
                "max_death_tally" => "post_stop = \"true\"\nfinish = \"s6\"\n",
                _ => "",
            };
            assert_eq!(mistakes(&format!("{more}{}", key.example)), [""; 0], "{}", key.name);
        }
        for (table, keys) in TABLES {
            for key in *keys {
                let name = key.name;
                let more = match *table {
                    "backoff" if name == "window" => "limit = 5",
                    "healthcheck" if !["test", "http", "tcp", "unix"].contains(&name) => "test = \"true\"",
                    "env_file" if name == "path" => "required = false",
                    "env_file" if name == "required" => "path = \"gone.env\"",
                    "env_file" => "path = \"gone.env\"\nrequired = false",
                    "ulimits.NAME" if name == "soft" => "hard = 4096",
                    "logging" if name == "options" => "driver = \"console\"",
                    "ulimits.NAME" => "soft = 0",
                    _ => "",
                };
                let table = table.replace("ulimits.NAME", "ulimits.nofile");
                let header =
                    if table == "env_file" { "[[env_file]]".to_owned() } else { format!("[{table}]") };
                let text = format!("{header}\n{}\n{more}", key.example);
                assert_eq!(mistakes(&text), [""; 0], "{name}");
            }
        }
    }

    #[test]
    fn every_key_is_described_once() {
        for keys in TABLES.iter().map(|(_, keys)| *keys).chain([SERVICE]) {
            for (index, key) in keys.iter().enumerate() {
                assert!(key.example.starts_with(key.name), "{}", key.name);
                assert!(!key.kind.is_empty() && !key.meaning.is_empty(), "{}", key.name);
                assert!(keys.iter().skip(index + 1).all(|other| other.name != key.name), "{}", key.name);
            }
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_model() {
        let draft = Draft::new("x");
        let policy = &draft.service.policy;
        let timing = &draft.health.timing;
        let default = |keys: &[Key], name: &str| keys.iter().find(|key| key.name == name).unwrap().default;
        let show = crate::model::duration::format;
        assert_eq!(default(SERVICE, "essential"), policy.essential.to_string());
        assert_eq!(default(SERVICE, "refuse_manual_stop"), policy.refuse_manual_stop.to_string());
        assert_eq!(default(SERVICE, "autostart"), policy.autostart.to_string());
        assert_eq!(default(SERVICE, "stop_grace_period"), show(policy.stop_grace_period));
        assert_eq!(
            default(SERVICE, "no_new_privileges"),
            draft.service.exec.context.no_new_privileges.to_string()
        );
        assert!(policy.kill_mode == KillMode::Mixed && default(SERVICE, "kill_mode") == "mixed");
        assert_eq!(default(BACKOFF, "initial"), show(policy.backoff.initial));
        assert_eq!(default(BACKOFF, "factor"), policy.backoff.factor.to_string());
        assert_eq!(default(BACKOFF, "max"), show(policy.backoff.max));
        assert_eq!(default(BACKOFF, "reset_after"), show(policy.backoff.reset_after));
        assert_eq!((policy.backoff.limit, policy.backoff.window), (None, None));
        assert_eq!(default(HEALTHCHECK, "interval"), show(timing.interval));
        assert_eq!(default(HEALTHCHECK, "timeout"), show(timing.timeout));
        assert_eq!(default(HEALTHCHECK, "start_interval"), show(timing.start_interval));
        assert_eq!(default(HEALTHCHECK, "retries"), timing.retries.to_string());
        assert!(timing.start_period.is_zero() && default(HEALTHCHECK, "start_period") == "0s");
    }
}
