//! Looks at the files, and reloads what has changed.

use std::{sync::Arc, time::SystemTime};

use tokio::time::MissedTickBehavior;

use super::{
    Tls, TlsError,
    expiry::{ExpiryWarnings, days},
    metrics,
    shared::Loaded,
};

/// What a look at the files has found.
enum Looked {
    Same,
    Changed(Box<Loaded>),
    Bad(TlsError),
}

impl Tls {
    /// Looks at the files at every interval, for ever. Reads on a thread beside the runtime: a file system may hang.
    pub(crate) async fn watch(self) {
        metrics::register(self.port());
        self.tell("TLS certificate loaded");
        let mut warnings = ExpiryWarnings::default();
        let mut ticks = tokio::time::interval(self.reload_interval());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first one is due at once.
        ticks.tick().await;
        loop {
            self.warn_of_expiry(&mut warnings);
            ticks.tick().await;
            if self.look().await {
                warnings = ExpiryWarnings::default();
            }
        }
    }

    /// Looks at the files; returns whether others are used from now on.
    pub(super) async fn look(&self) -> bool {
        let tls = self.clone();
        let Ok(looked) = tokio::task::spawn_blocking(move || tls.read()).await else {
            // The runtime ends, or the thread has panicked, which the panic hook has told.
            return false;
        };
        match looked {
            Looked::Same => {
                if self.note(None) {
                    tracing::info!(port = self.port().as_str(), "the TLS files are good again");
                }
                false
            }
            Looked::Changed(loaded) => {
                self.replace(Arc::from(loaded));
                self.note(None);
                metrics::reloaded(self.port(), true);
                self.tell("TLS certificate reloaded");
                true
            }
            Looked::Bad(error) => {
                metrics::reloaded(self.port(), false);
                let (port, error) = (self.port().as_str(), error.line());
                if self.note(Some(error.clone())) {
                    tracing::warn!(
                        port,
                        error,
                        "the TLS files are no good: keeping the ones before"
                    );
                }
                false
            }
        }
    }

    fn read(&self) -> Looked {
        let files = match self.paths().read() {
            Ok(files) if files == self.current().files => return Looked::Same,
            Ok(files) => files,
            Err(error) => return Looked::Bad(error),
        };
        match Loaded::new(self.paths(), files, self.client_auth()) {
            Ok(loaded) => Looked::Changed(Box::new(loaded)),
            Err(error) => Looked::Bad(error),
        }
    }

    fn tell(&self, message: &'static str) {
        let current = self.current();
        let certificate = &current.certificate;
        metrics::loaded(self.port(), certificate);
        tracing::info!(
            port = self.port().as_str(),
            subject = certificate.subject,
            serial = certificate.serial,
            not_after = certificate.expires(),
            "{message}"
        );
    }

    fn warn_of_expiry(&self, warnings: &mut ExpiryWarnings) {
        let (current, now) = (self.current(), SystemTime::now());
        let certificate = &current.certificate;
        let left = certificate.seconds_left(now);
        if !warnings.due(left, now) {
            return;
        }
        let (port, not_after) = (self.port().as_str(), certificate.expires());
        if left < 0 {
            tracing::warn!(port, not_after, "the TLS certificate has expired");
        } else {
            let days_left = days(left);
            tracing::warn!(port, not_after, days_left, "the TLS certificate is about to expire");
        }
    }
}
