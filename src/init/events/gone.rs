//! The names of services that are gone for good, for the events that are kept of them. Each has a number that no
//! service has.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};

/// The numbers from here on are those of services that are gone for good.
const FIRST: u32 = 1 << 31;

#[derive(Debug, Default)]
pub struct Gone {
    names: BTreeMap<u32, Box<str>>,
    last: u32,
}

impl Gone {
    /// Its name, if that is the number of one that is gone.
    pub fn name(&self, number: u32) -> Option<&str> {
        self.names.get(&number).map(|name| &**name)
    }

    /// Remembers a name. Returns its number.
    pub fn add(&mut self, name: &str) -> u32 {
        self.last = self.last.wrapping_add(1);
        let number = FIRST | self.last;
        self.names.insert(number, name.into());
        number
    }

    /// Forgets the names to which none of these numbers belongs.
    pub fn retain(&mut self, kept: &BTreeSet<u32>) {
        self.names.retain(|number, _| kept.contains(number));
    }
}
