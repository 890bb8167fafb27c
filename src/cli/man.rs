//! `rinit man`: the manual page, made from the tables, in the macros that every `man` knows.

#![forbid(unsafe_code)]

use super::help::{self, ABOUT, EXAMPLES, STATUS};
use super::output::show;
use super::parse::Words;
use super::table::{COMMANDS, Command, Flag, INIT_FLAGS};

/// The date of the page: to be set anew when what it says changes.
const DATE: &str = "2026-11-28";

/// Lines of the source are shorter than that: not every reader of roff takes longer ones well.
const WIDTH: usize = 78;

static DESCRIPTION: [&str; 4] = [
    "The first word that is neither an option nor an option's value is a VERB, if one is called so, or else COMMAND. \
     After -- it is always COMMAND. COMMAND is run as the service main: when it ends, everything else is stopped and \
     rinit ends with its exit status.",
    "Where another rinit is the init already, as in docker exec, no service is started unless --services is given, and \
     COMMAND needs -- before it: it then runs under a reaper of its own.",
    "SIGTERM, SIGINT, SIGQUIT, SIGPWR and SIGRTMIN+3 stop everything in order: what depends on a service stops before \
     it, and at the end of the stop timeout the rest is killed. All other signals go to COMMAND; without COMMAND, SIGHUP \
     reads the definitions again.",
    "Called as tini, docker-init, dumb-init or catatonit, rinit takes that program's options in its place.",
];

/// What is read from the environment beside the values of options.
static VARIABLES: [(&str, &str); 3] = [
    (
        "NO_COLOR",
        "If it is set and not empty, status shows no colours. It shows them on a terminal only, and not if TERM is dumb.",
    ),
    ("RINIT_SERVICE", "Set by rinit for the processes of a service: the service's name."),
    ("RINIT_EXIT_CODE, RINIT_EXIT_SIGNAL", "Set by rinit for post_stop: how the main process has ended."),
];

static FILES: [(&str, &str); 5] = [
    ("/etc/services.d/NAME.toml", "The definition of the service NAME."),
    (
        "/var/lib/rinit",
        "What is remembered from one start of the container to the next, if it can be written.",
    ),
    ("~/.local/state/rinit", "The same of an init that is not PID 1."),
    ("$XDG_RUNTIME_DIR/rinit.sock", "The control socket of an init that is not PID 1."),
    (
        "/tmp/rinit-UID/rinit.sock",
        "The same where XDG_RUNTIME_DIR is not set. PID 1 has an abstract socket, and needs no file.",
    ),
];

static VERB_STATUS: &str = "Verbs: 0 done, or well; 1 not done, or not well; 2 usage; 3 no init answers.";

/// `rinit man`.
pub(super) fn run(words: &Words) -> Result<u8, String> {
    match words.operands.is_empty() && words.rest.as_ref().is_none_or(Vec::is_empty) {
        true => Ok(show(&page())),
        false => Err("man takes no words".to_owned()),
    }
}

/// The page in roff.
pub fn page() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut page = Page(format!(".TH RINIT 1 {DATE} \"rinit {version}\" \"User Commands\"\n"));
    // Neither words nor lines are stretched or broken: what looks like a hyphen may belong to an option.
    page.raw(".nh\n.ad l");
    page.section("NAME");
    page.raw("rinit \\- init and supervisor for containers");
    page.section("SYNOPSIS");
    page.form("[OPTION]... [--] [COMMAND [ARG]...]");
    page.raw(".br");
    page.form("VERB [OPTION]... [ARG]...");
    page.section("DESCRIPTION");
    page.text(ABOUT);
    page.paragraphs(&DESCRIPTION);
    page.section("OPTIONS");
    page.options(&INIT_FLAGS);
    page.section("VERBS");
    page.text("Most of them speak to the running init; check, probe, help, man and completions need none.");
    COMMANDS.iter().for_each(|command| page.verb(command));
    page.section("ENVIRONMENT");
    for (name, flag) in INIT_FLAGS.iter().filter_map(|flag| Some((flag.env?, flag))) {
        page.entry(name, &format!("The same as --{}, which goes before it.", flag.long));
    }
    page.entries(&VARIABLES);
    page.section("FILES");
    page.entries(&FILES);
    page.section("EXIT STATUS");
    page.text(STATUS.trim_start_matches("Exit status: "));
    page.paragraphs(&[VERB_STATUS]);
    page.section("EXAMPLES");
    page.entries(&EXAMPLES);
    page.section("SEE ALSO");
    page.raw(".BR docker (1),\n.BR tini (1),\n.BR sd_notify (3),\n.BR signal (7)");
    page.0
}

