//! [`Observe`]: makes the [`Call`](crate::Call) and reports to its observers how the call goes and ends.
//!
//! **What it does.** Makes one [`Call`](crate::Call) per request from its headers, wraps the response
//! future and both bodies once, and calls its [`Observer`] at the start, as complete messages pass and at
//! the end. While the inner service is polled, the call is [`current`](crate::Call::current) and its trace
//! context is the current OpenTelemetry context. The request id goes back in the response's metadata. A status
//! message over [`MAX_MESSAGE`](crate::outcome::MAX_MESSAGE) is cut, so that the code reaches the caller.
//!
//! **When it rejects.** Never.
//!
//! **What it records.** What its observers record; and, with a [`tracer`](ObserveLayer::tracer), a span for each call
//! that is sampled, by OpenTelemetry's conventions for gRPC servers. Its status is an error only for what is the
//! server's own fault, and its name is never a caller's invention. A call ends at the end of its *body*: the status is
//! read from the trailers, or from the headers of a response without a body; a body that is dropped
//! before its end is `Canceled`.
//!
//! **Where it sits.** Outermost, so that rejections and panics of everything below are seen.
//!
//! ```
//! use std::{convert::Infallible, sync::Arc};
//! use http::{Request, Response};
//! use http_body_util::Empty;
//! use bytes::Bytes;
//! use rootcap_layers::{Call, Methods, Outcome, code_name, observe::{ObserveLayer, Observer}};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! struct Print;
//!
//! impl Observer for Print {
//!     type State = ();
//!     fn on_start(&self, call: &Call) {
//!         println!("{} has begun", call.request_id());
//!     }
//!     fn on_end(&self, call: &Call, (): (), outcome: &Outcome) {
//!         println!("{} has ended as {}", call.request_id(), code_name(outcome.code()));
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let methods = Arc::new(Methods::builder().service("helloworld.Greeter").build());
//! let service = ServiceBuilder::new()
//!     .layer(ObserveLayer::new(Print, methods))
//!     .service_fn(async |_request: Request<_>| Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())));
//!
//! let request = Request::new(Empty::<Bytes>::new());
//! let response = service.oneshot(request).await.unwrap();
//! assert!(response.headers().contains_key("x-request-id"));
//! # }
//! ```

mod body;
mod future;
mod guard;
mod layer;
mod observer;
mod service;

pub use body::{ObservedRequest, ObservedResponse};
pub use future::ObserveFuture;
pub use layer::{ObserveLayer, Spans};
pub use observer::Observer;
pub use service::Observe;

#[cfg(test)]
mod tests;
