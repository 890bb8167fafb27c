//! Graces that add up along a chain of dependencies to more than the stop may take.

use super::subject::{World, find, warning};
use super::timing::longer;
use crate::config::text::diagnostic::Diagnostic;
use crate::config::text::source::Source;
use crate::config::text::syntax;
use crate::model::duration::format;
use crate::model::{MAIN, Policy, Service};
use std::time::Duration;

/// More services of a chain are not named.
const MOST_NAMES: usize = 8;

const CODE: &str = "graces-over-timeout";

/// Which graces count.
#[derive(Clone, Copy, PartialEq)]
enum Count {
    /// Those that somebody has chosen.
    Chosen,
    /// The default as well.
    All,
}

/// The longest time that services wait for one another, and who they are, the one that stops first at the front.
#[derive(Clone, Default)]
struct Chain<'a> {
    length: Duration,
    names: Vec<&'a str>,
}

impl Chain<'_> {
    fn names(&self) -> String {
        let mut names = self.names.get(..MOST_NAMES).unwrap_or(&self.names).join(", ");
        if self.names.len() > MOST_NAMES {
            names.push_str(", …");
        }
        names
    }
}

/// Warns of the longest chain of chosen graces alone: what helps against it helps against the others. Where there is
/// none, warns of each chosen grace that is cut because services behind it have the default. That alone is no reason
/// to warn: its 10s are longer than the default of the stop timeout. The grace of a task does not count, which has ended
/// by then.
pub(super) fn look(services: &[Service], files: &[Option<Source>], world: &World) -> Vec<Diagnostic> {
    let chosen = chains(services, Count::Chosen);
    let longest = chosen.iter().max_by_key(|chain| chain.length);
    match longest.filter(|chain| chain.length > world.stop_timeout && chain.names.len() > 1) {
        Some(longest) => too_long(services, files, longest, world).into_iter().collect(),
        None => {
            let all = chains(services, Count::All);
            let each = services.iter().zip(files).zip(&all);
            each.filter_map(|((service, file), chain)| cut(service, file.as_ref(), chain, world)).collect()
        }
    }
}

fn too_long(
    services: &[Service],
    files: &[Option<Source>],
    longest: &Chain<'_>,
    world: &World,
) -> Option<Diagnostic> {
    let first = *longest.names.first()?;
    let index = services.binary_search_by(|service| service.name.as_str().cmp(first)).ok()?;
    let message = format!(
        "{} stop one after the other, which may take {}: each gets its share of {}",
        longest.names(),
        format(longest.length),
        format(world.stop_timeout)
    );
    warn(services.get(index)?, files.get(index)?.as_ref(), &message, &longer(longest.length))
}

/// A chosen grace of which only a share is left, because what stops behind it may take the rest.
fn cut(service: &Service, file: Option<&Source>, chain: &Chain<'_>, world: &World) -> Option<Diagnostic> {
    let own = service.policy.stop_grace_period;
    let is_counted = counts(service, Count::Chosen) && !own.is_zero();
    // One that is longer than the whole stop has a warning of its own.
    if !is_counted || own > world.stop_timeout || chain.length <= world.stop_timeout {
        return None;
    }
    let behind = Chain {
        length: chain.length.saturating_sub(own),
        names: chain.names.get(1..).unwrap_or_default().to_vec(),
    };
    let share = world.stop_timeout.mul_f64(own.as_secs_f64() / chain.length.as_secs_f64());
    let share = Duration::from_millis(u64::try_from(share.as_millis()).unwrap_or(u64::MAX));
    let message = format!(
        "when the container stops, it gets {} of that: {} after it may take {}, and the stop takes {} at most",
        format(share),
        behind.names(),
        format(behind.length),
        format(world.stop_timeout)
    );
    let help =
        format!("write a shorter stop_grace_period for {}, or {}", behind.names(), longer(chain.length));
    warn(service, file, &message, &help)
}

/// A warning at the grace of a service.
fn warn(service: &Service, file: Option<&Source>, message: &str, help: &str) -> Option<Diagnostic> {
    let table = file.map(|source| syntax::parse(source).table);
    let place = table.as_ref().and_then(|table| find(table, &["stop_grace_period"]));
    let place = place.map(|(_, value)| value.span());
    warning(service, file, CODE, place, message, help)
}

/// The chain that each service begins.
fn chains(services: &[Service], count: Count) -> Vec<Chain<'_>> {
    let mut chains: Vec<Option<Chain<'_>>> = vec![None; services.len()];
    // Dependencies first. There is no cycle, so each round finds at least one more.
    for _ in 0..services.len() {
        for (index, service) in services.iter().enumerate() {
            if chains.get(index).is_some_and(Option::is_none)
                && let Some(chain) = chain(service, services, &chains, count)
                && let Some(place) = chains.get_mut(index)
            {
                *place = Some(chain);
            }
        }
        if chains.iter().all(Option::is_some) {
            break;
        }
    }
    chains.into_iter().map(Option::unwrap_or_default).collect()
}

/// The chain that a service begins, when all that it depends on is known. The services are sorted by name.
fn chain<'a>(
    service: &'a Service,
    services: &[Service],
    chains: &[Option<Chain<'a>>],
    count: Count,
) -> Option<Chain<'a>> {
    let mut longest = &Chain::default();
    for dependency in &service.policy.depends_on {
        // One that is not required need not be there.
        if let Ok(index) = services.binary_search_by(|other| other.name.cmp(&dependency.name)) {
            let below = chains.get(index)?.as_ref()?;
            longest = if below.length > longest.length { below } else { longest };
        }
    }
    let mut longest = longest.clone();
    if counts(service, count) {
        longest.length = longest.length.saturating_add(service.policy.stop_grace_period);
        longest.names.insert(0, &service.name);
    }
    Some(longest)
}

/// Whether the grace of a service counts. The default that is written out is no more than a default.
fn counts(service: &Service, count: Count) -> bool {
    let is_task = service.policy.is_task() && service.name != MAIN;
    let is_default = service.policy.stop_grace_period == Policy::default().stop_grace_period;
    !is_task && (count == Count::All || !is_default)
}