/// Lines of roff.
struct Page(String);

impl Page {
    /// A line that is roff.
    fn raw(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn section(&mut self, name: &str) {
        self.raw(&format!(".SH {name}"));
    }

    /// Text, broken into lines. None of them is taken for a request: they begin with a dot or an apostrophe.
    fn text(&mut self, text: &str) {
        for line in help::wrap(&escape(text), WIDTH) {
            let line = if line.starts_with('.') { format!("\\&{line}") } else { line };
            self.raw(&line);
        }
    }

    fn paragraphs(&mut self, paragraphs: &[&str]) {
        for paragraph in paragraphs {
            self.raw(".PP");
            self.text(paragraph);
        }
    }

    /// A form of the command line.
    fn form(&mut self, form: &str) {
        self.text(&format!("\u{1}rinit\u{2} {form}"));
    }

    /// What is explained, and the explanation below it.
    fn entry(&mut self, what: &str, explanation: &str) {
        self.raw(".TP");
        self.raw(&escape(&format!("\u{1}{what}\u{2}")));
        self.text(explanation);
    }

    fn entries(&mut self, entries: &[(&str, &str)]) {
        for (what, explanation) in entries {
            self.entry(what, explanation);
        }
    }

    fn options(&mut self, flags: &[&Flag]) {
        for flag in flags {
            let short = flag.short.map_or(String::new(), |short| format!("-{short}\u{2}, \u{1}"));
            let value = flag.value.map_or(String::new(), |value| format!("\u{2} {value}\u{1}"));
            self.entry(&format!("{short}--{}{value}", flag.long), flag.help);
        }
    }

    fn verb(&mut self, command: &Command) {
        self.raw(&format!(".SS {}", command.name));
        for (number, form) in command.usage.iter().enumerate() {
            if number > 0 {
                self.raw(".br");
            }
            self.form(form);
        }
        self.paragraphs(command.details);
        self.options(command.flags);
        self.raw(".PP");
        self.text(if command.examples.len() == 1 { "Example:" } else { "Examples:" });
        self.entries(command.examples);
    }
}

/// Text as roff has it. The marks 1 and 2 begin and end bold type; other than with a macro, nothing in between is
/// taken for something else.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\u{1}' => out.push_str("\\fB"),
            '\u{2}' => out.push_str("\\fR"),
            '\\' => out.push_str("\\e"),
            '-' => out.push_str("\\-"),
            '\'' => out.push_str("\\(aq"),
            '`' => out.push_str("\\(ga"),
            '^' => out.push_str("\\(ha"),
            '~' => out.push_str("\\(ti"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_of_the_tables_is_on_the_page() {
        let page = page();
        for command in &COMMANDS {
            let (_, section) = page.split_once(&format!("\n.SS {}\n", command.name)).unwrap();
            let section = section.split("\n.S").next().unwrap();
            for flag in command.flags {
                let tag = format!("\\-\\-{}", escape(flag.long));
                assert!(section.contains(&tag), "--{} of {}", flag.long, command.name);
            }
            for (line, _) in command.examples {
                assert!(section.contains(&escape(line)), "{line}");
            }
        }
        for flag in INIT_FLAGS {
            assert!(page.contains(&format!("\\-\\-{}", escape(flag.long))), "--{}", flag.long);
            assert!(flag.env.is_none_or(|env| page.contains(env)), "{:?}", flag.env);
        }
    }

    #[test]
    fn text_cannot_become_roff() {
        let mut page = Page(String::new());
        page.text(".x 'y' a-b \\n ~`^");
        page.text("'x");
        assert_eq!(page.0, "\\&.x \\(aqy\\(aq a\\-b \\en \\(ti\\(ga\\(ha\n\\(aqx\n");
    }
}
