//! The kinds of events: one table with their names and the fields of each.

#![forbid(unsafe_code)]

/// How a kind is told: its word, and what its code, its number and its text are called; empty: it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// What `--kind` takes; of several words with one colon, those before it stand for all of them.
    pub word: &'static str,
    /// [`EXIT_CODE`] or [`SIGNAL`].
    pub code: &'static str,
    /// A count, or milliseconds.
    pub number: &'static str,
    /// For people, or a name.
    pub text: &'static str,
}

/// The name of a code that is an exit code, or less than zero and a signal.
pub const EXIT_CODE: &str = "exit_code";

/// The name of a code that is the number of a signal.
pub const SIGNAL: &str = "signal";

macro_rules! kinds {
    ($($kind:ident: $word:expr, $code:expr, $number:expr, $text:expr;)*) => {
        /// What happened. Several may share a word and differ in what else is told.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum EventKind {
            $(#[doc = $word] $kind,)*
        }

        impl EventKind {
            /// All of them.
            pub const ALL: &'static [EventKind] = &[$(EventKind::$kind),*];

            /// How it is told.
            pub fn shape(self) -> Shape {
                let (word, code, number, text) = match self {
                    $(EventKind::$kind => ($word, $code, $number, $text),)*
                };
                Shape { word, code, number, text }
            }
        }
    };
}

// docs/events.md says what each means. A test compares.
kinds! {
    Start: "start", "", "pid", "";
    Ready: "ready", "", "", "";
    Die: "die", EXIT_CODE, "ran_ms", "";
    Oom: "oom", "", "", "";
    Restart: "restart", "", "in_ms", "reason";
    StopSignal: "kill", SIGNAL, "grace_ms", "";
    StopBy: "kill", "", "grace_ms", "by";
    Kill: "kill", SIGNAL, "after_ms", "";
    Signal: "kill", SIGNAL, "", "to";
    KillRest: "kill", SIGNAL, "", "";
    Stop: "stop", "", "took_ms", "";
    Pause: "pause", "", "", "";
    Unpause: "unpause", "", "", "";
    HealthStarting: "health_status: starting", "", "", "";
    Healthy: "health_status: healthy", "", "", "";
    Unhealthy: "health_status: unhealthy", "", "failing_streak", "output";
    Completed: "completed", "", "", "";
    Failed: "failed", "", "", "reason";
    HookFailed: "hook_failed", "", "", "reason";
    Unkillable: "unkillable", "", "", "";
    Reload: "reload", "", "", "changes";
    ReloadRefused: "reload", "", "", "error";
    Shutdown: "shutdown", "", "limit_ms", "cause";
    Exit: "exit", EXIT_CODE, "took_ms", "killed";
}

impl EventKind {
    /// The words of all kinds, each once.
    pub fn words() -> impl Iterator<Item = &'static str> {
        distinct(|word| word)
    }

    /// The words that `--kind` is completed with: where one stands for several, that one.
    pub fn short_words() -> impl Iterator<Item = &'static str> {
        distinct(|word| word.split_once(": ").map_or(word, |(all, _)| all))
    }

    /// Whether a word is the one that was asked for, or one of those that it stands for.
    pub fn is_meant(word: &str, asked: &str) -> bool {
        word == asked || word.split_once(": ").is_some_and(|(all, _)| all == asked)
    }
}

/// These words of all kinds. Those that are the same stand together.
fn distinct(of: fn(&'static str) -> &'static str) -> impl Iterator<Item = &'static str> {
    let mut last = "";
    let words = EventKind::ALL.iter().map(move |kind| of(kind.shape().word));
    words.filter(move |word| std::mem::replace(&mut last, *word) != *word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn words_are_listed_once() {
        let words: Vec<&str> = EventKind::words().collect();
        let all: BTreeSet<&str> = EventKind::ALL.iter().map(|kind| kind.shape().word).collect();
        assert_eq!(words.len(), all.len(), "{words:?}");
        let short: Vec<&str> = EventKind::short_words().collect();
        assert_eq!(short.len(), short.iter().collect::<BTreeSet<_>>().len(), "{short:?}");
        assert!(short.contains(&"health_status") && !short.contains(&"health_status: healthy"));
        assert!(EventKind::is_meant("health_status: healthy", "health_status"));
        assert!(!EventKind::is_meant("health_status: healthy", "health"));
    }

    /// The page has exactly one row for each name, with the fields of its kinds.
    #[test]
    fn the_page_for_people_explains_every_kind() {
        let page = include_str!("../../../docs/events.md");
        let (_, table) = page.split_once("| kind |").unwrap();
        let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
        let mut explained = Vec::new();
        for row in rows {
            let word = row.split('`').nth(1).unwrap();
            explained.push(word);
            for kind in EventKind::ALL.iter().filter(|kind| kind.shape().word == word) {
                let Shape { word, code, number, text } = kind.shape();
                for name in [code, number, text].iter().filter(|name| !name.is_empty()) {
                    assert!(row.contains(&format!("`{name}`")), "docs/events.md: {word} has {name}");
                }
            }
        }
        assert_eq!(explained, EventKind::words().collect::<Vec<_>>());
    }
}
