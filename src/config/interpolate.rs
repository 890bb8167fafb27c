//! `${NAME}` in the values of a definition, as Compose has it, in braces only: `$x`, `$!` and `$(...)` are left to a
//! shell. `$${` stands for `${`.

use crate::model::suggest;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::ops::Range;

/// So deep may one `${` stand in the default of another: each costs a piece of the stack.
const DEEPEST: u32 = 16;

/// The longest text that putting values in may make of a string: the kernel takes no longer argument.
const LONGEST: usize = 128 * 1024;

/// The variables that are put in.
pub(super) struct Variables {
    /// `None`: the value is not UTF-8.
    values: BTreeMap<String, Option<String>>,
}

/// What is wrong with a text.
#[derive(Debug, PartialEq)]
pub(super) struct Mistake {
    /// Where, in bytes from the beginning of the text.
    pub span: Range<usize>,
    pub message: String,
    pub help: Option<String>,
}

impl Variables {
    /// Those of an environment. Of a name that is there twice the first counts, as with `getenv`.
    pub fn new(environment: &[(OsString, OsString)]) -> Variables {
        let mut values = BTreeMap::new();
        for (name, value) in environment {
            if let Some(name) = name.to_str() {
                values.entry(name.to_owned()).or_insert_with(|| value.to_str().map(str::to_owned));
            }
        }
        Variables { values }
    }

    /// The text with all values put in.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn put_in(&self, text: &str) -> Result<String, Vec<Mistake>> {
        if !text.contains("${") {
            return Ok(text.to_owned());
        }
        let mut scan = Scan { variables: self, text, at: 0, depth: 0, mistakes: Vec::new() };
        let done = scan.text(false, true);
        if scan.mistakes.is_empty() && done.len() > LONGEST.max(text.len()) {
            let message = format!("with its values it is longer than {} KiB", LONGEST / 1024);
            scan.report(0..text.len(), message, None);
        }
        if scan.mistakes.is_empty() { Ok(done) } else { Err(scan.mistakes) }
    }

    fn unset(&self, name: &str) -> Option<String> {
        let names: Vec<&str> = self.values.keys().map(String::as_str).collect();
        let help = suggest::did_you_mean(name, &names);
        help.or_else(|| Some(format!("set it for rinit, or write ${{{name}:-DEFAULT}}; $${{ stands for ${{")))
    }
}

/// What follows the name.
#[derive(Clone, Copy, PartialEq)]
enum Operator {
    /// Nothing: it has to be set.
    Plain,
    /// `-`: what holds instead.
    Default,
    /// `?`: what is said then.
    Required,
    /// `+`: what is put in when it is set.
    Alternative,
}

struct Scan<'a> {
    variables: &'a Variables,
    text: &'a str,
    at: usize,
    depth: u32,
    mistakes: Vec<Mistake>,
}

