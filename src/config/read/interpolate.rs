//! `${NAME}` in the values of a definition, as Compose has it, in braces only: `$x`, `$!` and `$(...)` are left to a
//! shell. `$${` stands for `${`.

use crate::model::suggest;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::ops::Range;

/// Maximum depth of a `${` in the default of another one. Each level needs a piece of the stack.
const DEEPEST: u32 = 16;

/// The longest text that putting values in may make of a string: the kernel takes no longer argument.
const LONGEST: usize = 128 * 1024;

/// How much text putting values in may make for one file.
const MOST: usize = 1024 * 1024;

/// Maximum number of mistakes reported for one text.
const MOST_MISTAKES: usize = 100;

/// Maximum length of a message after `?`, in characters.
const LONGEST_MESSAGE: usize = 200;

/// How much text putting values in may still make for one file.
#[derive(Debug)]
pub(crate) struct Budget(usize);

impl Default for Budget {
    fn default() -> Budget {
        Budget(MOST)
    }
}

impl Budget {
    /// Nothing more can be put in, which has been reported.
    pub fn is_spent(&self) -> bool {
        self.0 == 0
    }
}

/// The variables that are put in.
pub(crate) struct Variables {
    /// `None`: the value is not UTF-8.
    values: BTreeMap<String, Option<String>>,
}

/// What is wrong with a text.
#[derive(Debug, PartialEq)]
pub(crate) struct Mistake {
    /// Where, in bytes from the beginning of the text.
    pub span: Range<usize>,
    pub message: String,
    /// What the text itself says about it, after `?`.
    pub said: Option<String>,
    pub help: Option<String>,
    /// A variable has no value, which may be otherwise where the service is to run.
    pub is_unset: bool,
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

    /// The value of one of them, if it has one that is UTF-8.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.as_deref()
    }

    /// The text with all values put in. What that makes is taken from the budget.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn put_in(&self, text: &str, budget: &mut Budget) -> Result<String, Vec<Mistake>> {
        let longest = LONGEST.max(text.len());
        let mut scan = Scan {
            variables: self,
            text,
            at: 0,
            depth: 0,
            longest: longest.min(budget.0),
            mistakes: Vec::new(),
        };
        let done = scan.text(false, true);
        if done.len() > scan.longest {
            // The mistake is the same wherever it is noticed, and whatever else is wrong.
            let message = match scan.longest < longest {
                true => format!("the file with its values is longer than {} KiB", MOST / 1024),
                false => format!("with its values it is longer than {} KiB", LONGEST / 1024),
            };
            budget.0 = if scan.longest < longest { 0 } else { budget.0.saturating_sub(scan.longest) };
            return Err(vec![Mistake {
                span: 0..text.len(),
                message,
                said: None,
                help: None,
                is_unset: false,
            }]);
        }
        budget.0 = budget.0.saturating_sub(done.len());
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
    /// Where more than so much comes out, the rest of the text is not looked at.
    longest: usize,
    mistakes: Vec<Mistake>,
}

