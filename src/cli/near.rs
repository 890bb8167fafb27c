//! Which verb a word was most likely meant to be: one that is written nearly so, or what other programs call it.

#![forbid(unsafe_code)]

use super::table;
use crate::model::suggest;

/// Words of docker, systemctl, supervisorctl, s6 and sv, each with what it is here.
const OTHERS: [(&str, &str); 17] = [
    ("cont", "resume"),
    ("down", "stop"),
    ("exit", "shutdown"),
    ("halt", "shutdown"),
    ("kill", "signal"),
    ("list", "status"),
    ("log", "logs"),
    ("ls", "status"),
    ("poweroff", "shutdown"),
    ("ps", "status"),
    ("reread", "reload"),
    ("tail", "events"),
    ("top", "status"),
    ("unpause", "resume"),
    ("up", "start"),
    ("update", "reload"),
    ("version", "--version"),
];

/// The verb or option that a word stands for, if there is one like it.
pub(super) fn verb(word: &str) -> Option<&'static str> {
    let other = OTHERS.iter().find(|(other, _)| word.eq_ignore_ascii_case(other)).map(|(_, verb)| *verb);
    let known: Vec<&'static str> = table::COMMANDS.iter().map(|command| command.name).collect();
    other.or_else(|| suggest::nearest(word, &known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_near_a_verb_and_words_of_others() {
        for (word, expected) in [
            ("staus", Some("status")),
            ("Status", Some("status")),
            ("helth", Some("health")),
            ("log", Some("logs")),
            ("PS", Some("status")),
            ("version", Some("--version")),
            ("nginx", None),
            ("id", None),
            ("", None),
        ] {
            assert_eq!(verb(word), expected, "{word}");
        }
    }

    #[test]
    fn no_word_of_others_is_a_verb_and_each_leads_to_one() {
        for (word, verb) in OTHERS {
            assert!(table::find(word).is_none(), "{word} is a verb");
            assert!(table::find(verb).is_some() || verb == "--version", "{verb} is none");
        }
    }
}
