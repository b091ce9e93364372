//! [`Admission`]: asks a [`Policy`] whether a call may be served now. All limits share it.
//!
//! **What it does.** Asks its policy for a permit before the inner service is called, and holds the permit
//! to the end of the response's body, through cancellation and panic. The framework's own methods (health,
//! reflection) are never asked for one. Without a policy it costs one branch.
//!
//! **When it rejects.** When the policy refuses: `RESOURCE_EXHAUSTED`, with a message that names the method
//! and says when to retry, and `google.rpc.RetryInfo` in the details. The request's body is not read.
//!
//! **What it records.** `rootcap_rejected_total{policy}`, through the `metrics` facade, and
//! [`Call::rejected_by`](crate::Call::rejected_by).
//!
//! **Where it sits.** Below [`Deadline`](crate::deadline::Deadline), above the user's layers: a call that is
//! not served should cost as little as it can.
//!
//! ```
//! use std::{convert::Infallible, time::Duration};
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Empty;
//! use rootcap_layers::admission::{Admission, Policy, Refusal};
//! use tower::{ServiceExt, service_fn};
//!
//! /// Serves nobody.
//! #[derive(Clone)]
//! struct Closed;
//!
//! impl Policy for Closed {
//!     type Permit = ();
//!     fn name(&self) -> &'static str {
//!         "closed"
//!     }
//!     fn admit(&self) -> Result<(), Refusal> {
//!         Err(Refusal { reason: "we are closed".into(), retry_after: Duration::from_secs(3_600) })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let inner = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())));
//! let service = Admission::new(Some(Closed), inner);
//! let response = service.oneshot(Request::post("/a.B/C").body(()).unwrap()).await.unwrap();
//! let status = tonic::Status::from_header_map(response.headers()).unwrap();
//! assert_eq!(status.code(), tonic::Code::ResourceExhausted);
//! assert_eq!(status.message(), "/a.B/C: we are closed; retry after 3600s");
//! # }
//! ```

mod future;
mod policy;
mod service;

pub use future::AdmissionFuture;
pub use policy::{Policy, REJECTED, Refusal, record_refusal, register_metrics};
pub use service::Admission;
