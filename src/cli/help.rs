//! The help, made from the tables: at most 80 columns wide.

#![forbid(unsafe_code)]

use super::output::show;
use super::parse::Words;
use super::table::{self, COMMANDS, Command, Flag, INIT_FLAGS};
use crate::model::suggest;

const WIDTH: usize = 80;

/// Where the explanations begin.
const OPTION_COLUMN: usize = 29;
const VERB_COLUMN: usize = 15;

/// What rinit is.
pub const ABOUT: &str = "rinit is a container's init. It starts the services that are defined in services.d, keeps them \
                         running, checks their health and stops them in order. COMMAND, if there is one, runs beside \
                         them, and the container ends with its exit status.";

/// The exit status of the init.
pub const STATUS: &str = "Exit status: COMMAND's, or 128 + N if signal N ended it; 0 after a stop within its grace; \
                          137 if a service had to be killed; 125 if rinit itself could not do it; 2 if another \
                          rinit is the init here; 126 or 127 if COMMAND cannot be run or is not there.";

/// Command lines of the init.
pub const EXAMPLES: [(&str, &str); 3] = [
    ("rinit sh -c 'exit 3'", "one command, and its exit status"),
    ("rinit --services services.d", "the services of a directory, until they are stopped"),
    (
        "rinit --services /etc/services.d -- nginx -g 'daemon off;'",
        "services, and a main process beside them",
    ),
];

/// `rinit help [VERB]`.
pub(super) fn run(words: &Words) -> Result<u8, String> {
    let asked: Vec<&std::ffi::OsString> = words.operands.iter().chain(words.rest.iter().flatten()).collect();
    match asked.as_slice() {
        [] => Ok(show(&general())),
        [name] => {
            let name = name.to_string_lossy();
            match table::find(&name) {
                Some(command) => Ok(show(&verb(command))),
                None => Err(unknown(&name)),
            }
        }
        _ => Err("help takes one verb".to_owned()),
    }
}

fn unknown(name: &str) -> String {
    let known: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
    match suggest::nearest(name, &known) {
        Some(near) => format!("there is no verb {name:?}; did you mean {near}?"),
        None => format!("there is no verb {name:?}; there are {}", known.join(", ")),
    }
}

/// The help of rinit as a whole.
pub fn general() -> String {
    let mut text = String::from(
        "Usage: rinit [OPTION]... [--] [COMMAND [ARG]...]    be the init\n       \
         rinit VERB [OPTION]... [ARG]...              speak to the running init\n\n",
    );
    paragraph(&mut text, ABOUT);
    options(&mut text, &INIT_FLAGS);
    text.push_str("\nVerbs:\n");
    for command in &COMMANDS {
        entry(&mut text, &format!("  {}", command.name), VERB_COLUMN, command.summary);
    }
    text.push('\n');
    paragraph(&mut text, STATUS);
    examples(&mut text, &EXAMPLES);
    text.push_str(
        "\nA verb is explained by 'rinit help VERB', everything by 'rinit man | man -l -'.\n\
         To run a program that has a verb's name, write '--' before it.\n",
    );
    text
}

/// The help of one verb.
pub fn verb(command: &Command) -> String {
    let mut text = String::new();
    let mut before = "Usage: rinit ";
    for form in command.usage {
        text.extend([before, form, "\n"]);
        before = "       rinit ";
    }
    text.push('\n');
    for details in command.details {
        paragraph(&mut text, details);
    }
    options(&mut text, command.flags);
    text.push('\n');
    examples(&mut text, command.examples);
    text
}

fn examples(text: &mut String, examples: &[(&str, &str)]) {
    text.push_str(if examples.len() == 1 { "Example:\n" } else { "Examples:\n" });
    for (line, meaning) in examples {
        text.extend(["  ", line, "\n"]);
        entry(text, "", 6, meaning);
    }
}

fn options(text: &mut String, flags: &[&Flag]) {
    text.push_str("Options:\n");
    for flag in flags {
        let short = flag.short.map_or("    ".to_owned(), |short| format!("-{short}, "));
        let value = flag.value.map_or(String::new(), |value| format!(" {value}"));
        let left = format!("  {short}--{}{value}", flag.long);
        let env = flag.env.map_or(String::new(), |env| format!(" [{env}]"));
        entry(text, &left, OPTION_COLUMN, &format!("{}{env}", flag.help));
    }
}

