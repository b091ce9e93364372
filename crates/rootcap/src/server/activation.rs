//! Socket activation: the listening sockets that a supervisor, such as systemd, has opened for this process.
//!
//! `LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES` say which they are (`sd_listen_fds(3)`): see `protocol.rs`. The
//! variables stay as they are, because changing the environment is not safe while other threads may read it. That is
//! no harm: `LISTEN_PID` names this process, so that its children know that they are not meant, and the sockets are
//! closed when another program is executed.

mod descriptor;
mod protocol;

use std::{
    env, io,
    net::TcpListener as StdTcpListener,
    os::{fd::OwnedFd, unix::net::UnixListener as StdUnixListener},
    process,
    sync::{Mutex, PoisonError},
};

use tokio::net::{TcpListener, UnixListener};

use self::{descriptor::Family, protocol::Port};
use super::bound::Bound;
use crate::Error;

/// The sockets of a supervisor, by the port that they are for.
#[derive(Debug, Default)]
pub(super) struct Supervised {
    pub(super) service: Vec<Bound>,
    pub(super) admin: Vec<StdTcpListener>,
}

/// Whether the sockets were taken: what belongs to one server cannot be given to another.
static TAKEN: Mutex<bool> = Mutex::new(false);

/// Takes the sockets, if there are any and nobody in this process has.
///
/// # Errors
/// When the variables contradict each other, or name what is no listening stream socket. Nothing is then taken.
pub(super) fn take() -> Result<Supervised, Error> {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    if *taken {
        return Ok(Supervised::default());
    }
    let handed_over =
        protocol::read(|name| env::var_os(name), process::id()).map_err(Error::config)?;
    let families: Vec<_> = handed_over
        .iter()
        .map(|socket| descriptor::look(socket.number).and_then(|it| suits(socket.port, it)))
        .enumerate()
        .map(|(at, looked)| looked.map_err(|wrong| protocol::unfit(&handed_over, at, &wrong)))
        .collect::<Result<_, _>>()
        .map_err(Error::config)?;
    *taken = true;
    let mut supervised = Supervised::default();
    for (socket, family) in handed_over.iter().zip(families) {
        let own = descriptor::own(socket.number);
        own.and_then(|own| supervised.add(socket.port, family, own))
            .map_err(|error| Error::bind("a socket of LISTEN_FDS", error))?;
    }
    Ok(supervised)
}

fn suits(port: Port, family: Family) -> Result<Family, String> {
    match (port, family) {
        (Port::Admin, Family::Unix) => Err("is a Unix socket".to_owned()),
        _ => Ok(family),
    }
}

impl Supervised {
    fn add(&mut self, port: Port, family: Family, socket: OwnedFd) -> io::Result<()> {
        match (port, family) {
            (Port::Admin, _) => self.admin.push(socket.into()),
            (Port::Service, Family::Tcp) => {
                let listener = StdTcpListener::from(socket);
                listener.set_nonblocking(true)?;
                self.service.push(Bound::Tcp(TcpListener::from_std(listener)?));
            }
            (Port::Service, Family::Unix) => {
                let listener = StdUnixListener::from(socket);
                listener.set_nonblocking(true)?;
                self.service.push(Bound::Unix(None, UnixListener::from_std(listener)?));
            }
        }
        Ok(())
    }
}
