//! `/debug/limits`: seeing the limits, and changing them.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use rootcap_layers::admission::Mode;
use rootcap_layers::limits::{Decided, LastDecisions, Verdict};

use super::client::{Reply, get, raw, send};
use super::{Fake, MARKUP, Running, start, start_with};
use crate::admin::Settings;
use crate::admin::token::Token;
use crate::config::{Auto, Rate, Size};
use crate::in_force::{Given, Origin};
use crate::limits::{
    Amount, Caller, Described, Limit, LimitError, LimitSetting, Limits, Looks, Rule, WhatIf,
};

const PAGE: &str = "/debug/limits";
const GREETINGS: &str = "/debug/limits/greetings";

/// Rules of each kind, with callers and names that mean harm.
#[derive(Clone)]
pub(in crate::admin) struct FakeLimits(pub(super) Limits, Arc<Mutex<Vec<LimitSetting>>>);

impl std::fmt::Debug for FakeLimits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeLimits")
    }
}

/// A rule that notes what is set.
struct Noting {
    looks: Looks,
    set: Arc<Mutex<Vec<LimitSetting>>>,
}

impl Rule for Noting {
    fn looks(&self) -> Looks {
        self.looks.clone()
    }

    fn set(&self, setting: &LimitSetting) -> Result<(), LimitError> {
        if matches!(setting.amount, Amount::Bytes(_)) {
            return Err(LimitError::Fixed("it stays as it is".to_owned()));
        }
        self.set.lock().unwrap().push(setting.clone());
        Ok(())
    }

    /// As many are refused as the quota and the burst add up to.
    fn what_if(&self, quota: Rate, burst: u32) -> Option<WhatIf> {
        Some(WhatIf {
            window: Duration::from_secs(300),
            calls: 1_234,
            callers: 12,
            would_reject: (quota.count().get() + burst) as usize,
            callers_rejected: 2,
            worst: vec![(Some(MARKUP.to_owned()), 70), (None, 30)],
        })
    }
}

fn described(name: &str, kind: &'static str, per: &str) -> Described {
    Described {
        name: name.into(),
        kind,
        matches: "/helloworld.Greeter/*".into(),
        per: per.into(),
        queue: (kind == "concurrency").then_some((9, Duration::from_secs(2))),
        max_keys: (kind == "rate").then_some(500),
    }
}

fn given(amount: Amount) -> Given<LimitSetting> {
    let source = Origin::Settings("rootcap.toml:7".to_owned());
    Given::new(LimitSetting { amount, mode: Mode::Enforce }, source, SystemTime::now())
}

fn hundred() -> Rate {
    Rate::new(NonZeroU32::new(100).unwrap(), Duration::from_secs(1)).unwrap()
}

impl Default for FakeLimits {
    fn default() -> Self {
        let set: Arc<Mutex<Vec<_>>> = Arc::default();
        let rule = |looks| Noting { looks, set: Arc::clone(&set) };
        let caller = Caller { key: MARKUP.into(), rate: 12.34, at_least: 0.5, in_flight: None };
        let rates = Looks {
            allowed: Some(1_000),
            rejected: Some(20),
            observed: Some(3),
            keys: Some(77),
            callers: vec![caller.clone(), Caller { key: String::new(), ..caller }],
            ..Looks::default()
        };
        let calls = Looks {
            in_flight: Some(5),
            queued: Some(2),
            oldest_wait: Some(Duration::from_millis(3)),
            ..Looks::default()
        };
        let quota = Amount::Quota { quota: hundred(), burst: Auto::Set(NonZeroU32::MIN) };
        let limits = [
            Limit::new(
                described("greetings", "rate", "metadata:x-tenant"),
                given(quota),
                rule(rates),
            ),
            Limit::new(
                described(MARKUP, "concurrency", "peer"),
                given(Amount::Calls(NonZeroU32::new(8).unwrap())),
                rule(calls),
            ),
            Limit::new(
                described("bytes", "request_bytes", "all"),
                given(Amount::Bytes(Size::mib(64))),
                rule(Looks::default()),
            ),
        ];
        let decisions = LastDecisions::new();
        for (rule, reason) in [("other", "QUEUE_FULL"), ("greetings", "RATE_LIMIT_EXCEEDED")] {
            decisions.note(&Decided {
                at: 0,
                rule: &rule.into(),
                method: MARKUP,
                caller: MARKUP,
                verdict: Verdict::Rejected,
                reason,
                inputs: &[("retry_after_ms", 15)],
            });
        }
        let latest =
            move || decisions.latest().into_iter().map(|it| (Duration::ZERO, it)).collect();
        Self(Limits::new(limits, latest), set)
    }
}

