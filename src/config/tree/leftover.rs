//! Programs of other supervisors in scripts, which do nothing under rinit.

use super::raw::{Dir, Report};
use crate::config::files;

/// A script may have this much to be looked through, in bytes.
const LARGEST: u64 = 64 * 1024;
/// What is written in place of tools that ask a supervisor about a service, or tell it something.
const VERBS: &str = "use `rinit start`, `stop`, `restart`, `signal` or `status`";
/// Each program with what is written in its place.
const PROGRAMS: [(&str, &str); 6] = [
    ("s6-svc", VERBS),
    ("s6-svscanctl", "use `rinit shutdown`"),
    ("s6-svstat", VERBS),
    ("s6-svwait", "use `rinit wait`, or a dependency"),
    ("sv", VERBS),
    ("with-contenv", "leave it out: services have the container's environment"),
];
/// `sv` is a program only where one of these follows.
const OF_SV: &str = "1 2 alarm check cont down exit hup int kill once pause quit reload restart shutdown start status \
                     stop term try-restart up";

/// Notes each of them in `run` and `finish`.
pub(super) fn look(dir: &Dir, report: &mut Report) {
    for name in ["run", "finish"].into_iter().filter(|name| dir.has(name)) {
        // What cannot be read, or is large, is no script to judge.
        let Ok(bytes) = files::read_at_most(&dir.at(name), LARGEST) else { continue };
        for (program, help) in find(&String::from_utf8_lossy(&bytes)) {
            report.note(&dir.at(name), &format!("{program} does not work under rinit: {help}"));
        }
    }
}

/// An option of `sv`, or the number of seconds that one has.
fn is_option(word: &str) -> bool {
    word.starts_with('-') || (word != "1" && word != "2" && word.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Those that a script names. Its first line is left to who runs it.
fn find(script: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let is_script = script.starts_with("#!");
    let lines = script.lines().skip(1).filter(move |line| is_script && !line.trim_start().starts_with('#'));
    let lines: Vec<Vec<&str>> = lines
        .map(|line| line.split(|c: char| c.is_whitespace() || ";|&(){}\"'`".contains(c)))
        .map(|words| words.filter(|word| !word.is_empty()).collect())
        .collect();
    let has = move |program: &str| {
        lines.iter().any(|words| {
            words.iter().enumerate().any(|(at, word)| {
                let is_called = word.rsplit('/').next() == Some(program);
                let mut arguments = words.iter().skip(at.saturating_add(1)).filter(|word| !is_option(word));
                let is_verb = |word: &&str| OF_SV.split(' ').any(|verb| verb == *word);
                is_called && (program != "sv" || arguments.next().is_some_and(is_verb))
            })
        })
    };
    PROGRAMS.into_iter().filter(move |(program, _)| has(program))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_of_others_are_found_where_they_are_called() {
        let names = |script: &str| find(script).map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names("#!/bin/execlineb -P\nwith-contenv\nnginx"), ["with-contenv"]);
        assert_eq!(names("#!/bin/sh\nexec /command/s6-svscanctl -t /run/service"), ["s6-svscanctl"]);
        assert_eq!(names("#!/bin/sh\nif x; then sv down web; s6-svc -d .; fi"), ["s6-svc", "sv"]);
        assert_eq!(names("#!/bin/sh\nsv -w 5 up web"), ["sv"]);
        for other in ["#!/bin/with-contenv sh\necho sv", "\x7fELF\nsv up web", "#!/bin/sh\n# sv up web"] {
            assert!(names(other).is_empty(), "{other}");
        }
    }
}
