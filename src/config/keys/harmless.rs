//! Which keys hold nothing secret, so that a message may repeat their values.

use super::{SERVICE, TABLES};
use crate::model::suggest;

/// The keys whose values a message may show, each with everything known in it. A command line can be seen in /proc by
/// everybody, so it is no place for a secret anyway. A key that is neither here nor in `SECRET` has its value cut.
const HARMLESS: &[&str] = &[
    "command",
    "arg0",
    "description",
    "restart",
    "backoff",
    "essential",
    "autostart",
    "depends_on",
    "bundles",
    "notify",
    "start_timeout",
    "watchdog",
    "run_timeout",
    "user",
    "group_add",
    "working_dir",
    "umask",
    "env_file",
    "stdout",
    "stderr",
    "stop_signal",
    "stop_grace_period",
    "kill_mode",
    "stop_command",
    "control",
    "refuse_manual_stop",
    "pre_start",
    "post_start",
    "pre_stop",
    "post_stop",
    "post_stop_timeout",
    "finish",
    "max_death_tally",
    "ulimits",
    "oom_score_adj",
    "nice",
    "cap_drop",
    "cap_add",
    "no_new_privileges",
    "healthcheck.test",
    "healthcheck.tcp",
    "healthcheck.unix",
    "healthcheck.disable",
    "healthcheck.interval",
    "healthcheck.timeout",
    "healthcheck.start_period",
    "healthcheck.start_interval",
    "healthcheck.retries",
    "healthcheck.on_unhealthy",
];

/// The keys whose values no message may show. A URL may hold a token.
#[cfg(test)]
const SECRET: &[&str] = &["environment", "healthcheck.http"];

/// The name of a key in the tables, with `NAME` for what is the user's to choose; `None` for an unknown one.
fn canonical(path: &[String]) -> Option<String> {
    let (first, rest) = path.split_first()?;
    let known = SERVICE.iter().find(|key| key.name == first)?;
    let written = match rest {
        [] => return Some(known.name.to_owned()),
        [one] => (one, None),
        [name, one] => (name, Some(one)),
        _ => return None,
    };
    let has = |table: &str, name: &str| {
        let keys = TABLES.iter().find(|(known, _)| *known == table).map(|(_, keys)| *keys);
        keys.is_some_and(|keys| keys.iter().any(|key| key.name == name))
    };
    let of_names = format!("{first}.NAME");
    match written {
        (one, None) if has(first, one) => Some(format!("{first}.{one}")),
        (_, None) if TABLES.iter().any(|(table, _)| *table == of_names) => Some(of_names),
        (_, Some(one)) if has(&of_names, one) => Some(format!("{of_names}.{one}")),
        _ => None,
    }
}

/// Whether a message may show the value of a key.
pub(in super::super) fn is_harmless(path: &[String]) -> bool {
    let Some(name) = canonical(path) else { return false };
    let owner = path.first().map_or("", String::as_str);
    HARMLESS.contains(&owner) || HARMLESS.contains(&name.as_str())
}

/// Whether a key, or a table, is known, or looks like one that is. The names of variables are the user's.
pub(in super::super) fn is_like_known(path: &[String]) -> bool {
    if matches!(path, [table, _, ..] if table == "environment") {
        return false;
    }
    let names = |keys: &'static [super::Key]| keys.iter().map(|key| key.name).collect::<Vec<_>>();
    let near = |word: &String| {
        suggest::nearest(word, &names(SERVICE)).is_some()
            || TABLES.iter().any(|(_, keys)| suggest::nearest(word, &names(keys)).is_some())
    };
    canonical(path).is_some() || path.last().is_some_and(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> Vec<String> {
        name.split('.').map(str::to_owned).collect()
    }

    /// Who adds a key decides whether its value may be shown.
    #[test]
    fn every_key_is_either_harmless_or_secret() {
        let mut names: Vec<String> = SERVICE.iter().map(|key| key.name.to_owned()).collect();
        names.extend(
            TABLES
                .iter()
                .flat_map(|(table, keys)| keys.iter().map(move |key| format!("{table}.{}", key.name))),
        );
        for name in &names {
            let owner = name.split('.').next().unwrap();
            let listed = |list: &[&str]| list.contains(&owner) || list.contains(&name.as_str());
            let is_table = TABLES.iter().any(|(table, _)| table == name);
            assert!(listed(HARMLESS) != listed(SECRET) || is_table, "{name}: HARMLESS or SECRET?");
            assert_eq!(is_harmless(&path(name)), listed(HARMLESS), "{name}");
        }
        for name in HARMLESS.iter().chain(SECRET) {
            assert!(names.iter().any(|known| known == name), "{name} is no key");
        }
    }

    #[test]
    fn what_is_unknown_is_not_harmless() {
        for name in ["env", "command.A", "healthcheck", "healthcheck.env", "depends_on.db.x", "a.b.c.d", ""] {
            assert!(!is_harmless(&path(name)), "{name}");
        }
        for name in ["depends_on.db", "depends_on.db.condition", "ulimits.nofile", "ulimits.nofile.soft"] {
            assert!(is_harmless(&path(name)), "{name}");
        }
    }

    #[test]
    fn typos_look_like_known_keys() {
        for name in ["comand", "healthcheck.tset", "environment", "environmnt"] {
            assert!(is_like_known(&path(name)), "{name}");
        }
        for name in ["hunter2", "environment.USER", "environment.A.file"] {
            assert!(!is_like_known(&path(name)), "{name}");
        }
    }
}