impl FakeLimits {
    /// What counts now: the last that was set.
    fn last_set(&self) -> Option<String> {
        self.1.lock().unwrap().last().map(ToString::to_string)
    }
}

fn put(server: &Running, target: &str, body: &str) -> Reply {
    // As `curl -X PUT -d` sends it.
    let head = format!(
        "PUT {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept: */*\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    raw(server.address, &[head.as_bytes(), body.as_bytes()].concat())
}

fn rule(server: &Running) -> serde_json::Value {
    get(server.address, "/debug/limits/greetings?format=json").json()
}

#[test]
fn the_page_shows_rules_callers_and_decisions() {
    let server = start(Fake::default());
    // As `curl` asks for it.
    let json = get(server.address, PAGE).json();
    let first = &json["rules"][0];
    for (key, value) in [
        ("name", "greetings".into()),
        ("kind", "rate".into()),
        ("match", "/helloworld.Greeter/*".into()),
        ("per", "metadata:x-tenant".into()),
        ("quota", "100/s".into()),
        ("burst", 1.into()),
        ("limit", serde_json::Value::Null),
        ("mode", "enforce".into()),
        ("allowed", 1_000.into()),
        ("rejected", 20.into()),
        ("observed", 3.into()),
        ("keys", 77.into()),
        ("in_flight", serde_json::Value::Null),
        ("set_by", "settings: rootcap.toml:7".into()),
        ("expires_in", serde_json::Value::Null),
    ] {
        assert_eq!(first[key], value, "{key} in {json}");
    }
    let caller =
        serde_json::json!({"caller": MARKUP, "rate": 12.34, "at_least": 0.5, "in_flight": null});
    assert_eq!(first["callers"][0], caller);
    let second = &json["rules"][1];
    assert_eq!((&second["limit"], &second["in_flight"]), (&8.into(), &5.into()));
    assert_eq!((&second["queue"], &second["queue_timeout_seconds"]), (&9.into(), &2.0.into()));
    assert_eq!((&first["max_keys"], &second["max_keys"]), (&500.into(), &serde_json::Value::Null));
    assert_eq!(second["oldest_wait_seconds"], 0.003);
    assert_eq!(json["rules"][2]["limit"], 64 << 20);
    let decision = &json["decisions"][0];
    assert_eq!(decision["inputs"], serde_json::json!({"retry_after_ms": 15}));
    assert_eq!(
        (&decision["rule"], &decision["decision"]),
        (&"greetings".into(), &"rejected".into())
    );

    let text = get(server.address, "/debug/limits?format=text");
    for part in [
        "100/s, 1 at once",
        "8 in flight, 9 may wait for 2s",
        "77 of at most 500 callers known",
        "5 in flight, 2 wait, the oldest for 3.00ms",
        "12.3/s",
        "(callers without a key)",
    ] {
        assert!(text.text().contains(part), "{part} in {}", text.text());
    }
}

#[test]
fn a_rule_has_a_page_of_its_own_whatever_its_name() {
    let server = start(Fake::default());
    let browser = [("Host", "localhost"), ("Accept", "text/html")];
    let all = send(server.address, "GET", PAGE, &browser);
    let links = all.text().split("href=\"/debug/limits/").skip(1);
    let links: Vec<_> = links.map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(links.len(), 3);
    for link in &links {
        let reply = send(server.address, "GET", &format!("{PAGE}/{link}"), &browser);
        assert_eq!(reply.status, 200, "{link}");
    }
    let hostile = get(server.address, &format!("{PAGE}/{}?format=json", links[1]));
    assert_eq!(hostile.json()["name"], MARKUP);
    let decisions = rule(&server)["decisions"].clone();
    assert_eq!(
        decisions.as_array().unwrap().len(),
        1,
        "those of others are not its own: {decisions}"
    );
}

#[test]
fn an_unknown_rule_is_not_found_and_the_known_ones_are_told() {
    let server = start(Fake::default());
    for reply in [
        get(server.address, "/debug/limits/greeting"),
        get(server.address, "/debug/limits/greeting?whatif=5/s"),
        put(&server, "/debug/limits/%3Cb%3E", "mode=observe"),
        send(server.address, "DELETE", "/debug/limits/Greetings", &[("Host", "localhost")]),
    ] {
        assert_eq!(reply.status, 404, "{}", reply.text());
        let text = reply.text();
        assert!(text.starts_with("there is no such rule; those there are: greetings, "), "{text}");
    }
}

#[test]
fn a_put_changes_a_rule_until_a_delete() {
    let fake = Fake::default();
    let limits = fake.limits.clone();
    let server = start(fake);
    let reply = put(&server, GREETINGS, "quota=50/s&burst=auto&mode=observe");
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!((&reply.json()["quota"], &reply.json()["burst"]), (&"50/s".into(), &50.into()));
    assert_eq!(limits.last_set().unwrap(), "quota=50/s&burst=auto&mode=observe");
    let json = rule(&server);
    assert_eq!((&json["quota"], &json["mode"]), (&"50/s".into(), &"observe".into()));
    assert!(json["set_by"].as_str().unwrap().starts_with("peer 127.0.0.1:"), "{json}");
    assert_eq!(json["falls_back_to"], "quota=100/s&burst=1&mode=enforce");
    assert!(json["expires_in"].is_null(), "{json}");

    // What is not said stays as it is.
    assert_eq!(put(&server, "/debug/limits/greetings?for=10m", "burst=7\n").status, 200);
    assert_eq!(limits.last_set().unwrap(), "quota=50/s&burst=7&mode=observe");
    let json = rule(&server);
    assert!(["9m59s", "10m0s"].contains(&json["expires_in"].as_str().unwrap()), "{json}");
    let all = get(server.address, "/debug/limits?format=text");
    assert!(
        all.text().contains("9m59s more") || all.text().contains("10m0s more"),
        "{}",
        all.text()
    );

    for _ in 0..2 {
        let reply = send(server.address, "DELETE", GREETINGS, &[("Host", "localhost")]);
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(limits.last_set().unwrap(), "quota=100/s&burst=1&mode=enforce");
    }
    assert_eq!(rule(&server)["set_by"], "settings: rootcap.toml:7");
}

#[test]
fn a_limit_of_calls_is_changed_by_its_limit() {
    let fake = Fake::default();
    let limits = fake.limits.clone();
    let server = start(fake);
    let path = crate::admin::path::of_name("/debug/limits/", MARKUP);
    assert_eq!(put(&server, &path, "limit=9").status, 200);
    assert_eq!(limits.last_set().unwrap(), "limit=9&mode=enforce");
    for (path, body) in [
        (&*path, "quota=5/s"),
        (&path, "burst=5"),
        (&path, "limit=0"),
        (&path, "limit=5MiB"),
        // As in the settings.
        (&path, "limit=1000001"),
        ("/debug/limits/bytes", "limit=20"),
        ("/debug/limits/bytes", "limit=2TiB"),
    ] {
        let reply = put(&server, path, body);
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.text().contains("expected"), "{body}: {}", reply.text());
    }
    assert_eq!(limits.last_set().unwrap(), "limit=9&mode=enforce");
    let reply = put(&server, "/debug/limits/bytes", "limit=1MiB");
    assert_eq!((reply.status, reply.text()), (409, "it stays as it is\nNothing was changed.\n"));
    assert_eq!(get(server.address, "/debug/limits/bytes?format=json").json()["limit"], 64 << 20);
}

