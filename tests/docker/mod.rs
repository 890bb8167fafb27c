//! rinit in a real Docker engine.

mod command;
mod confined;
mod example;
mod orphans;
mod pids_limit;
