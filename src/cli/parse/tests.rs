//! Command lines, good and bad.

use super::super::table::Verb;
use super::*;
use std::os::unix::ffi::OsStringExt;

fn parsed(line: &[&str]) -> Result<Line, UsageError> {
    parse(line.iter().map(OsString::from).collect())
}

fn init(line: &[&str]) -> Words {
    match parsed(line) {
        Ok(Line::Init(words)) => words,
        other => panic!("{line:?}: {other:?}"),
    }
}

fn verb(line: &[&str]) -> (Verb, Words) {
    match parsed(line) {
        Ok(Line::Verb(command, words)) => (command.verb, words),
        other => panic!("{line:?}: {other:?}"),
    }
}

fn error(line: &[&str]) -> UsageError {
    parsed(line).map(|line| panic!("{line:?} was read")).unwrap_err()
}

#[test]
fn a_command_needs_no_dashes() {
    for (line, command) in [
        (&["sh", "-c", "exit 3"][..], &["sh", "-c", "exit 3"][..]),
        (&["--", "sh", "-c", "exit 3"], &["sh", "-c", "exit 3"]),
        (&["--services", "d", "sh", "--services", "--", "x"], &["sh", "--services", "--", "x"]),
        (&["--services=d", "--", "health"], &["health"]),
        (&["--", "--", "x"], &["--", "x"]),
        (&["sh", "health"], &["sh", "health"]),
        (&["./health"], &["./health"]),
        (&["-"], &["-"]),
        (&[""], &[""]),
        (&["--"], &[]),
        (&[], &[]),
    ] {
        assert_eq!(init(line).operands, command, "{line:?}");
    }
}

#[test]
fn a_command_is_passed_byte_for_byte() {
    let bytes = OsString::from_vec(b"\xff-\x80".to_vec());
    for words in [vec![bytes.clone(), bytes.clone()], vec!["--".into(), bytes.clone(), bytes.clone()]] {
        let Ok(Line::Init(words)) = parse(words) else { panic!("no init") };
        assert_eq!(words.operands, [bytes.clone(), bytes.clone()]);
    }
}

#[test]
fn options_are_read_in_every_form() {
    let words = init(&["--services", "a", "--services=b", "--stop-timeout", "-1", "--log-level="]);
    assert_eq!(words.all(Opt::Services).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(words.last(Opt::Services), Some(OsStr::new("b")));
    assert_eq!(words.last(Opt::StopTimeout), Some(OsStr::new("-1")));
    assert_eq!(words.last(Opt::LogLevel), Some(OsStr::new("")));
    assert_eq!(words.last(Opt::LogFormat), None);
    assert!(init(&["-hV"]).has(Opt::Version));
}

#[test]
fn a_verb_is_the_first_word() {
    let (read, words) = verb(&["--socket", "s", "health", "web", "--now", "db", "--timeout", "2s"]);
    assert_eq!(read, Verb::Health);
    assert_eq!(words.operands, ["web", "db"]);
    assert!(words.has(Opt::Now));
    assert_eq!(words.last(Opt::Socket), Some(OsStr::new("s")));
    let (_, words) = verb(&["health", "--timeout=1s", "--", "curl", "--now"]);
    assert_eq!(words.rest, Some(vec!["curl".into(), "--now".into()]));
    assert!(!words.has(Opt::Now));
    assert_eq!(verb(&["health", "--"]).1.rest, Some(vec![]));
    assert_eq!(verb(&["help", "health"]).0, Verb::Help);
}

#[test]
fn what_is_wrong_is_said_on_one_line_with_where_to_look() {
    for (line, message, status) in [
        (&["--sevices", "x"][..], "unknown option --sevices; did you mean --services?", 125),
        (&["--frobnicate"], "unknown option --frobnicate", 125),
        (&["-x", "sh"], "unknown option -x", 125),
        (&["--services"], "--services needs a DIR", 125),
        (&["--version=1"], "unexpected argument for option '--version': \"1\"", 125),
        (&["health", "--nwo"], "unknown option --nwo; did you mean --now?", 2),
        (&["health", "--timeout"], "--timeout needs a DURATION", 2),
        (&["--stop-timeout", "1s", "status"], "--stop-timeout has no meaning for status", 2),
    ] {
        let error = error(line);
        assert_eq!((error.message.as_str(), error.status), (message, status), "{line:?}");
    }
    assert_eq!(error(&["-x"]).to_string(), "rinit: unknown option -x. Try 'rinit --help'.\n");
    let of_verb = error(&["health", "-x"]).to_string();
    assert_eq!(of_verb, "rinit: unknown option -x. Try 'rinit health --help'.\n");
}
