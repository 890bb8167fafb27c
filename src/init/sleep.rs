//! Whether the loop woke up much later than it asked for: then PID 1 was stopped, or everything was frozen.
//!
//! No clock tells of a freeze, and rinit does not wake up to look for one. It notices a freeze only by being late for
//! something. Two rules bound the error:
//!
//! - Whatever measures what a service does is a deadline of the supervisor: a watchdog, and also the time up to
//!   `reset_after` while there are restarts to forget. So a freeze takes no more from a limit than the limit has left: one
//!   that ends before the next deadline is not noticed, a longer one is.
//! - After a late wake-up the whole sleep is given back (`by`), not only what was too much (`late`). Services may have run
//!   for none of it, and with `late` alone the next limit would expire at the wake-up. Each limit so has
//!   what it had left when the loop ran last.
//!
//! A freeze may also come while the loop is awake. So a turn that has taken too long gives its time back before anything
//! expires in it. A limit that was set in that turn after the freeze is then longer than its full length, by the freeze:
//! which limits those are is not kept, and to be too patient once does less harm than to kill what was frozen.

#![forbid(unsafe_code)]

use super::executor::Executor;
use crate::model::duration;
use crate::supervisor::Time;
use std::time::Duration;

/// A machine that has much to do may be so late.
pub(super) const TOLERATED: Duration = Duration::from_secs(1);

/// The last sleep of the loop.
#[derive(Default)]
pub struct Sleep {
    /// When the loop woke up last.
    woken: Time,
    /// When something was due next, as it went to sleep.
    due: Option<Time>,
    /// When it went to sleep last.
    asleep: Time,
    /// The last turn gave its time back.
    gave_back: bool,
    /// When a long turn was told last.
    told: Option<Time>,
}

/// A long turn is told no more often than this: a machine that is slow has many of them.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// A sleep or a turn that took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overslept {
    /// Beyond what was due.
    pub late: Duration,
    /// Since the loop ran last. For so long it may be that nothing else ran either.
    pub by: Duration,
    /// The loop was awake: the turn was long.
    pub awake: bool,
}

impl Sleep {
    /// The loop goes to sleep; something is due then.
    pub fn begin(&mut self, now: Time, due: Option<Time>) {
        self.asleep = now;
        self.due = due;
    }

    /// The loop is awake. Told if that is much later than something was due.
    ///
    /// What the loop did between two sleeps counts as well: it may have been stopped just then.
    pub fn end(&mut self, now: Time) -> Option<Overslept> {
        let before = std::mem::replace(&mut self.woken, now);
        let due = self.due.take()?.max(before);
        let late = now.saturating_sub(due);
        let awake = now.saturating_sub(due.max(self.asleep)) <= TOLERATED;
        (late > TOLERATED).then(|| Overslept { late, by: now.saturating_sub(before), awake })
    }

    /// Limits are about to expire in this turn of the loop. Told if rinit may have been stopped since it woke up. On a machine
    /// where every turn takes that long every other one gives its time back, so that limits come all the same.
    pub fn before_expiry(&mut self, now: Time) -> Option<Overslept> {
        let by = now.saturating_sub(self.woken);
        self.gave_back = by > TOLERATED && !self.gave_back;
        self.gave_back.then(|| {
            self.woken = now;
            Overslept { late: by, by, awake: true }
        })
    }

    /// What to tell of it, if anything.
    pub fn words(&mut self, now: Time, overslept: Overslept) -> Option<String> {
        let late = duration::format(overslept.late);
        let what = match overslept.awake {
            false => format!("woken up {late} too late, as if stopped or frozen"),
            true if self.told.is_some_and(|told| now.saturating_sub(told) < TELL_EVERY) => return None,
            true => {
                self.told = Some(now);
                format!(
                    "a turn of the event loop took {late}: rinit had much to do, or was stopped or frozen"
                )
            }
        };
        Some(format!("{what}: time limits of services and clients are extended"))
    }
}