#[test]
fn what_is_wrong_is_refused_with_what_is_accepted_and_nothing_changes() {
    let fake = Fake::default();
    let limits = fake.limits.clone();
    let server = start(fake);
    let long = "x".repeat(5_000);
    for (query, body, says) in [
        ("", "", "nothing to change; expected some of quota=100/s&burst=1&mode=enforce"),
        ("", "quota=fast", "quota=fast: expected a rate such as \"100/s\""),
        ("", "quota=0/s", "expected a rate"),
        ("", "quota=5/fortnight", "expected a rate"),
        ("", "burst=0", "burst=0: expected \"auto\" or a whole number, at least 1"),
        ("", "burst=-1", "a whole number"),
        ("", "mode=off", "mode=off: expected \"enforce\" or \"observe\""),
        ("", "limit=5", "this rule has no limit"),
        ("", "quotas=5/s", "expected \"quota\", \"burst\", \"limit\" or \"mode\""),
        ("", "quota=5/s&quota=6/s", "more than one \"quota\""),
        ("", "{\"quota\":\"5/s\"}", "there is no parameter"),
        ("", "quota=\x1b[31m", "expected a rate"),
        ("", &*long, "there is no parameter"),
        ("?for=", "mode=observe", "expected \"off\" or a duration"),
        ("?for=25h", "mode=observe", "from 1s to 24h"),
        ("?fro=5m", "mode=observe", "there is no parameter \"fro\""),
        ("?for=5m&for=6m", "mode=observe", "more than one"),
        ("?quota=5/s", "mode=observe", "there is no parameter \"quota\""),
    ] {
        let reply = put(&server, &format!("{GREETINGS}{query}"), body);
        assert_eq!(reply.status, 400, "{query} {body}: {}", reply.text());
        assert!(reply.text().contains(says), "{query} {body}: {}", reply.text());
        assert!(reply.text().ends_with("Nothing was changed.\n"), "{}", reply.text());
        assert!(!reply.text().contains('\x1b') && reply.body.len() < 1_000, "{}", reply.text());
    }
    let put_bytes = b"PUT /debug/limits/greetings HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\n\xff\xfe";
    assert_eq!(raw(server.address, put_bytes).status, 400);
    let delete =
        send(server.address, "DELETE", "/debug/limits/greetings?for=5m", &[("Host", "localhost")]);
    assert_eq!(delete.status, 400);
    assert_eq!(limits.last_set(), None);
}

