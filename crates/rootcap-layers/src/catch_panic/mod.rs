//! [`CatchPanic`]: a panic ends the call in which it happens, and nothing else.
//!
//! **What it does.** Catches a panic of the inner service, of its response future and of its response
//! body, wherever it happens: while they are called, polled or dropped. What has panicked is dropped and
//! never touched again. Caught panics have been reported by the process's panic hook, with their message
//! and backtrace; the caller gets neither, only the id under which the log has them.
//!
//! **When it rejects.** After a panic, with `INTERNAL` and the text `internal error; request id <id>`: as a
//! response when no head has been sent, else as the trailers of the body that was cut short.
//!
//! **What it records.** [`Call::set_panicked`](crate::Call::set_panicked), which counts in the method's
//! statistics.
//!
//! **Where it sits.** Directly below [`Observe`](crate::observe::Observe), which then sees the status, and
//! above everything that may panic. With `panic = "abort"` nothing can be caught.
//!
//! ```
//! use std::convert::Infallible;
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Empty;
//! use rootcap_layers::CatchPanicLayer;
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! async fn handler(_request: Request<()>) -> Result<Response<Empty<Bytes>>, Infallible> {
//!     panic!("a bug")
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let service = ServiceBuilder::new().layer(CatchPanicLayer::new()).service_fn(handler);
//! let response = service.oneshot(Request::new(())).await.unwrap();
//! let status = tonic::Status::from_header_map(response.headers()).unwrap();
//! assert_eq!((status.code(), status.message()), (tonic::Code::Internal, "internal error"));
//! # }
//! ```

mod body;
mod future;
mod guard;
mod layer;
mod service;

pub use body::CatchPanicBody;
pub use future::CatchPanicFuture;
pub use layer::CatchPanicLayer;
pub use service::CatchPanic;

#[cfg(test)]
mod tests;
