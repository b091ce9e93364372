//! [`ConcurrencyLayer`]: a limit on the calls in flight.
//!
//! **What it does.** Each call takes a permit, which it holds to the end of its body. There is no queue: a
//! call that finds none is refused at once. All services made by a layer, and by its clones, share the limit.
//!
//! **When it rejects.** With `RESOURCE_EXHAUSTED`, when as many calls as the limit are in flight. Nobody can
//! know when one of them will end: callers are told to wait for 100 ms, which keeps them from trying again at
//! once. The framework's own methods (health, reflection) neither take a permit nor need one.
//!
//! **What it records.** `rootcap_rejected_total{policy="concurrency"}`; the calls in flight can be read from
//! the [`Limit`].
//!
//! **Where it sits.** With the other [limits](crate::admission): below the deadline, above the user's layers.
//!
//! ```
//! use std::{convert::Infallible, num::NonZeroUsize};
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Empty;
//! use rootcap_layers::ConcurrencyLayer;
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! async fn handler(_request: Request<()>) -> Result<Response<Empty<Bytes>>, Infallible> {
//!     Ok(Response::new(Empty::new()))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let layer = ConcurrencyLayer::new(NonZeroUsize::MIN);
//! let limit = layer.limit().unwrap().clone();
//! let service = ServiceBuilder::new().layer(layer).service_fn(handler);
//!
//! let first = service.clone().oneshot(Request::new(())).await.unwrap();
//! assert_eq!(limit.in_flight(), 1);
//! let second = service.clone().oneshot(Request::new(())).await.unwrap();
//! assert_eq!(second.headers()["grpc-status"], "8");
//!
//! drop(first);
//! assert_eq!(limit.in_flight(), 0);
//! # }
//! ```

mod callers;
mod gate;
mod layer;
mod limit;
mod pace;
mod queue;

pub use layer::ConcurrencyLayer;
pub use limit::{Limit, Permit};

/// The policy, as metrics and logs name it.
pub(crate) const POLICY: &str = "concurrency";

#[cfg(test)]
mod tests;
