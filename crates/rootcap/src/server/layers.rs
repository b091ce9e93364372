//! The user's layers, as a type.

use bytes::Bytes;
use http::{Request, Response};
use tonic::body::Body;
use tower_layer::{Layer, Stack};
use tower_service::Service;

use super::{border::Border, router::Router};
use crate::bounds::{App, BoxError};

/// No layers of the user's.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLayers;

/// The user's layers: the first one added is the outermost.
#[derive(Debug, Clone)]
pub struct Layers<N>(N);

impl NoLayers {
    pub(crate) fn and<N>(self, layer: N) -> Layers<N> {
        Layers(layer)
    }
}

impl<N> Layers<N> {
    pub(crate) fn and<M>(self, inner: M) -> Layers<Stack<M, N>> {
        Layers(Stack::new(inner, self.0))
    }
}

/// Layers under which a list of services can be served. Sealed: for [`NoLayers`] and [`Layers`].
pub trait Serve<L>: sealed::Sealed {
    /// The services under the layers.
    type App: App;

    /// Puts the services under the layers.
    fn app(self, router: Router<L>) -> Self::App;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::NoLayers {}
    impl<N> Sealed for super::Layers<N> {}
}

impl<L> Serve<L> for NoLayers
where
    Router<L>: App,
{
    type App = Router<L>;

    fn app(self, router: Router<L>) -> Router<L> {
        router
    }
}

impl<N, L, S, B> Serve<L> for Layers<N>
where
    N: Layer<Router<L>, Service = S>,
    S: Service<
            Request<Body>,
            Response = Response<B>,
            Error: Into<BoxError>,
            Future: Send + 'static,
        >,
    S: Clone + Send + 'static,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type App = Border<S>;

    fn app(self, router: Router<L>) -> Border<S> {
        Border::new(self.0.layer(router))
    }
}
