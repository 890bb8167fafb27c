//! The accounting of health checks.

use super::unit::health::{Change, Health, KEPT, spread};
use super::*;

#[test]
fn those_that_start_together_are_probed_one_after_the_other() {
    let offsets = |count| (0..count).map(|place| spread(place, s(30))).collect::<Vec<_>>();
    assert_eq!(offsets(4), [0, 1500, 750, 2250].map(Duration::from_millis));
    let mut many = offsets(1000);
    assert!(many.iter().all(|offset| *offset < s(3)));
    many.sort();
    let gaps = many.windows(2).map(|pair| pair[1] - pair[0]);
    let (least, most) = gaps.fold((s(3), s(0)), |(least, most), gap| (least.min(gap), most.max(gap)));
    assert!(least > Duration::from_millis(2) && most < Duration::from_millis(7), "{least:?}, {most:?}");
    assert_eq!(spread(usize::MAX, s(30)), s(0));
    assert_eq!(spread(1, Duration::MAX), s(0));
}

fn s(seconds: u64) -> Time {
    Duration::from_secs(seconds)
}

/// One that has no early probes.
fn health(start_period: u64) -> Health {
    with_early(start_period, 1000)
}

fn timing(start_period: u64, start_interval: u64) -> HealthTiming {
    HealthTiming {
        interval: s(10),
        timeout: s(3),
        start_period: s(start_period),
        start_interval: s(start_interval),
        retries: 2,
        ..HealthTiming::default()
    }
}

fn with_early(start_period: u64, start_interval: u64) -> Health {
    let mut health = Health::new(timing(start_period, start_interval));
    health.begin(s(0), 0);
    health
}

/// Runs the next probe to its end within the second and returns when it began and what it changed.
fn probe(health: &mut Health, code: i32) -> (Time, Change) {
    let at = health.deadline().unwrap();
    assert!(health.take_due(at));
    health.spawned(at, Pid(9));
    (at, health.exited(at, Pid(9), ExitStatus::Code(code), b"said\n"))
}

#[test]
fn retries_in_a_row_make_it_unhealthy_and_one_success_healthy() {
    let mut health = health(0);
    assert_eq!(probe(&mut health, 0), (s(10), Change::Healthy));
    assert_eq!(probe(&mut health, 1), (s(20), Change::Failed));
    assert_eq!(probe(&mut health, 0), (s(30), Change::None));
    assert_eq!(probe(&mut health, 1), (s(40), Change::Failed));
    assert_eq!(health.state(), HealthState::Healthy);
    assert_eq!(probe(&mut health, 1), (s(50), Change::Unhealthy));
    assert_eq!(probe(&mut health, 1), (s(60), Change::StillUnhealthy));
    assert_eq!(health.failing_streak(), 3);
    assert_eq!(probe(&mut health, 0), (s(70), Change::Healthy));
    assert_eq!(health.results().count(), KEPT);
    assert_eq!(health.count(), 7);
}

/// As with Docker, whose first probe of 30 seconds' interval would come after 30 seconds.
#[test]
fn until_the_first_success_probes_come_soon_and_count_only_at_their_regular_times() {
    let mut health = with_early(0, 3);
    assert_eq!(probe(&mut health, 1), (s(3), Change::Failed));
    assert_eq!(probe(&mut health, 1), (s(6), Change::Failed));
    assert_eq!(probe(&mut health, 1), (s(9), Change::Failed));
    assert_eq!(health.failing_streak(), 0);
    assert_eq!(probe(&mut health, 1), (s(10), Change::Failed));
    assert_eq!(health.failing_streak(), 1);
    assert_eq!(probe(&mut health, 1), (s(13), Change::Failed));
    assert_eq!(probe(&mut health, 1), (s(16), Change::Failed));
    assert_eq!(probe(&mut health, 1), (s(19), Change::Failed));
    assert_eq!(probe(&mut health, 1), (s(20), Change::Unhealthy));
    // Unhealthy already, it is still found to be well at once; and from then on there are regular probes alone.
    assert_eq!(probe(&mut health, 0), (s(23), Change::Healthy));
    assert_eq!(probe(&mut health, 1), (s(33), Change::Failed));
    assert_eq!(probe(&mut health, 1), (s(43), Change::Unhealthy));
    assert_eq!(health.deadline(), Some(s(53)));
}

#[test]
fn what_listens_at_once_is_healthy_at_once() {
    let mut health = Health::new(HealthTiming::default());
    health.begin(s(0), 0);
    assert_eq!(probe(&mut health, 0), (s(1), Change::Healthy));
    assert_eq!(health.deadline(), Some(s(31)));
}

/// There is never more than one probe at a time: one that hangs keeps the next waiting.
#[test]
fn early_probes_come_no_more_often_than_their_timeout_allows() {
    let mut health = with_early(0, 2);
    assert!(health.take_due(s(2)));
    health.spawned(s(2), Pid(9));
    assert!(!health.take_due(s(4)));
    assert_eq!(health.overdue(s(5)), Some((Pid(9), Change::Failed)));
    assert_eq!(health.failing_streak(), 0);
    health.exited(s(6), Pid(9), ExitStatus::Signal(9), b"");
    assert_eq!(health.deadline(), Some(s(7)));
}

