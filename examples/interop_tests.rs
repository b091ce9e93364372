//! Each method, called on the service directly: no socket, and time is paused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use futures_util::{TryStreamExt, stream};
use rootcap_proto::interop::test_service_client::TestServiceClient;
use tokio::{sync::mpsc, time::Instant};
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataValue;

use super::*;

fn client() -> TestServiceClient<Wired<TestServiceServer<InteropService>>> {
    TestServiceClient::new(interop_server())
}

fn yes_or_no(value: bool) -> Option<BoolValue> {
    Some(BoolValue { value })
}

fn of_size(size: i32) -> ResponseParameters {
    ResponseParameters { size, ..ResponseParameters::default() }
}

fn asking(response_parameters: Vec<ResponseParameters>) -> StreamingOutputCallRequest {
    StreamingOutputCallRequest { response_parameters, ..StreamingOutputCallRequest::default() }
}

fn failing(code: Code) -> StreamingOutputCallRequest {
    let response_status = Some(EchoStatus { code: code.into(), message: "as asked".to_owned() });
    StreamingOutputCallRequest { response_status, ..asking(vec![of_size(1)]) }
}

fn sent(bytes: usize, expected: Option<BoolValue>) -> StreamingInputCallRequest {
    let payload = Some(Payload { body: vec![0; bytes].into(), ..Payload::default() });
    StreamingInputCallRequest { payload, expect_compressed: expected }
}

fn len(response: StreamingOutputCallResponse) -> usize {
    response.payload.unwrap().body.len()
}

async fn sizes(responses: Streaming<StreamingOutputCallResponse>) -> Result<Vec<usize>, Status> {
    responses.map_ok(len).try_collect().await
}

