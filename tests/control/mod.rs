//! The control socket of the real binary.

mod hostile;
mod peers;
mod soak;
