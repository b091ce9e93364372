//! Several rules, and what becomes of them while they are in use.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::*;
use crate::admission::Per;

/// `name match per calls/s`.
fn rule(text: &str) -> RateRule {
    let words: Vec<_> = text.split(' ').collect();
    let [name, matching, per, number] = words[..] else { panic!("{text}") };
    RateRule::new(name, Quota::per_second(calls(number.parse().unwrap())))
        .matching(matching.parse().unwrap())
        .per(per.parse().unwrap())
}

fn refused_by(rules: &RateRules, path: &str, tenant: &str) -> Option<String> {
    ask(rules, path, tenant).err().map(|refusal| refusal.rule.to_string())
}

fn counts(rules: &RateRules, name: &str) -> Counts {
    rules.states().iter().find(|state| &*state.name == name).unwrap().counts
}

fn change(rules: &RateRules, name: &str, change: RateChange) -> RateSettings {
    rules.change(name, change).unwrap().1
}

#[tokio::test(start_paused = true)]
async fn a_rule_is_about_the_calls_that_it_matches() {
    let rules = rules([rule("method /a.B/C all 1"), rule("service /a.B/* all 3")]);
    assert_eq!(refused_by(&rules, "/a.B/C", ""), None);
    assert_eq!(refused_by(&rules, "/a.B/C", "").as_deref(), Some("method"));
    assert_eq!(refused_by(&rules, "/a.B/D", ""), None);
    assert_eq!(refused_by(&rules, "/a.B/D", ""), None);
    assert_eq!(refused_by(&rules, "/a.B/D", "").as_deref(), Some("service"));
    assert!((0..100).all(|_| refused_by(&rules, "/b.B/C", "").is_none()));
}

#[tokio::test(start_paused = true)]
async fn the_most_specific_rule_answers() {
    let names = ["method each", "method", "service each", "service", "all each", "all"];
    let by = |name: &str| {
        let matching = match name.split(' ').next().unwrap() {
            "method" => "/a.B/C",
            "service" => "/a.B/*",
            _ => "*",
        };
        let per = if name.ends_with("each") { "metadata:x-tenant" } else { "all" };
        RateRule::new(name, Quota::per_second(calls(1)))
            .matching(matching.parse().unwrap())
            .per(per.parse().unwrap())
    };
    for first in 0..names.len() {
        // In the order of the file the least specific comes first.
        let rules = rules(names[first..].iter().rev().map(|name| by(name)));
        assert_eq!(refused_by(&rules, "/a.B/C", "blue"), None);
        assert_eq!(refused_by(&rules, "/a.B/C", "blue").as_deref(), Some(names[first]));
    }
}

