//! What has to hold for every input there is. `fuzz/` looks for one for which it does not; the tests beside this file
//! try those that it has kept.

pub mod command_line;
pub mod definitions;
pub mod protocol;
