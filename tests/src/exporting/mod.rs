//! Spans and log records leave the process, and no call notices.

mod children;
mod encrypted;
mod logs;
mod outages;
mod sampling;
mod traces;

use rootcap_proto::helloworld::{HelloRequest, greeter_client::GreeterClient};
use rootcap_tests::{example::Example, otlp::Got};
use tokio::task::JoinSet;
use tonic::{Request, transport::Channel};

/// Calls in flight at a time.
const AT_A_TIME: u64 = 50;

async fn channel(example: &Example) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{}", example.address)).unwrap();
    endpoint.connect().await.unwrap()
}

/// The trace and the span that call `number` names as its parent.
fn parent(number: u64) -> (u128, u64) {
    (0xabcd_0000_0000_0000_0000_0000_0000_0000 | u128::from(number), number)
}

/// Calls the Greeter with the numbers of `calls` as parents, sampled; returns how many calls failed.
async fn call_all(channel: &Channel, calls: std::ops::Range<u64>) -> usize {
    let request = |number| {
        let (trace, span) = parent(number);
        let mut request = Request::new(HelloRequest::default());
        let value = format!("00-{trace:032x}-{span:016x}-01");
        request.metadata_mut().insert("traceparent", value.parse().unwrap());
        request
    };
    call_each(channel, calls, request).await
}

/// Calls the Greeter for each number; returns how many calls failed.
async fn call_each(
    channel: &Channel,
    calls: std::ops::Range<u64>,
    request: impl Fn(u64) -> Request<HelloRequest> + Copy + Send + 'static,
) -> usize {
    let mut tasks = JoinSet::new();
    for first in 0..AT_A_TIME {
        let mut client = GreeterClient::new(channel.clone());
        let mine = (calls.start + first..calls.end).step_by(AT_A_TIME as usize);
        tasks.spawn(async move {
            let mut failed = 0;
            for number in mine {
                failed += usize::from(client.say_hello(request(number)).await.is_err());
            }
            failed
        });
    }
    tasks.join_all().await.into_iter().sum()
}

/// The spans of the Greeter's calls, as the numbers of their parents.
fn numbers(got: &Got) -> Vec<u64> {
    let of_calls = got.spans.iter().filter(|span| span.name == "helloworld.Greeter/SayHello");
    of_calls
        .filter_map(|span| {
            let parent = u64::from_be_bytes(span.parent_span_id.as_slice().try_into().ok()?);
            let trace = u128::from_be_bytes(span.trace_id.as_slice().try_into().ok()?);
            (trace == super::exporting::parent(parent).0).then_some(parent)
        })
        .collect()
}
