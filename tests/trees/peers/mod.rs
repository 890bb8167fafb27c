//! The same trees under the real supervisor and under rinit: what the services are given, what is done to them and when
//! they are started again is the same, but for what `MEANT` lists.

mod record;
mod runit;
mod s6;
mod stage;

use crate::pid1::which;
use crate::support::repository;
use rinit::config::Style;
use stage::Stage;

/// Where rinit differs, and is meant to. docs/migrate.md has each of these sentences.
const MEANT: [&str; 9] = [
    "A `run` that cannot be executed at all has failed for good; s6 and runit try it again and again.",
    "No signal is blocked for programs in `control/`; runit leaves SIGCHLD and SIGTERM blocked.",
    "No descriptor but 0, 1, 2 and that of `notification-fd` is open; s6 and runit pass on what they have inherited.",
    "No signal is ignored; s6 and runit pass on what they have inherited.",
    "Each service has a session and a process group of its own; under runit it shares those of `runsv`.",
    "`finish` of a runit tree has a session of its own as well.",
    "The environment of all programs has `RINIT_SERVICE`. That of `finish` also has `RINIT_EXIT_CODE` and `RINIT_EXIT_SIGNAL`.",
    "`finish` of an s6 tree always gets the process group as its fourth argument, as s6 gives it since 2.13.0.0.",
    "`finish` of a logger writes where rinit's own output goes; s6 and runit have closed it by then.",
];

/// What is done with a tree.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Waits for so many events in a directory: `run` and `finish` when they start, and what the recorder says.
    See(&'static str, &'static str, usize),
    /// Has a service stopped, and waits until it is.
    Down(&'static str),
    /// Has it started.
    Up(&'static str),
    /// A signal to what its directory started last.
    Kill(&'static str, i32),
    /// A command as `sv` has it, without its signal being waited for: its word there, and what rinit calls it.
    Tell(&'static str, &'static str, &'static [&'static str]),
    /// Has it asked whether it is well.
    Check(&'static str),
    /// The lines of a file, as soon as there are so many.
    File(&'static str, usize),
    /// Waits for so many events in a directory, and compares no more: it goes on without an end.
    First(&'static str, usize),
}

/// A tree and what happens.
pub struct Case {
    pub style: Style,
    pub tree: &'static str,
    pub steps: &'static [Step],
}

impl Case {
    /// Plays it under both, and compares directory by directory.
    #[track_caller]
    pub fn play(&self) {
        let peers: [&str; 2] = match self.style {
            Style::S6 => ["s6-svscan", "s6-svc"],
            Style::Runit => ["runsvdir", "sv"],
        };
        crate::require_namespace!();
        crate::require_root!();
        if let Some(missing) = peers.iter().find(|name| which(name).is_none()) {
            crate::skip!("needs {missing}");
        }
        let theirs = Stage::peer(self.style, self.tree).play(self.steps);
        let ours = Stage::rinit(self.style, self.tree).play(self.steps);
        assert!(ours.nothing_is_ignored());
        for dir in theirs.dirs().chain(ours.dirs()) {
            let (theirs, ours) = (theirs.of(dir, self.style), ours.of(dir, self.style));
            let first = self.steps.iter().find_map(|step| match step {
                Step::First(of, count) if *of == dir => Some(*count),
                _ => None,
            });
            for number in 0..first.unwrap_or_else(|| ours.len().max(theirs.len())) {
                let (ours, theirs) = (ours.get(number), theirs.get(number));
                assert_eq!(ours, theirs, "event {number} in {dir}: rinit's on the left");
            }
        }
        assert_eq!(ours.files, theirs.files, "rinit's on the left");
    }
}

/// One test for each case.
macro_rules! side_by_side {
    ($style:expr; $($name:ident: $tree:expr, [$($step:expr),* $(,)?];)*) => {$(
        #[test]
        fn $name() {
            $crate::trees::peers::Case { style: $style, tree: $tree, steps: &[$($step),*] }.play();
        }
    )*};
}
pub(crate) use side_by_side;

#[test]
fn what_differs_is_told() {
    let page = std::fs::read_to_string(repository().join("docs/migrate.md")).unwrap();
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let page = words(&page);
    for sentence in MEANT {
        assert!(page.contains(sentence), "docs/migrate.md does not say: {sentence}");
    }
}
