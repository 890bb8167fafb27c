//! The turn of a service that stops together with others.

use super::event::ServiceId;
use super::unit::Purpose;
use crate::model::{Policy, Service};
use std::collections::BTreeSet;

/// A service that is to stop.
pub struct Turn {
    /// For good, or to be started anew.
    pub purpose: Purpose,
    /// What has to have stopped before.
    pub after: BTreeSet<ServiceId>,
    /// By what definition it is started again, if that is another one.
    pub next: Option<Box<Service>>,
    /// It is restarted because this dependency is.
    pub with: Option<ServiceId>,
}

/// A service that is restarted because one that it depends on is.
#[derive(Clone, Copy)]
pub struct Follower {
    /// The service.
    pub id: ServiceId,
    /// The dependency.
    pub with: ServiceId,
}

impl Turn {
    /// It is to stop for good.
    pub fn halt() -> Turn {
        Turn { purpose: Purpose::Halt, after: BTreeSet::new(), next: None, with: None }
    }

    /// The policy of the definition that it is started again by, if that is another one.
    pub fn policy(&self) -> Option<&Policy> {
        self.next.as_ref().map(|next| &*next.policy)
    }

    /// It is to stop and to be started again with a dependency.
    pub fn follow(follower: Follower) -> (ServiceId, Turn) {
        (follower.id, Turn { with: Some(follower.with), ..Turn::cycle(None) })
    }

    /// It is to stop and to be started again, perhaps by another definition.
    pub fn cycle(next: Option<&Service>) -> Turn {
        Turn { purpose: Purpose::Cycle, next: next.map(|next| Box::new(next.clone())), ..Turn::halt() }
    }
}
