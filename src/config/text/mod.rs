//! The text of a definition: mistakes in it and how they are shown, places in it, and TOML.

pub(super) mod diagnostic;
pub(super) mod excerpt;
pub(super) mod shown;
pub(super) mod source;
pub(super) mod syntax;
