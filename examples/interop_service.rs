//! The service of gRPC's interoperability tests: `grpc.testing.TestService`, as
//! [their description](https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md) asks of a server.
//!
//! What a caller asks for is bounded: [`MAX_PAYLOAD`], [`MAX_PAUSE`], [`MAX_RESPONSES`]. More, or less than nothing, is
//! INVALID_ARGUMENT. Responses are made one by one, as fast as the caller reads them. There is no OAuth, so no scope is
//! told; the user's name is the identity that the connection has proved.

#[path = "interop_wire.rs"]
mod wire;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, future, stream};
use rootcap::layers::Call;
use rootcap_proto::interop::test_service_server::{TestService, TestServiceServer};
use rootcap_proto::interop::{
    BoolValue, EchoStatus, Empty, Payload, PayloadType, ResponseParameters, SimpleRequest,
    SimpleResponse, StreamingInputCallRequest, StreamingInputCallResponse,
    StreamingOutputCallRequest, StreamingOutputCallResponse,
};
use tonic::codec::CompressionEncoding::Gzip;
use tonic::codegen::BoxStream;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Response, Status, Streaming};

use wire::Wire;
pub use wire::{ECHO_INITIAL, ECHO_TRAILING, Wired};

/// The largest payload of a response, in bytes.
pub const MAX_PAYLOAD: usize = 4 * 1024 * 1024;

/// The longest pause before a response.
pub const MAX_PAUSE: Duration = Duration::from_secs(60);

/// How many responses one request, or all requests of a `HalfDuplexCall`, may ask for.
pub const MAX_RESPONSES: usize = 10_000;

/// Every payload is a part of this; it takes no memory until it is read.
static ZEROS: [u8; MAX_PAYLOAD] = [0; MAX_PAYLOAD];

/// Answers as its callers ask.
#[derive(Clone, Copy, Debug, Default)]
pub struct InteropService(());

/// The service, to be served.
pub fn interop_server() -> Wired<TestServiceServer<InteropService>> {
    Wired::new(TestServiceServer::new(InteropService(())).accept_compressed(Gzip))
}

#[tonic::async_trait]
impl TestService for InteropService {
    async fn empty_call(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        Ok(Response::new(Empty {}))
    }

    async fn unary_call(
        &self,
        request: Request<SimpleRequest>,
    ) -> Result<Response<SimpleResponse>, Status> {
        let wire = Wire::of(&request)?;
        let request = request.into_inner();
        expect(request.expect_compressed, wire.was_compressed())?;
        echo(request.response_status)?;
        let payload = payload(request.response_type, size(request.response_size)?)?;
        wire.compress(is_true(request.response_compressed));
        Ok(Response::new(SimpleResponse {
            payload: Some(payload),
            username: if request.fill_username { username() } else { String::new() },
            server_id: if request.fill_server_id { server_id() } else { String::new() },
            ..SimpleResponse::default()
        }))
    }

    async fn cacheable_unary_call(
        &self,
        _: Request<SimpleRequest>,
    ) -> Result<Response<SimpleResponse>, Status> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let body = now.as_nanos().to_string().into();
        let payload = Some(Payload { body, ..Payload::default() });
        let mut response = Response::new(SimpleResponse { payload, ..SimpleResponse::default() });
        let cached = MetadataValue::from_static("max-age=60, public");
        response.metadata_mut().insert("cache-control", cached);
        Ok(response)
    }

    type StreamingOutputCallStream = BoxStream<StreamingOutputCallResponse>;

    async fn streaming_output_call(
        &self,
        request: Request<StreamingOutputCallRequest>,
    ) -> Result<Response<Self::StreamingOutputCallStream>, Status> {
        let wire = Wire::of(&request)?;
        let planned = plan(request.into_inner())?;
        Ok(Response::new(responses(planned, wire).boxed()))
    }

    async fn streaming_input_call(
        &self,
        request: Request<Streaming<StreamingInputCallRequest>>,
    ) -> Result<Response<StreamingInputCallResponse>, Status> {
        let wire = Wire::of(&request)?;
        let mut requests = wire.messages(request.into_inner());
        let mut aggregated_payload_size = 0_i32;
        while let Some((request, compressed)) = requests.try_next().await? {
            expect(request.expect_compressed, compressed)?;
            let size = request.payload.map_or(0, |payload| payload.body.len());
            aggregated_payload_size = i32::try_from(size)
                .ok()
                .and_then(|size| aggregated_payload_size.checked_add(size))
                .ok_or_else(|| Status::out_of_range("the payloads are larger than 2 GiB"))?;
        }
        Ok(Response::new(StreamingInputCallResponse { aggregated_payload_size }))
    }

    type FullDuplexCallStream = BoxStream<StreamingOutputCallResponse>;

    async fn full_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Self::FullDuplexCallStream>, Status> {
        let wire = Wire::of(&request)?;
        let requests = wire.messages(request.into_inner());
        let planned = requests.and_then(|(request, _)| future::ready(plan(request)));
        let responses = planned.map_ok(move |planned| responses(planned, wire.clone()));
        Ok(Response::new(responses.try_flatten().boxed()))
    }

    type HalfDuplexCallStream = BoxStream<StreamingOutputCallResponse>;

    async fn half_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Self::HalfDuplexCallStream>, Status> {
        let wire = Wire::of(&request)?;
        let mut requests = wire.messages(request.into_inner());
        let mut planned = Vec::new();
        while let Some((request, _)) = requests.try_next().await? {
            planned.extend(plan(request)?);
            check_number(planned.len())?;
        }
        Ok(Response::new(responses(planned, wire).boxed()))
    }

    async fn unimplemented_call(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        Err(Status::unimplemented("no server implements this method"))
    }
}