impl Scan<'_> {
    fn report(&mut self, span: Range<usize>, message: String, help: Option<String>) {
        if self.mistakes.len() < MOST_MISTAKES {
            self.mistakes.push(Mistake { span, message, said: None, help, is_unset: false });
        }
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
            if done.len() > self.longest {
                self.at = self.text.len();
                return done;
            }
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
        let variables = self.variables;
        let value = variables.values.get(&name);
        let is_set = value.is_some_and(|value| !colon || value.as_deref() != Some(""));
        let word_start = self.at;
        let word = match operator {
            Operator::Plain => String::new(),
            Operator::Default | Operator::Required => self.word(live && !is_set),
            Operator::Alternative => self.word(live && is_set),
        };
        if word.len() > self.longest {
            return word;
        }
        let written = word_start..self.at;
        if !self.take("}") {
            return self.give_up(start, "this \"${\" is not closed");
        }
        match (operator, is_set) {
            (Operator::Alternative, true) | (Operator::Default, false) => word,
            (Operator::Alternative, false) => String::new(),
            _ if !live => String::new(),
            (_, true) => value.cloned().flatten().unwrap_or_else(|| {
                self.report(start..self.at, format!("the value of {name} is not UTF-8"), None);
                String::new()
            }),
            (_, false) => {
                let state = if value.is_some() { "empty" } else { "not set" };
                self.unset(start..self.at, &name, format!("{name} is {state}"), written);
                String::new()
            }
        }
    }

    /// Reports a variable that has to be set. `written`: what the text says about it, which is repeated as it is: what
    /// other variables in it stand for may be secret.
    fn unset(&mut self, span: Range<usize>, name: &str, message: String, written: Range<usize>) {
        if self.mistakes.len() >= MOST_MISTAKES {
            return;
        }
        let said: String = self.text.get(written).unwrap_or_default().chars().take(LONGEST_MESSAGE).collect();
        let (said, help) = match said.is_empty() {
            true => (None, self.variables.unset(name)),
            false => (Some(said), None),
        };
        self.mistakes.push(Mistake { span, message, said, help, is_unset: true });
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

    fn put_in(variables: &Variables, text: &str) -> Result<String, Vec<Mistake>> {
        variables.put_in(text, &mut Budget::default())
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
            assert_eq!(put_in(&variables(), text), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn every_mistake_has_its_place() {
        for (text, expected) in [
            ("x${NO}y", vec![(1..6, "NO is not set")]),
            ("${NO}${NA}", vec![(0..5, "NO is not set"), (5..10, "NA is not set")]),
            ("${NO:?say it}", vec![(0..13, "NO is not set: say it")]),
            ("${EMPTY:?}", vec![(0..10, "EMPTY is empty")]),
            ("${NO?for ${A}}", vec![(0..14, "NO is not set: for ${A}")]),
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
            let found = put_in(&variables(), text).unwrap_err();
            let said = |m: &Mistake| m.said.as_ref().map_or(String::new(), |said| format!(": {said}"));
            let found: Vec<_> =
                found.iter().map(|m| (m.span.clone(), format!("{}{}", m.message, said(m)))).collect();
            let expected: Vec<_> = expected.into_iter().map(|(span, text)| (span, text.to_owned())).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn near_names_are_suggested() {
        let found = put_in(&variables(), "${LONG_NAM}").unwrap_err();
        assert_eq!(found[0].help.as_deref(), Some("did you mean \"LONG_NAME\"?"));
        let found = put_in(&variables(), "${NO}").unwrap_err();
        let help = "set it for rinit, or write ${NO:-DEFAULT}; $${ stands for ${";
        assert_eq!(found[0].help.as_deref(), Some(help));
    }

    #[test]
    fn depth_and_length_have_an_end() {
        let nested = |depth: usize| "${NO:-".repeat(depth) + "x" + &"}".repeat(depth);
        assert_eq!(put_in(&variables(), &nested(16)), Ok("x".into()));
        assert_eq!(put_in(&variables(), &nested(17)).unwrap_err().len(), 1);
        assert_eq!(put_in(&variables(), &nested(100_000)).unwrap_err().len(), 1);
        let long = Variables::new(&[("L".into(), "x".repeat(100_000).into())]);
        assert!(put_in(&long, "${L}").is_ok());
        let message = put_in(&long, "${L}${L}").unwrap_err().remove(0).message;
        assert_eq!(message, "with its values it is longer than 128 KiB");
        // What would be 1.6 GB ends at once.
        let message = put_in(&long, &"${L}".repeat(16_000)).unwrap_err().remove(0).message;
        assert_eq!(message, "with its values it is longer than 128 KiB");
        let nested = "${NO:-".repeat(16) + &"${L}".repeat(1000) + &"}".repeat(16);
        assert_eq!(put_in(&long, &nested.repeat(100)).unwrap_err().len(), 1);
    }

    #[test]
    fn a_file_has_a_limit_too() {
        let long = Variables::new(&[("L".into(), "x".repeat(100_000).into())]);
        let mut budget = Budget::default();
        for _ in 0..10 {
            assert!(long.put_in("${L}", &mut budget).is_ok() && !budget.is_spent());
        }
        let mistakes = long.put_in("${L}", &mut budget).unwrap_err();
        assert_eq!(mistakes[0].message, "the file with its values is longer than 1024 KiB");
        assert!(mistakes.len() == 1 && budget.is_spent());
    }

    #[test]
    fn mistakes_have_a_limit() {
        assert_eq!(put_in(&variables(), &"${NO}".repeat(10_000)).unwrap_err().len(), MOST_MISTAKES);
    }
}
