//! [`RateLimitLayer`]: limits on the calls begun in a time, for all callers together or for each by itself.
//!
//! **What it does.** Counts each call against the [`Quota`] of every [`RateRule`] that matches it, by the generic cell
//! rate algorithm: in the long run at most so many in a period, spread evenly, and after a pause a burst at once. A rule
//! counts all calls together (by `governor`), or tells callers apart: by their address, a metadata key, or the identity
//! that a certificate proves. Then it knows a fixed number of them, and what a caller has used is not forgotten by who
//! makes up others. All services made by a layer, and by its clones, share the quotas. Rules can be changed while they are
//! in use, which keeps what has been used of them.
//!
//! A metadata key is only as trustworthy as what authenticates it: where a caller can write what it likes, it gets a new
//! burst with each new value, and can use up that of another. Address and identity are what the connection has proved,
//! the address behind proxies what [those that are trusted](crate::admission::TrustedProxies) say. Calls without what a
//! rule tells them apart by (no such key, no certificate, a Unix socket) are those of one caller.
//!
//! **When it rejects.** With `RESOURCE_EXHAUSTED`, when the quota of a rule is used up, and that rule does not only
//! [observe](crate::admission::Mode); the answer is that of the most specific rule, as [`admission`](crate::admission)
//! gives it, with a `google.rpc.QuotaFailure` besides. The caller is told when the next call can be served. A call that is
//! refused uses up nothing of any rule. The framework's own methods (health, reflection) are not counted.
//!
//! **What it records.** `rootcap_limit_decisions_total`, by rule; `rootcap_rejected_total{policy="rate_limit"}`.
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

mod direct;
mod gcra;
mod keyed;
mod layer;
mod quota;
mod rule;
mod rules;
mod seen;
mod settings;
mod standing;
mod state;

pub use layer::RateLimitLayer;
pub use quota::Quota;
pub use rule::{DEFAULT_MAX_KEYS, RateChange, RateRule};
pub use rules::{MOST_RULES, RateRules, RateRulesError};
pub use state::{RateSettings, RateState};

/// The policy, as metrics and logs name it.
pub(crate) const POLICY: &str = "rate_limit";

#[cfg(test)]
mod tests;
