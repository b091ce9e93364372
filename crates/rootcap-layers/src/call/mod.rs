//! [`Call`]: what is known of one RPC, made once by [`Observe`](crate::observe::Observe) and read by every layer.

mod cancel;
mod current;
mod fate;
mod head;
mod ledger;
mod message_count;
mod peer;
mod phase;
mod phases;
mod record;
mod recycle;
mod request_id;
mod time;
mod traffic;
mod unsent;

pub(crate) use cancel::OPERATOR;
pub use current::Scope;
pub(crate) use head::Head;
pub(crate) use message_count::{MessageCount, PREFIX};
pub use peer::Peer;
pub use phase::{Phase, PhaseTimes};
pub use record::Record;
pub use request_id::{MAX_LEN as MAX_REQUEST_ID_LEN, REQUEST_ID, RequestId};
pub use traffic::Direction;
pub use unsent::Unsent;

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64},
    },
    time::{Duration, SystemTime},
};

use http::{HeaderMap, HeaderName, HeaderValue, uri::PathAndQuery};
use opentelemetry::trace::TraceContextExt;
use tokio::time::Instant;
use tonic::Code;

use crate::{
    deadline::grpc_timeout,
    method::Method,
    nanos::nanos,
    request_bytes::Account,
    trace::{Propagation, TraceContext},
};
use traffic::Traffic;

/// What is known of one RPC. Cloning it is cheap: all clones are the same call.
///
/// Inside a handler, and inside every layer below [`Observe`](crate::observe::Observe),
/// [`Call::current`] gives the call that is being served.
///
/// ```
/// use std::time::Duration;
/// use rootcap_layers::Call;
/// use tonic::{Request, Response, Status};
///
/// async fn handler(request: Request<()>) -> Result<Response<()>, Status> {
///     if let Some(call) = Call::current() {
///         println!("request {} from {:?}", call.request_id(), call.peer());
///         if call.remaining().is_some_and(|left| left < Duration::from_millis(10)) {
///             return Err(Status::deadline_exceeded("there is no time to begin"));
///         }
///     }
///     Ok(Response::new(()))
/// }
/// # drop(handler);
/// ```
#[derive(Clone)]
pub struct Call(Arc<Inner>);

struct Inner {
    method: Arc<Method>,
    path: PathAndQuery,
    headers: LoggedHeaders,
    request_id: RequestId,
    trace: TraceContext,
    otel: opentelemetry::Context,
    propagation: Propagation,
    /// Entered with the call, where the log is a subscriber's that knows no calls.
    span: Option<tracing::Span>,
    peer: Option<Arc<Peer>>,
    user_agent: Option<HeaderValue>,
    started: Instant,
    started_at: SystemTime,
    /// Whether it is being handed down the layers still, for the first time, so that `started` is now.
    arriving: AtomicBool,
    timeout: Option<Result<Duration, grpc_timeout::Malformed>>,
    /// Nanoseconds after `started`; `u64::MAX` is none.
    deadline: AtomicU64,
    received: Traffic,
    sent: Traffic,
    unsent: Unsent,
    request_bytes: Account,
    ledger: ledger::Ledger,
    cancel: cancel::Cancel,
    answered: AtomicBool,
    handled: AtomicBool,
    panicked: AtomicBool,
    cut: OnceLock<(Code, &'static str)>,
    end_unsent: AtomicBool,
    rejected_by: OnceLock<&'static str>,
}

/// The request's metadata that a setting lists for the log, as it was received.
pub(crate) type LoggedHeaders = Option<Box<[(HeaderName, HeaderValue)]>>;

/// What [`Call::new`] is made from.
pub(crate) struct Start<'a> {
    pub(crate) method: Arc<Method>,
    pub(crate) path: PathAndQuery,
    pub(crate) head: Head<'a>,
    pub(crate) logged: LoggedHeaders,
    pub(crate) request_id: RequestId,
    pub(crate) trace: TraceContext,
    /// With the call's span, if that is recorded.
    pub(crate) otel: opentelemetry::Context,
    pub(crate) propagation: Propagation,
    pub(crate) span: Option<tracing::Span>,
    pub(crate) peer: Option<Arc<Peer>>,
    pub(crate) started_at: SystemTime,
}

