//! A status as a response, or as trailers: the only place where that happens.

use http::{HeaderMap, HeaderName, HeaderValue, Response, header::CONTENT_TYPE};
use tonic::{Code, Status};

use crate::{call::Call, percent};

/// A response that says nothing but `status` ("trailers-only", gRPC over HTTP/2): the status is in its
/// headers. `B`'s default must be an empty body, as it is for all usual bodies.
///
/// ```
/// use bytes::Bytes;
/// use http::Response;
/// use http_body_util::Empty;
/// use rootcap_layers::reject;
/// use tonic::Status;
///
/// let response: Response<Empty<Bytes>> = reject::response(&Status::not_found("no such order"));
/// assert_eq!(response.headers()["grpc-status"], "5");
/// ```
pub fn response<B: Default>(status: &Status) -> Response<B> {
    let mut response = Response::new(B::default());
    *response.headers_mut() = trailers(status);
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(CONTENT_TYPE, grpc);
    response
}

/// How long a client that retries by itself has to wait (gRFC A6).
static PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// A status of a call that is refused, as headers have it. Whoever is told the same again is sent a few bytes, as the
/// compression of headers (HPACK) keeps it in its table, unless it is [`passing`](Self::passing).
#[derive(Debug, Clone)]
pub(crate) struct Encoded {
    code: Code,
    message: HeaderValue,
    details: HeaderValue,
    pushback: HeaderValue,
}

impl Encoded {
    /// `details` is a `google.rpc.Status` in base64; `pushback` what is said to clients that retry by themselves.
    pub(crate) fn new(
        code: Code,
        message: String,
        details: Vec<u8>,
        pushback: HeaderValue,
    ) -> Self {
        let value = |value: Vec<u8>| HeaderValue::try_from(value);
        let is_one = "what is percent-encoded, or base64, is a header's value";
        let message = value(percent::encode(message).into_bytes()).expect(is_one);
        Self { code, message, details: value(details).expect(is_one), pushback }
    }

    /// What does not come twice: not to be kept in the table of the compression, from where it drives what does.
    pub(crate) fn passing(mut self) -> Self {
        for value in [&mut self.message, &mut self.details, &mut self.pushback] {
            value.set_sensitive(true);
        }
        self
    }

    /// The head of a response that says nothing else.
    pub(crate) fn headers(self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        let code = HeaderValue::from_static(NUMBERS[self.code as usize]);
        headers.insert(Status::GRPC_STATUS, code);
        headers.insert(Status::GRPC_MESSAGE, self.message);
        headers.insert(Status::GRPC_STATUS_DETAILS, self.details);
        headers.insert(&PUSHBACK, self.pushback);
        headers
    }
}

/// The codes, as `grpc-status` has them.
const NUMBERS: [&str; 17] =
    ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"];

/// The trailers that end a body with `status`.
pub(crate) fn trailers(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(4);
    status
        .add_header(&mut trailers)
        .expect("what is percent-encoded, or base64, is a header's value");
    trailers
}

/// Notes in the current call, if there is one, which policy refused it, or cut it.
pub fn note(policy: &'static str) {
    Call::with_current(|call| {
        if let Some(call) = call {
            call.set_rejected_by(policy);
        }
    });
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::StatusCode;
    use http_body::Body;
    use http_body_util::Empty;

    use super::*;

    #[test]
    fn what_is_encoded_already_is_the_same() {
        for code in crate::outcome::CODES {
            let message = "100% \u{20ac}\r\n";
            let expected = Status::with_details(code, message, Bytes::from_static(b"d"));
            let pushback = HeaderValue::from_static("-1");
            let headers = Encoded::new(code, message.into(), b"ZA".to_vec(), pushback).headers();
            let status = Status::from_header_map(&headers).expect("a status");
            assert_eq!((status.code(), status.message()), (code, message));
            assert_eq!(status.details(), expected.details());
            assert_eq!(headers["content-type"], "application/grpc");
            assert_eq!(headers["grpc-retry-pushback-ms"], "-1");
        }
    }

    #[test]
    fn the_status_is_in_the_head() {
        let status =
            Status::with_details(Code::NotFound, "no \u{20ac} here\r\n", Bytes::from_static(b"d"));
        let response: Response<Empty<Bytes>> = response(&status);
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.body().is_end_stream());
        let header = |name| response.headers().get(name).map(HeaderValue::as_bytes);
        assert_eq!(header("content-type"), Some(&b"application/grpc"[..]));
        assert_eq!(header("grpc-status"), Some(&b"5"[..]));
        assert_eq!(header("grpc-message"), Some(&b"no%20%E2%82%AC%20here%0D%0A"[..]));
        assert_eq!(header("grpc-status-details-bin"), Some(&b"ZA"[..]));
    }
}
