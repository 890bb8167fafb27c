//! Ordered maps and sets from what an iterator gives, put in one after the other.
//!
//! `collect` would sort first, with 4 KB of program for each type; and most of what comes here is in order already.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};

/// The last value of a key is the one that stays.
pub fn map<K: Ord, V>(entries: impl IntoIterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    map.extend(entries);
    map
}

/// Each item once.
pub fn set<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    let mut set = BTreeSet::new();
    set.extend(items);
    set
}
