//! Supervision by the real binary: order, restarts, the stop, and mistakes.

mod hooks;
mod keys;
mod many;
mod mistakes;
mod notify;
mod pause;
mod reload;
mod restart;
mod start;
mod stop;
