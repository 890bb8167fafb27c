//! What may come next on a command line. Reads it as `parse` does, but takes everything as it is: somebody is still
//! writing it.

#![forbid(unsafe_code)]

use crate::cli::table::{self, COMMANDS, Command, Flag, INIT_FLAGS, Kind, Opt};
use crate::control::protocol::EventKind;
use crate::model::Signal;
use std::ffi::{OsStr, OsString};

/// A word that may come next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The word.
    pub word: String,
    /// What it means; may be empty.
    pub meaning: String,
}

/// What may come next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// One of these; there may be none.
    Words(Vec<Candidate>),
    /// A directory.
    Directories,
    /// A file.
    Files,
    /// A program, or one of its arguments: its command line begins with the word of this number.
    Program(usize),
}

/// The services of the init at that address.
pub type Services<'a> = &'a dyn Fn(Option<&OsStr>) -> Vec<Candidate>;

/// A command line up to the word that is being completed.
#[derive(Default)]
struct Line<'a> {
    command: Option<&'static Command>,
    operands: Vec<&'a str>,
    /// The option whose value comes next.
    open: Option<&'static Flag>,
    socket: Option<&'a OsStr>,
    /// After `--`, nothing is an option.
    dashes: bool,
    /// Where a program's command line begins.
    program: Option<usize>,
}

impl<'a> Line<'a> {
    fn flags(&self) -> &'static [&'static Flag] {
        self.command.map_or(&INIT_FLAGS, |command| command.flags)
    }

    /// Takes in word number `at`.
    fn take(&mut self, at: usize, word: &'a OsStr) {
        let text = word.to_str().unwrap_or_default();
        if let Some(flag) = self.open.take() {
            self.value(flag, word);
        } else if self.dashes || !text.starts_with('-') || text == "-" {
            self.operand(at, text);
        } else if text == "--" {
            self.dashes = true;
            let takes_program =
                |command: &Command| command.usage.iter().any(|form| form.contains("-- COMMAND"));
            self.program = self.command.is_none_or(takes_program).then(|| at.saturating_add(1));
        } else if let Some(long) = text.strip_prefix("--") {
            let (name, value) =
                long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            let flag = self.flags().iter().find(|flag| flag.long == name && flag.value.is_some());
            match (flag, value) {
                (Some(flag), Some(value)) => self.value(flag, OsStr::new(value)),
                (flag, _) => self.open = flag.copied(),
            }
        } else {
            self.short(text);
        }
    }

    /// A word of one-letter options: what follows one that takes a value is its value.
    fn short(&mut self, text: &str) {
        let takes = |letter: char| {
            self.flags().iter().find(|flag| flag.short == Some(letter) && flag.value.is_some()).copied()
        };
        let valued = text.char_indices().find_map(|(at, letter)| Some((at, takes(letter)?)));
        self.open = valued.filter(|(at, _)| at.saturating_add(1) == text.len()).map(|(_, flag)| flag);
    }

    fn value(&mut self, flag: &Flag, value: &'a OsStr) {
        if flag.opt == Opt::Socket {
            self.socket = Some(value);
        }
    }

    fn operand(&mut self, at: usize, text: &'a str) {
        match (self.command, table::find(text)) {
            (Some(_), _) => self.operands.push(text),
            (None, Some(command)) if !self.dashes => self.command = Some(command),
            (None, _) => self.program = Some(at),
        }
    }
}

/// What may stand for the last one of these words, the first of which is rinit's own name. `split`: an equals sign is
/// a word of its own, as bash has it.
pub fn next(words: &[OsString], split: bool, services: Services<'_>) -> Next {
    let Some((last, before @ [_, ..])) = words.split_last() else { return Next::Words(Vec::new()) };
    let mut line = Line::default();
    for (at, word) in before.iter().enumerate().skip(1) {
        if !(split && line.open.is_some() && word == "=") {
            line.take(at, word);
        }
        if let Some(program) = line.program {
            return Next::Program(program);
        }
    }
    let Some(mut word) = last.to_str() else { return Next::Words(Vec::new()) };
    if split && line.open.is_some() && word == "=" {
        word = "";
    }
    if let Some(flag) = line.open {
        return value(&line, flag, "", word, services);
    }
    if !line.dashes && word.starts_with('-') {
        if let Some((name, value_so_far)) = word.split_once('=')
            && let Some(flag) = line.flags().iter().find(|flag| name.strip_prefix("--") == Some(flag.long))
        {
            return value(&line, flag, &format!("{name}="), value_so_far, services);
        }
        return Next::Words(options(&line, word));
    }
    operand(&line, words.len().saturating_sub(1), word, services)
}

