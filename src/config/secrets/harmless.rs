//! Which keys hold nothing secret, so that a message may repeat their values.

use crate::config::keys::depends::CONDITIONS;
use crate::config::keys::{Key, SERVICE, TABLES};
use crate::model::suggest;

/// How much of a key's value a message may show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Sight {
    /// Nothing.
    Hidden,
    /// A boolean, or a word that the key knows.
    Words,
    /// A name or a path, up to a character that ends the name in NAME=VALUE and `NAME: VALUE`.
    Name,
    /// All of it.
    Whole,
}

impl Sight {
    /// Whether a string in quotes can be shown as a whole.
    pub fn shows_word(self, word: &str) -> bool {
        match self {
            Sight::Hidden => false,
            Sight::Words => CONDITIONS.iter().any(|(known, _)| *known == word),
            Sight::Name => !word.contains(['=', ':']),
            Sight::Whole => true,
        }
    }
}

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

/// The tables whose keys the user names. A variable stands below one of them where `[environment]` was forgotten.
const NAMED_BY_USER: &[&str] = &["environment", "depends_on", "control"];

/// The keys that hold names or paths. NAME=VALUE stands there where `environment` was meant.
const NAMES: &[&str] = &["depends_on", "bundles", "env_file"];

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
    let is_name = |name: &str| has(first, name) || is_named_by_user(first);
    match written {
        (one, None) if has(first, one) => Some(format!("{first}.{one}")),
        (name, None) if is_name(name) && TABLES.iter().any(|(table, _)| *table == of_names) => Some(of_names),
        (name, Some(one)) if is_name(name) && has(&of_names, one) => Some(format!("{of_names}.{one}")),
        _ => None,
    }
}

/// Whether the keys of a table are the user's to choose.
pub(super) fn is_named_by_user(table: &str) -> bool {
    NAMED_BY_USER.contains(&table)
}

/// How much of the value of a key a message may show.
pub(super) fn sight(path: &[String]) -> Sight {
    let Some(name) = canonical(path) else { return Sight::Hidden };
    let owner = path.first().map_or("", String::as_str);
    match HARMLESS.contains(&owner) || HARMLESS.contains(&name.as_str()) {
        false => Sight::Hidden,
        true if path.len() > 1 && is_named_by_user(owner) => Sight::Words,
        true if NAMES.contains(&owner) => Sight::Name,
        true => Sight::Whole,
    }
}

/// Whether a key, or a table, is known, or looks like one that is. What the user names does not.
pub(super) fn is_like_known(path: &[String]) -> bool {
    if matches!(path, [table, _, ..] if is_named_by_user(table)) {
        return false;
    }
    let names = |keys: &'static [Key]| keys.iter().map(|key| key.name).collect::<Vec<_>>();
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
            let path = path(&name.replace("ulimits.NAME", "ulimits.nofile"));
            assert_eq!(sight(&path) != Sight::Hidden, listed(HARMLESS), "{name}");
        }
        for name in HARMLESS.iter().chain(SECRET).chain(NAMED_BY_USER).chain(NAMES) {
            assert!(names.iter().any(|known| known == name), "{name} is no key");
        }
    }

    /// The keys of a table are either listed or the user's.
    #[test]
    fn who_names_keys_is_known() {
        for (table, _) in TABLES {
            let Some(owner) = table.strip_suffix(".NAME") else { continue };
            let has_list = TABLES.iter().any(|(table, _)| *table == owner);
            assert!(has_list != is_named_by_user(owner), "{owner}");
        }
    }

    #[test]
    fn what_is_unknown_is_not_harmless() {
        for name in ["env", "command.A", "healthcheck", "healthcheck.env", "depends_on.db.x", "a.b.c.d", ""] {
            assert_eq!(sight(&path(name)), Sight::Hidden, "{name}");
        }
        for name in ["ulimits.PASSWORD", "ulimits.PASSWORD.soft", "control.PASSWORD", "env_file.PASSWORD"] {
            assert_eq!(sight(&path(name)), Sight::Hidden, "{name}");
        }
        for name in ["ulimits.nofile", "ulimits.nofile.soft", "command", "backoff.max"] {
            assert_eq!(sight(&path(name)), Sight::Whole, "{name}");
        }
        for name in ["depends_on.db", "depends_on.db.condition", "depends_on.db.required"] {
            assert_eq!(sight(&path(name)), Sight::Words, "{name}");
        }
        for name in ["depends_on", "bundles", "env_file", "env_file.path"] {
            assert_eq!(sight(&path(name)), Sight::Name, "{name}");
        }
    }

    #[test]
    fn words_are_shown_that_are_no_secret() {
        assert!(Sight::Words.shows_word("service_healthy") && !Sight::Words.shows_word("hunter2"));
        assert!(Sight::Name.shows_word("db") && !Sight::Name.shows_word("A=hunter2"));
        assert!(!Sight::Hidden.shows_word("") && Sight::Whole.shows_word("A=b"));
    }

    #[test]
    fn typos_look_like_known_keys() {
        for name in ["comand", "healthcheck.tset", "environment", "environmnt"] {
            assert!(is_like_known(&path(name)), "{name}");
        }
        for name in ["hunter2", "environment.USER", "environment.A.file", "depends_on.db", "control.restart"]
        {
            assert!(!is_like_known(&path(name)), "{name}");
        }
    }
}
