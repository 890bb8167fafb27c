//! Command strings of a shell, as far as the warnings need to understand them: lists and pipelines of simple commands.
//! Whatever is more than that is not understood, and then nothing is said of it.

use std::iter::Peekable;
use std::str::Chars;

/// Shells that take a command string after `-c`. These lists are text, which takes a third of an array's bytes.
const SHELLS: &str = "sh dash bash ash ksh zsh";

/// Words that begin or end something that is no simple command.
const COMPOUND: &str = "if then else elif fi for in while until do done case esac { } ! [[ (( function";

/// Commands that the shell carries out itself.
const BUILTIN: &str = ". : [ alias cd command echo eval exec exit export false kill local printf pwd read return set \
                       shift source test times trap true ulimit umask unset wait";

/// Whether a word is in a list of words.
pub(super) fn lists(list: &str, word: &str) -> bool {
    list.split(' ').any(|listed| listed == word)
}

/// What stands between a command and the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Then {
    /// `;`, `&&`, `||`, a new line, or the end.
    Next,
    /// `|`
    Pipe,
    /// `&`
    Background,
}

/// A simple command: its words without assignments, redirections and a leading `exec`.
#[derive(Debug, PartialEq)]
pub(super) struct Simple {
    pub words: Vec<String>,
    /// `exec` stood before it.
    pub exec: bool,
    pub then: Then,
}

impl Simple {
    /// The name of its program, without directories.
    pub fn program(&self) -> &str {
        self.words.first().map_or("", |word| base(word))
    }

    /// The name of its program where that is the system's, and nothing if it may be one of the user's own.
    pub fn system_program(&self) -> &str {
        let word = self.words.first().map_or("", String::as_str);
        match word.rsplit_once('/') {
            Some(("/bin" | "/sbin" | "/usr/bin" | "/usr/sbin", name)) => name,
            Some(_) => "",
            None => word,
        }
    }

    /// Whether the shell carries it out itself.
    pub fn is_builtin(&self) -> bool {
        lists(BUILTIN, self.program())
    }
}

/// The last part of a path.
pub(super) fn base(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or_default()
}

/// Whether a word names a shell.
pub(super) fn is_shell(word: &str) -> bool {
    lists(SHELLS, base(word))
}

/// The shell and its command string, where a command is `sh -c STRING` or the like.
pub(super) fn line<'a>(words: &[&'a str]) -> Option<(&'a str, &'a str)> {
    let mut words = words.iter().copied();
    let mut shell = base(words.next()?);
    if shell == "busybox" {
        shell = words.next()?;
    }
    if !lists(SHELLS, shell) {
        return None;
    }
    while let Some(option) = words.next() {
        let letters = option.strip_prefix('-').filter(|letters| !letters.starts_with('-'))?;
        if letters.contains('o') {
            words.next();
        }
        if letters.contains('c') {
            return Some((shell, words.next()?));
        }
    }
    None
}

/// The simple commands of a command string, if it consists of nothing else.
pub(super) fn commands(line: &str) -> Option<Vec<Simple>> {
    // Inside of single quotes a line goes on as it is, which makes no difference here.
    let line = line.replace("\\\n", "");
    let mut reader = Lexer { chars: line.chars().peekable(), commands: Vec::new(), words: Vec::new() };
    while reader.step()? {}
    Some(reader.commands)
}

struct Lexer<'a> {
    chars: Peekable<Chars<'a>>,
    commands: Vec<Simple>,
    /// Of the command that is being read.
    words: Vec<String>,
}

