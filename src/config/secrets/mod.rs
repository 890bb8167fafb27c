//! What of a file a message may show: names of keys, and the values of keys that are known to be harmless. All other
//! values may be secret: those of variables, those of unknown keys (`env` may be a typo of `environment`), and comments.
//! Found by the looks of the text alone, so that a file with syntax errors has its secrets kept too; in doubt it is one.

mod harmless;
mod scan;

use crate::config::keys::Sight;
use crate::config::text::shown::Shown;
use harmless::{is_like_known, is_named_by_user, sight};
use scan::Scan;
use std::ops::Range;

/// Finds what may be shown.
pub(super) fn find(text: &str) -> Shown {
    let (parts, is_damaged) = Finder::new(text, false).run();
    // Where the structure is broken, a value may stand where a key should, and the other way round.
    let parts = if is_damaged { Finder::new(text, true).run().0 } else { parts };
    Shown::new(parts, is_damaged)
}

#[derive(PartialEq)]
enum State {
    /// Below a header, with the names in it; none at the beginning.
    Table(Vec<String>),
    /// After a broken statement, whose value may go on where the next one should begin: until the next header.
    Lost,
}

struct Finder<'t> {
    scan: Scan<'t>,
    state: State,
}

impl<'t> Finder<'t> {
    fn new(text: &'t str, is_damaged: bool) -> Finder<'t> {
        Finder { scan: Scan::new(text, is_damaged), state: State::Table(Vec::new()) }
    }

    fn run(mut self) -> (Vec<Range<usize>>, bool) {
        while !self.scan.is_at_end() {
            let start = self.scan.at;
            self.scan.blanks(true);
            match self.scan.next() {
                None => {}
                Some('\n') => self.scan.advance(1, true),
                Some('[') => self.header(),
                Some('#') => self.scan.skip_line(),
                Some(_) => self.statement(),
            }
            // Whatever happens, it goes on.
            if self.scan.at <= start {
                self.scan.skip_line();
            }
        }
        (self.scan.shown, self.scan.is_damaged)
    }

    /// `[NAME]`, `[[NAME]]` and the rest of the line.
    fn header(&mut self) {
        let start = self.scan.at;
        let brackets = if self.scan.rest().starts_with("[[") { 2 } else { 1 };
        self.scan.skip(brackets);
        let name = self.scan.key();
        let is_known = name.as_ref().is_some_and(|name| is_like_known(name));
        if is_known {
            self.scan.show(start..self.scan.at);
        }
        let close = "]".repeat(brackets);
        match name.filter(|_| self.scan.rest().starts_with(&close)) {
            Some(name) => {
                self.scan.skip(brackets);
                if !self.scan.in_damage || is_known {
                    self.scan.show(start..self.scan.at);
                }
                self.state = State::Table(name);
                self.end_of_line();
            }
            // Or a line of an array.
            None => {
                self.scan.is_damaged = true;
                self.state = State::Lost;
                self.scan.skip_line();
            }
        }
    }

    /// `KEY = VALUE` and the rest of the line.
    fn statement(&mut self) {
        let start = self.scan.at;
        let name = self.scan.key();
        let names_end = self.scan.at;
        let has_value = name.is_some() && self.scan.next() == Some('=');
        let path = match (&self.state, name) {
            (State::Table(table), Some(name)) => Some([table.as_slice(), &name].concat()),
            _ => None,
        };
        let sight = path.as_deref().map_or(Sight::Hidden, sight);
        let is_named = path.as_ref().is_some_and(|path| !self.scan.in_damage || is_like_known(path));
        if is_named {
            self.scan.show_key(start..names_end);
        }
        if !has_value {
            self.scan.is_damaged = true;
            if self.has_names_of_user() {
                self.state = State::Lost;
            }
            return self.scan.skip_line();
        }
        self.scan.advance(1, is_named);
        self.scan.blanks(is_named);
        if self.scan.value(path.as_deref(), sight) {
            return self.end_of_line();
        }
        self.scan.is_damaged = true;
        if sight != Sight::Whole {
            self.state = State::Lost;
        }
        self.scan.skip_line();
    }

    /// Below a header such as `[environment]`.
    fn has_names_of_user(&self) -> bool {
        matches!(&self.state, State::Table(name) if name.first().is_some_and(|name| is_named_by_user(name)))
    }

    /// Nothing but a comment may follow.
    fn end_of_line(&mut self) {
        self.scan.blanks(true);
        if !matches!(self.scan.next(), None | Some('\n' | '#')) {
            self.scan.is_damaged = true;
        }
        self.scan.skip_line();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text with everything that is hidden as dots.
    fn masked(text: &str) -> String {
        let shown = find(text);
        text.char_indices().map(|(at, c)| if c != '\n' && shown.end_of(at) == at { '.' } else { c }).collect()
    }

    #[test]
    fn only_harmless_values_are_shown() {
        for (text, expected) in [
            ("command = [\"a\", 'b']\nuser = \"x\" # c", "command = [\"a\", 'b']\nuser = \"x\" ..."),
            ("env = {A=\"x\"}", "env = ......."),
            ("a.b = 1\n\"c\" = 'x'", "a.b = .\n\"c\" = ..."),
            (
                "user = 1\n[environment]\nA = \"x\"\n\nB=2 # c\n[backoff]\nmax = 3",
                "user = .\n[environment]\nA = ...\n\nB=. ...\n[backoff]\nmax = 3",
            ),
            ("environment.A = 'x'\nuser = 'b'", "environment.A = ...\nuser = 'b'"),
            ("\"environ\\u006dent\".A = \"x\"", "\"environ\\u006dent\".A = ..."),
            ("environment = [\n\"A=x\",\n]\nnice = 1", "environment = .\n......\n.\nnice = 1"),
            (
                "environment.A = \"\"\"\nx = 1\n[x]\n\"\"\"\nnice = 1",
                "environment.A = ...\n.....\n...\n...\nnice = 1",
            ),
            ("[ environment.A ] # c\nfile = 1", "[ environment.A ] ...\nfile = ."),
            ("[environment]\n\"A=B\" = 1", "[environment]\n\"A....= ."),
            ("[[x]]\nA = 1\n[[x]]\nA = 2", "[[x]]\nA = .\n[[x]]\nA = ."),
            ("command = \"\"\"a\nb\"\"\"\nnice = 0x1f", "command = \"\"\"a\nb\"\"\"\nnice = 0x1f"),
            (
                "healthcheck = { test = 'a', env = 'x', tcp = 'y' }",
                "healthcheck = { test = 'a', env = ..., tcp = 'y' }",
            ),
            ("healthcheck = 'x'\nhealthcheck.http = 'y'", "healthcheck = ...\nhealthcheck.http = ..."),
            ("user = '''a=b\n c d\ne = 'x'\n'y'\nz'''", "user = '''a=b\n c d\ne .....\n...\nz'''"),
            ("command = [{A = \"x\"}]", "command = [{A = ...}]"),
            (
                "depends_on = {\n  db = \"service_healthy\", # c\n  c = 'x',\n}",
                "depends_on = {\n  db = \"service_healthy\", ...\n  c = ...,\n}",
            ),
            (
                "[depends_on]\nPASSWORD = \"x\"\nA.value = 'x'\nB = { required = true, condition = 'x' }\nC = 1",
                "[depends_on]\nPASSWORD = ...\nA.value = ...\nB = { required = true, condition = ... }\nC = .",
            ),
            ("[depends_on.A]\ncondition = 'x'\nrestart = 1", "[depends_on.A]\ncondition = ...\nrestart = ."),
            ("[ulimits]\nPASSWORD = 1\nnofile = 2", "[ulimits]\nPASSWORD = .\nnofile = 2"),
            ("[control]\nPASSWORD = 'x'", "[control]\nPASSWORD = ..."),
            ("[[env_file]]\nPASSWORD = 'x'\npath = 'y'", "[[env_file]]\nPASSWORD = ...\npath = 'y'"),
            ("depends_on = ['db', 'A=x']", "depends_on = ['db', 'A...]"),
            ("env_file = 'A: x'", "env_file = 'A...."),
        ] {
            assert_eq!(masked(text), expected.replace("user = .", "user = 1"), "{text}");
        }
    }

    #[test]
    fn in_a_broken_file_only_what_is_known_is_shown() {
        for (text, expected) in [
            (
                "[environment]\nA = \"x\nSGVsbG8=\n\"\nB = 1\n[healthcheck]\nretries = 1",
                "[environment]\n......\n........\n.\n.....\n[healthcheck]\nretries = 1",
            ),
            ("environment.A =\nx = y\n", "...............\n.....\n"),
            ("environment = [\n\"A=x\",\nb = 1", "environment = .\n......\n....."),
            ("command = [\"x\"\n[environment]\nA = 1", "command = [\"x\"\n.............\n....."),
            ("[x y\nA = 1", "....\n....."),
            ("[environment]\nA\nB = 1", "[environment]\n.\n....."),
            ("[environment\nA = 1", "[environment\n....."),
            ("environment = {A=\"x\" y = z", "environment = ............"),
            ("restart = \"no\" A = \"x\"", "restart = \"no\" ......."),
            ("user = \"x, A = \"y\"", "user = \"x, A = \".."),
            ("command = \"x A = 'y'\nnice = 1", "command = \".........\nnice = 1"),
            ("command = a b\ncomand = c", "command = a .\ncomand = ."),
            ("command: \"x\"\nA: x", "command.....\n...."),
            ("hunter2 = \nuser = 'x'", "..........\n.........."),
            (
                "command = \"\"\"x\"\"\nB = \"y\"\nuser = \"\"\"z\"\"\"",
                "command = \"\"\"x..\n.......\n..............",
            ),
            ("command = [\"it's x\"", "command = [\"it....."),
            ("[depends_on]\nA\n\"x\"\n[backoff]\nmax = 1", "[depends_on]\n.\n...\n[backoff]\nmax = 1"),
            ("[depends_on]\nA =\n\"x\" = true\nb = 1", "[depends_on]\n...\n..........\n....."),
            ("depends_on = [\nA = 'x'\nnice = 1", "depends_on = [\nA .....\n........"),
        ] {
            assert_eq!(masked(text).trim_end(), expected.trim_end(), "{text}");
        }
    }

    #[test]
    fn depth_has_an_end() {
        assert!(masked(&format!("command = {}", "[".repeat(60_000))).starts_with("command = ["));
        assert!(masked(&format!("command = {}", "{a=".repeat(20_000))).starts_with("command = {"));
    }
}
