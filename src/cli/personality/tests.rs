//! Command lines as the other programs understand them.

use super::*;
use crate::init::compat::{CompatOptions, Failures};
use crate::model::Signal;
use crate::sys::spawn::Session;
use log::LevelFilter;

fn read(line: &[&str], env: &[(&str, &str)]) -> Result<Action, String> {
    let (name, words) = line.split_first().unwrap();
    let words: Vec<OsString> = words.iter().map(OsString::from).collect();
    let lookup = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
    action(of(OsStr::new(name)).unwrap(), &words, &lookup)
}

fn options(line: &[&str], env: &[(&str, &str)]) -> CompatOptions {
    match read(line, env) {
        Ok(Action::Run(options)) => *options,
        other => panic!("{line:?}: {other:?}"),
    }
}

#[test]
fn the_name_decides() {
    for (program, expected) in [
        ("tini", Some("tini")),
        ("/sbin/docker-init", Some("tini")),
        ("./tini-static", Some("tini")),
        ("/usr/bin/dumb-init", Some("dumb-init")),
        ("/catatonit", Some("catatonit")),
        ("/run/podman-init", Some("catatonit")),
        ("/sbin/rinit", None),
        ("/tini/rinit", None),
        ("init", None),
        ("", None),
    ] {
        assert_eq!(of(OsStr::new(program)).map(Personality::name), expected, "{program}");
    }
}

#[test]
fn tini_reads_its_options_and_variables() {
    let plain = options(&["tini", "--", "sh", "-c", "exit 3"], &[]);
    assert_eq!(plain.command, ["sh", "-c", "exit 3"]);
    assert_eq!(plain.log_level, LevelFilter::Warn);
    assert_eq!(plain.tini_options, crate::init::TiniOptions::default());
    assert_eq!(plain.failures, Failures { own: 1, not_found: 127, denied: 126, other: 1 });
    let all = options(&["tini", "-swgvve1", "-pSIGKILL", "-e", "143", "sh", "-g"], &[]);
    assert_eq!(all.command, ["sh", "-g"]);
    assert_eq!(all.log_level, LevelFilter::Debug);
    assert!(all.tini_options.to_group && all.tini_options.warn_zombies);
    assert_eq!(all.tini_options.parent_death_signal, Some(Signal::KILL));
    assert_eq!([1, 2, 143].map(|status| all.tini_options.remap.apply(status)), [0, 2, 0]);
    let env = [("TINI_KILL_PROCESS_GROUP", ""), ("TINI_VERBOSITY", "0")];
    let by_env = options(&["docker-init", "-v", "sh"], &env);
    assert!(by_env.tini_options.to_group);
    assert_eq!(by_env.log_level, LevelFilter::Error);
    assert_eq!(options(&["tini", "sh", "--", "-c", "--"], &[]).command, ["sh", "-c", "--"]);
}

#[test]
fn tini_s_version_is_what_dockerd_reads() {
    assert_eq!(read(&["docker-init", "--version"], &[]), Ok(Action::Version));
    let version = tini::TINI.version;
    let (number, commit) = version.split_once(" - ").unwrap();
    assert!(number.strip_prefix("tini version ").is_some_and(|number| number.starts_with(char::is_numeric)));
    let parts: Vec<&str> = commit.split('.').collect();
    assert!(matches!(parts.as_slice(), ["git", _]), "{version}");
}

