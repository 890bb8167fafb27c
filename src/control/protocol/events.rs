//! What `events` answers: what has happened, each with its number. Plain data.

#![forbid(unsafe_code)]

use serde::de::{Deserializer, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What has happened, as far as it is kept: a page of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventsReport {
    /// Number of requested events that are not kept any more.
    #[serde(default)]
    pub lost: u64,
    /// The number up to which this answers: what comes after it is another page.
    #[serde(default)]
    pub seen: u64,
    /// There is another page already.
    #[serde(default)]
    pub more: bool,
    /// The oldest first.
    pub events: Vec<EventReport>,
}

/// Something that has happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventReport {
    /// Its number: 1 for the first one of this init.
    pub seq: u64,
    /// When, as RFC 3339 has it, with milliseconds.
    pub time: String,
    /// To which service; `null`: to the container.
    pub service: Option<String>,
    /// What: a word of Docker's where it has one.
    pub kind: String,
    /// What else there is to say of it.
    #[serde(default)]
    pub attributes: BTreeMap<String, Attribute>,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// A count, a code, or milliseconds.
    Number(u64),
    /// For people, or a name.
    Text(String),
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Attribute::Number(number) => number.fmt(f),
            Attribute::Text(text) => text.fmt(f),
        }
    }
}

impl Serialize for Attribute {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Attribute::Number(number) => serializer.serialize_u64(*number),
            Attribute::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Attribute {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Attribute, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Attribute;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or a string")
            }

            fn visit_u64<E>(self, number: u64) -> Result<Attribute, E> {
                Ok(Attribute::Number(number))
            }

            fn visit_str<E>(self, text: &str) -> Result<Attribute, E> {
                Ok(Attribute::Text(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Either)
    }
}
