//! Whose tree is it? s6 and runit agree on `run`, and differ in what they tell it and `finish`.

use super::raw::Dir;

/// Whose conventions a service directory follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Those of s6, s6-rc and s6-overlay.
    S6,
    /// Those of runit and daemontools.
    Runit,
}

impl Style {
    /// Both by their names.
    pub const ALL: [(&'static str, Style); 2] = [("s6", Style::S6), ("runit", Style::Runit)];
}

/// What only s6 and s6-rc know.
const OF_S6: [&str; 14] = [
    "type",
    "notification-fd",
    "timeout-kill",
    "timeout-finish",
    "max-death-tally",
    "down-signal",
    "reload-signal",
    "flag-timeout-killpg",
    "flag-newpidns",
    "lock-fd",
    "nosetsid",
    "event",
    "instance",
    "instances",
];
/// What only runit knows.
const OF_RUNIT: [&str; 2] = ["check", "control"];
/// Interpreters that come with s6 and s6-overlay.
const INTERPRETERS: [&str; 2] = ["execlineb", "with-contenv"];

/// What a directory itself says: what is known to s6 goes first, for a private file may well be called `check`.
pub(super) fn of_dir(dir: &Dir, interpreters: &[String]) -> Option<Style> {
    let has = |names: &[&str]| names.iter().any(|name| dir.has(name));
    if has(&OF_S6) || interpreters.iter().any(|name| INTERPRETERS.contains(&name.as_str())) {
        return Some(Style::S6);
    }
    has(&OF_RUNIT).then_some(Style::Runit)
}

/// What the directories of a tree say together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Evidence {
    s6: bool,
    runit: bool,
}

impl Evidence {
    /// Takes in what one of them says.
    pub fn add(&mut self, style: Option<Style>) {
        match style {
            Some(Style::S6) => self.s6 = true,
            Some(Style::Runit) => self.runit = true,
            None => {}
        }
    }

    /// The style of a directory: what it says itself, then what the user says, then what the others of its tree say
    /// with one voice. `None`: nothing decides.
    pub fn decide(self, own: Option<Style>, given: Option<Style>) -> Option<Style> {
        let tree = match (self.s6, self.runit) {
            (true, false) => Some(Style::S6),
            (false, true) => Some(Style::Runit),
            (true, true) | (false, false) => None,
        };
        own.or(given).or(tree)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_decides() {
        let (s6, runit) = (Some(Style::S6), Some(Style::Runit));
        for (tree, own, given, expected) in [
            (&[][..], None, None, None),
            (&[], None, runit, runit),
            (&[], s6, runit, s6),
            (&[s6, None], None, None, s6),
            (&[runit], None, None, runit),
            (&[runit], None, s6, s6),
            (&[runit, s6], None, None, None),
            (&[runit, s6], runit, None, runit),
        ] {
            let mut evidence = Evidence::default();
            tree.iter().for_each(|style| evidence.add(*style));
            assert_eq!(evidence.decide(own, given), expected, "{tree:?} {own:?} {given:?}");
        }
    }
}
