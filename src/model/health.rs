//! What a health check is.

use std::ffi::OsString;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// A health check, with Docker's numbers and meanings.
#[derive(Clone, Debug, PartialEq)]
pub struct HealthCheck {
    /// What is run to find out.
    pub probe: Probe,
    /// When, how often and how long; the supervisor needs this and not the probe.
    pub timing: HealthTiming,
}

/// When a probe runs and what its results mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HealthTiming {
    /// From the end of one probe to the start of the next, and before the first whose failure counts.
    pub interval: Duration,
    /// How long one probe may take.
    pub timeout: Duration,
    /// After the start, for so long failures do not count.
    pub start_period: Duration,
    /// The same until the first success, for probes whose failures do not count.
    pub start_interval: Duration,
    /// Number of failures in a row that make it unhealthy; at least 1.
    pub retries: u32,
    /// What is done then.
    pub on_unhealthy: OnUnhealthy,
}

impl Default for HealthTiming {
    fn default() -> Self {
        HealthTiming {
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(30),
            start_period: Duration::ZERO,
            start_interval: Duration::from_secs(1),
            retries: 3,
            on_unhealthy: OnUnhealthy::Restart,
        }
    }
}

/// What is run to find out whether a service is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// A program: exit status 0 is healthy.
    Command(Vec<OsString>),
    /// A GET request: a status of 200 to 399 is healthy.
    Http(HttpUrl),
    /// A TCP connection that is accepted is healthy.
    Tcp(Endpoint),
    /// A connection to a Unix stream socket that is accepted is healthy.
    Unix(PathBuf),
}

/// What a probe connects to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// This address and port.
    Address(SocketAddr),
    /// This port of the loopback addresses: a service may listen on one of them alone.
    Localhost(u16),
}

impl Endpoint {
    /// The addresses to try, in this order.
    pub fn addresses(self) -> impl Iterator<Item = SocketAddr> {
        let (first, second) = match self {
            Endpoint::Address(address) => (address, None),
            Endpoint::Localhost(port) => {
                ((Ipv4Addr::LOCALHOST, port).into(), Some((Ipv6Addr::LOCALHOST, port).into()))
            }
        };
        std::iter::once(first).chain(second)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Address(address) => write!(f, "{address}"),
            Endpoint::Localhost(port) => write!(f, "localhost:{port}"),
        }
    }
}

/// An `http://` URL whose host is an address: rinit resolves no names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpUrl {
    /// As written.
    pub text: String,
    /// What to connect to.
    pub endpoint: Endpoint,
    /// What goes into the Host header.
    pub host: String,
    /// Path and query, beginning with a slash.
    pub path: String,
}

/// What is done with a service that has become unhealthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUnhealthy {
    /// It is stopped and started again.
    Restart,
    /// Nothing, but that it is reported.
    None,
    /// The container stops.
    Shutdown,
}
