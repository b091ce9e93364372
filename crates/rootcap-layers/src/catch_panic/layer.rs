//! The layer.

use tower_layer::Layer;

use super::CatchPanic;

/// Applies [`CatchPanic`].
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct CatchPanicLayer;

impl CatchPanicLayer {
    /// The layer; there is nothing to set.
    pub fn new() -> Self {
        Self
    }
}

impl<S> Layer<S> for CatchPanicLayer {
    type Service = CatchPanic<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CatchPanic::new(inner)
    }
}
