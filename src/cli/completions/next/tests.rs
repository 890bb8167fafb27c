//! Command lines that are half written, and what may come next.

use super::*;

/// What may come next, and the socket whose init was asked.
fn complete(line: &[&str], split: bool) -> (Next, Option<String>) {
    let words: Vec<OsString> = line.iter().map(OsString::from).collect();
    let asked = std::cell::RefCell::new(None);
    let services = |socket: Option<&OsStr>| {
        *asked.borrow_mut() = socket.map(|socket| socket.to_string_lossy().into_owned());
        ["db", "web", "web2"].map(|name| candidate(name, "running")).to_vec()
    };
    let next = next(&words, split, &services);
    (next, asked.into_inner())
}

#[track_caller]
fn words(line: &str) -> Vec<String> {
    let line: Vec<&str> = line.split(' ').collect();
    match complete(&line, false).0 {
        Next::Words(candidates) => candidates.into_iter().map(|candidate| candidate.word).collect(),
        other => panic!("{line:?}: {other:?}"),
    }
}

#[track_caller]
fn other(line: &str) -> Next {
    complete(&line.split(' ').collect::<Vec<_>>(), false).0
}

#[test]
fn verbs_and_programs() {
    assert_eq!(words("rinit st"), ["status", "start", "stop"]);
    assert_eq!(words("rinit ").len(), COMMANDS.len());
    assert_eq!(words("rinit help rel"), ["reload"]);
    assert_eq!(other("rinit nginx"), Next::Program(1));
    assert_eq!(other("rinit -g --stop-timeout 5s sh -c "), Next::Program(4));
    assert_eq!(other("rinit -- st"), Next::Program(2));
    assert_eq!(other("rinit -- status "), Next::Program(2));
    assert_eq!(other("rinit health --timeout 2s -- red"), Next::Program(5));
}

#[test]
fn options_are_those_of_the_verb() {
    assert_eq!(words("rinit --log"), ["--log-level", "--log-format", "--log-driver", "--log-opt"]);
    assert_eq!(words("rinit status -").len(), table::find("status").unwrap().flags.len());
    assert_eq!(words("rinit shutdown "), ["--json", "--timeout", "--socket", "--help"]);
    assert_eq!(words("rinit status -- --j"), [""; 0]);
}

#[test]
fn values_are_of_their_kind() {
    assert_eq!(words("rinit --log-level "), ["off", "error", "warn", "info", "debug", "trace"]);
    assert_eq!(words("rinit --log-level=in"), ["--log-level=info"]);
    assert_eq!(words("rinit -p SIGTE"), ["SIGTERM"]);
    assert_eq!(words("rinit -p TE"), ["TERM"]);
    assert_eq!(words("rinit -p ").len(), 32);
    assert_eq!(words("rinit -gp SIGTE"), ["SIGTERM"]);
    assert_eq!(words("rinit -pTERM st"), ["status", "start", "stop"]);
    assert_eq!(words("rinit --stop-timeout "), [""; 0]);
    assert_eq!(other("rinit --services "), Next::Directories);
    assert_eq!(other("rinit --services=/e"), Next::Directories);
    assert_eq!(other("rinit check "), Next::Directories);
    assert_eq!(other("rinit --socket "), Next::Files);
    assert_eq!(words("rinit probe "), ["http", "tcp", "unix"]);
    assert_eq!(other("rinit probe unix /r"), Next::Files);
    assert_eq!(words("rinit completions "), ["bash", "zsh", "fish"]);
}

#[test]
fn bash_makes_the_equals_sign_a_word() {
    let line = |words: &[&str]| match complete(words, true).0 {
        Next::Words(candidates) => candidates.into_iter().map(|it| it.word).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(line(&["rinit", "--log-level", "=", "in"]), ["info"]);
    assert_eq!(line(&["rinit", "--log-format", "="]), ["text", "json"]);
    assert_eq!(line(&["rinit", "--log-format", "=", "json", "st"]), ["status", "start", "stop"]);
}

#[test]
fn services_are_asked_for_where_the_line_says() {
    assert_eq!(words("rinit restart w"), ["web", "web2"]);
    assert_eq!(words("rinit restart web "), ["db", "web2"]);
    assert_eq!(words("rinit restart -- d"), ["db"]);
    assert_eq!(complete(&["rinit", "stop", ""], false).1, None);
    assert_eq!(complete(&["rinit", "--socket", "/x", "stop", ""], false).1.as_deref(), Some("/x"));
    assert_eq!(complete(&["rinit", "stop", "--socket=@y", ""], false).1.as_deref(), Some("@y"));
    assert_eq!(complete(&["rinit", "stop", "--socket", "=", "@z", ""], true).1.as_deref(), Some("@z"));
}

#[test]
fn every_word_of_every_example_would_have_been_offered() {
    for (line, _) in COMMANDS.iter().flat_map(|command| command.examples) {
        let line: Vec<String> = crate::model::words::split(line).unwrap();
        for end in 2..=line.len() {
            let mut so_far: Vec<&str> = line[..end].iter().map(String::as_str).collect();
            let word = so_far.pop().unwrap();
            so_far.push("");
            let known = table::find(word).is_some() || (word.starts_with("--") && word != "--");
            if let (Next::Words(offered), true, false) =
                (complete(&so_far, false).0, known, so_far.contains(&"--"))
            {
                let options = complete(&[&so_far[..end - 1], &["--"]].concat(), false).0;
                let Next::Words(options) = options else { panic!("{options:?}") };
                let name = word.split('=').next().unwrap();
                assert!(offered.iter().chain(&options).any(|it| it.word == name), "{word} in {line:?}");
            }
        }
    }
}

#[test]
fn the_kinds_of_events_are_those_of_the_table() {
    let kinds: Vec<&str> = EventKind::short_words().collect();
    assert_eq!(words("rinit events --kind "), kinds);
    assert_eq!(words("rinit events --kind=health"), ["--kind=health_status"]);
}

#[test]
fn nothing_is_too_odd() {
    use std::os::unix::ffi::OsStringExt;
    assert_eq!(next(&[], false, &|_| vec![]), Next::Words(vec![]));
    let odd = OsString::from_vec(vec![0xff]);
    assert_eq!(next(&["rinit".into(), odd.clone()], false, &|_| vec![]), Next::Words(vec![]));
    assert_eq!(next(&["rinit".into(), odd, "".into()], false, &|_| vec![]), Next::Program(1));
    assert_eq!(words("rinit --x=y"), [""; 0]);
    assert_eq!(words("rinit status --=").len(), 0);
    assert_eq!(words("rinit"), [""; 0]);
}
