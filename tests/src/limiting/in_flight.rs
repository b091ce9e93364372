//! Limits on calls and bytes in flight: who is shed, who waits, and who is left alone.

use std::time::Duration;

use http::{Method, StatusCode};
use rootcap::{
    Running,
    config::{Concurrency, Config, RateLimit, Size},
};
use rootcap_proto::testing::{ChatRequest, EchoReply, EchoRequest, SleepRequest};
use rootcap_tests::{
    admin::Admin,
    server::{faults, hourly, start},
    wait,
};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use super::{builtin_methods_are_well, shown};

/// A rule of so many calls in flight.
fn rule(name: &str, limit: u32) -> Concurrency {
    Concurrency {
        name: name.to_owned(),
        limit: limit.try_into().unwrap(),
        ..Concurrency::default()
    }
}

async fn serve(rules: Vec<Concurrency>) -> Running {
    start(move |settings: &mut Config| settings.concurrency = rules).await
}

fn of<T>(tenant: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("x-tenant", tenant.parse().unwrap());
    request
}

async fn echo(server: &Running, tenant: &str) -> Result<EchoReply, Status> {
    let reply = faults(server).await.echo(of(tenant, EchoRequest::default())).await;
    reply.map(tonic::Response::into_inner)
}

/// A call that goes on until it is aborted.
async fn sleep(server: &Running, tenant: &str) -> JoinHandle<()> {
    let (mut client, tenant) = (faults(server).await, tenant.to_owned());
    tokio::spawn(async move {
        let _ = client.sleep(of(&tenant, SleepRequest { millis: 600_000 })).await;
    })
}

async fn in_flight(server: &Running, calls: f64) {
    let sleeping = [("grpc_method", "Sleep")];
    Admin::of(server).until("rootcap_calls_in_flight", &sleeping, calls).await;
}

#[tokio::test]
async fn a_caller_that_saturates_its_share_leaves_the_others_untouched() {
    let server =
        serve(vec![Concurrency { per: "metadata:x-tenant".parse().unwrap(), ..rule("share", 2) }])
            .await;
    let noisy = [sleep(&server, "noisy").await, sleep(&server, "noisy").await];
    in_flight(&server, 2.0).await;
    for _ in 0..50 {
        assert_eq!(echo(&server, "noisy").await.unwrap_err().code(), Code::Unavailable);
        echo(&server, "quiet").await.unwrap();
    }
    builtin_methods_are_well(&server).await;
    let page = shown(&server, "/debug/limits/share").await.to_string();
    assert!(page.contains("noisy") && !page.contains("quiet"), "{page}");
    noisy.iter().for_each(JoinHandle::abort);
    in_flight(&server, 0.0).await;
    echo(&server, "noisy").await.unwrap();
}

