//! What a unit is defined as: how it runs and stops, and what it needs.

use crate::model::{Condition, Hooks, Policy, Service, Shared};
use crate::supervisor::event::ServiceId;

/// A dependency, resolved.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    pub on: ServiceId,
    pub condition: Condition,
    pub required: bool,
    pub restart: bool,
}

/// What a definition says of how a unit runs and stops.
#[derive(Clone, Debug)]
pub struct Definition {
    pub policy: Shared<Policy>,
    pub hooks: Shared<Hooks>,
    /// Others write to its standard input.
    pub reads: bool,
}

impl Definition {
    pub fn of(service: &Service) -> Definition {
        Definition {
            policy: service.policy.clone(),
            hooks: service.hooks.clone(),
            reads: service.exec.reads_others(),
        }
    }
}
