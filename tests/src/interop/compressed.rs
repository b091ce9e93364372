//! The cases `server_compressed_unary` and `server_compressed_streaming`, which few clients have: a client seldom knows
//! whether a message came compressed. This one reads the frames.

use std::io::Read;

use bytes::{Buf, Bytes};
use flate2::read::GzDecoder;
use prost::Message;
use rootcap_proto::interop::{
    BoolValue, ResponseParameters, SimpleRequest, StreamingOutputCallRequest,
    StreamingOutputCallResponse,
};
use rootcap_tests::raw::{self, Raw};

use super::{Front, Stand};

/// All payloads are zeros, of which gzip leaves far less than this part.
const LEAST_RATIO: usize = 100;

#[tokio::test]
async fn the_server_compresses_what_it_is_asked_to() {
    all_hold(Front::Server).await;
}

#[tokio::test]
async fn the_server_compresses_what_it_is_asked_to_behind_nginx() {
    all_hold(Front::Nginx).await;
}

#[tokio::test]
async fn the_server_compresses_what_it_is_asked_to_behind_envoy() {
    all_hold(Front::Envoy).await;
}

async fn all_hold(front: Front) {
    let Some(stand) = Stand::start(front).await else { return };
    let client = Raw::connect(stand.address()).await;
    for (value, accepts, compressed) in
        [(true, "identity,deflate,gzip", true), (false, "gzip", false), (true, "identity", false)]
    {
        let request = SimpleRequest {
            response_size: 314_159,
            response_compressed: Some(BoolValue { value }),
            ..SimpleRequest::default()
        };
        let found = call(&client, "UnaryCall", accepts, raw::message(&request)).await;
        assert_eq!(found, [(compressed, 314_159)], "{front:?}, {value}, {accepts}");
    }
    let parameters = |size, value| ResponseParameters {
        size,
        compressed: Some(BoolValue { value }),
        ..ResponseParameters::default()
    };
    let request = StreamingOutputCallRequest {
        response_parameters: vec![parameters(31_415, true), parameters(92_653, false)],
        ..StreamingOutputCallRequest::default()
    };
    let found = call(&client, "StreamingOutputCall", "gzip", raw::message(&request)).await;
    assert_eq!(found, [(true, 31_415), (false, 92_653)], "{front:?}");
    // Far more of them than one frame holds.
    let many: Vec<_> = (0..9_000).map(|index| (index % 3 == 0, 0)).collect();
    let request = StreamingOutputCallRequest {
        response_parameters: many.iter().map(|&(value, _)| parameters(0, value)).collect(),
        ..StreamingOutputCallRequest::default()
    };
    let found = call(&client, "StreamingOutputCall", "gzip", raw::message(&request)).await;
    assert!(found == many, "{front:?}: flags and messages do not belong together");
    stand.is_at_rest().await;
}

/// Whether each message of the response is compressed, and the size of its payload.
async fn call(client: &Raw, method: &str, accepts: &str, message: Bytes) -> Vec<(bool, usize)> {
    let path = format!("/grpc.testing.TestService/{method}");
    let head = client.head(&path).header("grpc-accept-encoding", accepts);
    let ended = client.call(head, message).await.unwrap();
    assert_eq!(ended.grpc_status(), "0", "{ended:?}");
    let encoding = ended.headers.get("grpc-encoding").map(|value| value.to_str().unwrap());
    assert_eq!(encoding, accepts.contains("gzip").then_some("gzip"));
    let mut body = ended.body;
    let mut messages = Vec::new();
    while body.has_remaining() {
        let compressed = body.get_u8() == 1;
        let length = body.get_u32() as usize;
        messages.push((compressed, body.split_to(length)));
    }
    messages
        .into_iter()
        .map(|(compressed, message)| (compressed, size(compressed, &message)))
        .collect()
}

/// The size of the payload: of any response of the service, whose first field it is.
fn size(compressed: bool, message: &[u8]) -> usize {
    let mut inflated = Vec::new();
    if compressed {
        GzDecoder::new(message).read_to_end(&mut inflated).unwrap();
        let large = inflated.len() > 1_000;
        assert!(!large || message.len() * LEAST_RATIO < inflated.len(), "{}", message.len());
    }
    let message = if compressed { &inflated } else { message };
    StreamingOutputCallResponse::decode(message).unwrap().payload.unwrap().body.len()
}
