//! Changing the filter while the process runs: by the program, by a peer of the admin port, by a signal; and the fall
//! back to the configured one.

use std::time::{Duration, SystemTime};

use rootcap_layers::excerpt::cut;
use tokio::time::Instant;

use super::{CHANGES, Logs, LogsError, directives, filter::Filter};
use crate::in_force::{Given, InForce, Origin, Replaced};

/// How long a change lasts where nobody says: one that is forgotten must not fill disks.
pub(crate) const USUAL: Duration = Duration::from_secs(10 * 60);

/// How much of a filter that is refused is repeated, in bytes.
const MAX_SHOWN: usize = 256;

impl Logs {
    /// Which filter is in force; `None` where the subscriber of this process is not ours.
    pub(crate) fn in_force(&self) -> Option<InForce<String>> {
        self.filter().ok().map(Filter::state)
    }

    /// Replaces the configured filter, and ends any change: what the program says counts from now on. It applies at
    /// once, to the lines of calls too (their target is `rootcap::call`).
    ///
    /// # Errors
    /// When it is not valid, or the subscriber of this process is not ours. The old one then stays.
    pub(crate) fn set_filter(&self, text: &str) -> Result<(), LogsError> {
        let filter = self.filter()?;
        let given = Given::new(checked(text)?, Origin::Program, SystemTime::now());
        filter.update(|_| Some(InForce::configured(given)))?;
        Ok(())
    }

    /// Puts a filter in the place of the configured one, for some time or until somebody says so.
    ///
    /// # Errors
    /// As for [`set_filter`](Self::set_filter).
    pub(crate) fn change_filter(
        &self,
        text: &str,
        peer: Option<String>,
        lasts: Option<Duration>,
    ) -> Result<Replaced<String>, LogsError> {
        self.filter()?.change(|_| checked(text), Origin::Peer(peer), lasts)
    }

    /// Puts the configured filter into force again.
    ///
    /// # Errors
    /// When the subscriber of this process is not ours.
    pub(crate) fn fall_back(&self) -> Result<Replaced<String>, LogsError> {
        self.filter()?.fall_back()
    }

    /// Puts the configured filter into force at the level `debug`, for the [`USUAL`] time; or the configured one, if
    /// that is so already. Tells it to the log.
    pub(crate) fn toggle_debug(&self) {
        let next = |state: &InForce<String>| {
            if state.current().by == Origin::Signal {
                return state.fallen_back();
            }
            let text = directives::at_debug(&state.fallback().value);
            let given = Given::new(text, Origin::Signal, SystemTime::now());
            Some(state.changed(given, Some(Instant::now() + USUAL)))
        };
        match self.filter().and_then(|filter| filter.update(next)) {
            Ok(Some(Replaced { old, new })) => tracing::info!(
                target: CHANGES, what = "log.filter", old, new, "changed by SIGUSR1"
            ),
            Ok(None) => {}
            Err(error) => tracing::warn!(
                target: CHANGES, error = &error as &dyn std::error::Error,
                "SIGUSR1 changes nothing"
            ),
        }
    }

    /// Ends every change when its time is over, and tells it to the log. For a runtime that is never blocked.
    pub(crate) async fn end_changes(self) {
        let Ok(filter) = self.filter() else { return };
        while let Ok(Replaced { old, new }) = filter.expired().await {
            tracing::info!(
                target: CHANGES, what = "log.filter", old, new, "the time of a change is over"
            );
        }
    }

    fn filter(&self) -> Result<&Filter, LogsError> {
        self.installed.as_ref().map(|installed| &installed.filter).ok_or(LogsError::NotOurs)
    }
}

/// A filter as it is kept, if it is one.
fn checked(text: &str) -> Result<String, LogsError> {
    directives::check(text)
        .map_err(|source| LogsError::Filter { value: cut(text, MAX_SHOWN).into(), source })?;
    Ok(text.trim().to_owned())
}