#[tokio::test]
async fn a_unary_call_answers_with_zeros() {
    for size in [0, 1, 314_159] {
        let request = SimpleRequest { response_size: size, ..SimpleRequest::default() };
        let payload = client().unary_call(request).await.unwrap().into_inner().payload.unwrap();
        assert_eq!(payload.body, vec![0; size as usize]);
        assert_eq!(payload.r#type(), PayloadType::Compressable);
    }
    client().empty_call(Empty {}).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_answered_is_an_invalid_argument() {
    let max = i32::try_from(MAX_PAYLOAD).unwrap();
    let size = |response_size| SimpleRequest { response_size, ..SimpleRequest::default() };
    let kind = SimpleRequest { response_type: 1, ..SimpleRequest::default() };
    for request in [size(-1), size(max + 1), size(i32::MAX), size(i32::MIN), kind] {
        let status = client().unary_call(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    }
    let pause = |interval_us| ResponseParameters { interval_us, ..of_size(1) };
    let too_many = vec![of_size(0); MAX_RESPONSES + 1];
    for parameters in
        [vec![of_size(1), of_size(-1)], vec![pause(-1)], vec![pause(60_000_001)], too_many]
    {
        let status = client().streaming_output_call(asking(parameters)).await.err().unwrap();
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    }
}

#[tokio::test]
async fn the_name_of_the_server_is_told_when_asked_for() {
    let request =
        SimpleRequest { fill_server_id: true, fill_username: true, ..SimpleRequest::default() };
    let response = client().unary_call(request).await.unwrap().into_inner();
    assert!(response.server_id.starts_with("rootcap-interop-"));
    assert_eq!(response.username, "", "nobody has proved anything");
    let response = client().unary_call(SimpleRequest::default()).await.unwrap().into_inner();
    assert_eq!(response.server_id, "");
}

#[tokio::test]
async fn a_cacheable_response_is_another_each_time() {
    let mut bodies = Vec::new();
    for _ in 0..2 {
        let response = client().cacheable_unary_call(SimpleRequest::default()).await.unwrap();
        assert_eq!(response.metadata().get("cache-control").unwrap(), "max-age=60, public");
        bodies.push(response.into_inner().payload.unwrap().body);
    }
    assert!(bodies[0].iter().all(u8::is_ascii_digit));
    assert_ne!(bodies[0], bodies[1]);
}

#[tokio::test]
async fn a_status_is_echoed_by_every_method_that_is_asked() {
    for code in [Code::Unknown, Code::Aborted, Code::Unauthenticated] {
        let response_status = failing(code).response_status;
        let request = SimpleRequest { response_status, ..SimpleRequest::default() };
        let unary = client().unary_call(request).await.unwrap_err();
        let output = client().streaming_output_call(failing(code)).await.err().unwrap();
        // What comes after the status is not looked at.
        let requests = [asking(vec![of_size(7)]), failing(code), asking(vec![of_size(-1)])];
        let mut responses =
            client().full_duplex_call(stream::iter(requests.clone())).await.unwrap().into_inner();
        assert_eq!(len(responses.message().await.unwrap().unwrap()), 7);
        let full = responses.message().await.unwrap_err();
        let half = client().half_duplex_call(stream::iter(requests)).await.err().unwrap();
        for status in [unary, output, full, half] {
            assert_eq!((status.code(), status.message()), (code, "as asked"));
        }
    }
    let responses = client().streaming_output_call(failing(Code::Ok)).await.unwrap().into_inner();
    assert_eq!(sizes(responses).await.unwrap(), [1], "OK is no end");
    let status = client().unimplemented_call(Empty {}).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test(start_paused = true)]
async fn each_response_waits_for_its_interval() {
    let start = Instant::now();
    let pause = |size, interval_us| ResponseParameters { size, interval_us, compressed: None };
    let request = asking(vec![pause(31_415, 20_000), pause(9, 0), pause(58_979, 30_000)]);
    let responses = client().streaming_output_call(request).await.unwrap().into_inner();
    assert_eq!(sizes(responses).await.unwrap(), [31_415, 9, 58_979]);
    assert_eq!(start.elapsed(), Duration::from_millis(50));
}

/// 40 GiB, if they were made beforehand.
#[tokio::test]
async fn responses_are_made_as_they_are_read() {
    let max = i32::try_from(MAX_PAYLOAD).unwrap();
    let mut client = client().max_decoding_message_size(2 * MAX_PAYLOAD);
    let request = asking(vec![of_size(max); MAX_RESPONSES]);
    let mut responses = client.streaming_output_call(request).await.unwrap().into_inner();
    for _ in 0..2 {
        assert_eq!(len(responses.message().await.unwrap().unwrap()), MAX_PAYLOAD);
    }
}

#[tokio::test]
async fn a_full_duplex_call_answers_each_message_before_the_next_is_sent() {
    let (sender, receiver) = mpsc::channel(1);
    let mut responses =
        client().full_duplex_call(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    for size in [31_415, 9] {
        sender.send(asking(vec![of_size(size), of_size(1)])).await.unwrap();
        assert_eq!(len(responses.message().await.unwrap().unwrap()), size as usize);
        assert_eq!(len(responses.message().await.unwrap().unwrap()), 1);
    }
    drop(sender);
    assert!(responses.message().await.unwrap().is_none());
}

#[tokio::test]
async fn a_half_duplex_call_answers_when_all_messages_are_read() {
    let requests = [asking(vec![of_size(1)]), asking(vec![]), asking(vec![of_size(2), of_size(3)])];
    let responses = client().half_duplex_call(stream::iter(requests)).await.unwrap().into_inner();
    assert_eq!(sizes(responses).await.unwrap(), [1, 2, 3]);
    // It does not keep whatever it is sent.
    let requests = stream::iter([(); MAX_RESPONSES + 1]).map(|()| asking(vec![of_size(0)]));
    let status = client().half_duplex_call(requests).await.err().unwrap();
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn payloads_are_added_up() {
    let requests = [27_182, 8, 0, 1_828, 45_904].map(|size| sent(size, None));
    let response = client().streaming_input_call(stream::iter(requests)).await.unwrap();
    assert_eq!(response.into_inner().aggregated_payload_size, 74_922);
}

#[tokio::test]
async fn a_message_is_compressed_as_expected_or_an_invalid_argument() {
    for compressed in [true, false] {
        for expected in [true, false] {
            let mut client = client();
            if compressed {
                client = client.send_compressed(Gzip);
            }
            let expect_compressed = yes_or_no(expected);
            let request = SimpleRequest { expect_compressed, ..SimpleRequest::default() };
            let unary = client.unary_call(request).await.map(drop);
            // The first one has nothing to be expected: flags are told apart by their messages.
            let requests = [sent(10, None), sent(10, yes_or_no(expected))];
            let streamed = client.streaming_input_call(stream::iter(requests)).await.map(drop);
            for result in [unary, streamed] {
                match result {
                    Ok(()) => assert_eq!(compressed, expected),
                    Err(status) => {
                        assert_ne!(compressed, expected, "{status}");
                        assert_eq!(status.code(), Code::InvalidArgument);
                    }
                }
            }
        }
    }
}

/// The client decompresses what says that it is compressed; the flags themselves are looked at over sockets.
#[tokio::test]
async fn compressed_and_plain_responses_are_read_alike() {
    let parameters =
        |compressed| ResponseParameters { compressed: yes_or_no(compressed), ..of_size(999) };
    let request = asking([true, false, false, true].map(parameters).into());
    let mut client = client().accept_compressed(Gzip);
    let responses = client.streaming_output_call(request).await.unwrap().into_inner();
    assert_eq!(sizes(responses).await.unwrap(), [999; 4]);
}

#[tokio::test]
async fn metadata_is_echoed_at_both_ends_whatever_the_status() {
    fn with_metadata<T>(message: T) -> Request<T> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        metadata.insert(ECHO_INITIAL, "initial".parse().unwrap());
        metadata.insert_bin(ECHO_TRAILING, MetadataValue::from_bytes(&[0xab; 3]));
        request
    }
    let trailing = |metadata: &tonic::metadata::MetadataMap| {
        metadata.get_bin(ECHO_TRAILING).unwrap().to_bytes().unwrap()
    };
    let requests = with_metadata(stream::iter([asking(vec![of_size(3)])]));
    let response = client().full_duplex_call(requests).await.unwrap();
    assert_eq!(response.metadata().get(ECHO_INITIAL).unwrap(), "initial");
    assert!(response.metadata().get_bin(ECHO_TRAILING).is_none(), "it comes at the end");
    let mut responses = response.into_inner();
    while responses.message().await.unwrap().is_some() {}
    assert_eq!(trailing(&responses.trailers().await.unwrap().unwrap())[..], [0xab; 3]);

    let response_status = failing(Code::Aborted).response_status;
    let request = SimpleRequest { response_status, ..SimpleRequest::default() };
    let status = client().unary_call(with_metadata(request)).await.unwrap_err();
    assert_eq!(status.code(), Code::Aborted);
    assert_eq!(trailing(status.metadata())[..], [0xab; 3]);
}
