//! What a caller is told of a panic.

use std::any::Any;

use http::Response;
use tonic::Status;
use tonic::body::Body;

pub(crate) fn status(_: Box<dyn Any + Send>) -> Response<Body> {
    Status::internal("panic").into_http()
}
