//! Profiles of the CPU one after another, and of the heap meanwhile, while the server works: nothing crashes or hangs.

use std::{env, time::Duration};

use http::StatusCode;
use rootcap_proto::{
    helloworld::{HelloRequest, greeter_client::GreeterClient},
    testing::{ComputeRequest, faults_client::FaultsClient},
};
use rootcap_tests::example::Example;
use tokio::{task::JoinSet, time::timeout};

use super::{greet, start};

/// How long all of it may take: far more than it does.
const PATIENCE: Duration = Duration::from_secs(3600);

/// How many CPU profiles are taken: `TEST_PROFILES`, else a few.
fn rounds() -> usize {
    env::var("TEST_PROFILES").map_or(3, |rounds| rounds.parse().unwrap())
}

/// Calls that compute, and calls that allocate, until it is dropped.
async fn keep_busy(example: &Example) -> JoinSet<()> {
    let address = format!("http://{}", example.address);
    let mut computing = FaultsClient::connect(address.clone()).await.unwrap();
    let greeting = GreeterClient::connect(address).await.unwrap();
    let mut calls = JoinSet::new();
    calls.spawn(async move { while computing.compute(ComputeRequest { millis: 5 }).await.is_ok() {} });
    for number in 0..8 {
        let mut greeting = greeting.clone();
        let name = if number == 0 { "nobody" } else { "anybody" };
        let request = HelloRequest { name: name.to_owned() };
        calls.spawn(async move { while greeting.say_hello(request.clone()).await.is_ok() {} });
    }
    calls
}

async fn look(example: &Example, path: &str) {
    let (status, body) = {
        let response = super::get(example, path).await;
        (response.status(), response.into_body())
    };
    assert_eq!(status, StatusCode::OK, "{path}: {body:?}");
    assert!(!body.is_empty(), "{path}");
}

#[tokio::test]
async fn profiles_of_the_cpu_and_of_the_heap_at_once_under_load_do_no_harm() {
    // Every 4 KiB: far more often than by default, so that signals find threads that take a sample.
    let example = start(&[("_RJEM_MALLOC_CONF", "lg_prof_sample:12")]).await;
    let _busy = keep_busy(&example).await;
    for _ in 0..rounds() {
        let both = async {
            tokio::join!(look(&example, "/debug/pprof/profile?seconds=1&hz=1000"), async {
                for path in ["heap", "threads", "allocs", "heap?seconds=1"] {
                    look(&example, &format!("/debug/pprof/{path}")).await;
                }
            })
        };
        timeout(PATIENCE, both).await.unwrap();
    }
    greet(&example, "first").await;
}
