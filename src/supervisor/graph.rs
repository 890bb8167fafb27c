//! The graph of dependencies: who needs whom, and in which order.

use super::event::ServiceId;
use super::unit::{Need, Unit};
use crate::model::{Service, ordered};
use std::collections::VecDeque;

/// Writes into each unit what it needs and what needs it. A dependency that names no service is left out: the
/// configuration has refused it, or it was not required. `services` are those of the units, in the same order.
pub fn link(units: &mut [Unit], services: &[Service]) {
    for unit in units.iter_mut() {
        unit.needs.clear();
        unit.needed_by.clear();
    }
    let ids =
        ordered::map(services.iter().enumerate().map(|(index, service)| (service.name.as_str(), index)));
    for (index, service) in services.iter().enumerate() {
        for dependency in &service.policy.depends_on {
            let Some(&on) = ids.get(dependency.name.as_str()) else { continue };
            if let Some(unit) = units.get_mut(index) {
                unit.needs.push(Need {
                    on: ServiceId(on),
                    condition: dependency.condition,
                    required: dependency.required,
                    restart: dependency.restart,
                });
            }
            if let Some(needed) = units.get_mut(on) {
                needed.needed_by.push(ServiceId(index));
            }
        }
    }
}

/// Gives one unit other needs. Returns those that it had.
pub fn replace_needs(units: &mut [Unit], id: ServiceId, needs: Vec<Need>) -> Vec<Need> {
    let Some(unit) = units.get_mut(id.0) else { return needs };
    let old = std::mem::replace(&mut unit.needs, needs.clone());
    for need in &old {
        if let Some(on) = units.get_mut(need.on.0) {
            on.needed_by.retain(|dependent| *dependent != id);
        }
    }
    for need in &needs {
        if let Some(on) = units.get_mut(need.on.0) {
            on.needed_by.push(id);
        }
    }
    old
}

/// The units in an order in which dependencies come before dependents. Units on a cycle come last.
pub fn dependencies_first(units: &[Unit]) -> Vec<ServiceId> {
    let mut open: Vec<usize> = units.iter().map(|unit| unit.needs.len()).collect();
    let mut order = Vec::with_capacity(units.len());
    let mut ready: VecDeque<ServiceId> =
        units.iter().filter(|unit| unit.needs.is_empty()).map(|unit| unit.id).collect();
    while let Some(id) = ready.pop_front() {
        order.push(id);
        for dependent in units.get(id.0).map_or(&[][..], |unit| &unit.needed_by) {
            if let Some(count) = open.get_mut(dependent.0) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    ready.push_back(*dependent);
                }
            }
        }
    }
    let placed = ordered::set(order.iter().copied());
    order.extend(units.iter().map(|unit| unit.id).filter(|id| !placed.contains(id)));
    order
}
