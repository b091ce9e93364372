//! The times of a [`Call`]: when it came, and when it must have ended.

use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

use super::Call;
use crate::{deadline::grpc_timeout, nanos::nanos};

impl Call {
    /// When the call's headers had arrived.
    #[inline]
    pub fn started(&self) -> Instant {
        self.inner().started
    }

    /// The time, without a look at the clock, while the call is handed down the layers for the first time; `None` once
    /// one of them has made it wait.
    #[inline]
    pub(crate) fn arrives_at(&self) -> Option<Instant> {
        self.inner().arriving.load(Relaxed).then_some(self.inner().started)
    }

    /// The call has been handed down.
    #[inline]
    pub(crate) fn has_arrived(&self) {
        self.inner().arriving.store(false, Relaxed);
    }

    /// [`started`](Self::started) by the wall clock.
    #[inline]
    pub fn started_at(&self) -> SystemTime {
        self.inner().started_at
    }

    /// What the caller sent as `grpc-timeout`.
    #[inline]
    pub(crate) fn timeout(&self) -> Option<&Result<Duration, grpc_timeout::Malformed>> {
        self.inner().timeout.as_ref()
    }

    /// When the call must have ended: the earlier of the caller's `grpc-timeout` and the configured maximum.
    #[inline]
    pub fn deadline(&self) -> Option<Instant> {
        self.inner().started.checked_add(self.allowed()?)
    }

    /// From the start to the deadline.
    #[inline]
    pub(crate) fn allowed(&self) -> Option<Duration> {
        match self.inner().deadline.load(Relaxed) {
            u64::MAX => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    /// The time left until the [`deadline`](Self::deadline), zero when it has passed, `None` without one.
    pub fn remaining(&self) -> Option<Duration> {
        let deadline = self.deadline()?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    /// Makes the deadline `timeout` after the start of the call, unless it is earlier already.
    #[inline]
    pub fn limit_to(&self, timeout: Duration) {
        self.inner().deadline.fetch_min(nanos(timeout), Relaxed);
    }
}
