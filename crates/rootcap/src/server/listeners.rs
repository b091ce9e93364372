//! All listeners of a server, bound before anything is started.

use std::{
    io,
    net::{SocketAddr, TcpListener as StdTcpListener},
};

use super::listen::{self, Bound, LocalAddr};
use crate::{
    Error,
    config::{Config, Listener},
};

/// The listeners of a server.
pub(super) struct Listeners {
    pub(super) service: Vec<Bound>,
    /// Where `service` listens.
    pub(super) local: Vec<LocalAddr>,
    pub(super) admin: Option<StdTcpListener>,
    pub(super) admin_addr: Option<SocketAddr>,
}

impl Listeners {
    /// Takes over the listeners that were handed over, or binds those of the settings.
    ///
    /// # Errors
    /// When one cannot be had; those that were bound are then given up.
    pub(super) fn bind(handed_over: Vec<StdTcpListener>, config: &Config) -> Result<Self, Error> {
        let service = if handed_over.is_empty() {
            config
                .listen
                .iter()
                .map(|listener| listen::bind("listen", listener))
                .collect::<Result<_, _>>()?
        } else {
            take_over(handed_over)?
        };
        let admin = config.admin.listen.as_ref().map(bind_admin).transpose()?;
        let local = service.iter().map(Bound::local_addr).collect::<Result<_, _>>();
        Ok(Self {
            service,
            local: local.map_err(|error| Error::bind("a listener", error))?,
            admin_addr: admin.as_ref().and_then(|admin| admin.local_addr().ok()),
            admin,
        })
    }
}

impl Listeners {
    /// Whether one of them has an internet address.
    pub(super) fn any_tcp(&self) -> bool {
        self.local.iter().any(|local| local.tcp().is_some())
    }
}

fn take_over(listeners: Vec<StdTcpListener>) -> Result<Vec<Bound>, Error> {
    let take_over = |listener: StdTcpListener| {
        listener.set_nonblocking(true)?;
        tokio::net::TcpListener::from_std(listener).map(Bound::Tcp)
    };
    let bound = listeners.into_iter().map(take_over).collect::<Result<_, _>>();
    bound.map_err(|error| Error::bind("a listener that was handed over", error))
}

fn bind_admin(listener: &Listener) -> Result<StdTcpListener, Error> {
    let fail = |error| Error::bind(format_args!("{listener} (setting `admin.listen`)"), error);
    let unsupported = || {
        let text = "the admin port listens on an internet address only";
        fail(io::Error::new(io::ErrorKind::Unsupported, text))
    };
    // Refused before a file is made for it, or a stale one removed.
    if matches!(listener, Listener::Unix(_)) {
        return Err(unsupported());
    }
    match listen::bind("admin.listen", listener)? {
        Bound::Tcp(bound) => bound.into_std().map_err(fail),
        Bound::Unix(..) => Err(unsupported()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    /// It was bound first: a file appeared, and one that was left from another process was removed.
    #[tokio::test]
    async fn a_unix_socket_is_refused_for_the_admin_port_before_its_file_is_touched() {
        let path = std::env::temp_dir().join(format!("rootcap-admin-{}", std::process::id()));
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let error = bind_admin(&Listener::Unix(path.clone())).unwrap_err();
        assert!(error.is_bind() && format!("{error:?}").contains("admin.listen"), "{error:?}");
        assert!(path.exists());
        std::fs::remove_file(path).unwrap();
    }
}
