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

/// The longest time that services wait for one another, and who they are, the one that stops first at the front.
#[derive(Clone, Default)]
struct Chain<'a> {
    length: Duration,
    names: Vec<&'a str>,
}

/// Warns of the longest chain alone: what helps against it helps against the others. The default grace
/// counts as nothing, written or not, for its 10s are longer than the default of the stop timeout; so does that of a
/// task, which has ended by then.
pub(super) fn look(services: &[Service], files: &[Option<Source>], world: &World) -> Option<Diagnostic> {
    let mut chains: Vec<Option<Chain<'_>>> = vec![None; services.len()];
    // Dependencies first. There is no cycle, so each round finds at least one more.
    for _ in 0..services.len() {
        for (index, service) in services.iter().enumerate() {
            if chains.get(index).is_some_and(Option::is_none)
                && let Some(chain) = chain(service, services, &chains)
                && let Some(place) = chains.get_mut(index)
            {
                *place = Some(chain);
            }
        }
        if chains.iter().all(Option::is_some) {
            break;
        }
    }
    let longest = chains.iter().flatten().max_by_key(|chain| chain.length)?;
    if longest.length <= world.stop_timeout || longest.names.len() < 2 {
        return None;
    }
    let first = *longest.names.first()?;
    let index = services.binary_search_by(|service| service.name.as_str().cmp(first)).ok()?;
    let file = files.get(index)?.as_ref();
    let mut names = longest.names.get(..MOST_NAMES).unwrap_or(&longest.names).join(", ");
    if longest.names.len() > MOST_NAMES {
        names.push_str(", …");
    }
    let message = format!(
        "{names} stop one after the other, which may take {}: each gets its share of {}",
        format(longest.length),
        format(world.stop_timeout)
    );
    let table = file.map(|source| syntax::parse(source).table);
    let place = table.as_ref().and_then(|table| find(table, &["stop_grace_period"]));
    let place = place.map(|(_, value)| value.span());
    let help = longer(longest.length);
    warning(services.get(index)?, file, "graces-over-timeout", place, &message, &help)
}

/// The chain that a service begins, when all that it depends on is known. The services are sorted by name.
fn chain<'a>(service: &'a Service, services: &[Service], chains: &[Option<Chain<'a>>]) -> Option<Chain<'a>> {
    let mut longest = &Chain::default();
    for dependency in &service.policy.depends_on {
        // One that is not required need not be there.
        if let Ok(index) = services.binary_search_by(|other| other.name.cmp(&dependency.name)) {
            let below = chains.get(index)?.as_ref()?;
            longest = if below.length > longest.length { below } else { longest };
        }
    }
    let mut longest = longest.clone();
    let is_task = service.policy.is_task() && service.name != MAIN;
    let is_default = service.policy.stop_grace_period == Policy::default().stop_grace_period;
    if !is_default && !is_task {
        longest.length = longest.length.saturating_add(service.policy.stop_grace_period);
        longest.names.insert(0, &service.name);
    }
    Some(longest)
}
