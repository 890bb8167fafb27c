//! Supervision, played through with everything that chance brings: from a seed a scenario, a fake kernel that plays
//! it, and rules that judge every step. A seed that breaks a rule is shrunk to the shortest story that does.
//!
//! `RINIT_SEEDS=1000000` plays so many seeds, the first of which is `RINIT_FIRST_SEED`; `RINIT_SEED=7` plays that one
//! alone, and tells its story.

mod definitions;
pub(super) mod generate;
mod hardships;
mod kernel;
mod random;
mod requests;
mod rules;
pub(super) mod scenario;
mod shrink;
mod signal_senders;
mod story;
mod world;

use rinit::supervisor::State;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Seeds of a usual run.
const SEEDS: u64 = 20_000;

/// Of so many seeds one is played twice, to see that it comes to the same.
const TWICE: u64 = 16;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number of seeds, or a seed"))
}

/// The shortest story that breaks a rule as this seed does.
fn report(seed: u64) -> String {
    let scenario = generate::scenario(seed);
    let first = world::play(&scenario).failure.unwrap_or_default();
    eprintln!("seed {seed}: {first}; looking for the shortest story");
    // Every attempt may end in a panic, which nobody needs to read.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let shortest = shrink::shrink(scenario);
    std::panic::set_hook(hook);
    let outcome = world::play(&shortest);
    let failure = outcome.failure.clone().unwrap_or_default();
    format!(
        "seed {seed}: {first}\nshortest: {failure}\n{}\nRINIT_SEED={seed} plays it alone",
        story::tell(&shortest, &outcome)
    )
}

/// Plays one seed. Returns the transitions that were seen, or how it broke a rule.
fn play(seed: u64) -> Result<BTreeSet<(State, State)>, String> {
    let scenario = generate::scenario(seed);
    let outcome = world::play(&scenario);
    if let Some(failure) = outcome.failure {
        return Err(failure);
    }
    if seed.is_multiple_of(TWICE) && world::play(&generate::scenario(seed)).steps != outcome.steps {
        return Err("the same seed has brought about something else".to_owned());
    }
    Ok(outcome.seen)
}

/// Plays these seeds on every processor. Returns all transitions that were seen, or the lowest seed that failed.
fn play_all(first: u64, count: u64) -> Result<BTreeSet<(State, State)>, u64> {
    let next = AtomicU64::new(first);
    let failed = AtomicBool::new(false);
    let lowest = Mutex::new(None::<u64>);
    let seen = Mutex::new(BTreeSet::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut here = BTreeSet::new();
                while !failed.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        break;
                    }
                    match play(seed) {
                        Ok(transitions) => here.extend(transitions),
                        Err(_) => {
                            failed.store(true, Ordering::Relaxed);
                            let mut lowest = lowest.lock().unwrap();
                            *lowest = Some(lowest.map_or(seed, |other| other.min(seed)));
                        }
                    }
                }
                seen.lock().unwrap().extend(here);
            });
        }
    });
    match lowest.into_inner().unwrap() {
        Some(seed) => Err(seed),
        None => Ok(seen.into_inner().unwrap()),
    }
}

#[test]
fn no_seed_breaks_a_rule() {
    if let Some(seed) = number("RINIT_SEED") {
        let scenario = generate::scenario(seed);
        let outcome = world::play(&scenario);
        println!("{}", story::tell(&scenario, &outcome));
        assert!(outcome.failure.is_none(), "{}", report(seed));
        return;
    }
    let count = number("RINIT_SEEDS").unwrap_or(SEEDS);
    let first = number("RINIT_FIRST_SEED").unwrap_or_default();
    let started = std::time::Instant::now();
    let seen = play_all(first, count).unwrap_or_else(|seed| panic!("{}", report(seed)));
    println!("{count} seeds in {:.1} s", started.elapsed().as_secs_f64());
    if count < SEEDS {
        return;
    }
    let all = State::ALL.into_iter().flat_map(|from| from.successors().iter().map(move |to| (from, *to)));
    let unseen: Vec<_> = all.filter(|transition| !seen.contains(transition)).collect();
    assert!(unseen.is_empty(), "the table has what never happens: {unseen:?}");
}
