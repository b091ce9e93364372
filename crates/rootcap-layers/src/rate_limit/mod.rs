//! [`RateLimitLayer`]: a limit on the calls begun in a time.
//!
//! **What it does.** Counts each call against a [`Quota`], by the generic cell rate algorithm (`governor`'s):
//! in the long run at most so many in a period, spread evenly, and after a pause a burst at once. All
//! services made by a layer, and by its clones, share the quota.
//!
//! **When it rejects.** With `RESOURCE_EXHAUSTED`, when the quota is used up; the caller is told when the next
//! call can be served. A call that is refused uses up nothing. The framework's own methods (health,
//! reflection) are not counted.
//!
//! **What it records.** `rootcap_rejected_total{policy="rate_limit"}`.
//!
//! **Where it sits.** With the other [limits](crate::admission): below the deadline, above the user's layers.
//!
//! ```
//! use std::{convert::Infallible, num::NonZeroU32, time::Duration};
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Empty;
//! use rootcap_layers::{RateLimitLayer, rate_limit::Quota};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! async fn handler(_request: Request<()>) -> Result<Response<Empty<Bytes>>, Infallible> {
//!     Ok(Response::new(Empty::new()))
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let quota = Quota::new(NonZeroU32::new(30).unwrap(), Duration::from_secs(60)).burst(NonZeroU32::MIN);
//! let service = ServiceBuilder::new().layer(RateLimitLayer::new(quota)).service_fn(handler);
//!
//! let first = service.clone().oneshot(Request::new(())).await.unwrap();
//! assert!(!first.headers().contains_key("grpc-status"));
//! let second = service.clone().oneshot(Request::new(())).await.unwrap();
//! let status = tonic::Status::from_header_map(second.headers()).unwrap();
//! assert_eq!(status.code(), tonic::Code::ResourceExhausted);
//! assert_eq!(status.message(), "/: the limit of 30 calls in 60s is used up (rule `rate_limit`); retry after 2s");
//! # }
//! ```

mod clock;
mod layer;
mod quota;

pub use layer::{RateLimit, RateLimitLayer};
pub use quota::Quota;

/// The policy, as metrics and logs name it.
pub(crate) const POLICY: &str = "rate_limit";

#[cfg(test)]
mod tests;
