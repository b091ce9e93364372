//! [`ConcurrencyLayer`]: limits on the calls in flight, of all callers together or of each.
//!
//! **What it does.** A [`ConcurrencyRule`] says which calls, per what, and how many. Each call takes a permit of every rule that is
//! about it, those that count by caller first, and holds them to the end of its body. A rule that counts by caller leaves all
//! others untouched by one that uses up its share; it knows the callers that have calls, and hardly any others. With a queue, a
//! call beyond the limit waits until another one has ended. The queue is bounded, in length and in time; a call whose
//! deadline would pass while it waits, at the pace at which calls have ended of late, is refused at once; and of a queue
//! that is more than half full the newest call goes first: its caller is still there (adaptive LIFO, from Ben Maurer,
//! ["Fail at Scale"], ACM Queue 13 (8), 2015). A rule that only observes lets all calls through, and counts those that it
//! would have refused. All services made by a layer, and by its clones, share the limits; their bounds may change while
//! calls are in flight ([`ConcurrencyRules::change`]).
//!
//! **When it rejects.** With `UNAVAILABLE`, or with `RESOURCE_EXHAUSTED` if it is told to ([`ShedCode`] says why that is
//! not the default): when as many calls as the limit are in flight and none may wait, or as many wait as may, or a call has
//! waited, or would wait, longer than it may. The `ErrorInfo` has the `limit`, the calls `in_flight`, the `queue_length`
//! and the `queue_time_ms`. Callers are told to wait for as long as the queue would take, and some of them longer, at least
//! for 100 ms. The framework's own methods (health, reflection) neither take a permit nor need one.
//!
//! **What it records.** `rootcap_limit_decisions_total`, `rootcap_rejected_total{policy="concurrency"}` and
//! `rootcap_limit_queue_seconds{rule}`: how long calls have waited, whatever came of it. What is in flight and who waits
//! can be read from the [rules](ConcurrencyRules::states).
//!
//! **Where it sits.** With the other [limits](crate::admission): below the deadline, which ends calls that wait, too, and
//! above the user's layers.
//!
//! ["Fail at Scale"]: https://queue.acm.org/detail.cfm?id=2839461
//! [`ShedCode`]: crate::admission::ShedCode
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
//! let rules = layer.limits().unwrap().clone();
//! let in_flight = || rules.states(0)[0].in_flight;
//! let service = ServiceBuilder::new().layer(layer).service_fn(handler);
//!
//! let first = service.clone().oneshot(Request::new(())).await.unwrap();
//! assert_eq!(in_flight(), 1);
//! let second = service.clone().oneshot(Request::new(())).await.unwrap();
//! assert_eq!(second.headers()["grpc-status"], "14");
//!
//! drop(first);
//! assert_eq!(in_flight(), 0);
//! # }
//! ```

mod callers;
mod gate;
mod layer;
mod limit;
mod name;
mod over;
mod pace;
mod permit;
mod queue;
mod rule;
mod rules;
mod seen;
mod shard;
mod state;
mod waiting;

pub use gate::Bounds;
pub use layer::ConcurrencyLayer;
pub use permit::{Permit, Permits};
pub use rule::ConcurrencyRule;
pub use rules::{ConcurrencyRules, SameName, Turns};
pub use state::{CallerState, ConcurrencyState};

use crate::metrics::{Metric, MetricKind};

/// The policy, as metrics and logs name it.
pub(crate) const POLICY: &str = "concurrency";

/// How long calls wait.
pub const QUEUE_TIME: Metric = Metric::new(
    MetricKind::Histogram,
    "rootcap_limit_queue_seconds",
    &["rule"],
    "Seconds that calls waited in the queue of a limit, whatever came of it.",
);

#[cfg(test)]
mod tests;
