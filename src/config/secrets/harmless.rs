//! Which keys hold nothing secret, so that a message may repeat their values.

use crate::config::keys::depends::CONDITIONS;
use crate::config::keys::{Key, SERVICE, Sight, TABLES};
use crate::model::suggest;

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

/// The tables whose keys the user names. A variable stands below one of them where `[environment]` was forgotten.
const NAMED_BY_USER: &[&str] = &["environment", "depends_on", "control"];

/// What a path of keys leads to.
enum Place {
    Key(&'static Key),
    /// An entry that the user names, in the table of this key.
    Entry(&'static Key),
}

/// What a path leads to; `None` where a key in it is unknown.
fn find(path: &[String]) -> Option<Place> {
    let (first, rest) = path.split_first()?;
    let owner = SERVICE.iter().find(|key| key.name == first)?;
    let has = |table: &str, name: &str| {
        let keys = TABLES.iter().find(|(known, _)| *known == table).map(|(_, keys)| *keys)?;
        keys.iter().find(|key| key.name == name)
    };
    let of_names = format!("{first}.NAME");
    let is_name = |name: &str| has(first, name).is_some() || is_named_by_user(first);
    match rest {
        [] => Some(Place::Key(owner)),
        [one] => match has(first, one) {
            Some(key) => Some(Place::Key(key)),
            None if is_name(one) && TABLES.iter().any(|(table, _)| *table == of_names) => {
                Some(Place::Entry(owner))
            }
            None => None,
        },
        [name, one] if is_name(name) => has(&of_names, one).map(Place::Key),
        _ => None,
    }
}

/// Whether the keys of a table are the user's to choose.
pub(super) fn is_named_by_user(table: &str) -> bool {
    NAMED_BY_USER.contains(&table)
}

/// How much of the value of a key a message may show.
pub(super) fn sight(path: &[String]) -> Sight {
    match find(path) {
        Some(Place::Key(key)) => key.sight,
        Some(Place::Entry(owner)) if owner.sight != Sight::Hidden => Sight::Words,
        Some(Place::Entry(_)) | None => Sight::Hidden,
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
    find(path).is_some() || path.last().is_some_and(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> Vec<String> {
        name.split('.').map(str::to_owned).collect()
    }

    /// Where the user names the entries of a table, a message shows no more of them than known words.
    #[test]
    fn a_key_shows_no_more_than_its_table() {
        for (table, keys) in TABLES {
            let owner = table.split('.').next().unwrap();
            let of_owner = SERVICE.iter().find(|key| key.name == owner).unwrap().sight;
            for key in *keys {
                let name = format!("{table}.{}", key.name).replace("ulimits.NAME", "ulimits.nofile");
                let is_one = |one: Sight| key.sight == one && sight(&path(&name)) == one;
                match (owner, of_owner) {
                    // Of a health check, the URL alone is hidden.
                    ("healthcheck", _) => assert!(is_one(Sight::Whole) != (key.name == "http"), "{name}"),
                    // The options of a log driver may be anything.
                    ("logging", _) => {
                        let shown = if key.name == "options" { Sight::Hidden } else { Sight::Whole };
                        assert!(is_one(shown), "{name}");
                    }
                    (_, Sight::Name) if is_named_by_user(owner) => assert!(is_one(Sight::Words), "{name}"),
                    (_, of_owner) => assert!(is_one(of_owner), "{name}"),
                }
            }
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