#[test]
fn the_first_failure_that_counts_is_at_the_end_of_the_start_period() {
    let mut health = with_early(5, 2);
    assert_eq!(probe(&mut health, 1), (s(2), Change::Failed));
    assert_eq!(probe(&mut health, 1), (s(4), Change::Failed));
    assert_eq!(health.failing_streak(), 0);
    assert_eq!(probe(&mut health, 1), (s(5), Change::Failed));
    assert_eq!(health.failing_streak(), 1);
    for at in [7, 9, 11, 13] {
        assert_eq!(probe(&mut health, 1), (s(at), Change::Failed));
    }
    assert_eq!(probe(&mut health, 1), (s(15), Change::Unhealthy));
}

/// moby#46747: with a start period of 2 seconds, a start interval of 30 and an interval of 2.
#[test]
fn a_pause_within_the_start_period_makes_no_failure_count_sooner() {
    let mut health = health(30);
    health.begin(s(0), 0);
    health.suspend();
    health.resume(s(5));
    while health.state() == HealthState::Starting {
        let (at, _) = probe(&mut health, 1);
        assert!(at >= s(30) || health.failing_streak() == 0, "the failure at {at:?} counts");
    }
}

#[test]
fn the_end_of_the_start_period_is_not_slept_through() {
    let mut health = Health::new(HealthTiming { interval: s(2), retries: 1, ..timing(2, 30) });
    health.begin(s(0), 0);
    assert_eq!(probe(&mut health, 1), (s(2), Change::Unhealthy));
}

#[test]
fn a_success_within_the_start_period_ends_its_leniency() {
    let mut health = with_early(60, 2);
    assert_eq!(probe(&mut health, 0), (s(2), Change::Healthy));
    assert_eq!(probe(&mut health, 1), (s(12), Change::Failed));
    assert_eq!(probe(&mut health, 1), (s(22), Change::Unhealthy));
}

#[test]
fn changed_times_hold_from_now_on() {
    let slow = HealthTiming { interval: s(3600), ..timing(0, 3600) };
    let mut health = Health::new(slow);
    health.begin(s(0), 0);
    health.set_timing(s(100), timing(0, 3600));
    assert_eq!(probe(&mut health, 0), (s(110), Change::Healthy));
    health.set_timing(s(111), slow);
    assert_eq!(probe(&mut health, 0), (s(120), Change::None), "no later than it was due");
    assert_eq!(health.deadline(), Some(s(3720)));
    health.set_timing(s(200), HealthTiming { timeout: s(1), ..timing(0, 3600) });
    assert!(health.take_due(s(210)));
    health.spawned(s(210), Pid(9));
    assert_eq!(health.deadline(), Some(s(211)));
    health.set_timing(s(210), HealthTiming { timeout: s(2), ..timing(0, 3600) });
    assert_eq!(health.deadline(), Some(s(212)));

    let mut health = with_early(0, 3);
    health.set_timing(s(1), timing(60, 1));
    assert_eq!(probe(&mut health, 1), (s(2), Change::Failed));
    assert_eq!(health.failing_streak(), 0);
    let mut last = s(0);
    while health.failing_streak() == 0 {
        last = probe(&mut health, 1).0;
    }
    assert_eq!(last, s(60));
}

#[test]
fn a_probe_whose_program_cannot_be_run_says_so_and_after_some_is_to_be_mended() {
    for (code, output, expected) in
        [(127, &b"sh: curl: not found\n"[..], ": sh: curl: not found"), (126, b"", "")]
    {
        let mut health = with_early(0, 3);
        let mut once = |code| {
            let at = health.deadline().unwrap();
            assert!(health.take_due(at));
            health.spawned(at, Pid(9));
            health.exited(at, Pid(9), ExitStatus::Code(code), output);
            let said = health.results().last().unwrap().summary();
            (said, health.is_to_be_mended())
        };
        let said = format!("the probe itself could not be run (exited with code {code}){expected}");
        assert_eq!(once(code), (said.clone(), false));
        assert!(!once(1).1);
        assert!(!once(code).1);
        assert_eq!(once(code), (said, true));
        assert!(!once(code).1, "told once");
    }
}

#[test]
fn a_probe_that_takes_too_long_counts_at_once_and_the_next_waits_for_its_end() {
    let mut health = health(0);
    assert!(health.take_due(s(10)));
    health.spawned(s(10), Pid(9));
    assert_eq!(health.overdue(s(12)), None);
    assert_eq!(health.overdue(s(13)), Some((Pid(9), Change::Failed)));
    assert_eq!(health.deadline(), None);
    assert_eq!(health.exited(s(14), Pid(9), ExitStatus::Signal(9), b""), Change::None);
    assert_eq!(health.deadline(), Some(s(23)));
    assert_eq!(health.results().last().unwrap().summary(), "its health check gave no result within 3s");
}