impl Lexer<'_> {
    /// Reads one word or operator; `Some(false)` at the end, `None` for what is not understood.
    fn step(&mut self) -> Option<bool> {
        let Some(&next) = self.chars.peek() else {
            return self.end(Then::Next).map(|()| false);
        };
        match next {
            ' ' | '\t' => {
                self.chars.next();
            }
            '#' => while self.chars.next_if(|c| *c != '\n').is_some() {},
            '(' | ')' => return None,
            ';' | '\n' | '&' | '|' => self.operator(next)?,
            _ => self.word()?,
        }
        Some(true)
    }

    fn operator(&mut self, first: char) -> Option<()> {
        self.chars.next();
        let twice = self.chars.next_if_eq(&first).is_some();
        match (first, twice) {
            // `;;` belongs to a case, `|&` and `&>` to bash.
            (';', true) => None,
            ('|' | '&', false) if matches!(self.chars.peek(), Some('&' | '>')) => None,
            ('|', false) => self.end(Then::Pipe),
            ('&', false) => self.end(Then::Background),
            _ => self.end(Then::Next),
        }
    }

    /// The end of a command. An empty one is none.
    fn end(&mut self, then: Then) -> Option<()> {
        let mut words: Vec<String> = std::mem::take(&mut self.words);
        let assignments = words.iter().take_while(|word| is_assignment(word)).count();
        words.drain(..assignments);
        let exec = words.len() > 1 && words.first().is_some_and(|word| word == "exec");
        if exec {
            words.remove(0);
        }
        match words.first() {
            None => return Some(()),
            // Options of exec, and aliases of commands that are not known here.
            Some(word) if lists(COMPOUND, word) || exec && word.starts_with('-') => return None,
            Some(_) => self.commands.push(Simple { words, exec, then }),
        }
        Some(())
    }

    /// A word, or a redirection with its target, which is left out.
    fn word(&mut self) -> Option<()> {
        let text = self.text()?;
        let redirects = matches!(self.chars.peek(), Some('<' | '>'));
        if redirects && text.bytes().all(|b| b.is_ascii_digit()) {
            return self.redirection();
        }
        self.words.push(text);
        Some(())
    }

    /// Everything up to a blank, an operator or a redirection.
    fn text(&mut self) -> Option<String> {
        let mut text = String::new();
        while let Some(&c) = self.chars.peek() {
            match c {
                ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' => break,
                '(' | ')' => return None,
                '$' | '`' => self.expansion(&mut text)?,
                _ => {
                    self.chars.next();
                    match c {
                        '\'' | '"' => self.quoted(c, &mut text)?,
                        '\\' => text.extend(self.chars.next()),
                        _ => text.push(c),
                    }
                }
            }
        }
        Some(text)
    }

    fn quoted(&mut self, quote: char, into: &mut String) -> Option<()> {
        loop {
            match *self.chars.peek()? {
                c if c == quote => {
                    self.chars.next();
                    return Some(());
                }
                '\\' if quote == '"' => {
                    self.chars.next();
                    into.push(self.chars.next()?);
                }
                '$' | '`' if quote == '"' => self.expansion(into)?,
                c => {
                    self.chars.next();
                    into.push(c);
                }
            }
        }
    }

    /// `$x` and `${x}` stay as they are written; what runs another command is not looked into.
    fn expansion(&mut self, into: &mut String) -> Option<()> {
        if self.chars.next()? == '`' {
            into.push('`');
            while self.chars.next()? != '`' {}
            return Some(());
        }
        into.push('$');
        let close = match self.chars.peek() {
            Some('(') => ')',
            Some('{') => '}',
            _ => return Some(()),
        };
        let open = self.chars.next()?;
        let mut depth = 1_usize;
        while depth > 0 {
            match self.chars.next()? {
                c if c == open => depth = depth.saturating_add(1),
                c if c == close => depth = depth.saturating_sub(1),
                // A quote may hold a bracket that closes nothing.
                '\'' | '"' | '\\' => return None,
                _ => {}
            }
        }
        Some(())
    }

    fn redirection(&mut self) -> Option<()> {
        let first = self.chars.next()?;
        if first == '<' && self.chars.peek() == Some(&'<') {
            return None;
        }
        while self.chars.next_if(|c| matches!(c, '>' | '&' | '|')).is_some() {}
        while self.chars.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
        self.text().map(|_| ())
    }
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each command as its words, `exec` as `!`, and what follows it.
    fn shown(text: &str) -> Option<String> {
        let shown = commands(text)?.into_iter().map(|command| {
            let exec = if command.exec { "!" } else { "" };
            let then = match command.then {
                Then::Next => ";",
                Then::Pipe => "|",
                Then::Background => "&",
            };
            format!("{exec}{}{then}", command.words.join(","))
        });
        Some(shown.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn lists_and_pipelines_are_read() {
        for (text, expected) in [
            ("", ""),
            ("a", "a;"),
            ("a b && exec c 'd e'", "a,b; !c,d e;"),
            ("a || b; c | d &", "a; b; c| d&"),
            ("A=1 B= a >/dev/null 2>&1 <x b", "a,b;"),
            ("a>x; b 2>>y | c", "a; b| c;"),
            ("# note\na \\\n b # more\nc", "a,b; c;"),
            ("a \"b $(c) d\" ${E:-f} `g` h", "a,b $ d,$,`,h;"),
            ("exec 3>x; a", "exec; a;"),
            ("a >b>c 2>2>2>&1 d", "a,d;"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_more_is_not_understood() {
        for text in [
            "while true; do a; done",
            "(a; b)",
            "a() { b; }",
            "{ a; b; }",
            "if a; then b; fi",
            "! a",
            "a <<E\nE\n",
            "a 'b",
            "a $(b",
            "a $(echo \")\")",
            "a |& b",
            "a &> b",
            "case a in b) c;; esac",
            "exec -a x y",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
    }

    #[test]
    fn a_long_string_needs_no_deep_stack() {
        assert_eq!(shown(&"1>".repeat(1_000_000)), Some(String::new()));
        assert_eq!(shown(&"$(".repeat(1_000_000)), None);
        assert_eq!(commands(&"a;".repeat(100_000)).map(|commands| commands.len()), Some(100_000));
    }

    #[test]
    fn the_command_string_is_found() {
        for (words, expected) in [
            (&["sh", "-c", "a"][..], Some(("sh", "a"))),
            (&["/bin/bash", "-euo", "pipefail", "-c", "a", "b"], Some(("bash", "a"))),
            (&["/bin/busybox", "ash", "-ec", "a"], Some(("ash", "a"))),
            (&["bash", "--login", "-c", "a"], None),
            (&["sh", "script", "-c", "a"], None),
            (&["sh", "-c"], None),
            (&["nginx", "-c", "a"], None),
        ] {
            assert_eq!(line(words), expected, "{words:?}");
        }
    }
}