/// A word and its explanation beside it, or below it if it is too long.
fn entry(text: &mut String, left: &str, column: usize, explanation: &str) {
    let indent = " ".repeat(column);
    let mut lines = wrap(explanation, WIDTH.saturating_sub(column)).into_iter();
    if left.len().saturating_add(2) <= column {
        let first = lines.next().unwrap_or_default();
        text.push_str(&format!("{left:column$}{first}\n"));
    } else {
        text.extend([left, "\n"]);
    }
    for line in lines {
        text.extend([&indent, &line, "\n"]);
    }
}

fn paragraph(text: &mut String, words: &str) {
    for line in wrap(words, WIDTH) {
        text.extend([&line, "\n"]);
    }
    text.push('\n');
}

/// Breaks text between words, so that no line is longer than `width`.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let length = line.chars().count().saturating_add(1).saturating_add(word.chars().count());
        if !line.is_empty() && length > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::super::parse::{Line, parse};
    use super::*;
    use crate::model::words::split;
    use std::ffi::OsString;

    fn pages() -> Vec<(String, Vec<&'static Flag>)> {
        let verbs = COMMANDS.iter().map(|command| (verb(command), command.flags.to_vec()));
        [(general(), INIT_FLAGS.to_vec())].into_iter().chain(verbs).collect()
    }

    #[test]
    fn every_page_fits_a_terminal() {
        for (page, _) in pages() {
            for line in page.lines() {
                assert!(line.chars().count() <= WIDTH, "too wide: {line}");
                assert_eq!(line, line.trim_end(), "trailing blanks");
            }
            assert!(page.ends_with('\n') && !page.contains("\n\n\n"), "{page}");
        }
    }

    #[test]
    fn every_page_lists_exactly_the_options_that_there_are() {
        for (page, flags) in pages() {
            let listed: Vec<&str> = page
                .lines()
                .filter_map(|line| {
                    line.strip_prefix("      --").or_else(|| line.get(4..)?.strip_prefix("  --"))
                })
                .chain(
                    page.lines().filter_map(|line| line.strip_prefix("  -")?.get(2..)?.strip_prefix(" --")),
                )
                .filter_map(|rest| rest.split_whitespace().next())
                .collect();
            let known: Vec<&str> = flags.iter().map(|flag| flag.long).collect();
            for long in &known {
                assert!(listed.contains(long), "--{long} is not explained:\n{page}");
            }
            assert_eq!(listed.len(), known.len(), "{listed:?}");
            for flag in flags {
                assert!(flag.env.is_none_or(|env| page.contains(env)), "{:?}", flag.env);
            }
        }
    }

    #[test]
    fn every_verb_is_listed_and_every_example_can_be_read() {
        for command in &COMMANDS {
            assert!(general().contains(&format!("  {} ", command.name)));
            assert!(!command.examples.is_empty());
            for (line, _) in command.examples {
                let words = split(line).unwrap().into_iter().skip(1).map(OsString::from).collect();
                match parse(words) {
                    Ok(Line::Verb(read, _)) => assert_eq!(read.verb, command.verb, "{line}"),
                    other => panic!("{line}: {other:?}"),
                }
            }
        }
    }

    #[test]
    fn no_option_of_a_verb_is_listed_twice() {
        for command in &COMMANDS {
            for (at, flag) in command.flags.iter().enumerate() {
                assert!(
                    !command.flags.iter().skip(at + 1).any(|other| other.opt == flag.opt),
                    "{}",
                    flag.long
                );
            }
        }
    }

    #[test]
    fn an_unknown_verb_is_told() {
        assert_eq!(unknown("helth"), "there is no verb \"helth\"; did you mean health?");
        assert!(unknown("frobnicate").contains("there are health, status"));
    }

    #[test]
    fn text_is_wrapped_between_words() {
        assert_eq!(wrap("aa bb  cc", 5), ["aa bb", "cc"]);
        assert_eq!(wrap("aaaaaaaa b", 5), ["aaaaaaaa", "b"]);
        assert_eq!(wrap("", 5), [""]);
    }
}
