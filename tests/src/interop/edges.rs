//! Ends of calls that are easily lost on their way, and heads of a size that not everyone takes.

use bytes::Bytes;
use http::StatusCode;
use rootcap_layers::outcome::MAX_MESSAGE;
use rootcap_proto::interop::{
    EchoStatus, ResponseParameters, SimpleRequest, StreamingOutputCallRequest,
};
use rootcap_tests::raw::{self, Ended, Raw};
use tonic::Code;

use super::{Front, Stand};

const UNARY: &str = "/grpc.testing.TestService/UnaryCall";
const DUPLEX: &str = "/grpc.testing.TestService/FullDuplexCall";

/// ABORTED, with a message of so many bytes. In HPACK's code a capital X takes a whole byte.
fn aborted(length: usize) -> Option<EchoStatus> {
    Some(EchoStatus { code: Code::Aborted.into(), message: "X".repeat(length) })
}

/// A status in the head of a response that is nothing else, and one in the trailers after a message.
async fn ends(client: &Raw, length: usize) -> [Ended; 2] {
    let request = SimpleRequest { response_status: aborted(length), ..SimpleRequest::default() };
    let unary = client.call(client.head(UNARY), raw::message(&request)).await.unwrap();
    let one = StreamingOutputCallRequest {
        response_parameters: vec![ResponseParameters { size: 1, ..ResponseParameters::default() }],
        ..StreamingOutputCallRequest::default()
    };
    let end = StreamingOutputCallRequest {
        response_status: aborted(length),
        ..StreamingOutputCallRequest::default()
    };
    let requests = [raw::message(&one), raw::message(&end)].concat();
    [unary, client.call(client.head(DUPLEX), Bytes::from(requests)).await.unwrap()]
}

async fn codes_arrive(front: Front) {
    let Some(stand) = Stand::start(front).await else { return };
    let client = Raw::connect(stand.address()).await;
    for (length, sent) in [(10, 10), (MAX_MESSAGE, MAX_MESSAGE), (100_000, MAX_MESSAGE)] {
        for ended in ends(&client, length).await {
            assert_eq!(ended.status, StatusCode::OK, "{front:?}, {length}");
            assert_eq!(ended.grpc_status(), "10", "{front:?}, {length}");
            assert_eq!(ended.grpc_message().len(), sent, "{front:?}");
            assert_eq!(ended.grpc_message().ends_with("..."), length > sent);
            // Nothing but a head, or a message and trailers.
            let in_head = ended.headers.contains_key("grpc-status");
            assert_eq!(in_head, ended.body.is_empty(), "{front:?}: {ended:?}");
            assert_eq!(
                in_head,
                !ended.trailers.contains_key("grpc-status"),
                "{front:?}: {ended:?}"
            );
        }
    }
    stand.is_at_rest().await;
}

#[tokio::test]
async fn a_code_arrives_whatever_its_message() {
    codes_arrive(Front::Server).await;
}

#[tokio::test]
async fn a_code_arrives_whatever_its_message_through_nginx() {
    codes_arrive(Front::Nginx).await;
}

#[tokio::test]
async fn a_code_arrives_whatever_its_message_through_envoy() {
    codes_arrive(Front::Envoy).await;
}

/// Metadata of a call that asks for it back; how the call ended.
async fn with_metadata(client: &Raw, length: usize) -> Ended {
    let head = client.head(UNARY).header("x-grpc-test-echo-initial", "m".repeat(length));
    client.call(head, raw::message(&SimpleRequest::default())).await.unwrap()
}

async fn metadata_returns(front: Front, lengths: &[usize]) {
    let Some(stand) = Stand::start(front).await else { return };
    let client = Raw::connect(stand.address()).await;
    for &length in lengths {
        let ended = with_metadata(&client, length).await;
        assert_eq!(ended.grpc_status(), "0", "{front:?}, {length}: {ended:?}");
        assert_eq!(ended.headers["x-grpc-test-echo-initial"].len(), length, "{front:?}");
    }
}

/// The limit is hyper's for all of a head, 16 KiB; its answer to more is 431, which clients of gRPC take for UNKNOWN.
#[tokio::test]
async fn large_metadata_returns_up_to_the_limit() {
    metadata_returns(Front::Server, &[1, 4_000, 15_000]).await;
    let stand = Stand::start(Front::Server).await.unwrap();
    let client = Raw::connect(stand.address()).await;
    let ended = with_metadata(&client, 17_000).await;
    assert_eq!(ended.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    let ended = with_metadata(&client, 1).await;
    assert_eq!(ended.grpc_status(), "0", "the connection goes on");
}

/// nginx takes no response whose head is over its `grpc_buffer_size`, 4 KiB by default: its clients would see 502.
#[tokio::test]
async fn large_metadata_returns_through_nginx() {
    metadata_returns(Front::Nginx, &[1, 4_000]).await;
}

#[tokio::test]
async fn large_metadata_returns_through_envoy() {
    metadata_returns(Front::Envoy, &[1, 4_000, 15_000]).await;
}
