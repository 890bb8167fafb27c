//! The control socket of the real binary.

mod act;
mod asked;
mod crowd;
pub mod events;
mod follow;
mod hostile;
mod patterns;
mod peers;
mod signal;
mod soak;
mod wait;
