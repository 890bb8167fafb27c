//! Supervision by the real binary: order, restarts, the stop, and mistakes.

mod mistakes;
mod restart;
mod start;
mod stop;