/// A response of a stream, checked.
struct Planned {
    payload: Payload,
    pause: Duration,
    compressed: bool,
}

/// The responses that a request asks for.
fn plan(request: StreamingOutputCallRequest) -> Result<Vec<Planned>, Status> {
    echo(request.response_status)?;
    check_number(request.response_parameters.len())?;
    let planned = |ResponseParameters { size: bytes, interval_us, compressed }| {
        Ok(Planned {
            payload: payload(request.response_type, size(bytes)?)?,
            pause: pause(interval_us)?,
            compressed: is_true(compressed),
        })
    };
    request.response_parameters.into_iter().map(planned).collect()
}

/// Makes each response when the one before it has been taken, after its pause.
fn responses(
    planned: Vec<Planned>,
    wire: Wire,
) -> impl Stream<Item = Result<StreamingOutputCallResponse, Status>> {
    stream::iter(planned).then(move |Planned { payload, pause, compressed }| {
        let wire = wire.clone();
        async move {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            wire.compress(compressed);
            Ok(StreamingOutputCallResponse { payload: Some(payload) })
        }
    })
}

/// Ends the call as it was asked to; OK is no end.
fn echo(status: Option<EchoStatus>) -> Result<(), Status> {
    match status {
        Some(EchoStatus { code, message }) if code != 0 => {
            Err(Status::new(Code::from_i32(code), message))
        }
        _ => Ok(()),
    }
}

fn expect(expected: Option<BoolValue>, compressed: bool) -> Result<(), Status> {
    match expected {
        Some(BoolValue { value }) if value != compressed => {
            let is = |compressed| if compressed { "compressed" } else { "not compressed" };
            let text = format!("the message is {}, not {}", is(compressed), is(value));
            Err(Status::invalid_argument(text))
        }
        _ => Ok(()),
    }
}

fn payload(kind: i32, size: usize) -> Result<Payload, Status> {
    match PayloadType::try_from(kind) {
        Ok(PayloadType::Compressable) => {
            Ok(Payload { r#type: kind, body: Bytes::from_static(&ZEROS[..size]) })
        }
        Err(_) => Err(Status::invalid_argument(format!("there is no payload of type {kind}"))),
    }
}

fn size(size: i32) -> Result<usize, Status> {
    let bounded = usize::try_from(size).ok().filter(|&size| size <= MAX_PAYLOAD);
    bounded.ok_or_else(|| invalid("a payload's size is", size, "0 to", MAX_PAYLOAD))
}

fn pause(interval_us: i32) -> Result<Duration, Status> {
    let pause = u64::try_from(interval_us).ok().map(Duration::from_micros);
    let bounded = pause.filter(|&pause| pause <= MAX_PAUSE);
    bounded.ok_or_else(|| invalid("an interval is", interval_us, "0 to", MAX_PAUSE.as_micros()))
}

fn check_number(responses: usize) -> Result<(), Status> {
    match responses {
        0..=MAX_RESPONSES => Ok(()),
        _ => Err(invalid("the responses asked for are", responses, "at most", MAX_RESPONSES)),
    }
}

fn invalid(
    what: &str,
    value: impl std::fmt::Display,
    not: &str,
    max: impl std::fmt::Display,
) -> Status {
    Status::invalid_argument(format!("{what} {value}, not {not} {max}"))
}

fn is_true(value: Option<BoolValue>) -> bool {
    value.is_some_and(|value| value.value)
}

/// Who the other end of the connection proved to be; nothing where it proved nothing.
fn username() -> String {
    let call = Call::current();
    let peer = call.as_ref().and_then(Call::peer);
    peer.and_then(|peer| peer.proved_identity()).unwrap_or_default().to_owned()
}

/// Tells apart the servers behind a balancer.
fn server_id() -> String {
    format!("rootcap-interop-{}", std::process::id())
}

#[cfg(test)]
#[path = "interop_tests.rs"]
mod tests;
