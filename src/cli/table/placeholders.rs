//! What the words in capitals stand for, in the values of options and in the forms of verbs: the completions offer
//! it.

#![forbid(unsafe_code)]

use super::entry::Command;

/// What may stand in a placeholder's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One of these words.
    Words(&'static [&'static str]),
    /// A directory.
    Directory,
    /// A file.
    File,
    /// A service of the running init.
    Service,
    /// A verb of rinit.
    Verb,
    /// A kind of event.
    Event,
    /// A signal.
    Signal,
    /// A program, and its arguments.
    Program,
    /// Nothing that could be listed.
    Free,
}

/// Every placeholder that there is. One name has one meaning, wherever it stands.
pub static PLACEHOLDERS: [(&str, Kind); 22] = [
    ("ADDRESS:PORT", Kind::Free),
    ("ARG", Kind::Free),
    ("CODE", Kind::Free),
    ("COMMAND", Kind::Program),
    ("CONDITION", Kind::Words(&["ready", "healthy", "stopped", "completed", "failed"])),
    ("DIR", Kind::Directory),
    ("DRIVER", Kind::Words(&["inherit", "console", "json-file", "file", "none"])),
    ("DURATION", Kind::Free),
    ("FORMAT", Kind::Words(&["text", "json"])),
    ("KIND", Kind::Event),
    ("KEY=VALUE", Kind::Free),
    ("LEVEL", Kind::Words(&["off", "error", "warn", "info", "debug", "trace"])),
    ("LINES", Kind::Free),
    ("NAME", Kind::Service),
    ("PATH", Kind::File),
    ("SHELL", Kind::Words(&["bash", "zsh", "fish"])),
    ("SIGNAL", Kind::Signal),
    ("SINCE", Kind::Free),
    ("STYLE", Kind::Words(&["s6", "runit"])),
    ("TIME", Kind::Free),
    ("URL", Kind::Free),
    ("VERB", Kind::Verb),
];

/// What a placeholder stands for.
pub fn kind(placeholder: &str) -> Option<Kind> {
    PLACEHOLDERS.iter().find(|(name, _)| *name == placeholder).map(|(_, kind)| *kind)
}

/// One word of a form of a verb, as `NAME...`, `[DIR]` or `http`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operand {
    /// A placeholder, or in small letters the word itself.
    pub word: &'static str,
    /// Whether it may be repeated.
    pub repeated: bool,
}

impl Operand {
    /// Whether the word itself is to be written.
    pub fn is_literal(&self) -> bool {
        self.word.starts_with(|c: char| c.is_ascii_lowercase())
    }
}

impl Command {
    /// The operands of each form, as its usage has them: without the options, and up to a `--`.
    pub fn forms(&self) -> impl Iterator<Item = impl Iterator<Item = Operand>> {
        self.usage.iter().map(|form| {
            let words = form.split(' ').skip(1).take_while(|word| *word != "--");
            // An option that a form shows is in brackets, with its value.
            let mut in_option = false;
            words.filter_map(move |word| {
                let ends = word.ends_with(']');
                if in_option || word.starts_with("[-") {
                    in_option = !ends;
                    return None;
                }
                let bare = word.trim_end_matches("...");
                let bare = bare.trim_start_matches('[').trim_end_matches(']');
                let operand = Operand { word: bare, repeated: word.ends_with("...") };
                (bare != "OPTION").then_some(operand)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{COMMANDS, Flag, INIT_FLAGS};
    use super::*;

    #[test]
    fn every_placeholder_of_the_tables_is_known() {
        let flags = COMMANDS.iter().flat_map(|command| command.flags.iter().copied());
        let flags: Vec<&Flag> = flags.chain(INIT_FLAGS).collect();
        for flag in flags {
            let value = flag.value.map(|value| (value, kind(value)));
            assert!(value.is_none_or(|(_, kind)| kind.is_some()), "{value:?} of --{}", flag.long);
        }
        for command in &COMMANDS {
            for operand in command.forms().flatten() {
                assert!(operand.is_literal() || kind(operand.word).is_some(), "{operand:?}");
            }
        }
    }

    #[test]
    fn the_words_of_a_driver_are_its_names() {
        let Some(Kind::Words(words)) = kind("DRIVER") else { panic!("no words") };
        assert_eq!(words, crate::model::Driver::names());
    }

    #[test]
    fn the_forms_of_a_verb_are_read() {
        let forms = |usage: &'static [&'static str]| {
            let command = Command { usage, ..COMMANDS[0] };
            command
                .forms()
                .map(|form| form.map(|it| (it.word, it.repeated)).collect())
                .collect::<Vec<Vec<_>>>()
        };
        let read =
            forms(&["probe [OPTION]... http URL", "x [--timeout DURATION] -- COMMAND", "y [A] B... [C]..."]);
        let expected: [&[(&str, bool)]; 3] =
            [&[("http", false), ("URL", false)], &[], &[("A", false), ("B", true), ("C", true)]];
        assert_eq!(read, expected);
    }
}
