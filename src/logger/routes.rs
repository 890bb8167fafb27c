//! What PID 1 has handed over: for each service its pipes, and what is done with what comes from them.

#![forbid(unsafe_code)]

use super::console::{Json, Palette, Text};
use super::encode::Encode;
use super::file::{LogFile, Torn};
use super::history::History;
use super::json_file::JsonFile;
use super::losses::Losses;
use super::pipe::Pipe;
use super::plain::Plain;
use super::record::Stream;
use super::sinks::{STDERR, STDOUT, SinkId, Sinks};
use super::told::ToLogger;
use crate::model::log_files::LogFiles;
use crate::model::{Driver, Logging};
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

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

    /// The sink that no other service has.
    fn own_sink(&self) -> Option<SinkId> {
        self.sinks.into_iter().find(|sink| ![STDOUT, STDERR].contains(sink))
    }
}

/// A service.
pub struct Route {
    pub service: String,
    pub logging: Logging,
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
    pub fn take(&mut self, told: ToLogger, pipes: Vec<OwnedFd>, sinks: &mut Sinks) -> Losses {
        let mut lost = Losses::default();
        match told {
            // Not for here.
            ToLogger::Client(_) => {}
            ToLogger::Ended { number } => {
                let route = self.all.get_mut(&number);
                route.into_iter().flat_map(|route| &mut route.pipes).for_each(Pipe::end_line);
            }
            ToLogger::Route { number, service, logging, stdout, stderr } => {
                let is_same = self.all.get(&number).is_some_and(|route| route.logging == logging);
                if !is_same && let Some(old) = self.all.get_mut(&number).and_then(|route| route.driven.take())
                {
                    lost = retire(old, sinks);
                }
                let driven = if is_same { None } else { self.driven(&service, &logging, sinks) };
                let streams = [(stdout, Stream::Stdout), (stderr, Stream::Stderr)];
                let streams = streams.into_iter().filter(|(is_there, _)| *is_there).map(|(_, stream)| stream);
                let route = self.all.entry(number).or_insert_with(|| Route {
                    service,
                    logging: logging.clone(),
                    driven: None,
                    pipes: Vec::new(),
                    history: History::default(),
                });
                if !is_same {
                    (route.driven, route.logging) = (driven, logging);
                }
                for (pipe, stream) in pipes.into_iter().zip(streams) {
                    // One that is known comes again when the other one is new.
                    if route.pipes.iter().all(|known| known.stream != stream) {
                        route.pipes.push(Pipe::new(pipe, stream));
                    }
                }
            }
        }
        lost
    }

    /// Forgets those from which nothing comes any more.
    pub fn tidy(&mut self, sinks: &mut Sinks) -> Losses {
        let mut lost = Losses::default();
        self.all.retain(|_, route| {
            let stays = route.pipes.iter().any(|pipe| !pipe.is_over);
            if !stays && let Some(old) = route.driven.take() {
                lost.append(retire(old, sinks));
            }
            stays
        });
        lost
    }

    fn driven(&self, service: &str, logging: &Logging, sinks: &mut Sinks) -> Option<Driven> {
        match logging.driver {
            Driver::Console => {
                let encode: Box<dyn Encode> = match logging.option("format") {
                    Some("json") => Box::new(Json),
                    _ => Box::new(Text::new(&self.palette, service, logging.is_on("timestamps"))),
                };
                Some(Driven { encode, sinks: [STDOUT, STDERR] })
            }
            Driver::JsonFile => {
                let files = LogFiles::of(logging, service)?;
                let sink = sinks.add(Box::new(LogFile::new(&files, Torn::Cut)));
                Some(Driven { encode: Box::new(JsonFile), sinks: [sink, sink] })
            }
            Driver::File => {
                let files = LogFiles::of(logging, service)?;
                let sink = sinks.add(Box::new(LogFile::new(&files, Torn::Ended)));
                let encode = Box::new(Plain { timestamps: logging.is_on("timestamps") });
                Some(Driven { encode, sinks: [sink, sink] })
            }
            Driver::Inherit | Driver::None => None,
        }
    }
}

/// It drives nothing any more.
fn retire(driven: Driven, sinks: &mut Sinks) -> Losses {
    driven.own_sink().map(|sink| sinks.remove(sink)).unwrap_or_default()
}
