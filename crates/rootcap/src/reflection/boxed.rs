//! The reflection services as types with a name: those of tonic-reflection have none.
//!
//! A box per call is no loss here: nobody reflects in a hurry.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    fmt,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use tonic::{body::Body, codegen::BoxFuture, server::NamedService};
use tower::util::BoxCloneSyncService;
use tower_service::Service;

use crate::{bounds::BoxError, descriptors::DescriptorError};

type Boxed = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

macro_rules! reflection_service {
    ($Type:ident, $make:path, $name:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone)]
        pub struct $Type(Boxed);

        impl $Type {
            pub(crate) fn new(
                sets: &[&'static [u8]],
                served: &BTreeSet<&'static str>,
            ) -> Result<Self, DescriptorError> {
                $make(sets, served).map(|service| Self(BoxCloneSyncService::new(service)))
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

            fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                self.0.poll_ready(cx)
            }

            fn call(&mut self, request: Request<B>) -> Self::Future {
                self.0.call(request.map(Body::new))
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
