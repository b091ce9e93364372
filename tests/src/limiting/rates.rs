//! Rules of rates: who is limited, what they are told, and what an operator sees and changes.

use std::time::Duration;

use http::{Method, StatusCode};
use rootcap::{
    Running,
    config::{Auto, Config, RateLimit},
};
use rootcap_proto::{
    helloworld::HelloRequest,
    testing::{EchoReply, EchoRequest},
};
use rootcap_tests::{
    admin::Admin,
    example::Example,
    frames::Frames,
    server::{faults, greeter, hourly, start},
    wait,
};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use super::{builtin_methods_are_well, shown};

/// A rule of so many calls an hour.
fn rule(name: &str, calls: u32) -> RateLimit {
    let quota = hourly(calls).unwrap();
    RateLimit { name: name.to_owned(), quota, ..RateLimit::default() }
}

async fn serve(rules: &[RateLimit]) -> Running {
    let rules = rules.to_vec();
    start(move |settings: &mut Config| settings.rate_limit = rules).await
}

async fn echo(server: &Running, tenant: &str) -> Result<EchoReply, Status> {
    let mut request = Request::new(EchoRequest::default());
    request.metadata_mut().insert("x-tenant", tenant.parse().unwrap());
    faults(server).await.echo(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn a_caller_that_is_limited_leaves_the_others_alone_and_is_told_everything() {
    let tenants = RateLimit { per: "metadata:x-tenant".parse().unwrap(), ..rule("tenants", 2) };
    let server = serve(&[tenants]).await;
    for _ in 0..2 {
        echo(&server, "noisy").await.unwrap();
    }
    let refused = echo(&server, "noisy").await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    for word in ["/rootcap.testing.Faults/Echo", "tenants", "retry after"] {
        assert!(refused.message().contains(word), "{}", refused.message());
    }
    let details = refused.get_error_details();
    let delay = details.retry_info().unwrap().retry_delay.unwrap();
    assert!(delay > Duration::from_secs(1_700) && delay <= Duration::from_secs(1_800), "{delay:?}");
    let pushback = refused.metadata().get("grpc-retry-pushback-ms").unwrap().to_str().unwrap();
    let pushback = Duration::from_millis(pushback.parse().unwrap());
    assert!(pushback >= delay && pushback < delay + Duration::from_millis(2), "{pushback:?}");
    assert_eq!(details.quota_failure().unwrap().violations.len(), 1);
    let info = details.error_info().unwrap();
    assert_eq!((info.reason.as_str(), info.domain.as_str()), ("RATE_LIMIT_EXCEEDED", "rootcap"));
    assert_eq!(info.metadata["rule"], "tenants");

    echo(&server, "quiet").await.unwrap();
    builtin_methods_are_well(&server).await;
}

/// A retry storm is answered in few bytes: from its second time on an answer is in the table of HPACK.
#[tokio::test]
async fn what_a_caller_is_told_again_takes_few_bytes() {
    let server = serve(&[rule("one", 1)]).await;
    let mut frames = Frames::connect(server.local_addr()).await;
    let mut told = Vec::new();
    for call in 0..6 {
        let stream = 2 * call + 1;
        frames.call(stream, b"/rootcap.testing.Faults/Echo", (b"te", b"trailers")).await;
        let said = loop {
            let said = frames.ask().await;
            if said.heads > 0 {
                break said;
            }
        };
        assert_eq!((said.heads, said.ended), (1, vec![stream]));
        told.push(said.last_head);
    }
    let [_, once, kept, again @ ..] = &told[..] else { unreachable!() };
    assert!(*once > 400 && *kept > 400, "{told:?}");
    assert!(again.iter().all(|bytes| *bytes < 100), "{told:?}");
}

#[tokio::test]
async fn the_most_specific_rule_answers_and_a_refused_call_uses_up_nothing() {
    let method =
        RateLimit { r#match: "/rootcap.testing.Faults/Echo".parse().unwrap(), ..rule("echo", 1) };
    let service =
        RateLimit { r#match: "/rootcap.testing.Faults/*".parse().unwrap(), ..rule("faults", 1) };
    let server = serve(&[rule("all", 2), service, method]).await;
    echo(&server, "a").await.unwrap();
    for _ in 0..5 {
        let refused = echo(&server, "a").await.unwrap_err();
        assert_eq!(refused.get_error_details().error_info().unwrap().metadata["rule"], "echo");
    }
    // Of all calls one is left, which the five have not taken.
    greeter(&server).await.say_hello(HelloRequest::default()).await.unwrap();
    let refused = greeter(&server).await.say_hello(HelloRequest::default()).await.unwrap_err();
    assert_eq!(refused.get_error_details().error_info().unwrap().metadata["rule"], "all");
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_last_hop_before_it_is_the_peer() {
    let peers = RateLimit { per: "peer".parse().unwrap(), ..rule("peers", 1) };
    let server = start(move |settings: &mut Config| {
        settings.rate_limit = vec![peers];
        settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let through = async |hops: &'static str| {
        let mut request = Request::new(EchoRequest::default());
        request.metadata_mut().insert("x-forwarded-for", hops.parse().unwrap());
        faults(&server).await.echo(request).await.map_err(|status| status.code())
    };
    through("192.0.2.1").await.unwrap();
    through("192.0.2.2").await.unwrap();
    // What the caller itself has written before is not believed.
    let forged = through("203.0.113.9, 192.0.2.1, 127.0.0.2").await;
    assert_eq!(forged.unwrap_err(), Code::ResourceExhausted);
    let same_host = ["2001:db8::1", "2001:db8::ffff:1"];
    through(same_host[0]).await.unwrap();
    assert_eq!(through(same_host[1]).await.unwrap_err(), Code::ResourceExhausted);
}

#[tokio::test]
async fn a_rule_that_observes_refuses_nobody_and_shows_whom_it_would_have() {
    let tenants = RateLimit {
        per: "metadata:x-tenant".parse().unwrap(),
        mode: "observe".parse().unwrap(),
        ..rule("tenants", 2)
    };
    let server = serve(&[tenants]).await;
    for _ in 0..5 {
        echo(&server, "<b>noisy</b>").await.unwrap();
    }
    echo(&server, "quiet").await.unwrap();
    let metrics = Admin::of(&server).metrics().await;
    let labels = [("rule", "tenants"), ("grpc_method", "Echo"), ("decision", "observed")];
    assert_eq!(metrics.sum("rootcap_limit_decisions_total", &labels), 3.0);
    let page = shown(&server, "/debug/limits/tenants").await;
    let text = page.to_string();
    assert!(text.contains("<b>noisy</b>") && !text.contains("quiet"), "{text}");
    let (_, html) = Admin::of(&server).get("/debug/limits/tenants?format=html").await;
    assert!(html.contains("&lt;b&gt;noisy") && !html.contains("<b>noisy"), "{html}");

    // With another quota than it has, or for the same calls of old.
    let what_if = shown(&server, "/debug/limits/tenants?whatif=4/h").await.to_string();
    assert!(what_if.contains("\"would_reject\":1"), "{what_if}");
}

#[tokio::test]
async fn an_operator_changes_a_rule_and_puts_it_back() {
    let server = serve(&[rule("all", 1)]).await;
    let admin = Admin::of(&server);
    echo(&server, "a").await.unwrap();
    echo(&server, "a").await.unwrap_err();

    let (status, text) = admin.send(Method::PUT, "/debug/limits/all", "quota=nonsense").await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{text}");
    assert!(text.contains("expected a rate such as"), "{text}");
    echo(&server, "a").await.unwrap_err();

    let (status, text) = admin.send(Method::PUT, "/debug/limits/all?for=1h", "mode=observe").await;
    assert_eq!(status, StatusCode::OK, "{text}");
    echo(&server, "a").await.unwrap();
    let (status, text) = admin.send(Method::DELETE, "/debug/limits/all", "").await;
    assert_eq!(status, StatusCode::OK, "{text}");
    echo(&server, "a").await.unwrap_err();

    let (status, text) = admin.send(Method::PUT, "/debug/limits/none", "mode=observe").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{text}");
    assert!(text.contains("all"), "{text}");
}

#[tokio::test]
async fn a_change_for_a_time_ends_and_what_was_refused_is_shown_with_its_quota() {
    let server = serve(&[rule("all", 1)]).await;
    let admin = Admin::of(&server);
    echo(&server, "a").await.unwrap();
    let (status, text) = admin.send(Method::PUT, "/debug/limits/all?for=1s", "mode=observe").await;
    assert_eq!(status, StatusCode::OK, "{text}");
    echo(&server, "a").await.unwrap();
    wait::until("the rule to refuse again", async || echo(&server, "a").await.err()).await;
    let inputs = &shown(&server, "/debug/limits/all").await["decisions"][0]["inputs"];
    assert_eq!((&inputs["calls"], &inputs["period_ms"]), (&1.into(), &3_600_000.into()));
}

#[tokio::test]
async fn a_change_of_a_rule_is_logged_with_its_peer() {
    let example = Example::start("greeter", &[("ROOTCAP_LIMITS__RATE", "7/h")]).await;
    let path = "/debug/limits/limits.rate";
    let (status, text) = example.admin.send(Method::PUT, path, "quota=9/h").await;
    assert_eq!(status, StatusCode::OK, "{text}");
    let line = example.line("the change", |line| line.contains("quota=9/h")).await;
    for part in ["quota=7/h", "limits.rate", "127.0.0.1:"] {
        assert!(line.contains(part), "{part} in {line}");
    }
}

#[tokio::test]
async fn the_settings_for_all_calls_are_a_rule_too() {
    let server = start(|settings: &mut Config| {
        settings.limits.rate = hourly(7);
        settings.limits.rate_burst = Auto::Set(2.try_into().unwrap());
    })
    .await;
    echo(&server, "a").await.unwrap();
    let text = shown(&server, "/debug/limits").await.to_string();
    assert!(text.contains("limits.rate") && text.contains("7/h"), "{text}");
    let (status, text) =
        Admin::of(&server).send(Method::PUT, "/debug/limits/limits.rate", "burst=1").await;
    assert_eq!(status, StatusCode::OK, "{text}");
}
