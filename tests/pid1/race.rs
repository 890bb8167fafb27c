//! A signal in the first microseconds of the command's life: the fork is done, the process group may not be made, the
//! program is not executed yet.

use super::{Init, PEERS, Place, puppet};
use crate::support::output;
use crate::{require_namespace, require_programs};

/// How many of `count` SIGTERMs, each as soon as the init has a child, did not end the command.
#[track_caller]
fn lost(init: &Init, place: Place, count: usize, patience: &str) -> usize {
    let count = count.to_string();
    let place = if place == Place::Pid1 { "pid1" } else { "plain" };
    let path = init.path.display().to_string();
    let mut words = vec!["race", &count, patience, place, &path];
    words.extend(init.options.iter().map(String::as_str));
    words.extend([puppet(), "pause"]);
    let result = output(puppet(), &words).unwrap();
    let last = result.stdout.lines().last().unwrap_or_default();
    let number = |name: &str| -> usize {
        let word = last.split(' ').find_map(|word| word.strip_prefix(name));
        word.unwrap_or_else(|| panic!("{result:?}")).parse().unwrap()
    };
    assert_eq!(number("odd="), 0, "another end than by SIGTERM: {result:?}");
    number("lost=")
}

#[test]
fn no_early_sigterm_is_lost() {
    require_namespace!();
    for place in [Place::Pid1, Place::Plain] {
        // With `--`, since an init may run on this machine already.
        for init in [Init::rinit().with(&["--"]), Init::rinit().with(&["-g", "--"])] {
            assert_eq!(lost(&init, place, 1000, "5000"), 0, "{init:?} {place:?}");
        }
    }
}

#[test]
fn no_early_sigterm_is_lost_under_another_name() {
    require_namespace!();
    for name in PEERS {
        let init = Init::rinit_as(name);
        assert_eq!(lost(&init, Place::Pid1, 200, "5000"), 0, "{name}");
    }
    for name in ["tini", "catatonit"] {
        let init = Init::rinit_as(name).with(&["-g"]);
        assert_eq!(lost(&init, Place::Pid1, 200, "5000"), 0, "{name} -g");
    }
}

/// For comparison; how many it is depends on the machine, so that nothing is asserted.
#[test]
fn the_peers_lose_some() {
    require_namespace!();
    require_programs!(PEERS);
    for (name, options) in
        [("tini", &[][..]), ("tini", &["-g"]), ("dumb-init", &[]), ("catatonit", &[]), ("catatonit", &["-g"])]
    {
        let lost = lost(&Init::real(name).with(options), Place::Pid1, 40, "100");
        eprintln!("{name} {options:?} has lost {lost} of 40");
    }
}
