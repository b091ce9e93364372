//! What a rate limit costs with many live keys: `cargo run --release -p rootcap-layers --example keys -- [what] [keys] [calls]`,
//! where `what` is `keyed`, `together`, `passed` and `refused` (through the layer) or `none`. Run under `perf stat -e instructions:u` with two numbers of calls,
//! the difference is what a call costs.

use std::{
    convert::Infallible,
    env,
    hint::black_box,
    num::{NonZeroU32, NonZeroUsize},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::Empty;
use rootcap_layers::{
    RateLimitLayer,
    admission::{Arrival, Decision, Policy, TrustedProxies},
    rate_limit::{Quota, RateRule, RateRules},
};
use tower::{Service, ServiceBuilder};

const PATH: &str = "/helloworld.Greeter/SayHello";

fn rules(per: &str, calls: u32, keys: usize) -> RateRules {
    let (calls, hour) = (NonZeroU32::new(calls).expect("not zero"), Duration::from_secs(3_600));
    let rule = RateRule::new("greetings", Quota::new(calls, hour))
        .matching("/helloworld.Greeter/*".parse().expect("a match"))
        .per(per.parse().expect("something to count by"))
        .max_keys(NonZeroUsize::new(keys).expect("not zero"));
    RateRules::new([rule], TrustedProxies::default()).expect("one rule")
}

fn tenant(number: usize) -> HeaderMap {
    let value = HeaderValue::try_from(format!("tenant-{number}")).expect("visible");
    HeaderMap::from_iter([(http::HeaderName::from_static("x-tenant"), value)])
}

fn admit(rules: &RateRules, headers: &HeaderMap) -> bool {
    let arrival = Arrival { call: None, path: PATH, headers };
    matches!(rules.admit(&arrival, tokio::time::Instant::now), Decision::Admit(()))
}

/// Rules with so many keys, each of which has used one call of very many.
fn filled(keys: usize) -> RateRules {
    let rules = rules("metadata:x-tenant", u32::MAX / 2, keys);
    let slow = rootcap_layers::rate_limit::RateChange {
        rate: Some((NonZeroU32::MIN, Duration::from_secs(3_600))),
        burst: Some(NonZeroU32::MAX),
        ..Default::default()
    };
    rules.change("greetings", slow).expect("there is that rule");
    for key in 0..keys {
        assert!(admit(&rules, &tenant(key)));
    }
    rules
}

/// Each call is the next one's of the callers, by a step that no cache foresees; all are told by one header, so that their
/// requests take no memory of their own.
fn served(rules: &RateRules, keys: usize, calls: usize) {
    let mut headers = tenant(0);
    let name = http::HeaderName::from_static("x-tenant");
    for call in 0..calls {
        let value = format!("tenant-{}", call * 7_919 % keys);
        headers.insert(&name, HeaderValue::try_from(value).expect("visible"));
        assert!(admit(rules, &headers));
    }
}

fn through(rules: RateRules, calls: usize) {
    let handler = async |_: Request<()>| Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()));
    let mut service = ServiceBuilder::new().layer(RateLimitLayer::rules(rules)).service_fn(handler);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    for _ in 0..calls {
        let request = Request::post(PATH).body(()).expect("a request");
        let mut future = std::pin::pin!(service.call(request));
        assert!(black_box(future.as_mut().poll(&mut cx)).is_ready());
    }
}

fn main() {
    let mut args = env::args().skip(1);
    let what = args.next().unwrap_or_else(|| "keyed".into());
    let mut number =
        |otherwise| args.next().map_or(otherwise, |arg| arg.parse().expect("a number"));
    let (keys, calls) = (number(100_000), number(1_000_000));
    let rules = match &*what {
        "keyed" => filled(keys),
        "together" | "passed" => rules("all", u32::MAX, 1),
        _ => rules("all", 1, 1),
    };
    let begun = Instant::now();
    match &*what {
        "none" => (0..calls).for_each(|_| _ = black_box(tokio::time::Instant::now())),
        "refused" | "passed" => through(rules.clone(), calls),
        _ => served(&rules, keys, calls),
    }
    let state = &rules.states()[0];
    println!(
        "{what}: {:.1} ns a call; {} keys in {} bytes",
        begun.elapsed().as_nanos() as f64 / calls as f64,
        state.keys,
        state.bytes
    );
}
