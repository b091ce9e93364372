//! [`Deadline`]: bounds a whole call, a stream to its last message.
//!
//! **What it does.** The deadline of a call is the earlier of what the caller asks for in `grpc-timeout` and
//! the configured maximum: that of the method, else of its service, else of all. The time runs from the
//! arrival of the headers. When it is up, the inner future, or the body, is dropped, and with it the handler.
//! The framework's own methods (health, reflection) are exempt from the configured maxima. Under
//! [`Observe`](crate::observe::Observe) the deadline is that of the [`Call`], which the handler
//! can read; without it, the layer reads the header itself.
//!
//! A call that is [cancelled](crate::Call::cancel) ends in the same way, at once.
//!
//! **When it rejects.** With `DEADLINE_EXCEEDED` (`CANCELLED`): as a response when no head has been sent, else as the
//! trailers of the body that was cut short. A call that arrives with no time left never reaches the inner
//! service. With `INTERNAL`, when `grpc-timeout` is malformed: see below.
//!
//! **What it records.** [`Call::rejected_by`](crate::Call::rejected_by): `deadline` (`operator`).
//!
//! **Where it sits.** Above everything that may wait: queues, the user's layers, the handler; and below
//! [`CatchPanic`](crate::catch_panic::CatchPanic), for a handler that panics while it is dropped. A timer is
//! set only when the inner service lets it wait, and needs tokio's time driver. A body that is not polled,
//! because the reader does not read, is not cut here: that is up to the server.
//!
//! # A malformed `grpc-timeout`
//!
//! The specification ([gRPC over HTTP/2], "Requests") says what the header is: a *positive integer as ASCII
//! string of at most 8 digits*, and a unit; and that *if Timeout is omitted a server should assume an
//! infinite timeout*. It does not say that a malformed one may be taken for one omitted: a request that has
//! one is not well-formed. Of the codes that a gRPC library may give by itself ([status codes]), the one for
//! a peer that breaks the protocol is `INTERNAL` (`INVALID_ARGUMENT` is the application's alone), and that is
//! what grpc-go answers, too. (The C core takes it for infinite. A caller that wanted a bound would then have
//! none.) A zero is no positive integer, but clients send it for a deadline that has passed, so it is taken
//! as that.
//!
//! [gRPC over HTTP/2]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests
//! [status codes]: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
//!
//! ```
//! use std::{convert::Infallible, future, time::Duration};
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Empty;
//! use rootcap_layers::DeadlineLayer;
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! async fn handler(_request: Request<()>) -> Result<Response<Empty<Bytes>>, Infallible> {
//!     future::pending().await
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let layer = DeadlineLayer::new()
//!     .max(Duration::from_secs(30))
//!     .service("helloworld.Greeter", Duration::from_secs(5))
//!     .method("/helloworld.Greeter/SayHello", Duration::from_secs(1));
//! let service = ServiceBuilder::new().layer(layer).service_fn(handler);
//!
//! let request = Request::post("/helloworld.Greeter/SayHello").header("grpc-timeout", "100m");
//! let response = service.oneshot(request.body(()).unwrap()).await.unwrap();
//! assert_eq!(response.headers()["grpc-status"], "4");
//! # }
//! ```

mod body;
mod future;
pub(crate) mod grpc_timeout;
mod layer;
mod maxima;
mod service;
mod timer;

pub use body::DeadlineBody;
pub use future::DeadlineFuture;
pub use layer::DeadlineLayer;
pub use service::Deadline;

use std::task::{Context, Poll};

use http::HeaderName;
use tonic::Status;

use self::timer::Timer;
use crate::{
    call::{Call, OPERATOR},
    reject,
};

/// The header that [`grpc_timeout`] reads.
pub(crate) static GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// The policy, as [`Call::rejected_by`](crate::Call::rejected_by) names it.
const POLICY: &str = "deadline";

/// What a caller is told when the time is up.
fn exceeded() -> Status {
    reject::note(POLICY);
    Status::deadline_exceeded("deadline exceeded")
}

/// Why a call that waits must end now: somebody has [asked for it](Call::cancel), or its time is up.
fn poll_end(timer: &mut Timer, cx: &mut Context<'_>) -> Poll<Status> {
    if Call::with_current(|call| call.is_some_and(Call::is_cancelled)) {
        reject::note(OPERATOR);
        return Poll::Ready(Status::cancelled("cancelled by an operator"));
    }
    timer.poll(cx).map(|()| exceeded())
}

#[cfg(test)]
mod tests;