#[tokio::test(start_paused = true)]
async fn rules_that_are_equally_specific_answer_in_their_order() {
    let rules = rules([rule("b * all 1"), rule("a * all 1"), rule("c * all 1")]);
    assert_eq!(refused_by(&rules, "/a.B/C", ""), None);
    assert_eq!(refused_by(&rules, "/a.B/C", "").as_deref(), Some("b"));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_refused_uses_up_nothing_of_any_rule() {
    let all = [
        rule("each /a.B/* metadata:x-tenant 10"),
        rule("service /a.B/* all 10"),
        rule("all * all 2"),
    ];
    let rules = rules(all);
    for _ in 0..2 {
        assert_eq!(refused_by(&rules, "/a.B/C", "blue"), None);
    }
    for _ in 0..100 {
        assert_eq!(refused_by(&rules, "/a.B/C", "blue").as_deref(), Some("all"));
    }
    assert_eq!(counts(&rules, "all"), Counts { allowed: 2, refused: 100, observed: 0 });
    assert_eq!(counts(&rules, "service"), Counts { allowed: 2, ..Counts::default() });
    // Without the one that refused, the others have as much left as if those calls had never come.
    change(&rules, "all", RateChange { mode: Some(Mode::Observe), ..RateChange::default() });
    let served = (0..100).filter(|_| refused_by(&rules, "/a.B/C", "blue").is_none()).count();
    assert_eq!(served, 8);
    assert_eq!(refused_by(&rules, "/a.B/C", "blue").as_deref(), Some("each"));
    assert_eq!(refused_by(&rules, "/a.B/C", "green").as_deref(), Some("service"));
}

#[tokio::test(start_paused = true)]
async fn each_caller_has_the_whole_quota() {
    let rules = rules([rule("tenants * metadata:x-tenant 2")]);
    for tenant in ["blue", "green", ""] {
        assert_eq!((0..5).filter(|_| ask(&rules, "/a.B/C", tenant).is_ok()).count(), 2, "{tenant}");
    }
    let refusal = ask(&rules, "/a.B/C", "blue").unwrap_err();
    assert_eq!(&*refusal.reason, "the limit of 2 calls in 1s for each `x-tenant` is used up");
    assert_eq!(refusal.retry_after, Duration::from_millis(500));
    let state = &rules.states()[0];
    assert_eq!((state.keys, state.max_keys), (3, DEFAULT_MAX_KEYS.get()));
    advance(Duration::from_secs(1)).await;
    assert_eq!(rules.states()[0].keys, 0);
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_observes_lets_pass_and_counts() {
    let rules = rules([rule("watch * all 2").mode(Mode::Observe), rule("limit * all 4")]);
    let served = (0..10).filter(|_| refused_by(&rules, "/a.B/C", "").is_none()).count();
    assert_eq!(served, 4);
    assert_eq!(counts(&rules, "watch"), Counts { allowed: 2, refused: 0, observed: 2 });
    assert_eq!(counts(&rules, "limit"), Counts { allowed: 4, refused: 6, observed: 0 });
}

#[tokio::test(start_paused = true)]
async fn a_change_keeps_what_was_used() {
    for per in ["all", "metadata:x-tenant"] {
        let rules = rules([rule(&format!("one * {per} 10"))]);
        let served = || (0..100).filter(|_| refused_by(&rules, "/a.B/C", "blue").is_none()).count();
        assert_eq!(served(), 10);
        let hourly = Some((calls(3_600), Duration::from_secs(3_600)));
        let changed = change(&rules, "one", RateChange { rate: hourly, ..RateChange::default() });
        assert_eq!(
            changed.quota,
            Quota::new(calls(3_600), Duration::from_secs(3_600)).burst(calls(10))
        );
        assert_eq!(served(), 9, "{per}: what was used in a second, of ten calls at a second each");
        advance(Duration::from_secs(2)).await;
        assert_eq!(served(), 2, "{per}");
        change(&rules, "one", RateChange { burst: Some(calls(1)), ..RateChange::default() });
        assert_eq!(served(), 0, "{per}");
        advance(Duration::from_secs(1)).await;
        assert_eq!(served(), 1, "{per}: and nobody pays for the old burst any more");
        let observed = change(
            &rules,
            "one",
            RateChange { mode: Some(Mode::Observe), ..RateChange::default() },
        );
        assert_eq!(observed.mode, Mode::Observe);
        assert_eq!(served(), 100);
        assert_eq!(rules.states()[0].quota, observed.quota);
    }
}

#[test]
fn a_change_of_no_rule_is_none() {
    assert_eq!(one(Quota::per_second(calls(1))).change("two", RateChange::default()), None);
}

#[test]
fn rules_that_cannot_stand_together_are_an_error() {
    let new = |rules: Vec<RateRule>| RateRules::new(rules, TrustedProxies::default());
    let error = new(vec![rule("a * all 1"), rule("b * all 1"), rule("a /a.B/C peer 2")]);
    assert_eq!(error.unwrap_err().to_string(), "two rules have the name `a`; each needs its own");
    let many = |number: usize| (0..number).map(|name| rule(&format!("{name} * all 1"))).collect();
    assert!(new(many(64)).is_ok());
    let error = new(many(65)).unwrap_err().to_string();
    assert_eq!(error, "65 rules match one call, of which at most 64 may");
    assert_eq!(ask(&new(many(64)).unwrap(), "/a.B/C", "").map_err(drop), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn programs_are_told_whose_quota_it_is() {
    let stack =
        Stack::new(RateLimitLayer::rules(rules([rule("greetings /a.B/* metadata:x-tenant 1")])));
    stack.call(Script::stream()).await.unwrap();
    let response = stack.call(Script::stream()).await.unwrap();
    assert_eq!(response.headers()["grpc-retry-pushback-ms"], "1000");
    let status = tonic::Status::from_header_map(response.headers()).unwrap();
    assert_eq!(
        status.message(),
        "/a.B/C: the limit of 1 call in 1s for each `x-tenant` is used up (rule `greetings`); retry after 1s"
    );
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!((&*info.reason, &*info.domain), ("RATE_LIMIT_EXCEEDED", "rootcap"));
    assert_eq!((&*info.metadata["rule"], &*info.metadata["limit"]), ("greetings", "1 call in 1s"));
    assert_eq!(details.quota_failure().unwrap().violations[0].subject, "metadata:x-tenant");
    assert_eq!(stack.probe.served(), 1);
}

#[test]
fn a_rule_by_address_believes_the_proxies_that_it_is_told_to() {
    let rule = RateRule::new("peers", Quota::per_second(calls(1))).per(Per::Peer);
    let proxies = ["10.0.0.0/8".parse().unwrap()].into_iter().collect();
    let rules = RateRules::new([rule], proxies).unwrap();
    let counted = crate::contract::counted(async || {
        let (observe, layer) = (observe(), RateLimitLayer::rules(rules.clone()));
        let stack =
            Stack::new(tower::ServiceBuilder::new().layer(observe).layer(layer).into_inner());
        for (socket, said) in [
            ("10.0.0.1", "192.0.2.1"),
            ("10.0.0.2", "192.0.2.1"),
            ("10.0.0.1", "192.0.2.2"),
            ("192.0.2.2", "192.0.2.9"),
        ] {
            let mut request = Script::unary().request();
            request.extensions_mut().insert(peer(socket));
            request.headers_mut().insert("x-forwarded-for", said.parse().unwrap());
            stack.send(request).await.unwrap();
        }
    });
    let series = |decision| {
        let mut series = counted.iter().filter(|(name, _)| name.contains(decision));
        series
            .find(|(name, _)| name.contains("grpc_service=a.B,grpc_method=C"))
            .map(|(_, count)| *count)
    };
    assert_eq!((series("decision=allowed"), series("decision=rejected")), (Some(2), Some(2)));
}

fn observe() -> crate::observe::ObserveLayer<()> {
    let methods = crate::Methods::builder();
    let methods = methods.method("a.B", "C", crate::MethodKind::Unary, crate::Origin::User).build();
    crate::observe::ObserveLayer::new((), std::sync::Arc::new(methods))
}

fn peer(address: &str) -> std::sync::Arc<crate::Peer> {
    std::sync::Arc::new(crate::Peer::new(std::net::SocketAddr::new(
        address.parse().unwrap(),
        50_000,
    )))
}

/// A call that took by the old quota, after what was used had been converted, left a debt of hours to a quota of seconds.
#[test]
fn a_change_waits_for_calls_that_go_by_the_old_quota() {
    let quota = |period| RateChange {
        rate: Some((calls(1), period)),
        burst: Some(NonZeroU32::MAX),
        ..RateChange::default()
    };
    let rules = one(Quota::per_second(calls(1)));
    let ends = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ends.load(Relaxed) {
                admits(&rules);
            }
        });
        for _ in 0..2_000 {
            change(&rules, "one", quota(Duration::from_secs(3_600)));
            let fast = RateChange { burst: Some(calls(1)), ..quota(Duration::from_nanos(1)) };
            change(&rules, "one", fast);
            let waits = (0..10).filter_map(|_| ask(&rules, "/a.B/C", "").err());
            let longest = waits.map(|refusal| refusal.retry_after).max().unwrap_or_default();
            ends.store(longest > Duration::from_secs(60), Relaxed);
            assert!(!ends.load(Relaxed), "{longest:?}");
        }
        ends.store(true, Relaxed);
    });
}
