//! The reflection services as types with a name: those of tonic-reflection have none.
//!
//! A box per call is no loss here: nobody reflects in a hurry. For the same reason each is made for its first call: to
//! read all descriptors again would be a good part of a server's start.

use std::{
    convert::Infallible,
    fmt,
    sync::{Arc, LazyLock},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use tonic::{body::Body, codegen::BoxFuture, server::NamedService};
use tower::{ServiceExt, util::BoxCloneSyncService};
use tower_service::Service;

use super::Sets;
use crate::bounds::BoxError;

type Boxed = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;
type Lazy = LazyLock<Boxed, Box<dyn FnOnce() -> Boxed + Send>>;

macro_rules! reflection_service {
    ($Type:ident, $make:path, $name:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone)]
        pub struct $Type(Arc<Lazy>);

        impl $Type {
            pub(crate) fn new(sets: Sets) -> Self {
                let make = move || BoxCloneSyncService::new($make(&sets));
                Self(Arc::new(LazyLock::new(Box::new(make))))
            }
        }

        impl NamedService for $Type {
            const NAME: &'static str = $name;
        }

        impl fmt::Debug for $Type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($Type))
            }
        }

        impl<B> Service<Request<B>> for $Type
        where
            B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
        {
            type Response = Response<Body>;
            type Error = Infallible;
            type Future = BoxFuture<Response<Body>, Infallible>;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: Request<B>) -> Self::Future {
                let lazy = Arc::clone(&self.0);
                Box::pin(async move { Boxed::clone(&lazy).oneshot(request.map(Body::new)).await })
            }
        }
    };
}

reflection_service!(
    ReflectionV1,
    super::v1,
    "grpc.reflection.v1.ServerReflection",
    "Reflection, version 1."
);
reflection_service!(
    ReflectionV1Alpha,
    super::v1alpha,
    "grpc.reflection.v1alpha.ServerReflection",
    "Reflection, version 1 alpha, which older clients ask for."
);
