//! Records that can never be delivered, counted for each service.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;

/// How many records of which route were lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses(BTreeMap<u32, u64>);

impl Losses {
    /// So many more of a route.
    pub fn add(&mut self, route: u32, count: u64) {
        let lost = self.0.entry(route).or_default();
        *lost = lost.saturating_add(count);
    }

    /// All of them together with others.
    pub fn append(&mut self, others: Losses) {
        others.0.into_iter().for_each(|(route, count)| self.add(route, count));
    }

    /// Each route, and how many of its records.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u64)> {
        self.0.iter().map(|(route, count)| (*route, *count))
    }
}
