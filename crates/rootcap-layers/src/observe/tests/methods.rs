//! Which methods enter the table, and that what starts ends.

use http::{HeaderValue, Request};

use super::Observed;
use crate::{
    CatchPanicLayer, ConcurrencyLayer, DeadlineLayer,
    contract::{MESSAGE, Script, Stack, Step, Steps},
    metrics::StatsSnapshot,
};

fn request_to(path: &str, script: Script) -> Request<Steps> {
    let mut request = script.request();
    *request.uri_mut() = path.parse().unwrap();
    request
}

#[tokio::test]
async fn a_method_is_added_when_it_answers() {
    let observed = Observed::new();
    observed.send(request_to("/a.B/First", Script::unary())).await;
    observed.send(request_to("/a.B/Failing", Script::status("5"))).await;
    observed.send(request_to("/a.B/Late", Script::body(&[Step::Trailers("13")]))).await;
    assert_eq!(observed.known(), ["/a.B/Failing", "/a.B/First", "/a.B/Late"]);
    let stats = observed.stats("/a.B/First");
    assert_eq!((stats.started, stats.handled[0], stats.in_flight), (1, 1, 0));
    assert_eq!(observed.unknown().started, 0);
}

#[tokio::test]
async fn what_proves_no_method_adds_none() {
    let observed = Observed::new();
    for number in 0..1_000 {
        let unimplemented = Script::status("12");
        observed.send(request_to(&format!("/a.B/M{number}"), unimplemented.clone())).await;
        observed.send(request_to(&format!("/r{number}.Q/M"), unimplemented)).await;
    }
    for (number, status) in ["7", "8", "16"].into_iter().enumerate() {
        observed.send(request_to(&format!("/a.B/S{number}"), Script::status(status))).await;
    }
    observed.send(request_to("/a.B/Fails", Script::head(&[Step::Fail]))).await;
    let hang = Script::head(&[Step::Hang]);
    let mut hanging =
        tokio_test::task::spawn(observed.stack.send(request_to("/a.B/Cancelled", hang)));
    assert!(hanging.poll().is_pending());
    drop(hanging);
    assert_eq!(observed.known(), [""; 0]);
    let unknown = observed.unknown();
    assert_eq!((unknown.started, unknown.handled.iter().sum::<u64>()), (2_005, 2_005));
    assert_eq!(unknown.in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_policy_answers_proves_no_method() {
    let expired = Observed::over(DeadlineLayer::new(), Stack::new);
    let mut request = request_to("/a.B/Expired", Script::unary());
    request.headers_mut().insert("grpc-timeout", HeaderValue::from_static("0n"));
    expired.send(request).await;
    assert_eq!((expired.known(), expired.unknown().started), (vec![], 1));

    let limited = Observed::over(ConcurrencyLayer::new(std::num::NonZeroUsize::MIN), Stack::new);
    let open = limited.stack.send(request_to("/a.B/Open", Script::unary())).await;
    limited.send(request_to("/a.B/Shed", Script::unary())).await;
    let (call, _) = limited.ends.take();
    assert_eq!(call.rejected_by(), Some("concurrency"));
    drop(open);
    assert_eq!((limited.known(), limited.unknown().started), (vec!["/a.B/Open".to_owned()], 1));

    let panicking = Observed::over(CatchPanicLayer::new(), Stack::new);
    panicking.send(request_to("/a.B/Panics", Script::head(&[Step::Panic]))).await;
    let unknown = panicking.unknown();
    assert_eq!((panicking.known(), unknown.started, unknown.panicked), (vec![], 1, 1));
}

#[tokio::test]
async fn what_has_started_has_ended() {
    let observed = Observed::over(CatchPanicLayer::new(), Stack::new);
    let mut started = 0;
    for path in ["/a.B/C", "/a.B/D", "/x.Y/Z"] {
        for script in [
            Script::unary(),
            Script::stream(),
            Script::status("12"),
            Script::head(&[Step::Fail]),
            Script::head(&[Step::Panic]),
            Script::body(&[Step::Data(MESSAGE), Step::Fail]),
        ] {
            observed.send(request_to(path, script.clone())).await;
            drop(observed.stack.send(request_to(path, script)).await);
            started += 2;
        }
    }
    let all: Vec<_> = observed.methods.all().iter().map(|m| m.stats().snapshot()).collect();
    let sum = |number: fn(&StatsSnapshot) -> u64| all.iter().map(number).sum::<u64>();
    assert_eq!(sum(|stats| stats.started), started);
    assert_eq!(sum(|stats| stats.handled.iter().sum()), started);
    assert_eq!(sum(|stats| stats.latency.count()), started);
    assert!(all.iter().all(|stats| stats.in_flight == 0));
}
