//! Mistakes on the command line, help and version: by each name, beside the real program.

use super::{Init, PEERS};
use crate::require_programs;
use crate::support::{Output, output};

fn run(init: &Init, words: &[&str]) -> Output {
    output(&init.path.display().to_string(), words).unwrap()
}

/// Command lines that are wrong, and what the message must name.
fn mistakes(name: &str) -> Vec<(&'static [&'static str], &'static str)> {
    let mut all: Vec<(&[&str], &str)> = vec![(&[], ""), (&["-Z"], "-Z"), (&["-Z", "true"], "-Z")];
    match name {
        "tini" | "docker-init" => all.extend([
            (&["-p"][..], "-p"),
            (&["-e"], "-e"),
            (&["-e", "999", "true"], "999"),
            (&["-e", "x", "true"], "x"),
            (&["-p", "FOO", "true"], "FOO"),
            (&["-V"], "-V"),
            (&["-r", "15:2", "true"], "-r"),
            (&["-P"], "-P"),
        ]),
        "dumb-init" => all.extend([
            (&["-r"][..], "-r"),
            (&["--rewrite"], "--rewrite"),
            (&["-r", "x:y", "true"], "x:y"),
            (&["-r", "99:1", "true"], "99:1"),
            (&["-r", "1:99", "true"], "1:99"),
            (&["-r", "1", "true"], "1"),
            (&["--foo", "true"], "--foo"),
            (&["-g", "true"], "-g"),
        ]),
        "catatonit" => all.extend([
            (&["--foo", "true"][..], "--foo"),
            (&["-v", "true"], "-v"),
            (&["-e", "1", "true"], "-e"),
        ]),
        _ => all.extend([
            (&["-p"][..], "-p"),
            (&["-e"], "-e"),
            (&["-e", "999", "true"], "999"),
            (&["-p", "FOO", "true"], "FOO"),
            (&["--services"], "--services"),
            (&["--stop-timeout", "soon", "true"], "soon"),
            (&["--foo", "true"], "--foo"),
        ]),
    }
    all
}

/// One line on standard error, with what is wrong and how to get help.
#[track_caller]
fn assert_one_line(result: &Output, names: &str, of: &str) {
    assert_eq!(result.stdout, "", "{of}: {result:?}");
    assert_eq!(result.stderr.matches('\n').count(), 1, "{of}: {result:?}");
    assert!(result.stderr.contains(names), "{of}: {result:?}");
    assert!(result.stderr.contains(" -h") || result.stderr.contains(" --help"), "{of}: {result:?}");
}

#[test]
fn a_mistake_is_one_line_and_125() {
    for (words, names) in mistakes("rinit") {
        let result = run(&Init::rinit(), words);
        assert_eq!(result.status, 125, "{words:?}: {result:?}");
        assert_one_line(&result, names, &format!("{words:?}"));
    }
}

#[test]
fn a_mistake_by_another_name_has_the_status_of_that_program() {
    require_programs!(PEERS);
    for name in PEERS {
        for (words, names) in mistakes(name) {
            let of = format!("{name} {words:?}");
            let real = run(&Init::real(name), words);
            let result = run(&Init::rinit_as(name), words);
            assert_eq!(result.status, real.status, "{of}: {result:?}\n{real:?}");
            assert_one_line(&result, names, &of);
        }
    }
}

#[test]
fn a_command_that_cannot_be_run_has_the_status_of_that_program() {
    require_programs!(PEERS);
    for name in PEERS {
        for command in ["/no/such/program", "no-such-program", "/etc", "/etc/passwd"] {
            let real = run(&Init::real(name), &["--", command]);
            let result = run(&Init::rinit_as(name), &["--", command]);
            assert_eq!(result.status, real.status, "{name} {command}: {result:?}\n{real:?}");
            assert!(result.stderr.contains(command), "{name} {command}: {result:?}");
        }
    }
}

/// For the version: the words before the number, on the stream where a program looks for them.
#[test]
fn help_version_and_licence_are_there() {
    require_programs!(PEERS);
    let before_number = |text: &str| text.split(|c: char| c.is_ascii_digit()).next().unwrap().to_owned();
    for (name, words) in [
        ("tini", &["-h", "-l", "--version"][..]),
        ("docker-init", &["-h", "-l", "--version"]),
        ("dumb-init", &["-h", "--help", "-V", "--version"]),
        ("catatonit", &["-h", "-L", "-V", "--version"]),
    ] {
        for word in words {
            let (real, result) = (run(&Init::real(name), &[word]), run(&Init::rinit_as(name), &[word]));
            assert_eq!((result.status, real.status), (0, 0), "{name} {word}: {result:?}");
            assert!(!result.stdout.is_empty() || !result.stderr.is_empty(), "{name} {word}");
            if !["-V", "--version"].contains(word) {
                continue;
            }
            for (ours, theirs) in [(&result.stdout, &real.stdout), (&result.stderr, &real.stderr)] {
                assert_eq!(before_number(ours), before_number(theirs), "{name} {word}");
                assert!(ours.is_empty() || ours.contains(char::is_numeric), "{name} {word}: {ours}");
            }
        }
    }
}

/// Help names every option that there is and, in the usual form, none that there is not.
#[test]
fn the_help_by_another_name_names_its_options() {
    for (name, options) in [
        ("tini", &["-s", "-p", "-v", "-w", "-g", "-e", "-h", "--version"][..]),
        ("dumb-init", &["-c", "-r", "-v", "-V", "-h"]),
        ("catatonit", &["-g", "-P", "-V", "-h"]),
    ] {
        let help = run(&Init::rinit_as(name), &["-h"]);
        let text = help.stdout + &help.stderr;
        for option in options {
            assert!(text.contains(option), "{name} -h does not tell of {option}:\n{text}");
        }
    }
}
