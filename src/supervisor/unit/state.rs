//! The states of a service, and which may follow which.
//!
//! | from | to | when |
//! |---|---|---|
//! | stopped | waiting | it is wanted: at boot, by request, by a dependent, or new after a reload |
//! | waiting | starting | every dependency is met |
//! | waiting | failed | a dependency can no longer be met |
//! | waiting | stopped | told to stop |
//! | starting | running | its program runs, and with `notify` it has reported that it is ready |
//! | starting | backoff | it could not be started, or ended before it was ready, and is tried again |
//! | starting | failed | the same, and it is not tried again: by its policy, or its limit of restarts |
//! | starting | stopping | told to stop, past `start_timeout`, or it ended and something of it is left |
//! | starting | stopped | it ended while the container stops, before its own turn to stop |
//! | running | backoff | it ended, and is started again |
//! | running | completed | it ended with 0, and is not started again |
//! | running | failed | it ended otherwise, or was restarted too often, and is not started again |
//! | running | stopping | told to stop, unhealthy, silent past `watchdog`, or it ended and something of it is left |
//! | running | stopped | it ended while the container stops, before its own turn to stop |
//! | running | paused | by request |
//! | paused | running | by request |
//! | paused | backoff | it ended, and is started again |
//! | paused | completed | it ended with 0, and is not started again |
//! | paused | failed | it ended otherwise, or was restarted too often, and is not started again |
//! | paused | stopping | told to stop, or it ended and something of it is left |
//! | paused | stopped | it ended while the container stops, before its own turn to stop |
//! | stopping | stopped | nothing of it is left, and it is not wanted |
//! | stopping | waiting | nothing of it is left; it was stopped for a restart |
//! | stopping | backoff | nothing of it is left; it is started again by its restart policy |
//! | stopping | completed | nothing of it is left; it had ended with 0 |
//! | stopping | failed | nothing of it is left; it is not started again |
//! | backoff | waiting | its time has come |
//! | backoff | stopped | told to stop |
//! | completed | waiting | started by request, changed by a reload, or restarted with a dependency |
//! | completed | stopping | told to stop, and it has a `stop_command`, which undoes what it did |
//! | failed | waiting | started by request, changed by a reload, or restarted with a dependency, or a failed dependency has recovered |

/// Where a service is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Not wanted, nothing runs.
    Stopped,
    /// Wanted, a dependency is not there yet.
    Waiting,
    /// Its process, or its `pre_start`, runs; not ready yet.
    Starting,
    /// Ready.
    Running,
    /// Stopped by SIGSTOP on request; probes are off.
    Paused,
    /// Told to stop; grace running.
    Stopping,
    /// Ended, and will be started again at a known time.
    Backoff,
    /// Ended with 0 and is not to be started again.
    Completed,
    /// Gave up: retries used up, could not be started, or a dependency failed.
    Failed,
}

impl State {
    /// All of them.
    pub const ALL: [State; 9] = [
        State::Stopped,
        State::Waiting,
        State::Starting,
        State::Running,
        State::Paused,
        State::Stopping,
        State::Backoff,
        State::Completed,
        State::Failed,
    ];

    /// The word for it, as `rinit status` shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Stopped => "stopped",
            State::Waiting => "waiting",
            State::Starting => "starting",
            State::Running => "running",
            State::Paused => "paused",
            State::Stopping => "stopping",
            State::Backoff => "backoff",
            State::Completed => "completed",
            State::Failed => "failed",
        }
    }

    /// Whether it ended for good.
    pub fn is_final(self) -> bool {
        matches!(self, State::Completed | State::Failed)
    }

    /// Whether a process of it is there, or about to be.
    pub fn is_alive(self) -> bool {
        matches!(self, State::Starting | State::Running | State::Paused | State::Stopping)
    }

    /// The states that may follow this one.
    pub fn successors(self) -> &'static [State] {
        use State::*;
        match self {
            Stopped => &[Waiting],
            Waiting => &[Starting, Failed, Stopped],
            Starting => &[Running, Backoff, Failed, Stopping, Stopped],
            Running => &[Backoff, Completed, Failed, Stopping, Stopped, Paused],
            Paused => &[Running, Backoff, Completed, Failed, Stopping, Stopped],
            Stopping => &[Stopped, Waiting, Backoff, Completed, Failed],
            Backoff => &[Waiting, Stopped],
            Completed => &[Waiting, Stopping],
            Failed => &[Waiting],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_in_prose_and_the_code_say_the_same() {
        let written: Vec<(&str, &str)> = include_str!("state.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("//! | "))
            .filter_map(|row| {
                let mut cells = row.split(" | ");
                Some((cells.next()?, cells.next()?))
            })
            .filter(|(from, _)| *from != "from")
            .collect();
        let coded: Vec<(&str, &str)> = State::ALL
            .into_iter()
            .flat_map(|from| from.successors().iter().map(move |to| (from.as_str(), to.as_str())))
            .collect();
        let sorted = |mut rows: Vec<(&'static str, &'static str)>| {
            rows.sort_unstable();
            rows
        };
        assert_eq!(sorted(written), sorted(coded));
    }
}
