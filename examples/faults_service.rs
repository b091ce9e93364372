//! A service that misbehaves on request: `rootcap.testing.Faults`, as its `.proto` file says.

use std::hint::black_box;
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use rootcap_proto::testing::faults_server::Faults;
use rootcap_proto::testing::{
    BlockReply, BlockRequest, ChatReply, ChatRequest, CollectReply, CollectRequest, ComputeReply,
    ComputeRequest, EchoReply, EchoRequest, FailMidStreamReply, FailMidStreamRequest, FailReply,
    FailRequest, IgnoreCancelReply, IgnoreCancelRequest, PanicMidStreamReply,
    PanicMidStreamRequest, PanicReply, PanicRequest, SleepReply, SleepRequest, StreamReply,
    StreamRequest,
};
use tonic::codegen::BoxStream;
use tonic::metadata::{KeyAndValueRef, MetadataMap};
use tonic::{Code, Request, Response, Status, Streaming};

use crate::faults_plan::{Phase, Plan};

/// What every panic's message holds, and no caller may ever see.
pub const SECRET_PANIC_TEXT: &str = "secret-panic-text";

/// The largest payload that `Stream` sends, in bytes: a bound on what one call can make the server hold.
pub const MAX_PAYLOAD: u32 = 4 * 1024 * 1024;

/// Request metadata whose key starts so comes back from `Echo`.
pub const ECHO_PREFIX: &str = "x-echo-";

/// Misbehaves as its callers ask.
#[derive(Clone, Copy, Debug, Default)]
pub struct FaultsService;

#[tonic::async_trait]
impl Faults for FaultsService {
    async fn echo(&self, request: Request<EchoRequest>) -> Result<Response<EchoReply>, Status> {
        let (metadata, _, EchoRequest { payload }) = request.into_parts();
        Plan::of(&metadata)?.reach(Phase::Before).await;
        let mut response = Response::new(EchoReply { payload });
        echo_metadata(&metadata, response.metadata_mut());
        Ok(response)
    }

    async fn fail(&self, request: Request<FailRequest>) -> Result<Response<FailReply>, Status> {
        let FailRequest { code, message } = request.into_inner();
        Err(Status::new(failure(code)?, message))
    }

    async fn panic(&self, _: Request<PanicRequest>) -> Result<Response<PanicReply>, Status> {
        panic!("{SECRET_PANIC_TEXT}: the handler was asked to panic")
    }

    type PanicMidStreamStream = BoxStream<PanicMidStreamReply>;

    async fn panic_mid_stream(
        &self,
        request: Request<PanicMidStreamRequest>,
    ) -> Result<Response<Self::PanicMidStreamStream>, Status> {
        let after = request.into_inner().after;
        let replies = messages(after, Duration::ZERO, |index| PanicMidStreamReply { index });
        Ok(Response::new(Plan::panic(Phase::After).around(replies).boxed()))
    }

    async fn sleep(&self, request: Request<SleepRequest>) -> Result<Response<SleepReply>, Status> {
        tokio::time::sleep(millis(request.into_inner().millis)).await;
        Ok(Response::new(SleepReply {}))
    }

    async fn block(&self, request: Request<BlockRequest>) -> Result<Response<BlockReply>, Status> {
        std::thread::sleep(millis(request.into_inner().millis));
        Ok(Response::new(BlockReply {}))
    }

    async fn compute(
        &self,
        request: Request<ComputeRequest>,
    ) -> Result<Response<ComputeReply>, Status> {
        compute_for(millis(request.into_inner().millis));
        Ok(Response::new(ComputeReply {}))
    }

    /// The work is a task of its own: a caller that goes away drops this handler, but not the task.
    async fn ignore_cancel(
        &self,
        request: Request<IgnoreCancelRequest>,
    ) -> Result<Response<IgnoreCancelReply>, Status> {
        let work = tokio::spawn(tokio::time::sleep(millis(request.into_inner().millis)));
        work.await.map_err(|_| Status::unavailable("the runtime ended before the work"))?;
        Ok(Response::new(IgnoreCancelReply {}))
    }

