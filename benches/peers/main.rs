//! `cargo bench`: rinit beside its peers, in one run. Every round measures everybody, one after the other, so that
//! what else the machine does hits all of them alike. As root; each init is PID 1 of a PID namespace.
//!
//! docs/performance.md has the tables, and says what they mean and how they are made.

// A measurement that cannot be made ends the program.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects
)]

mod figures;
mod idle;
mod kernel;
mod layout;
mod one;
mod options;
mod peers;
mod proc;
mod programs;
mod report;
mod rows;
mod services;

use figures::Results;
use one::One;
use options::Options;
use peers::Peer;
use programs::Programs;
use report::Report;
use services::Services;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// Where a page has its tables.
const BEGIN: &str = "<!-- figures: written by cargo bench -->\n";
const END: &str = "<!-- end of figures -->\n";

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(text) => {
            eprint!("{text}");
            return ExitCode::from(2);
        }
    };
    if options.list {
        for row in rows::all() {
            println!("{:15} {} {}", row.name, row.title, row.unit);
        }
        return ExitCode::SUCCESS;
    }
    if !nix::unistd::geteuid().is_root() {
        eprintln!("as root only: every init is PID 1 of a PID namespace");
        return ExitCode::from(2);
    }
    let programs = Programs::build();
    let (peers, absent) = peers::find(&programs);
    let peers: Vec<Peer> = peers.into_iter().filter(|peer| options.wants_subject(peer.name)).collect();
    let (begun, load) = (Instant::now(), proc::load());
    let mut results = Results::default();
    measure(&programs, &options, &peers, &mut results);
    let report = Report {
        results: &results,
        peers: &peers,
        absent: &absent,
        machine: proc::machine(),
        load: (load, proc::load()),
        seconds: begun.elapsed().as_secs(),
    };
    paste(options.markdown.as_deref().unwrap_or(Path::new("-")), &report.markdown());
    if let Some(path) = &options.json {
        write_to(path, &report.json());
    }
    ExitCode::SUCCESS
}

fn measure(programs: &Programs, options: &Options, peers: &[Peer], results: &mut Results) {
    let one = One::new(programs, options, peers);
    let services = Services::new(programs, options, peers);
    one.measure(results);
    idle::wake_ups(&one, &services, peers, results);
    if let Some(rinit) = peers.first() {
        idle::probes(programs, options, rinit, results);
    }
    services.measure(results);
}

/// Into a page that has a place for it, without touching the rest; else the text alone.
fn paste(path: &Path, text: &str) {
    let page = std::fs::read_to_string(path).unwrap_or_default();
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    match parts {
        Some((before, after)) => write_to(path, &format!("{before}{BEGIN}\n{text}\n{END}{after}")),
        None => write_to(path, text),
    }
}

fn write_to(path: &Path, text: &str) {
    if path == Path::new("-") {
        std::io::stdout().write_all(text.as_bytes()).unwrap();
    } else {
        std::fs::write(path, text).unwrap();
    }
}
