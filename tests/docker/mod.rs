//! rinit in a real Docker engine.

mod beside;
mod command;
mod confined;
mod example;
mod nginx;
mod notify;
mod oom;
mod orphans;
mod pause;
mod pids_limit;
mod postgres;
mod restart_policy;
mod shared_pid;
mod trees;
mod unless_stopped;