fn options(line: &Line<'_>, word: &str) -> Vec<Candidate> {
    let all = line.flags().iter().map(|flag| candidate(&format!("--{}", flag.long), flag.help));
    all.filter(|candidate| candidate.word.starts_with(word)).collect()
}

fn value(line: &Line<'_>, flag: &Flag, before: &str, word: &str, services: Services<'_>) -> Next {
    let mut next = of_kind(line, flag.value.unwrap_or_default(), word, services);
    if let Next::Words(candidates) = &mut next {
        for candidate in candidates {
            candidate.word.insert_str(0, before);
        }
    }
    next
}

/// What stands at the place of an operand, in every form that fits what was written before.
fn operand(line: &Line<'_>, at: usize, word: &str, services: Services<'_>) -> Next {
    let Some(command) = line.command else {
        let verbs = verbs(word);
        return if verbs.is_empty() { Next::Program(at) } else { Next::Words(verbs) };
    };
    let mut found = Vec::new();
    let mut takes_more = false;
    for form in command.forms() {
        let operands: Vec<table::Operand> = form.collect();
        let fits = operands.iter().zip(&line.operands).all(|(it, word)| !it.is_literal() || it.word == *word);
        let place = operands.get(line.operands.len()).or(operands.last().filter(|last| last.repeated));
        let Some(place) = place.filter(|_| fits) else { continue };
        takes_more = true;
        if place.is_literal() {
            found.extend(Some(candidate(place.word, "")).filter(|it| it.word.starts_with(word)));
            continue;
        }
        match of_kind(line, place.word, word, services) {
            Next::Words(candidates) => {
                let new = candidates.into_iter().filter(|it| !found.contains(it)).collect::<Vec<_>>();
                found.extend(new);
            }
            other => return other,
        }
    }
    // Where nothing else can come, the options are what one may look for.
    if !takes_more && word.is_empty() && !line.dashes {
        found = options(line, word);
    }
    Next::Words(found)
}

fn of_kind(line: &Line<'_>, placeholder: &str, word: &str, services: Services<'_>) -> Next {
    let mut candidates = match table::kind(placeholder).unwrap_or(Kind::Free) {
        Kind::Directory => return Next::Directories,
        Kind::File => return Next::Files,
        Kind::Program | Kind::Free => Vec::new(),
        Kind::Words(words) => words.iter().map(|word| candidate(word, "")).collect(),
        Kind::Verb => verbs(word),
        Kind::Event => EventKind::short_words().map(|word| candidate(word, "")).collect(),
        Kind::Signal => signals(word),
        Kind::Service => {
            let mut all = services(line.socket);
            all.retain(|service| !line.operands.contains(&service.word.as_str()));
            all
        }
    };
    candidates.retain(|candidate| candidate.word.starts_with(word));
    Next::Words(candidates)
}

fn verbs(word: &str) -> Vec<Candidate> {
    let fitting = COMMANDS.iter().filter(|command| command.name.starts_with(word));
    fitting.map(|command| candidate(command.name, command.summary)).collect()
}

/// The names of signals, with SIG unless a name is begun without. The first one of the real-time signals stands for all.
fn signals(word: &str) -> Vec<Candidate> {
    let names = Signal::all().take(32).map(|signal| signal.to_string());
    let with_sig = word.is_empty() || word.starts_with("SIG") || "SIG".starts_with(word);
    let shown = |name: String| match name.strip_prefix("SIG") {
        Some(short) if !with_sig => candidate(short, ""),
        _ => candidate(&name, ""),
    };
    names.map(shown).collect()
}

fn candidate(word: &str, meaning: &str) -> Candidate {
    Candidate { word: word.to_owned(), meaning: brief(meaning).to_owned() }
}

/// Up to the first semicolon or colon: a line of a menu is short.
fn brief(help: &str) -> &str {
    help.split([';', ':']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
