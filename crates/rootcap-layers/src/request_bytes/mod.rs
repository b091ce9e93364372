//! [`RequestBytesLayer`]: a limit on the bytes of requests in flight, so that many large messages cannot exhaust memory.
//!
//! **What it does.** Counts the bytes of the messages that calls hold, all calls together. A message counts from the moment
//! when its prefix has announced it, as a decoder makes room for it then, with 64 KiB at most; and beyond that as its bytes
//! come, so that nobody fills the room with announcements. It counts until the next message of its call has begun, or the
//! call has ended: a handler holds the one message of a unary call to the end, and of a stream the latest; what it collects
//! itself cannot be seen. Messages that come in one frame count together until the decoder asks for more.
//!
//! **What it bounds.** Bytes as they come over the wire. A compressed message takes more when it is decompressed (up to
//! the decoder's own limit, tonic's `max_decoding_message_size`), and a decoded one more than its bytes. Besides there is
//! what comes before a prefix can be read: HTTP/2's windows, and one frame a call.
//!
//! **When it rejects.** With `UNAVAILABLE`, or with `RESOURCE_EXHAUSTED` if it is told to. A call that arrives while no
//! room is left is refused before its request is read; so is one whose head announces (`content-length`) more than there is
//! room for. A call that runs ends with that status when its next message has no room, as a rule before the bytes of the
//! message are read: the handler is dropped, whatever it would make of the error that it is given. Where it has had a
//! message already, the pushback says not to try again. A message that is larger than the whole limit
//! ends its call with `RESOURCE_EXHAUSTED` in any case, and a pushback that says not to try again. The framework's own
//! methods (health, reflection) are not counted.
//!
//! **What it records.** `rootcap_limit_decisions_total`, `rootcap_rejected_total{policy="request_bytes"}`; a call that was
//! let in, and had to end for a later message, counts as both. What is in flight can be read from the
//! [layer](RequestBytesLayer::state).
//!
//! **What it needs.** Below an [`Observe`](crate::observe::Observe) what a call holds is counted in its
//! [`Call`](crate::Call); without one that takes an allocation for each call, and no method is spared.
//!
//! **Where it sits.** Below the deadline, and above all that reads requests. With the limits on calls in flight below it, a
//! call for which there is no room takes no place in their queues; one that waits there reads nothing.
//!
//! ```
//! use std::{convert::Infallible, num::NonZeroU64};
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body::Body;
//! use http_body_util::{BodyExt, Empty, Full};
//! use rootcap_layers::RequestBytesLayer;
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! async fn handler(request: Request<impl Body>) -> Result<Response<Empty<Bytes>>, Infallible> {
//!     let _message = request.into_body().collect().await;
//!     Ok(Response::new(Empty::new()))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let layer = RequestBytesLayer::new(NonZeroU64::new(8).unwrap());
//! let service = ServiceBuilder::new().layer(layer.clone()).service_fn(handler);
//! let message = || Request::new(Full::new(Bytes::from_static(&[0, 0, 0, 0, 1, 42])));
//!
//! let first = service.clone().oneshot(message()).await.unwrap();
//! assert_eq!(layer.state().unwrap().used, 6);
//! let second = service.clone().oneshot(message()).await.unwrap();
//! assert_eq!(second.headers()["grpc-status"], "14");
//!
//! drop(first);
//! assert_eq!(layer.state().unwrap().used, 0);
//! # }
//! ```

mod account;
mod budget;
mod demand;
mod layer;
mod request;
mod response;
mod rule;
mod service;
mod share;

pub(crate) use account::Account;
pub use layer::RequestBytesLayer;
pub use request::CountedRequest;
pub use response::{CountedResponse, RequestBytesFuture};
pub use rule::RequestBytesState;
pub use service::RequestBytes;

/// The policy, as metrics and logs name it.
pub(crate) const POLICY: &str = "request_bytes";

/// The error of a body.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[cfg(test)]
mod tests;