#[test]
fn a_probe_that_could_not_be_made_says_nothing_about_the_service() {
    let mut health = health(0);
    assert!(health.take_due(s(10)));
    assert!(health.not_run(s(10), "no processes".into()));
    assert_eq!((health.failing_streak(), health.results().count(), health.count()), (0, 0, 1));
    assert_eq!(health.not_run_because(), Some("no processes"));
    assert_eq!(health.deadline(), Some(s(20)));
    assert!(health.take_due(s(20)));
    assert!(!health.not_run(s(20), "no processes".into()), "that is no news");
    probe(&mut health, 1);
    assert_eq!(health.not_run_because(), None);
}

/// Runs a probe that is asked for to its end.
fn extra(health: &mut Health, at: Time, code: i32) -> Change {
    health.ask(at);
    assert!(health.take_due(at));
    health.spawned(at, Pid(8));
    health.exited(at, Pid(8), ExitStatus::Code(code), b"said\n")
}

/// Anybody may ask, as often as he likes: so no service is restarted the sooner, and no probe put off.
#[test]
fn a_probe_that_was_asked_for_counts_only_if_it_passes() {
    let mut health = health(0);
    for at in 1..9 {
        assert_eq!(extra(&mut health, s(at), 1), Change::Failed);
    }
    assert_eq!((health.state(), health.failing_streak(), health.count()), (HealthState::Starting, 0, 8));
    assert_eq!(probe(&mut health, 1), (s(10), Change::Failed));
    assert_eq!(extra(&mut health, s(11), 0), Change::Healthy);
    assert_eq!(probe(&mut health, 1), (s(20), Change::Failed));
    assert_eq!(extra(&mut health, s(21), 1), Change::Failed);
    assert_eq!(health.failing_streak(), 1);
    assert_eq!(probe(&mut health, 1), (s(30), Change::Unhealthy));
}

#[test]
fn who_asks_while_a_probe_runs_gets_its_result_and_after_its_timeout_another() {
    let mut health = health(0);
    assert!(health.take_due(s(10)));
    health.spawned(s(10), Pid(9));
    health.ask(s(11));
    assert_eq!(health.exited(s(12), Pid(9), ExitStatus::Code(1), b""), Change::Failed);
    assert_eq!((health.failing_streak(), health.deadline()), (1, Some(s(22))));
    assert!(health.take_due(s(22)));
    health.spawned(s(22), Pid(9));
    assert!(health.overdue(s(25)).is_some());
    health.ask(s(26));
    assert_eq!((health.take_due(s(26)), health.deadline()), (false, None));
    health.exited(s(27), Pid(9), ExitStatus::Signal(9), b"");
    assert_eq!(health.deadline(), Some(s(26)));
    assert!(health.take_due(s(27)));
    health.not_run(s(27), String::new());
    assert_eq!(health.deadline(), Some(s(35)));
}

/// One that is due when the one asked for ends is made at once: who asks without end keeps nothing from being counted.
#[test]
fn a_probe_that_is_due_goes_before_one_that_was_asked_for() {
    let mut health = health(0);
    health.ask(s(9));
    assert!(health.take_due(s(9)));
    health.spawned(s(9), Pid(9));
    health.exited(s(11), Pid(9), ExitStatus::Code(1), b"");
    health.ask(s(11));
    assert!(health.take_due(s(11)));
    health.spawned(s(11), Pid(9));
    assert_eq!(health.exited(s(12), Pid(9), ExitStatus::Code(1), b""), Change::Failed);
    assert_eq!((health.failing_streak(), health.deadline()), (1, Some(s(22))));
}

#[test]
fn the_result_of_an_earlier_life_is_ignored() {
    let mut health = health(0);
    assert!(health.take_due(s(10)));
    health.spawned(s(10), Pid(9));
    assert_eq!(health.end(), Some(Pid(9)));
    health.begin(s(11), 0);
    assert_eq!(health.exited(s(12), Pid(9), ExitStatus::Code(0), b""), Change::None);
    assert_eq!(health.state(), HealthState::Starting);
}

/// A child that could not read what the probe needs is no result, and its end is none either.
#[test]
fn a_probe_that_has_a_process_may_still_not_be_run() {
    let mut health = health(0);
    let first = health.deadline().unwrap();
    assert!(health.take_due(first));
    assert!(health.spawned(first, Pid(7)));
    assert!(health.not_run(first, "cannot read".into()));
    assert_eq!(health.exited(first, Pid(7), ExitStatus::Code(127), b""), Change::None);
    assert_eq!((health.failing_streak(), health.results().count()), (0, 0));
    // One that was killed at its timeout was accounted for.
    let second = health.deadline().unwrap();
    assert!(health.take_due(second) && health.spawned(second, Pid(8)));
    let late = health.deadline().unwrap();
    assert!(health.overdue(late).is_some());
    assert!(!health.not_run(late, "cannot read".into()));
    assert_eq!(health.results().count(), 1);
}

#[test]
fn the_time_of_a_probe_begins_when_it_has_a_process() {
    let mut health = health(0);
    let at = health.deadline().unwrap();
    assert!(health.take_due(at));
    let made = at + s(30);
    health.spawned(made, Pid(9));
    assert_eq!(health.overdue(made), None, "it took long to make it");
    assert!(health.overdue(made + s(3)).is_some());
}