impl Call {
    pub(crate) fn new(start: Start<'_>) -> Self {
        let timeout = start.head.timeout.map(|value| grpc_timeout::parse(value.as_bytes()));
        let deadline = match &timeout {
            Some(Ok(timeout)) => nanos(*timeout),
            _ => u64::MAX,
        };
        Call(recycle::make(Inner {
            otel: start.otel,
            propagation: start.propagation,
            span: start.span,
            method: start.method,
            path: start.path,
            headers: start.logged,
            request_id: start.request_id,
            trace: start.trace,
            peer: start.peer,
            user_agent: start.head.user_agent.cloned(),
            started: Instant::now(),
            started_at: start.started_at,
            arriving: AtomicBool::new(true),
            timeout,
            deadline: AtomicU64::new(deadline),
            received: Traffic::default(),
            sent: Traffic::default(),
            unsent: Unsent::default(),
            request_bytes: Account::default(),
            ledger: ledger::Ledger::default(),
            cancel: cancel::Cancel::default(),
            answered: AtomicBool::new(false),
            handled: AtomicBool::new(false),
            panicked: AtomicBool::new(false),
            cut: OnceLock::new(),
            end_unsent: AtomicBool::new(false),
            rejected_by: OnceLock::new(),
        }))
    }

    #[inline]
    fn inner(&self) -> &Inner {
        &self.0
    }

    #[inline]
    fn is_same(&self, other: &Self) -> bool {
        std::ptr::eq(self.inner(), other.inner())
    }

    /// The method, with its statistics. Methods that are not known share one entry, `unknown`.
    #[inline]
    pub fn method(&self) -> &Arc<Method> {
        &self.inner().method
    }

    /// The path as the caller sent it: `/package.Service/Method` of a well-formed call. Not to be trusted.
    #[inline]
    pub fn path(&self) -> &str {
        self.inner().path.path()
    }

    /// The id of this request: the caller's `x-request-id` if that was acceptable, else a new one.
    #[inline]
    pub fn request_id(&self) -> &RequestId {
        &self.inner().request_id
    }

    /// The W3C trace context of this call.
    #[inline]
    pub fn trace(&self) -> &TraceContext {
        &self.inner().trace
    }

    /// Writes the trace context into the headers of a request that is made for this call, in the ways of
    /// [`Propagation`]: that of the current OpenTelemetry span, if it belongs to the call's trace, else that of the
    /// call's own span.
    ///
    /// ```
    /// # fn handler(call: &rootcap_layers::Call) {
    /// let mut request = tonic::Request::new("the next server's request");
    /// call.inject(request.metadata_mut().as_mut());
    /// # }
    /// ```
    pub fn inject(&self, headers: &mut HeaderMap) {
        opentelemetry::Context::map_current(|current| {
            let inside = current.span().span_context().trace_id() == self.trace().trace_id();
            let context = if inside { current } else { self.otel() };
            self.inner().propagation.inject(context, headers);
        });
    }

    /// The OpenTelemetry context that is current where the call is: with the call's span, if it is recorded.
    #[inline]
    pub(crate) fn otel(&self) -> &opentelemetry::Context {
        &self.inner().otel
    }

    /// The other end of the connection, where the server told.
    #[inline]
    pub fn peer(&self) -> Option<&Arc<Peer>> {
        self.inner().peer.as_ref()
    }

    /// The caller's `user-agent`. Not to be trusted.
    #[inline]
    pub fn user_agent(&self) -> Option<&HeaderValue> {
        self.inner().user_agent.as_ref()
    }

    /// The request's metadata that a setting lists for the log.
    pub fn logged_metadata(&self) -> &[(HeaderName, HeaderValue)] {
        self.inner().headers.as_deref().unwrap_or_default()
    }

    /// Bytes of the response that wait for the peer.
    #[inline]
    pub fn unsent(&self) -> &Unsent {
        &self.inner().unsent
    }

    /// What it holds of the bytes of requests that may be in flight.
    #[inline]
    pub(crate) fn request_bytes(&self) -> &Account {
        &self.inner().request_bytes
    }
}

impl Drop for Call {
    #[inline]
    fn drop(&mut self) {
        // A look is cheaper than to make sure. If two see each other here, the last of them frees the allocation.
        if Arc::strong_count(&self.0) == 1 {
            recycle::keep(&mut self.0);
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("path", &self.path())
            .field("request_id", &self.request_id().as_str())
            .finish_non_exhaustive()
    }
}
