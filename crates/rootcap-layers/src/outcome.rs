//! [`Outcome`]: how a call really ended.

use std::{borrow::Cow, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tonic::Code;

use crate::percent;

static GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
static GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// All status codes, by number.
pub const CODES: [Code; 17] = [
    Code::Ok,
    Code::Cancelled,
    Code::Unknown,
    Code::InvalidArgument,
    Code::DeadlineExceeded,
    Code::NotFound,
    Code::AlreadyExists,
    Code::PermissionDenied,
    Code::ResourceExhausted,
    Code::FailedPrecondition,
    Code::Aborted,
    Code::OutOfRange,
    Code::Unimplemented,
    Code::Internal,
    Code::Unavailable,
    Code::DataLoss,
    Code::Unauthenticated,
];

/// A code as the Go ecosystem spells it, which dashboards know: `OK`, `Canceled`, `InvalidArgument`, ...
///
/// ```
/// assert_eq!(rootcap_layers::code_name(tonic::Code::Cancelled), "Canceled");
/// ```
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "Canceled",
        Code::Unknown => "Unknown",
        Code::InvalidArgument => "InvalidArgument",
        Code::DeadlineExceeded => "DeadlineExceeded",
        Code::NotFound => "NotFound",
        Code::AlreadyExists => "AlreadyExists",
        Code::PermissionDenied => "PermissionDenied",
        Code::ResourceExhausted => "ResourceExhausted",
        Code::FailedPrecondition => "FailedPrecondition",
        Code::Aborted => "Aborted",
        Code::OutOfRange => "OutOfRange",
        Code::Unimplemented => "Unimplemented",
        Code::Internal => "Internal",
        Code::Unavailable => "Unavailable",
        Code::DataLoss => "DataLoss",
        Code::Unauthenticated => "Unauthenticated",
    }
}

/// A code as the specification of gRPC spells it, which OpenTelemetry follows: `OK`, `CANCELLED`, ...
pub(crate) fn canonical_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// The longest status message that is sent, in bytes of `grpc-message` as it is encoded; a longer one is cut, and ends
/// in `...`.
///
/// Clients of gRPC's core and of Java take 8 KiB of metadata at a time by default, and nginx 4 KiB. For more they give up
/// the whole end of the call and report a code of their own, such as RESOURCE_EXHAUSTED: the call's code would be lost
/// with its message. The rest is left to the details and to the metadata of the service.
pub const MAX_MESSAGE: usize = 3 * 1024;

/// What a message that was cut ends in.
const CUT: &[u8] = b"...";

fn shortened(message: &HeaderValue) -> HeaderValue {
    let kept = percent::cut(message.as_bytes(), MAX_MESSAGE - CUT.len());
    HeaderValue::from_bytes(&[kept, CUT].concat()).expect("a part of a header's value is one too")
}

/// What showed how the call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// `grpc-status` in the trailers.
    Trailers,
    /// `grpc-status` in the headers of a response without a body ("trailers-only").
    TrailersOnly,
    /// An HTTP status other than 200, and no `grpc-status`.
    Http(StatusCode),
    /// The body ended without a `grpc-status`.
    NoStatus,
    /// The service, or the body, failed: the stream was reset.
    Error,
    /// Dropped before its end: the client went away, or the connection did.
    Dropped,
}

/// How a call ended: when its *body* had ended, and as its trailers said.
///
/// ```
/// use std::time::Duration;
/// use rootcap_layers::{Outcome, code_name, outcome::Cause};
/// use tonic::Code;
///
/// let outcome = Outcome::new(Code::NotFound, Cause::Trailers, Duration::from_millis(3));
/// assert_eq!(code_name(outcome.code()), "NotFound");
/// assert_eq!(outcome.message(), None);
/// ```
#[derive(Debug, Clone)]
pub struct Outcome {
    code: Code,
    cause: Cause,
    message: Option<HeaderValue>,
    duration: Duration,
}

impl Outcome {
    /// An outcome without a message; `duration` is from the arrival of the headers to the end.
    pub fn new(code: Code, cause: Cause, duration: Duration) -> Self {
        Self { code, cause, message: None, duration }
    }

    /// The status code that the caller got, or would have got.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What showed it.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// From the arrival of the headers to the end of the body.
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// The status message, if there is one. It may hold what a caller sent: escape it.
    pub fn message(&self) -> Option<Cow<'_, str>> {
        let message = self.message.as_ref()?;
        Some(percent::decode(message.as_bytes()))
    }
}

/// With this many headers at most, to compare their names costs less than to hash the one that is looked for.
const FEW: usize = 4;

fn status(headers: &HeaderMap) -> Option<&HeaderValue> {
    if headers.len() > FEW {
        return headers.get(&GRPC_STATUS);
    }
    headers.iter().find(|(name, _)| *name == GRPC_STATUS).map(|(_, value)| value)
}

/// What is known of the end while a call still runs: a status, and where it was read.
#[derive(Debug)]
pub(crate) struct End {
    code: Code,
    cause: Cause,
    message: Option<HeaderValue>,
}

impl End {
    pub(crate) fn new(code: Code, cause: Cause) -> Self {
        Self { code, cause, message: None }
    }

    /// The status in these trailers, or headers, with its message cut there to [`MAX_MESSAGE`].
    pub(crate) fn read(headers: &mut HeaderMap, cause: Cause) -> Option<Self> {
        let code = Code::from_bytes(status(headers)?.as_bytes());
        // Nearly all trailers hold nothing but the status.
        if headers.len() == 1 {
            return Some(Self::new(code, cause));
        }
        let mut message = headers.get(&GRPC_MESSAGE).cloned();
        if let Some(long) = message.as_mut().filter(|message| message.len() > MAX_MESSAGE) {
            *long = shortened(long);
            headers.insert(&GRPC_MESSAGE, long.clone());
        }
        Some(Self { code, cause, message })
    }

    /// The code that a client makes of an HTTP status (gRPC, "HTTP to gRPC Status Code Mapping").
    pub(crate) fn of_http(status: StatusCode) -> Self {
        let code = match status.as_u16() {
            400 => Code::Internal,
            401 => Code::Unauthenticated,
            403 => Code::PermissionDenied,
            404 => Code::Unimplemented,
            429 | 502 | 503 | 504 => Code::Unavailable,
            _ => Code::Unknown,
        };
        Self::new(code, Cause::Http(status))
    }

    pub(crate) fn code(&self) -> Code {
        self.code
    }

    pub(crate) fn cause(&self) -> Cause {
        self.cause
    }

    pub(crate) fn after(self, duration: Duration) -> Outcome {
        Outcome { code: self.code, cause: self.cause, message: self.message, duration }
    }
}
