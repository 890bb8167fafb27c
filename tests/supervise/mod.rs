//! Supervision by the real binary: order, restarts, the stop, and mistakes.

mod frozen;
mod hooks;
mod hung;
mod keys;
mod logger;
mod main_pid;
mod many;
mod mistakes;
mod notify;
mod oneshot;
mod pause;
mod privileges;
mod processes;
mod reading;
mod reload;
mod restart;
mod signal_senders;
mod soak;
mod source_text;
mod start;
mod stop;
mod together;
