//! What the table of keys says of a value: what it is, once it is read, and how much of it a message may show.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::time::Duration;

/// The value of a key as a definition has it.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting<'a> {
    /// A boolean.
    Flag(bool),
    /// A number, in digits.
    Number(String),
    /// A duration.
    Time(Duration),
    /// A word, a name or a path in which `${NAME}` has no meaning.
    Word(Cow<'a, OsStr>),
    /// A text that `${NAME}` may be put into.
    Text(Cow<'a, OsStr>),
    /// A program and its arguments, which `${NAME}` may be put into.
    Command(Vec<&'a OsStr>),
    /// Several values.
    List(Vec<Setting<'a>>),
    /// A table of keys, or of names.
    Table(Vec<(Cow<'a, str>, Setting<'a>)>),
}

/// How much of a key's value a message may show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sight {
    /// Nothing.
    Hidden,
    /// A boolean, or a word that the key knows.
    Words,
    /// A name or a path, up to a character that ends the name in NAME=VALUE and `NAME: VALUE`.
    Name,
    /// All of it.
    Whole,
}
