//! Reads the command line into plain data: which options were given, which words, and what came after `--`. What
//! their values mean is for `values` and the verbs.

#![forbid(unsafe_code)]

use super::table::{self, Command, Flag, INIT_FLAGS, Opt};
use crate::model::text::escaped;
use crate::model::{exit, suggest};
use lexopt::{Arg, Parser};
use std::ffi::{OsStr, OsString};
use std::fmt;

/// The command line, as far as it can be read without knowing what it means.
#[derive(Debug)]
pub enum Line {
    /// Be the init. The operands are COMMAND.
    Init(Words),
    /// Do what a verb says.
    Verb(&'static Command, Words),
}

/// Options and other words.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// Each option with its value, in the order given.
    pub options: Vec<(Opt, OsString)>,
    /// Words that are neither.
    pub operands: Vec<OsString>,
    /// What came after `--`.
    pub rest: Option<Vec<OsString>>,
    /// COMMAND came after `--`: it cannot have been meant for a verb.
    pub after_dashes: bool,
}

impl Words {
    /// Whether an option was given.
    pub fn has(&self, opt: Opt) -> bool {
        self.options.iter().any(|(given, _)| *given == opt)
    }

    /// Each value that was given to an option.
    pub fn all(&self, opt: Opt) -> impl DoubleEndedIterator<Item = &OsStr> {
        self.options.iter().filter(move |(given, _)| *given == opt).map(|(_, value)| value.as_os_str())
    }

    /// The value of an option that counts: the last one.
    pub fn last(&self, opt: Opt) -> Option<&OsStr> {
        self.all(opt).next_back()
    }
}

/// A command line that cannot be carried out. `Display` is what goes to standard error.
#[derive(Debug, PartialEq, Eq)]
pub struct UsageError {
    message: String,
    /// What to call for help.
    help: String,
    /// The exit status.
    pub status: u8,
}

impl UsageError {
    /// Of the init.
    pub fn of_init(message: String) -> UsageError {
        UsageError { message, help: "rinit --help".to_owned(), status: exit::OWN_FAILURE }
    }

    /// Of a process that is not the init, where one runs.
    pub fn of_client(message: String, help: &str) -> UsageError {
        UsageError { message, help: help.to_owned(), status: exit::USAGE }
    }

    /// Of a verb.
    pub fn of_verb(command: &Command, message: String) -> UsageError {
        UsageError { message, help: format!("rinit {} --help", command.name), status: exit::USAGE }
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stop = if self.message.ends_with('?') { "" } else { "." };
        writeln!(f, "rinit: {}{stop} Try '{}'.", escaped(&self.message), self.help)
    }
}

/// Reads the words after the program's name.
///
/// # Errors
/// Reports an unknown option, an option without its value, and an option of the init that the verb does not have.
pub fn parse(words: Vec<OsString>) -> Result<Line, UsageError> {
    let mut parser = Parser::from_args(words);
    let mut found = Words::default();
    loop {
        match next(&mut parser, &INIT_FLAGS).map_err(UsageError::of_init)? {
            Some(Word::Option(opt, value)) => found.options.push((opt, value)),
            Some(Word::Operand(word)) => match word.to_str().and_then(table::find) {
                Some(command) => return parse_verb(parser, command, found),
                None => {
                    // Everything from here is COMMAND, whatever it looks like.
                    found.operands.push(word);
                    found.operands.extend(parser.raw_args().into_iter().flatten());
                    return Ok(Line::Init(found));
                }
            },
            Some(Word::Rest(rest)) => {
                found.operands = rest;
                found.after_dashes = true;
                return Ok(Line::Init(found));
            }
            None => return Ok(Line::Init(found)),
        }
    }
}

fn parse_verb(mut parser: Parser, command: &'static Command, mut found: Words) -> Result<Line, UsageError> {
    let usage = |message| UsageError::of_verb(command, message);
    // The options before the verb were read as the init's: those that the verb does not know would do nothing.
    for (opt, _) in &found.options {
        if !command.flags.iter().any(|flag| flag.opt == *opt) {
            let long = INIT_FLAGS.iter().find(|flag| flag.opt == *opt).map_or("", |flag| flag.long);
            return Err(usage(format!("--{long} has no meaning for {}", command.name)));
        }
    }
    while let Some(word) = next(&mut parser, command.flags).map_err(usage)? {
        match word {
            Word::Option(opt, value) => found.options.push((opt, value)),
            Word::Operand(word) => found.operands.push(word),
            Word::Rest(rest) => {
                found.rest = Some(rest);
                break;
            }
        }
    }
    Ok(Line::Verb(command, found))
}

enum Word {
    Option(Opt, OsString),
    Operand(OsString),
    Rest(Vec<OsString>),
}

fn next(parser: &mut Parser, flags: &[&'static Flag]) -> Result<Option<Word>, String> {
    // lexopt would pass over `--` without a word.
    if let Some(mut raw) = parser.try_raw_args()
        && raw.next_if(|word| word == "--").is_some()
    {
        return Ok(Some(Word::Rest(raw.collect())));
    }
    let (flag, written) = match parser.next().map_err(|e| e.to_string())? {
        None => return Ok(None),
        Some(Arg::Value(word)) => return Ok(Some(Word::Operand(word))),
        Some(Arg::Short(short)) => (flags.iter().find(|flag| flag.short == Some(short)), format!("-{short}")),
        Some(Arg::Long(long)) => (flags.iter().find(|flag| flag.long == long), format!("--{long}")),
    };
    let Some(flag) = flag else { return Err(unknown(&written, flags)) };
    let value = match flag.value {
        None => OsString::new(),
        Some(name) => parser.value().map_err(|_| format!("{written} needs a {name}"))?,
    };
    Ok(Some(Word::Option(flag.opt, value)))
}

fn unknown(written: &str, flags: &[&Flag]) -> String {
    let known: Vec<&str> = flags.iter().map(|flag| flag.long).collect();
    match written.strip_prefix("--").and_then(|word| suggest::nearest(word, &known)) {
        Some(near) => format!("unknown option {written}; did you mean --{near}?"),
        None => format!("unknown option {written}"),
    }
}

#[cfg(test)]
mod tests;
