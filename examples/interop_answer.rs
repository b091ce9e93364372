//! What the service of the interoperability tests adds to a response of tonic's: echoed metadata, and compression.

use std::io::{self, Write};

use bytes::{BufMut, Bytes, BytesMut};
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderValue, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use tonic::body::Body;

use super::{PREFIX, Wire, length};

/// Metadata with this key comes back at the beginning of the response.
pub const ECHO_INITIAL: &str = "x-grpc-test-echo-initial";

/// Metadata with this key comes back at its end.
pub const ECHO_TRAILING: &str = "x-grpc-test-echo-trailing-bin";

const ACCEPT_ENCODING: &str = "grpc-accept-encoding";
const ENCODING: &str = "grpc-encoding";
const STATUS: &str = "grpc-status";
const GZIP: &str = "gzip";

/// How a response is made of what the handler answered.
pub(super) struct Answer {
    initial: Vec<HeaderValue>,
    trailing: Vec<HeaderValue>,
    /// Of a caller that accepts compressed messages.
    compressed: Option<Compressed>,
}

impl Answer {
    pub(super) fn to(headers: &HeaderMap, wire: Wire) -> Self {
        let values = |name: &str| headers.get_all(name).iter().cloned().collect();
        Self {
            initial: values(ECHO_INITIAL),
            trailing: values(ECHO_TRAILING),
            compressed: accepts_gzip(headers).then(|| Compressed::new(wire)),
        }
    }

    pub(super) fn made_of(self, mut response: Response<Body>) -> Response<Body> {
        let Self { initial, mut trailing, mut compressed } = self;
        append(response.headers_mut(), ECHO_INITIAL, initial);
        if response.headers().contains_key(STATUS) {
            // The end of the response is its head.
            append(response.headers_mut(), ECHO_TRAILING, trailing);
            return response;
        }
        if compressed.is_some() {
            response.headers_mut().insert(ENCODING, HeaderValue::from_static(GZIP));
        }
        response.map(|body| {
            Body::new(body.map_frame(move |frame| match frame.into_data() {
                Ok(data) => Frame::data(match &mut compressed {
                    Some(compressed) => compressed.feed(&data),
                    None => data,
                }),
                Err(frame) => with_trailing(frame, &mut trailing),
            }))
        })
    }
}

/// A frame with `more` in the trailers that it holds.
fn with_trailing(mut frame: Frame<Bytes>, more: &mut Vec<HeaderValue>) -> Frame<Bytes> {
    if let Some(trailers) = frame.trailers_mut() {
        append(trailers, ECHO_TRAILING, std::mem::take(more));
    }
    frame
}

fn append(headers: &mut HeaderMap, name: &'static str, values: Vec<HeaderValue>) {
    for value in values {
        headers.append(name, value);
    }
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|encoding| encoding.trim() == GZIP)
}

/// Compresses those messages of a body that are to be.
pub(super) struct Compressed {
    wire: Wire,
    /// Bytes of a message that is not complete yet.
    held: BytesMut,
}

impl Compressed {
    pub(super) fn new(wire: Wire) -> Self {
        Self { wire, held: BytesMut::new() }
    }

    /// Takes the next bytes of the body; returns the messages that are complete with them.
    pub(super) fn feed(&mut self, data: &[u8]) -> Bytes {
        self.held.extend_from_slice(data);
        let mut ready = BytesMut::new();
        while self.held.len() >= PREFIX && self.held.len() - PREFIX >= length(&self.held[..PREFIX])
        {
            let message = self.held.split_to(PREFIX + length(&self.held[..PREFIX]));
            match self.wire.sent.next() {
                true => compress(&message[PREFIX..], &mut ready),
                false => ready.extend_from_slice(&message),
            }
        }
        ready.freeze()
    }
}

/// Appends a message, compressed.
fn compress(message: &[u8], to: &mut BytesMut) {
    let compressed = gzip(message).expect("a vector takes all that is written");
    to.put_u8(1);
    to.put_u32(compressed.len().try_into().expect("no payload is larger than MAX_PAYLOAD"));
    to.extend_from_slice(&compressed);
}

fn gzip(message: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(message)?;
    encoder.finish()
}
