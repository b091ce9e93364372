//! What tonic keeps from a handler, for the service of the interoperability tests.
//!
//! - *Whether a message came compressed*: tonic has decompressed it when a handler sees it. [`Wired`] reads the prefix of
//!   each message in the request's body, and notes its flag for the handler.
//! - *Which message of a stream is to be compressed*: tonic has one switch for a response that is no stream, and none for
//!   streams. So tonic sends plain messages here, and [`Wired`] compresses those of which the handler says so, if the
//!   caller accepts gzip.
//! - *Trailers of a call that succeeds*: tonic has none. [`Wired`] echoes the metadata that the tests want back.

#[path = "interop_answer.rs"]
mod answer;

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use futures_util::{FutureExt, Stream, TryFutureExt, TryStreamExt, future::BoxFuture};
use http::{Request, Response};
use http_body_util::BodyExt;
use tonic::{Status, Streaming, body::Body, server::NamedService};
use tower_service::Service;

use answer::Answer;
pub use answer::{ECHO_INITIAL, ECHO_TRAILING};

/// A message's flag and length (gRPC over HTTP/2, "Length-Prefixed-Message").
const PREFIX: usize = 5;

/// As many messages are noted as are on their way between handler and frames. tonic asks for the next DATA frame only when
/// it holds no whole message, and a frame as HTTP/2 has it holds 3,276 messages at most; it sends when it has gathered
/// 32 KiB, which is 6,554 messages at most. A caller that sends more to a method that reads but one is not noted further.
const MAX_NOTED: usize = 8_192;

/// A service whose handlers know, and say, which messages are compressed.
#[derive(Debug, Clone)]
pub struct Wired<S>(S);

impl<S> Wired<S> {
    pub(super) fn new(service: S) -> Self {
        Self(service)
    }
}

impl<S: NamedService> NamedService for Wired<S> {
    const NAME: &'static str = S::NAME;
}

impl<S, B> Service<Request<B>> for Wired<S>
where
    S: Service<
            Request<Body>,
            Response = Response<Body>,
            Error = Infallible,
            Future: Send + 'static,
        >,
    B: http_body::Body<Data = Bytes, Error: Into<tonic::codegen::StdError>> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let wire = Wire::default();
        let answer = Answer::to(request.headers(), wire.clone());
        request.extensions_mut().insert(wire.clone());
        let request = request.map(|body| Body::new(noted(body, wire)));
        self.0.call(request).map_ok(|response| answer.made_of(response)).boxed()
    }
}

/// The messages of one call, as they are between the two ends.
#[derive(Debug, Clone, Default)]
pub(super) struct Wire {
    received: Flags,
    sent: Flags,
}

impl Wire {
    /// That of the call of `request`.
    ///
    /// # Errors
    /// When the service is not [`Wired`].
    pub(super) fn of<T>(request: &tonic::Request<T>) -> Result<Self, Status> {
        let wire = request.extensions().get::<Self>().cloned();
        wire.ok_or_else(|| Status::internal("the service is served without its layer"))
    }

    /// Whether the next message of those that came is compressed: to be asked once for each.
    pub(super) fn was_compressed(&self) -> bool {
        self.received.next()
    }

    /// The messages of a request, each with whether it came compressed.
    pub(super) fn messages<T>(
        &self,
        messages: Streaming<T>,
    ) -> impl Stream<Item = Result<(T, bool), Status>> + Send + Unpin + use<T> {
        let wire = self.clone();
        messages.map_ok(move |message| (message, wire.was_compressed()))
    }

    /// Says whether the next message that the handler sends is to be compressed: to be said once for each.
    pub(super) fn compress(&self, compress: bool) {
        self.sent.note(compress);
    }
}

/// The flags of messages on their way, in the order of the messages.
#[derive(Debug, Clone, Default)]
struct Flags(Arc<Mutex<VecDeque<bool>>>);

impl Flags {
    fn note(&self, flag: bool) {
        let mut flags = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if flags.len() < MAX_NOTED {
            flags.push_back(flag);
        }
    }

    fn next(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front().unwrap_or_default()
    }
}

/// A request's body whose messages are noted.
fn noted<B>(body: B, wire: Wire) -> impl http_body::Body<Data = Bytes, Error = B::Error> + Send
where
    B: http_body::Body<Data = Bytes> + Send,
{
    let mut prefixes = Prefixes::default();
    body.map_frame(move |frame| {
        if let Some(data) = frame.data_ref() {
            prefixes.feed(data, |compressed| wire.received.note(compressed));
        }
        frame
    })
}

/// Finds the prefixes of messages in a body that is cut anywhere.
#[derive(Debug, Default)]
struct Prefixes {
    /// The part of a prefix that came.
    prefix: [u8; PREFIX],
    len: usize,
    /// Bytes of the message still to come.
    remaining: usize,
}

impl Prefixes {
    /// Takes the next bytes; tells the flag of each message whose prefix is complete with them.
    fn feed(&mut self, mut bytes: &[u8], mut found: impl FnMut(bool)) {
        while let Some(&first) = bytes.first() {
            if self.remaining > 0 {
                let here = bytes.len().min(self.remaining);
                self.remaining -= here;
                bytes = &bytes[here..];
                continue;
            }
            self.prefix[self.len] = first;
            self.len += 1;
            bytes = &bytes[1..];
            if self.len == PREFIX {
                found(self.prefix[0] == 1);
                self.remaining = length(&self.prefix);
                self.len = 0;
            }
        }
    }
}

/// The length of the message after a whole prefix.
fn length(prefix: &[u8]) -> usize {
    (&prefix[1..]).get_u32() as usize
}

#[cfg(test)]
mod tests {
    use bytes::BufMut;
    use proptest::prelude::*;

    use super::{answer::Compressed, *};

    fn message(compressed: bool, size: usize) -> Vec<u8> {
        let mut message = vec![u8::from(compressed)];
        message.put_u32(size as u32);
        // What looks like a prefix within a message is none.
        message.resize(PREFIX + size, 1);
        message
    }

    #[test]
    fn no_more_messages_are_noted_than_are_on_their_way() {
        let flags = Flags::default();
        for _ in 0..2 * MAX_NOTED {
            flags.note(true);
        }
        let noted = (0..2 * MAX_NOTED).filter(|_| flags.next()).count();
        assert_eq!(noted, MAX_NOTED);
    }

    proptest! {
        #[test]
        fn frames_cut_messages_anywhere(
            messages in proptest::collection::vec((any::<bool>(), 0usize..40), 0..20),
            cuts in proptest::collection::vec(1usize..20, 1..20),
        ) {
            let bytes: Vec<_> =
                messages.iter().flat_map(|&(compressed, size)| message(compressed, size)).collect();
            let (mut prefixes, mut found) = (Prefixes::default(), Vec::new());
            let mut compressed = Compressed::new(Wire::default());
            let mut passed = Vec::new();
            let mut rest = bytes.as_slice();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (frame, after) = rest.split_at((*cut).min(rest.len()));
                prefixes.feed(frame, |compressed| found.push(compressed));
                passed.extend_from_slice(&compressed.feed(frame));
                rest = after;
            }
            prop_assert_eq!(found, messages.iter().map(|&(flag, _)| flag).collect::<Vec<_>>());
            prop_assert_eq!(passed, bytes, "what is to stay plain is not changed");
        }
    }
}
