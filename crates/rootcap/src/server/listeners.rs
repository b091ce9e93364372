//! All listeners of a server, bound before anything is started.

use std::{
    io,
    net::{SocketAddr, TcpListener as StdTcpListener},
};

use super::{
    activation::{self, Supervised},
    bound::Bound,
    listen::{self, LocalAddr},
};
use crate::{
    Error,
    config::{Config, Listener, Switch},
};

/// The listeners of a server.
pub(super) struct Listeners {
    pub(super) service: Vec<Bound>,
    /// Where `service` listens.
    pub(super) local: Vec<LocalAddr>,
    pub(super) admin: Vec<StdTcpListener>,
    pub(super) admin_addr: Option<SocketAddr>,
    /// The settings in whose place sockets of a supervisor are.
    supervised: Vec<&'static str>,
}

impl Listeners {
    /// Takes over the listeners that were handed over by the program, else those of a supervisor; what neither has is
    /// bound as the settings say.
    ///
    /// # Errors
    /// When one cannot be had; those that were bound are then given up.
    pub(super) fn bind(handed_over: Vec<StdTcpListener>, config: &Config) -> Result<Self, Error> {
        // Who hands over listeners of its own may have made them of the supervisor's.
        let given = !handed_over.is_empty();
        let found = if given { Supervised::default() } else { activation::take()? };
        check_admin_is_on(&found, config)?;
        let mut supervised = Vec::new();
        let service = if given {
            take_over(handed_over)?
        } else if found.service.is_empty() {
            bind_service(config)?
        } else {
            supervised.push("listen");
            found.service
        };
        let admin = if found.admin.is_empty() {
            config.admin.listen.iter().map(bind_admin).collect::<Result<_, _>>()?
        } else {
            supervised.push("admin.listen");
            found.admin
        };
        let local = service.iter().map(Bound::local_addr).collect::<Result<Vec<_>, _>>();
        let local = local.map_err(|error| Error::bind("a listener", error))?;
        let any_bound = !given && !supervised.contains(&"listen");
        check_reuse_port_is_used(config.connection.reuse_port, any_bound, &local)?;
        Ok(Self {
            service,
            local,
            admin_addr: admin.first().and_then(|admin| admin.local_addr().ok()),
            admin,
            supervised,
        })
    }

    /// Whether one of them has an internet address.
    pub(super) fn any_tcp(&self) -> bool {
        self.local.iter().any(|local| local.tcp().is_some())
    }

    /// Tells where the server listens in spite of its settings. To be called once there is a log.
    pub(super) fn tell(&self) {
        if self.supervised.is_empty() {
            return;
        }
        let service: Vec<_> = self.local.iter().map(ToString::to_string).collect();
        let admin: Vec<_> = self.admin.iter().filter_map(|it| it.local_addr().ok()).collect();
        tracing::info!(
            in_place_of = self.supervised.join(", "),
            listen = service.join(", "),
            admin.listen = ?admin,
            "serving on the sockets of LISTEN_FDS"
        );
    }
}

/// Who has turned the port off must not have it unawares, without the TLS or the token that it would have.
fn check_admin_is_on(found: &Supervised, config: &Config) -> Result<(), Error> {
    if found.admin.is_empty() || config.admin.listen.is_some() {
        return Ok(());
    }
    Err(Error::config(
        "environment variable LISTEN_FDNAMES has a socket by the name of \"admin\", but admin.listen = \"off\"; \
         expected an address, which the socket then takes the place of, or no such socket",
    ))
}

fn check_reuse_port_is_used(
    reuse_port: Switch,
    any_bound: bool,
    local: &[LocalAddr],
) -> Result<(), Error> {
    let is_used = any_bound && local.iter().any(|local| local.tcp().is_some());
    if reuse_port == Switch::Off || is_used {
        return Ok(());
    }
    Err(Error::config(
        "connection.reuse_port = \"on\": it does nothing where no internet address of `listen` is bound: listeners \
         were handed over, or all are Unix sockets; expected \"off\", or another listener",
    ))
}

fn bind_service(config: &Config) -> Result<Vec<Bound>, Error> {
    let reuse_port = config.connection.reuse_port;
    let bind = |listener| listen::bind("listen", listener, reuse_port);
    config.listen.iter().map(bind).collect()
}

fn take_over(listeners: Vec<StdTcpListener>) -> Result<Vec<Bound>, Error> {
    let take_over = |listener: StdTcpListener| {
        listener.set_nonblocking(true)?;
        tokio::net::TcpListener::from_std(listener).map(Bound::Tcp)
    };
    let bound = listeners.into_iter().map(take_over).collect::<Result<_, _>>();
    bound.map_err(|error| Error::bind("a listener that was handed over", error))
}

/// Never shared with another process: who looks at an admin port looks at one process.
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
    match listen::bind("admin.listen", listener, Switch::Off)? {
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