    type StreamStream = BoxStream<StreamReply>;

    async fn stream(
        &self,
        request: Request<StreamRequest>,
    ) -> Result<Response<Self::StreamStream>, Status> {
        let plan = Plan::of(request.metadata())?;
        let request = request.into_inner();
        if request.size > MAX_PAYLOAD {
            let text = format!("size is {}, at most {MAX_PAYLOAD}", request.size);
            return Err(Status::invalid_argument(text));
        }
        // One buffer for all messages: a clone of `Bytes` copies no payload.
        let reply = StreamReply { payload: vec![0; request.size as usize].into() };
        let pause = millis(request.interval_millis);
        let replies = messages(request.count, pause, move |_| reply.clone());
        plan.reach(Phase::Before).await;
        Ok(Response::new(plan.around(replies).boxed()))
    }

    type FailMidStreamStream = BoxStream<FailMidStreamReply>;

    async fn fail_mid_stream(
        &self,
        request: Request<FailMidStreamRequest>,
    ) -> Result<Response<Self::FailMidStreamStream>, Status> {
        let FailMidStreamRequest { after, code } = request.into_inner();
        let status = Status::new(failure(code)?, format!("asked to fail after {after} messages"));
        let replies = messages(after, Duration::ZERO, |index| FailMidStreamReply { index });
        let end = stream::iter([Err(status)]);
        Ok(Response::new(replies.chain(end).boxed()))
    }

    async fn collect(
        &self,
        request: Request<Streaming<CollectRequest>>,
    ) -> Result<Response<CollectReply>, Status> {
        let plan = Plan::of(request.metadata())?;
        plan.reach(Phase::Before).await;
        let mut requests = plan.around(request.into_inner()).boxed();
        let mut reply = CollectReply::default();
        while let Some(request) = requests.try_next().await? {
            reply.messages += 1;
            reply.bytes += request.payload.len() as u64;
        }
        Ok(Response::new(reply))
    }

    type ChatStream = BoxStream<ChatReply>;

    async fn chat(
        &self,
        request: Request<Streaming<ChatRequest>>,
    ) -> Result<Response<Self::ChatStream>, Status> {
        let plan = Plan::of(request.metadata())?;
        plan.reach(Phase::Before).await;
        let replies = request.into_inner().map_ok(|ChatRequest { payload }| ChatReply { payload });
        Ok(Response::new(plan.around(replies).boxed()))
    }
}

/// Makes `count` messages, with a pause between two.
fn messages<T, F>(count: u32, pause: Duration, make: F) -> impl Stream<Item = Result<T, Status>>
where
    F: Fn(u32) -> T,
{
    stream::iter(0..count).then(move |index| {
        let message = make(index);
        async move {
            if index > 0 && !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            Ok(message)
        }
    })
}

fn echo_metadata(from: &MetadataMap, to: &mut MetadataMap) {
    for entry in from.iter() {
        match entry {
            KeyAndValueRef::Ascii(key, value) if key.as_str().starts_with(ECHO_PREFIX) => {
                to.append(key.clone(), value.clone());
            }
            KeyAndValueRef::Binary(key, value) if key.as_str().starts_with(ECHO_PREFIX) => {
                to.append_bin(key.clone(), value.clone());
            }
            _ => {}
        }
    }
}

/// The code to fail with; OK is none.
fn failure(code: i32) -> Result<Code, Status> {
    match code {
        1..=16 => Ok(Code::from_i32(code)),
        _ => Err(Status::invalid_argument(format!("code is {code}, not 1 to 16"))),
    }
}

/// What a profile of a busy `Compute` has to show.
#[inline(never)]
fn compute_for(time: Duration) {
    let began = Instant::now();
    let mut sum = 1_u64;
    while began.elapsed() < time {
        sum = (0..100_000_u64).fold(sum, |sum, number| black_box(sum.rotate_left(7) ^ number));
    }
    black_box(sum);
}

fn millis(millis: u32) -> Duration {
    Duration::from_millis(millis.into())
}

#[cfg(test)]
#[path = "faults_tests.rs"]
mod tests;
