//! Opens the control socket.

use crate::control::address::{Address, Listener, Refused};
use crate::control::server::Server;
use crate::init::children;
use crate::init::settings::{Listening, Settings};
use crate::init::source::not_started::NotStarted;
use crate::model::exit;
use crate::model::text::cause;
use crate::sys::poll::Poller;
use crate::sys::process;

/// Opens the control socket if the settings want one. `None`: there is none, and rinit runs without it. A failure is
/// logged.
///
/// # Errors
/// Another init listens there, and the settings require the socket: this init must not start beside it.
pub fn open(
    settings: &Settings,
    poller: &Poller,
    with_services: bool,
) -> Result<Option<(Server, Address)>, NotStarted> {
    if settings.listening == Listening::Off {
        return Ok(None);
    }
    let Listener { socket, address } = match Listener::open(settings.socket.as_ref(), process::is_pid1()) {
        Ok(listener) => listener,
        Err(Refused { message, is_taken: true }) if settings.listening == Listening::Required => {
            return Err(NotStarted { message, status: exit::OWN_FAILURE });
        }
        Err(Refused { message, is_taken: _ }) => {
            // With COMMAND alone nobody may ever ask: several such rinits of one user are nothing unusual.
            let level = match with_services || settings.socket.is_some() {
                true => log::Level::Warn,
                false => log::Level::Debug,
            };
            log::log!(level, "no control socket: {message}");
            return Ok(None);
        }
    };
    let mut server = Server::new(socket, children::TOKEN_LIMIT);
    match server.register(poller) {
        Ok(()) => Ok(Some((server, address))),
        Err(e) => {
            log::warn!("no control socket: {}", cause(&e));
            Ok(None)
        }
    }
}
