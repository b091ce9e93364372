//! What a caller has seen of a call.

use std::{borrow::Cow, fmt, future::poll_fn, pin::Pin};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, Frame};

/// All that a caller has seen of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) http: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) data: Vec<Bytes>,
    pub(crate) trailers: Vec<HeaderMap>,
    pub(crate) failed: bool,
}

impl Seen {
    /// Reads the response to its end.
    pub(crate) async fn read<B>(response: Response<B>) -> Self
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: fmt::Debug,
    {
        let (parts, mut body) = response.into_parts();
        let mut seen = Self {
            http: parts.status,
            headers: parts.headers,
            data: Vec::new(),
            trailers: Vec::new(),
            failed: false,
        };
        // As the server does: it asks whether the body is at its end, and stops at a failure.
        while !body.is_end_stream() {
            match next(&mut body).await {
                None => break,
                Some(Err(_)) => {
                    seen.failed = true;
                    break;
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => seen.data.push(data),
                    Err(frame) => seen.trailers.extend(frame.into_trailers()),
                },
            }
        }
        seen
    }

    /// The status, wherever it was.
    pub(crate) fn status(&self) -> Option<&str> {
        self.field("grpc-status")
    }

    /// The status message, wherever it was.
    pub(crate) fn message(&self) -> Option<Cow<'_, str>> {
        Some(crate::percent::decode(self.field("grpc-message")?.as_bytes()))
    }

    fn field(&self, name: &str) -> Option<&str> {
        let mut maps = self.trailers.iter().chain([&self.headers]);
        maps.find_map(|map| map.get(name))?.to_str().ok()
    }

    /// Whether the status was in the head of a response without a body.
    pub(crate) fn is_trailers_only(&self) -> bool {
        let grpc = self.headers.get("content-type").is_some_and(|kind| kind == "application/grpc");
        grpc && self.headers.contains_key("grpc-status")
            && self.data.is_empty()
            && self.trailers.is_empty()
    }
}

/// The body's next frame.
pub(crate) async fn next<B: Body + Unpin>(
    body: &mut B,
) -> Option<Result<Frame<B::Data>, B::Error>> {
    poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await
}