#[test]
fn another_quota_can_be_tried() {
    let server = start(Fake::default());
    let json =
        get(server.address, "/debug/limits/greetings?whatif=50%2Fs&burst=10&format=json").json();
    let tried = serde_json::json!({
        "quota": "50/s",
        "burst": 10,
        "window_seconds": 300.0,
        "calls": 1234,
        "callers": 12,
        "would_reject": 60,
        "callers_rejected": 2,
        "worst": [{"caller": MARKUP, "would_reject": 70}, {"caller": null, "would_reject": 30}],
    });
    assert_eq!(json["whatif"], tried);
    assert_eq!(json["quota"], "100/s", "nothing has changed");
    // As many at once as the rule has now.
    let text = get(server.address, "/debug/limits/greetings?whatif=50/s&format=text");
    assert!(
        text.text().contains("would have refused 51 of the last 1234 calls, which came in 5m0s")
    );
    for query in [
        "whatif=",
        "whatif=5",
        "whatif=5/s&burst=x",
        "burst=5",
        "what=5/s",
        "whatif=5/s&whatif=5/s",
    ] {
        let reply = get(server.address, &format!("{GREETINGS}?{query}"));
        assert_eq!(reply.status, 400, "{query}: {}", reply.text());
    }
    let wrong = get(server.address, &format!("{GREETINGS}?whatif=fast"));
    assert!(wrong.text().starts_with("whatif=fast: expected a rate"), "{}", wrong.text());
    let bytes = get(server.address, "/debug/limits/bytes?whatif=5/s");
    assert_eq!(bytes.status, 400, "{}", bytes.text());
    assert_eq!(get(server.address, "/debug/limits?whatif=5/s").status, 400);
}

#[test]
fn who_may_not_see_the_page_may_not_change_it() {
    let file = super::token::TokenFile::new("s3cret");
    let token = Some(Token::from_file(file.path()).unwrap());
    let fake = Fake::default();
    let limits = fake.limits.clone();
    let server = start_with(fake, Settings { token, ..Settings::default() });
    for method in ["GET", "PUT", "DELETE"] {
        assert_eq!(send(server.address, method, GREETINGS, &[("Host", "localhost")]).status, 401);
    }
    let other_site = [
        ("Host", "localhost"),
        ("Authorization", "Bearer s3cret"),
        ("Origin", "https://example.com"),
    ];
    for method in ["PUT", "DELETE"] {
        assert_eq!(send(server.address, method, GREETINGS, &other_site).status, 403, "{method}");
    }
    assert_eq!(limits.last_set(), None);
}

/// The time is paused: it moves on when there is nothing else to do.
#[tokio::test(start_paused = true)]
async fn a_change_ends_by_itself_and_what_is_configured_comes_back() {
    let FakeLimits(limits, set) = FakeLimits::default();
    let change = crate::limits::LimitChange { mode: Some(Mode::Observe), ..Default::default() };
    let lasts = Some(Duration::from_secs(600));
    limits.change("greetings", &change, None, lasts).unwrap();
    let limit = limits.iter().next().unwrap().clone();
    let ending = tokio::spawn(limit.clone().end_changes());
    let mode = || limit.state().current().value.mode;
    tokio::time::sleep(Duration::from_millis(599_990)).await;
    assert_eq!(mode(), Mode::Observe);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(mode(), Mode::Enforce);
    assert_eq!(set.lock().unwrap().last().unwrap().mode, Mode::Enforce);
    ending.abort();
}
