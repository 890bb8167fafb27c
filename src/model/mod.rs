//! What a service is: plain types with their units and defaults. The model knows no other module and makes no
//! system call.

#![forbid(unsafe_code)]

pub mod capability;
pub mod duration;
pub mod exec;
pub mod exit;
pub mod graph;
pub mod health;
pub mod log_files;
pub mod log_values;
pub mod logging;
pub mod ordered;
pub mod pattern;
pub mod service;
pub mod shared;
pub mod shown;
pub mod signal;
pub mod source_text;
pub mod suggest;
pub mod text;
pub mod url;
pub mod words;

pub use exec::*;
pub use health::*;
pub use logging::{DRIVERS, Driver, LONGEST_OPTIONS, Logging};
pub use service::*;
pub use shared::Shared;
pub use signal::Signal;
pub use source_text::SourceText;
