//! Types and bounds that are named once.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use rootcap_layers::{observe::ObservedRequest, request_bytes::CountedRequest};
use tower_service::Service;

use crate::stack::Observers;

/// Any error.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a request that is observed.
pub(crate) type ObservedBody = ObservedRequest<Observers, Incoming>;

/// The body of a request below the framework's layers.
pub(crate) type RequestBody = CountedRequest<ObservedBody>;

/// What stands below the framework's layers: a router, behind the user's layers if there are any.
pub trait App:
    Service<
        Request<RequestBody>,
        Response = Response<Self::Body>,
        Error = Infallible,
        Future: Send + 'static,
    > + Clone
    + Send
    + 'static
{
    /// The body of responses; its default is the empty body of a rejection.
    type Body: http_body::Body<Data = Bytes, Error = BoxError> + Default + Send + 'static;
}

impl<S, B> App for S
where
    S: Service<
            Request<RequestBody>,
            Response = Response<B>,
            Error = Infallible,
            Future: Send + 'static,
        >,
    S: Clone + Send + 'static,
    B: http_body::Body<Data = Bytes, Error = BoxError> + Default + Send + 'static,
{
    type Body = B;
}
