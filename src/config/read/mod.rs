//! What the keys are read with: the reader of a file's tables, the types of values, variables, users and files of variables;
//! and the draft that they are read into.

pub(super) mod draft;
pub(super) mod env_file;
pub(super) mod interpolate;
pub(super) mod reader;
pub(super) mod setting;
pub(super) mod users;
pub(super) mod values;