impl Executor {
    /// rinit was woken up this much too late: its children have perhaps not run either, and get the time back.
    pub fn overslept(&mut self, now: Duration, by: Duration) {
        self.reader.overslept(by);
        self.state_writer.overslept(by);
        self.signal_senders.overslept(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::launch::Launcher;
    use crate::init::signalling::queue::Message;
    use crate::init::state::State;
    use crate::model::Signal;
    use crate::supervisor::Supervisor;
    use crate::sys::poll::Poller;
    use std::collections::VecDeque;

    fn s(seconds: u64) -> Time {
        Duration::from_secs(seconds)
    }

    #[test]
    fn only_what_was_due_can_be_overslept() {
        let mut sleep = Sleep::default();
        let mut sleep_until = |due, woken| {
            sleep.begin(sleep.woken, due);
            sleep.end(woken)
        };
        assert_eq!(sleep_until(Some(s(10)), s(4)), None, "an event came before");
        assert_eq!(sleep_until(Some(s(10)), s(11)), None, "a busy machine");
        assert_eq!(sleep_until(None, s(1000)), None, "nothing was due");
        let late = Overslept { late: s(5), by: s(8), awake: false };
        assert_eq!(sleep_until(Some(s(1003)), s(1008)), Some(late));
        // What was due before it woke up last, and is still, is not overslept again.
        assert_eq!(sleep_until(Some(s(1003)), s(1009)), None);
        assert_eq!(
            sleep_until(Some(s(1003)), s(1011)),
            Some(Overslept { late: s(2), by: s(2), awake: false })
        );
    }

    #[test]
    fn a_turn_that_rinit_may_have_been_stopped_in_gives_its_time_back_first() {
        let mut sleep = Sleep::default();
        sleep.begin(s(0), Some(s(10)));
        assert_eq!(sleep.end(s(4)), None);
        assert_eq!(sleep.before_expiry(s(5)), None);
        let frozen = Overslept { late: s(8), by: s(8), awake: true };
        assert_eq!(sleep.before_expiry(s(12)), Some(frozen), "be a deadline of the supervisor due or not");
        // That is given back once.
        sleep.begin(s(12), Some(s(10)));
        assert_eq!(sleep.end(s(12)), None);
        assert_eq!(sleep.before_expiry(s(12)), None);
        assert_eq!(sleep.before_expiry(s(14)), Some(Overslept { late: s(2), by: s(2), awake: true }));
        sleep.begin(s(14), None);
        assert_eq!(sleep.end(s(14)), None);
        assert_eq!(sleep.before_expiry(s(16)), None, "not for ever on a machine that is always slow");
        assert_eq!(sleep.before_expiry(s(16)), Some(Overslept { late: s(2), by: s(2), awake: true }));
    }

    #[test]
    fn a_long_turn_is_not_told_as_a_late_wake_up_and_once_a_minute_at_most() {
        let mut sleep = Sleep::default();
        // Something became due during the turn, and it is woken up at once.
        sleep.begin(s(0), None);
        assert_eq!(sleep.end(s(1)), None);
        sleep.begin(s(5), Some(s(2)));
        let turn = sleep.end(s(5)).unwrap();
        assert_eq!(
            sleep.words(s(5), turn).unwrap(),
            "a turn of the event loop took 3s: rinit had much to do, or was stopped or frozen: time limits of services and \
             clients are extended"
        );
        let other = sleep.before_expiry(s(9)).unwrap();
        assert_eq!(sleep.words(s(9), other), None);
        sleep.begin(s(9), Some(s(10)));
        let late = sleep.end(s(12)).unwrap();
        for _ in 0..2 {
            assert!(sleep.words(s(12), late).unwrap().starts_with("woken up 2s too late"));
        }
        assert!(sleep.words(s(65), turn).is_some());
    }

    /// The reader is waited for as long as that takes: `tests/supervise/reading.rs` does so.
    #[test]
    fn children_of_rinit_s_own_get_the_time_back() {
        let base = tempfile::tempdir().unwrap();
        let state = State::open(Some(&base.path().join("state")), false);
        let supervisor = Supervisor::new(&[], Duration::ZERO);
        let mut executor =
            Executor::new(supervisor, Vec::new(), Launcher::record(), Poller::new().unwrap(), state);
        executor.state_writer.remember("web", true);
        let before = executor.state_writer.deadline().unwrap();
        executor.signal_senders.allow_children(false);
        executor.signal_senders.push(Message { to: None, signal: Signal::TERM }).unwrap();
        executor.signal_senders.need_children();
        executor.dispatch(Duration::ZERO, &mut VecDeque::new());
        let minute = Duration::from_secs(60);
        executor.overslept(minute, minute);
        assert_eq!(executor.state_writer.deadline(), Some(before + minute));
        assert_eq!(executor.signal_senders.deadline(), Some(minute));
        let child = executor.state_writer.child().unwrap();
        nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(child), None).unwrap();
    }
}
