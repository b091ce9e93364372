//! [`Tls`]: what all connections of a port share, and what is loaded now.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use rootcap_layers::access_log::rfc3339;
use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;

use super::{
    Port, TlsError,
    certificate::Certificate,
    expiry::days,
    files::{Files, Paths},
    server_config::server_config,
};
use crate::{
    config::{self, ClientAuth},
    server::refusals::Refusals,
};

/// TLS of a port. Cloning is cheap and gives the same one.
#[derive(Clone)]
pub(crate) struct Tls(Arc<Shared>);

struct Shared {
    paths: Paths,
    client_auth: ClientAuth,
    handshake_timeout: Duration,
    reload_interval: Duration,
    current: ArcSwap<Loaded>,
    last_failure: Mutex<Option<Failure>>,
    refusals: Mutex<Refusals>,
}

/// A set of files that is good.
pub(super) struct Loaded {
    pub(super) files: Files,
    config: Arc<ServerConfig>,
    pub(super) certificate: Certificate,
    since: SystemTime,
}

impl Loaded {
    pub(super) fn new(
        paths: &Paths,
        files: Files,
        client_auth: ClientAuth,
    ) -> Result<Self, TlsError> {
        let (config, certificate) = server_config(paths, &files, client_auth)?;
        Ok(Self { files, config, certificate, since: SystemTime::now() })
    }
}

/// Why the files that are there now are not used.
#[derive(Debug, Clone)]
struct Failure {
    error: String,
    since: SystemTime,
}

/// What is shown of a port's TLS.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Status {
    /// The port.
    pub(crate) port: &'static str,
    /// The subject of the certificate.
    pub(crate) subject: String,
    /// Its serial number.
    pub(crate) serial: String,
    /// Until when it is valid.
    pub(crate) not_after: String,
    /// The whole days until then.
    pub(crate) days_left: i64,
    /// Since when these files are used.
    pub(crate) loaded: String,
    /// Why the files that are there now are not used, if they are not.
    pub(crate) error: Option<String>,
    /// Since when they are not.
    pub(crate) error_since: Option<String>,
}

impl Tls {
    /// Reads the files of `port`; `None` where it has no TLS. May block.
    ///
    /// # Errors
    /// When a file cannot be read or does not hold what it must; the error names the setting and the path.
    pub(crate) fn load(settings: &config::Tls, port: Port) -> Result<Option<Self>, TlsError> {
        let Some(paths) = Paths::of(settings, port) else { return Ok(None) };
        let client_auth = *settings.client_auth.as_set().unwrap_or(&ClientAuth::Required);
        let loaded = Loaded::new(&paths, paths.read()?, client_auth)?;
        Ok(Some(Self(Arc::new(Shared {
            paths,
            client_auth,
            handshake_timeout: settings.handshake_timeout,
            reload_interval: settings.reload_interval,
            current: ArcSwap::from_pointee(loaded),
            last_failure: Mutex::default(),
            refusals: Mutex::default(),
        }))))
    }

    /// Of the newest files that are good.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.0.current.load().config))
    }

    pub(crate) fn port(&self) -> Port {
        self.0.paths.port
    }

    pub(super) fn paths(&self) -> &Paths {
        &self.0.paths
    }

    pub(super) fn client_auth(&self) -> ClientAuth {
        self.0.client_auth
    }

    pub(super) fn handshake_timeout(&self) -> Duration {
        self.0.handshake_timeout
    }

    pub(super) fn reload_interval(&self) -> Duration {
        self.0.reload_interval
    }

    pub(super) fn current(&self) -> Arc<Loaded> {
        self.0.current.load_full()
    }

    /// Uses these files from now on.
    pub(super) fn replace(&self, loaded: Arc<Loaded>) {
        self.0.current.store(loaded);
    }

    /// Notes whether the files that are there now are good; returns whether that is new.
    pub(super) fn note(&self, error: Option<String>) -> bool {
        let mut last = lock(&self.0.last_failure);
        let is_new = last.as_ref().map(|failure| &failure.error) != error.as_ref();
        if is_new {
            *last = error.map(|error| Failure { error, since: SystemTime::now() });
        }
        is_new
    }

    pub(super) fn refusals(&self) -> MutexGuard<'_, Refusals> {
        lock(&self.0.refusals)
    }

    /// What is loaded, and why what is there now is not.
    pub(crate) fn status(&self) -> Status {
        let current = self.current();
        let Certificate { subject, serial, .. } = current.certificate.clone();
        let failure = lock(&self.0.last_failure).clone();
        Status {
            port: self.port().as_str(),
            subject,
            serial,
            not_after: current.certificate.expires(),
            days_left: days(current.certificate.seconds_left(SystemTime::now())),
            loaded: rfc3339(current.since),
            error_since: failure.as_ref().map(|failure| rfc3339(failure.since)),
            error: failure.map(|failure| failure.error),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("paths", &self.0.paths).finish_non_exhaustive()
    }
}