#[test]
fn dumb_init_makes_a_session_and_rewrites_what_a_terminal_sends() {
    let plain = options(&["dumb-init", "sh", "-c", "x"], &[]);
    assert_eq!((plain.session, plain.tini_options.to_group), (Session::WithTerminal, true));
    for signal in [Signal::TSTP, Signal::TTIN, Signal::TTOU] {
        assert_eq!(plain.rewritten.get(&signal), Some(&Some(Signal::STOP)));
    }
    for line in [&["dumb-init", "-c", "sh"][..], &["dumb-init", "--single", "sh"]] {
        let single = options(line, &[]);
        assert_eq!((single.session, single.tini_options.to_group), (Session::Shared, false));
        assert!(single.rewritten.is_empty());
    }
    let env = [("DUMB_INIT_SETSID", "0"), ("DUMB_INIT_DEBUG", "1")];
    let by_env = options(&["dumb-init", "sh"], &env);
    assert_eq!((by_env.session, by_env.log_level), (Session::Shared, LevelFilter::Debug));
    let line = ["dumb-init", "-r", "15:3", "--rewrite", "SIGHUP:0", "-r20:20", "--rewrite=int:TERM", "sh"];
    let rewritten = options(&line, &[]).rewritten;
    for (from, to) in [
        (Signal::TERM, Some(Signal::QUIT)),
        (Signal::HUP, None),
        (Signal::TSTP, Some(Signal::TSTP)),
        (Signal::INT, Some(Signal::TERM)),
    ] {
        assert_eq!(rewritten.get(&from), Some(&to), "{from}");
    }
}

#[test]
fn catatonit_can_pause() {
    let plain = options(&["catatonit", "-g", "--", "sh"], &[]);
    assert!(plain.tini_options.to_group);
    assert_eq!(plain.failures, Failures { own: 1, not_found: 1, denied: 1, other: 1 });
    assert_eq!(plain.log_level, LevelFilter::Error);
    assert_eq!(options(&["catatonit", "sh"], &[("CATATONIT_DEBUG", "")]).log_level, LevelFilter::Debug);
    assert!(options(&["catatonit", "-P"], &[]).command.is_empty());
    assert!(options(&["catatonit", "-P", "sh"], &[]).command.is_empty());
}

#[test]
fn what_is_asked_for_is_shown() {
    for (line, expected) in [
        (&["tini", "-h"][..], Action::Help),
        (&["tini", "-l"], Action::License),
        (&["dumb-init", "-vh"], Action::Help),
        (&["dumb-init", "--help"], Action::Help),
        (&["dumb-init", "-V"], Action::Version),
        (&["catatonit", "-L"], Action::License),
        (&["catatonit", "-PV"], Action::Version),
        (&["catatonit", "--vers"], Action::Version),
    ] {
        assert_eq!(read(line, &[]), Ok(expected), "{line:?}");
    }
    for personality in ALL {
        let help = personality.help();
        assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
        assert!(personality.version.contains("rinit"), "{}", personality.version);
    }
}

#[test]
fn what_is_wrong_is_said() {
    for (line, message) in [
        (&["tini"][..], "no command was given"),
        (&["tini", "--"], "no command was given"),
        (&["tini", "-x", "sh"], "unknown option -x"),
        (&["tini", "--version", "sh"], "unknown option --version"),
        (&["tini", "-e"], "-e needs a CODE"),
        (&["tini", "-e", "256", "sh"], "-e \"256\": no exit status"),
        (&["tini", "-p", "SIGFOO", "sh"], "-p \"SIGFOO\": no signal"),
        (&["dumb-init"], "no command was given"),
        (&["dumb-init", "-r", "32:1", "sh"], "-r \"32:1\": write S:R"),
        (&["dumb-init", "-r", "1:32", "sh"], "-r \"1:32\": write S:R"),
        (&["dumb-init", "-r", "15", "sh"], "-r \"15\": write S:R"),
        (&["dumb-init", "--frob", "sh"], "unknown option --frob"),
        (&["catatonit"], "no command was given"),
        (&["catatonit", "-e", "1", "sh"], "unknown option -e"),
    ] {
        let error = read(line, &[]).map(|action| panic!("{line:?}: {action:?}")).unwrap_err();
        assert!(error.starts_with(message), "{line:?}: {error}");
    }
    assert!(read(&["catatonit", "sh"], &[("CATATONIT_LOG", "x")]).is_err());
}