/// A caller that waits for its share takes nothing of what all share.
#[tokio::test]
async fn who_waits_for_its_share_leaves_the_others_those_of_the_method() {
    let sleeps = "/rootcap.testing.Faults/Sleep".parse().unwrap();
    let share = Concurrency {
        per: "metadata:x-tenant".parse().unwrap(),
        queue: 10,
        queue_timeout: Duration::from_secs(600),
        ..rule("share", 2)
    };
    let server = serve(vec![Concurrency { r#match: sleeps, ..rule("method", 3) }, share]).await;
    let mut noisy = Vec::new();
    for _ in 0..6 {
        noisy.push(sleep(&server, "noisy").await);
    }
    wait::until("four calls in the queue", async || {
        (shown(&server, "/debug/limits/share").await["queued"] == 4).then_some(())
    })
    .await;
    let mut quiet = faults(&server).await;
    quiet.sleep(of("quiet", SleepRequest { millis: 1 })).await.unwrap();
    noisy.iter().for_each(JoinHandle::abort);
}

/// A retry storm of a caller that is over its rate takes no place in a queue.
#[tokio::test]
async fn a_call_that_is_over_its_rate_does_not_wait() {
    let server = start(|settings: &mut Config| {
        settings.concurrency = vec![Concurrency { queue: 5, ..rule("few", 1) }];
        settings.rate_limit = vec![RateLimit {
            name: "tenants".to_owned(),
            per: "metadata:x-tenant".parse().unwrap(),
            quota: hourly(1).unwrap(),
            ..RateLimit::default()
        }];
    })
    .await;
    let busy = sleep(&server, "noisy").await;
    in_flight(&server, 1.0).await;
    for _ in 0..20 {
        let refused = echo(&server, "noisy").await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted, "{}", refused.message());
    }
    assert_eq!(shown(&server, "/debug/limits/few").await["queued"], 0);
    let page = shown(&server, "/debug/limits/tenants").await;
    assert_eq!((&page["rejected"], &page["allowed"]), (&20.into(), &1.into()));
    busy.abort();
    in_flight(&server, 0.0).await;
    echo(&server, "quiet").await.unwrap();
}

#[tokio::test]
async fn a_call_that_is_shed_is_told_why_and_when_to_come_again() {
    let server = serve(vec![rule("few", 1)]).await;
    let _busy = sleep(&server, "a").await;
    in_flight(&server, 1.0).await;
    let shed = echo(&server, "a").await.unwrap_err();
    assert_eq!(shed.code(), Code::Unavailable);
    for word in ["/rootcap.testing.Faults/Echo", "few", "retry after"] {
        assert!(shed.message().contains(word), "{}", shed.message());
    }
    assert!(shed.metadata().contains_key("grpc-retry-pushback-ms"));
    let details = shed.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!(info.reason, "CONCURRENCY_LIMIT_EXCEEDED");
    assert_eq!((&*info.metadata["limit"], &*info.metadata["in_flight"]), ("1", "1"));

    let (status, text) = Admin::of(&server).send(Method::PUT, "/debug/limits/few", "limit=2").await;
    assert_eq!(status, StatusCode::OK, "{text}");
    echo(&server, "a").await.unwrap();
}

#[tokio::test]
async fn the_status_of_what_is_shed_is_a_setting() {
    let server = start(|settings: &mut Config| {
        settings.concurrency = vec![rule("few", 1)];
        settings.limits.shed_code = "resource-exhausted".parse().unwrap();
    })
    .await;
    let _busy = sleep(&server, "a").await;
    in_flight(&server, 1.0).await;
    assert_eq!(echo(&server, "a").await.unwrap_err().code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn a_call_in_the_queue_is_served_when_its_turn_comes_and_one_that_is_too_late_is_refused() {
    let queue =
        Concurrency { queue: 1, queue_timeout: Duration::from_secs(600), ..rule("queue", 1) };
    let server = serve(vec![queue]).await;
    let admin = Admin::of(&server);
    let busy = sleep(&server, "a").await;
    in_flight(&server, 1.0).await;
    let waiting = {
        let mut client = faults(&server).await;
        tokio::spawn(async move { client.echo(EchoRequest::default()).await })
    };
    wait::until("a call in the queue", async || {
        (shown(&server, "/debug/limits/queue").await["queued"] == 1).then_some(())
    })
    .await;
    assert_eq!(admin.calls("phase=queue&method=Echo").await["matching"], 1);
    let metrics = admin.metrics().await;
    for metric in ["rootcap_limit_in_flight", "rootcap_limit_max", "rootcap_limit_queue_length"] {
        assert_eq!(metrics.sum(metric, &[("rule", "queue")]), 1.0, "{metric}");
    }
    let full = echo(&server, "a").await.unwrap_err();
    assert_eq!(full.get_error_details().error_info().unwrap().reason, "QUEUE_FULL");
    busy.abort();
    wait::for_end("its turn", waiting).await.unwrap().unwrap();
    let metrics = admin.metrics().await;
    assert_eq!(metrics.sum("rootcap_limit_queue_seconds_count", &[("rule", "queue")]), 1.0);
}

/// What one caller's messages take, another one's cannot have: who sends much now is shed until it is given back.
#[tokio::test]
async fn while_a_caller_holds_the_room_another_is_shed_and_seen() {
    let server = start(|settings: &mut Config| {
        settings.limits.request_bytes = Some(Size::kib(64));
    })
    .await;
    let mut sleeper = faults(&server).await;
    let (begun, messages) = mpsc::channel(1);
    let payload = vec![0; 60 * 1024];
    begun.send(ChatRequest { payload: payload.clone().into() }).await.unwrap();
    let large = EchoRequest { payload: payload.into() };
    let chat = sleeper.chat(ReceiverStream::new(messages)).await.unwrap();
    let mut replies = chat.into_inner();
    replies.message().await.unwrap().unwrap();

    let shed = faults(&server).await.echo(large.clone()).await.unwrap_err();
    assert_eq!(shed.code(), Code::Unavailable);
    let info = shed.get_error_details().error_info().cloned().unwrap();
    assert_eq!((&*info.reason, &*info.metadata["limit"]), ("REQUEST_BYTES_EXCEEDED", "65536"));
    let page = shown(&server, "/debug/limits/limits.request_bytes").await;
    assert_eq!(page["callers"][0]["caller"], "127.0.0.1", "{page}");
    assert_eq!(page["decisions"][0]["inputs"]["limit"], 65_536, "{page}");

    drop((begun, replies));
    Admin::of(&server).at_rest().await;
    faults(&server).await.echo(large).await.unwrap();
}

#[tokio::test]
async fn a_message_for_which_there_is_no_room_is_refused_and_small_ones_are_not() {
    let server = start(|settings: &mut Config| {
        settings.limits.request_bytes = Some(Size::kib(64));
    })
    .await;
    let large = EchoRequest { payload: vec![0; 100 * 1024].into() };
    let refused = faults(&server).await.echo(large).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "it never fits");
    assert!(refused.message().contains("limits.request_bytes"), "{}", refused.message());
    let half = EchoRequest { payload: vec![0; 40 * 1024].into() };
    for _ in 0..5 {
        faults(&server).await.echo(half.clone()).await.unwrap();
    }
    let page = shown(&server, "/debug/limits/limits.request_bytes").await;
    assert_eq!(page["in_flight"], 0, "all is given back: {page}");
}