impl Scan<'_> {
    fn report(&mut self, span: Range<usize>, message: String, help: Option<String>) {
        self.mistakes.push(Mistake { span, message, help });
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Takes these characters if they are the next.
    fn take(&mut self, wanted: &str) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.at = self.at.saturating_add(wanted.len());
        }
        found
    }

    /// Text up to its end, or `inside` of braces up to the one that closes them. Where it is not `live`, what comes
    /// out is not wanted and no variable in it needs to be set.
    fn text(&mut self, inside: bool, live: bool) -> String {
        let mut done = String::new();
        let mut literal = 0_u32;
        loop {
            if self.take("$${") {
                done.push_str("${");
                literal = literal.saturating_add(u32::from(inside));
            } else if self.rest().starts_with("${") {
                done.push_str(&self.variable(live));
            } else if inside && literal == 0 && self.rest().starts_with('}') {
                return done;
            } else {
                let Some(next) = self.rest().chars().next() else { return done };
                // What `$${` has opened is closed by its own brace.
                literal = literal.saturating_sub(u32::from(next == '}'));
                done.push(next);
                self.at = self.at.saturating_add(next.len_utf8());
            }
        }
    }

    /// One `${...}`.
    fn variable(&mut self, live: bool) -> String {
        let start = self.at;
        self.at = self.at.saturating_add(2);
        let rest = self.rest();
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let name = rest.get(..length).unwrap_or_default().to_owned();
        self.at = self.at.saturating_add(length);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return self.give_up(start, "this is no variable");
        }
        let colon = self.take(":");
        let operator = match () {
            () if self.take("-") => Operator::Default,
            () if self.take("?") => Operator::Required,
            () if self.take("+") => Operator::Alternative,
            () if !colon && self.rest().starts_with('}') => Operator::Plain,
            () if self.rest().is_empty() => return self.give_up(start, "this \"${\" is not closed"),
            () => return self.give_up(start, "this is no variable"),
        };
        let value = self.variables.values.get(&name).cloned();
        let is_set = value.as_ref().is_some_and(|value| !colon || value.as_deref() != Some(""));
        let word = match operator {
            Operator::Plain => String::new(),
            Operator::Default | Operator::Required => self.word(live && !is_set),
            Operator::Alternative => self.word(live && is_set),
        };
        if !self.take("}") {
            return self.give_up(start, "this \"${\" is not closed");
        }
        match (operator, is_set) {
            (Operator::Alternative, true) | (Operator::Default, false) => word,
            (Operator::Alternative, false) => String::new(),
            _ if !live => String::new(),
            (_, true) => value.flatten().unwrap_or_else(|| {
                self.report(start..self.at, format!("the value of {name} is not UTF-8"), None);
                String::new()
            }),
            (_, false) => {
                let state = if value.is_some() { "empty" } else { "not set" };
                let (message, help) = match word.as_str() {
                    "" => (format!("{name} is {state}"), self.variables.unset(&name)),
                    word => (format!("{name} is {state}: {word}"), None),
                };
                self.report(start..self.at, message, help);
                String::new()
            }
        }
    }

    /// The text after an operator, up to the brace.
    fn word(&mut self, live: bool) -> String {
        if self.depth >= DEEPEST {
            return self.give_up(self.at, "variables in one another, too deep");
        }
        self.depth = self.depth.saturating_add(1);
        let word = self.text(true, live);
        self.depth = self.depth.saturating_sub(1);
        word
    }

    /// A mistake after which it is not known what belongs where: the rest of the text is not looked at.
    fn give_up(&mut self, start: usize, message: &str) -> String {
        let help = "for instance ${NAME} or ${NAME:-default}; for a shell's own ${ write $${";
        // What has led here has the same cause.
        if self.at < self.text.len() || self.mistakes.is_empty() {
            self.report(start..start.saturating_add(2), message.to_owned(), Some(help.to_owned()));
        }
        self.at = self.text.len();
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    fn variables() -> Variables {
        let pairs = [("A", "a"), ("B", "${A}"), ("EMPTY", ""), ("LONG_NAME", "x y")];
        let mut pairs: Vec<(OsString, OsString)> =
            pairs.iter().map(|(name, value)| (name.into(), value.into())).collect();
        pairs.push(("A".into(), "second".into()));
        pairs.push(("BYTES".into(), OsString::from_vec(vec![0xff])));
        Variables::new(&pairs)
    }

    #[test]
    fn values_are_put_in_as_compose_does() {
        for (text, expected) in [
            ("x", "x"),
            ("${A}", "a"),
            ("é${A}é${A}", "éaéa"),
            ("${B}", "${A}"),
            ("${LONG_NAME}", "x y"),
            ("${EMPTY}", ""),
            ("${NO:-d}${EMPTY:-d}${A:-d}", "dda"),
            ("${NO-d}${EMPTY-d}${A-d}", "da"),
            ("${NO:-}${NO-}", ""),
            ("${A:?m}${A?m}${EMPTY?m}", "aa"),
            ("${A:+x}${A+x}${EMPTY:+x}${EMPTY+x}${NO:+x}${NO+x}", "xxx"),
            ("${NO:-${A}}${NO:-${NO:-${EMPTY:-d}}}", "ad"),
            ("${A:-${NO}}${A:-${NO:?m}}${NO:+${NO}}", "aa"),
            ("${NO:-a b:-c?d}", "a b:-c?d"),
            ("${A}}", "a}"),
            // As in Compose, only `${` counts as an opening brace.
            ("${NO:-{x}}", "{x}"),
            ("$x $! $(y) $$ $ { $A ${A}$", "$x $! $(y) $$ $ { $A a$"),
            ("$${A} $$${A}", "${A} $${A}"),
            ("${NO:-$${A}}.${A:-$${A}}", "${A}.a"),
            ("${NO:-$x}", "$x"),
        ] {
            assert_eq!(variables().put_in(text), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn every_mistake_has_its_place() {
        for (text, expected) in [
            ("x${NO}y", vec![(1..6, "NO is not set")]),
            ("${NO}${NA}", vec![(0..5, "NO is not set"), (5..10, "NA is not set")]),
            ("${NO:?say it}", vec![(0..13, "NO is not set: say it")]),
            ("${EMPTY:?}", vec![(0..10, "EMPTY is empty")]),
            ("${NO?for ${A}}", vec![(0..14, "NO is not set: for a")]),
            ("${NO:-${NA}}", vec![(6..11, "NA is not set")]),
            ("${BYTES}", vec![(0..8, "the value of BYTES is not UTF-8")]),
            ("x${A", vec![(1..3, "this \"${\" is not closed")]),
            ("x${A:-b", vec![(1..3, "this \"${\" is not closed")]),
            ("${NO:-${A}", vec![(0..2, "this \"${\" is not closed")]),
            ("${NO:-${A", vec![(6..8, "this \"${\" is not closed")]),
            ("${}", vec![(0..2, "this is no variable")]),
            ("${1}", vec![(0..2, "this is no variable")]),
            ("${#A}", vec![(0..2, "this is no variable")]),
            ("${A%b}", vec![(0..2, "this is no variable")]),
            ("${A:}", vec![(0..2, "this is no variable")]),
            ("${A B}", vec![(0..2, "this is no variable")]),
        ] {
            let found = variables().put_in(text).unwrap_err();
            let found: Vec<_> = found.iter().map(|m| (m.span.clone(), m.message.as_str())).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn near_names_are_suggested() {
        let found = variables().put_in("${LONG_NAM}").unwrap_err();
        assert_eq!(found[0].help.as_deref(), Some("did you mean \"LONG_NAME\"?"));
        let found = variables().put_in("${NO}").unwrap_err();
        let help = "set it for rinit, or write ${NO:-DEFAULT}; $${ stands for ${";
        assert_eq!(found[0].help.as_deref(), Some(help));
    }

    #[test]
    fn depth_and_length_have_an_end() {
        let nested = |depth: usize| "${NO:-".repeat(depth) + "x" + &"}".repeat(depth);
        assert_eq!(variables().put_in(&nested(16)), Ok("x".into()));
        assert_eq!(variables().put_in(&nested(17)).unwrap_err().len(), 1);
        assert_eq!(variables().put_in(&nested(100_000)).unwrap_err().len(), 1);
        let long = Variables::new(&[("L".into(), "x".repeat(100_000).into())]);
        assert!(long.put_in("${L}").is_ok());
        let message = long.put_in("${L}${L}").unwrap_err().remove(0).message;
        assert_eq!(message, "with its values it is longer than 128 KiB");
    }
}
