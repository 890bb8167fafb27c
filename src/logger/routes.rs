//! What PID 1 has handed over: for each service its pipes, and what is done with what comes from them.

#![forbid(unsafe_code)]

use super::console::{Json, Palette, Text};
use super::encode::Encode;
use super::history::History;
use super::pipe::Pipe;
use super::record::Stream;
use super::told::ToLogger;
use crate::model::{Driver, Logging};
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

/// The number of a sink.
pub type SinkId = usize;

/// The sinks of the console.
pub const STDOUT: SinkId = 0;
/// The other one.
pub const STDERR: SinkId = 1;

/// How records of a service become messages, and where these go.
pub struct Driven {
    pub encode: Box<dyn Encode>,
    sinks: [SinkId; 2],
}

impl Driven {
    /// The sink of a stream.
    pub fn sink(&self, stream: Stream) -> SinkId {
        let [stdout, stderr] = self.sinks;
        match stream {
            Stream::Stdout => stdout,
            Stream::Stderr => stderr,
        }
    }
}

/// A service.
pub struct Route {
    pub service: String,
    /// `None`: what it writes is dropped.
    pub driven: Option<Driven>,
    pub pipes: Vec<Pipe>,
    /// Its last records.
    pub history: History,
}

/// All of them, by their numbers.
pub struct Routes {
    pub all: BTreeMap<u32, Route>,
    palette: Palette,
}

impl Routes {
    pub fn new(palette: Palette) -> Routes {
        Routes { all: BTreeMap::new(), palette }
    }

    /// PID 1 has told this, with these pipes.
    pub fn take(&mut self, told: ToLogger, pipes: Vec<OwnedFd>) {
        match told {
            // Not for here.
            ToLogger::Client(_) => {}
            ToLogger::Ended { number } => {
                let route = self.all.get_mut(&number);
                route.into_iter().flat_map(|route| &mut route.pipes).for_each(Pipe::end_line);
            }
            ToLogger::Route { number, service, logging, stdout, stderr } => {
                let driven = self.driven(&service, &logging);
                let streams = [(stdout, Stream::Stdout), (stderr, Stream::Stderr)];
                let streams = streams.into_iter().filter(|(is_there, _)| *is_there).map(|(_, stream)| stream);
                let route = self.all.entry(number).or_insert_with(|| Route {
                    service,
                    driven: None,
                    pipes: Vec::new(),
                    history: History::default(),
                });
                route.driven = driven;
                for (pipe, stream) in pipes.into_iter().zip(streams) {
                    // One that is known comes again when the other one is new.
                    if route.pipes.iter().all(|known| known.stream != stream) {
                        route.pipes.push(Pipe::new(pipe, stream));
                    }
                }
            }
        }
    }

    /// Forgets those from which nothing comes any more.
    pub fn tidy(&mut self) {
        self.all.retain(|_, route| route.pipes.iter().any(|pipe| !pipe.is_over));
    }

    fn driven(&self, service: &str, logging: &Logging) -> Option<Driven> {
        match logging.driver {
            Driver::Console => {
                let encode: Box<dyn Encode> = match logging.option("format") {
                    Some("json") => Box::new(Json),
                    _ => Box::new(Text::new(&self.palette, service, logging.is_on("timestamps"))),
                };
                Some(Driven { encode, sinks: [STDOUT, STDERR] })
            }
            Driver::Inherit | Driver::None => None,
        }
    }
}
