//! [`Admission`]: asks a [`Policy`] whether a call may be served now. All limits share it.
//!
//! **What it does.** Asks its policy for a permit before the inner service is called, and holds the permit
//! to the end of the response's body, through cancellation and panic. A policy may let a call wait. The framework's own
//! methods (health, reflection) are never asked for a permit. Without a policy it costs one branch.
//!
//! **When it rejects.** When the policy refuses, with its code. The message names the method and the rule, and says when
//! to retry; for programs the details have a `google.rpc.ErrorInfo` (`reason`, the domain `rootcap`, the `rule`) and a
//! `google.rpc.RetryInfo`, and there is `grpc-retry-pushback-ms`. The request's body is not read.
//!
//! **What it records.** [`Call::rejected_by`](crate::Call::rejected_by). What a policy decides it counts itself, with a
//! [`Tally`]: `rootcap_limit_decisions_total{rule, grpc_service, grpc_method, decision, reason}`, where `decision` is
//! `allowed`, `rejected`, `shed` or, of a rule that only observes, `observed`; and `rootcap_rejected_total{policy}`.
//!
//! **What it needs.** An [`Observe`](crate::observe::Observe) above it tells who the peer is, and which methods are the
//! framework's own. Without one all peers, and all identities, are one caller, and no method is spared.
//!
//! **Where it sits.** Below [`Deadline`](crate::deadline::Deadline), above the user's layers: a call that is
//! not served should cost as little as it can.
//!
//! ```
//! use std::{convert::Infallible, future::Pending, time::Duration};
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Empty;
//! use rootcap_layers::admission::{Admission, Arrival, Decision, Policy, Reason, Refusal, Violation};
//! use tokio::time::Instant;
//! use tonic::Code;
//! use tower::{ServiceExt, service_fn};
//!
//! /// Serves nobody.
//! #[derive(Clone)]
//! struct Closed;
//!
//! impl Policy for Closed {
//!     type Permit = ();
//!     type Wait = Pending<Result<(), Refusal>>;
//!     fn admit(&self, _: &Arrival<'_>, _: impl Fn() -> Instant) -> Decision<(), Self::Wait> {
//!         Decision::Refuse(Refusal {
//!             policy: "closed",
//!             rule: "sundays".into(),
//!             code: Code::Unavailable,
//!             reason: "we are closed".into(),
//!             retry_after: Duration::from_secs(3_600),
//!             violation: Violation::new(Reason::ConcurrencyLimitExceeded, "sundays", []),
//!         })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let inner = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())));
//! let service = Admission::new(Some(Closed), inner);
//! let response = service.oneshot(Request::post("/a.B/C").body(()).unwrap()).await.unwrap();
//! let status = tonic::Status::from_header_map(response.headers()).unwrap();
//! assert_eq!(status.code(), Code::Unavailable);
//! assert_eq!(status.message(), "/a.B/C: we are closed (rule `sundays`); retry after 3600s");
//! # }
//! ```

mod by_method;
mod caller;
mod cidr;
mod details;
mod future;
mod in_turn;
mod index;
mod keys;
mod malformed;
mod matching;
mod metrics;
mod per;
mod policy;
mod reason;
mod refusal;
mod service;
mod shed;
mod tally;
mod told;
mod wire;

pub use caller::{Caller, forwarded_for};
pub use cidr::{Cidr, TrustedProxies};
pub use details::Violation;
pub use future::AdmissionFuture;
pub use in_turn::{InTurn, Turn};
pub use index::Index;
pub(crate) use keys::{Keys, hash, number};
pub use malformed::Malformed;
pub use matching::{Match, Specificity};
pub use metrics::{DECISIONS, REJECTED, record_refusal, register_metrics};
pub use per::{Mode, Per};
pub use policy::{Arrival, Decision, Policy};
pub use reason::Reason;
pub use refusal::Refusal;
pub use service::Admission;
pub use shed::ShedCode;
pub(crate) use shed::retry_after;
pub use tally::{Counts, Tally};

#[cfg(test)]
mod tests;
