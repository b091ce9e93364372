//! The layer.

use std::{sync::Arc, time::Duration};

use tower_layer::Layer;

use super::{Deadline, maxima::Maxima};

/// Applies [`Deadline`]. As it is made, only the caller's own `grpc-timeout` bounds a call.
#[derive(Debug, Clone, Default)]
pub struct DeadlineLayer {
    /// `None` where nothing is configured.
    pub(super) maxima: Option<Arc<Maxima>>,
}

impl DeadlineLayer {
    /// A layer without a maximum.
    pub fn new() -> Self {
        Self::default()
    }

    /// The longest that any call may take for which nothing more specific is set.
    #[must_use]
    pub fn max(mut self, timeout: Duration) -> Self {
        self.maxima_mut().all = Some(timeout);
        self
    }

    /// The longest that a call of this service (`package.Service`) may take, in place of [`max`](Self::max).
    #[must_use]
    pub fn service(mut self, service: impl Into<Box<str>>, timeout: Duration) -> Self {
        self.maxima_mut().services.insert(service.into(), timeout);
        self
    }

    /// The longest that a call of this method (`/package.Service/Method`) may take, in place of what is set
    /// for its [`service`](Self::service).
    #[must_use]
    pub fn method(mut self, path: impl Into<Box<str>>, timeout: Duration) -> Self {
        self.maxima_mut().methods.insert(path.into(), timeout);
        self
    }

    fn maxima_mut(&mut self) -> &mut Maxima {
        Arc::make_mut(self.maxima.get_or_insert_default())
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Deadline::new(self.clone(), inner)
    }
}
