//! The layer.

use std::sync::Arc;

use http::HeaderName;
use tower_layer::Layer;

use super::{Observe, guard::Shared};
use crate::{method::Methods, trace::Sampler};

/// Applies [`Observe`].
#[derive(Debug)]
pub struct ObserveLayer<O> {
    pub(super) shared: Arc<Shared<O>>,
    pub(super) settings: Arc<Settings>,
}

/// What is the same for all calls.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub(super) sampler: Sampler,
    pub(super) logged_metadata: Vec<HeaderName>,
}

impl<O> ObserveLayer<O> {
    /// Reports to `observer` (several as a tuple); `methods` says which methods are known.
    pub fn new(observer: O, methods: Arc<Methods>) -> Self {
        Self { shared: Arc::new(Shared { observer, methods }), settings: Arc::default() }
    }

    /// Decides which new traces are recorded; by default none is.
    #[must_use]
    pub fn sampler(mut self, sampler: Sampler) -> Self {
        Arc::make_mut(&mut self.settings).sampler = sampler;
        self
    }

    /// The metadata whose values are kept for the log; by default none is.
    #[must_use]
    pub fn logged_metadata(mut self, names: Vec<HeaderName>) -> Self {
        Arc::make_mut(&mut self.settings).logged_metadata = names;
        self
    }
}

impl<O> Clone for ObserveLayer<O> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), settings: Arc::clone(&self.settings) }
    }
}

impl<O, S> Layer<S> for ObserveLayer<O> {
    type Service = Observe<O, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Observe::new(self.clone(), inner)
    }
}
