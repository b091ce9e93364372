//! Our settings within a user's own.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;

#[derive(Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Users {
    greeting: String,
    #[serde(default)]
    server: Config,
    quota: Option<Rate>,
}

#[test]
fn a_users_settings_can_hold_ours() {
    let text = "greeting = 'Hello'\nquota = '5/s'\n[server.log]\ncalls = 'end'\n[server.deadline.services]\n'a.B' = '1s'";
    let users: Users = toml::from_str(text).unwrap();
    assert_eq!(users.server.log.calls, LogCalls::End);
    assert_eq!(
        users.server.deadline.services,
        BTreeMap::from([("a.B".to_owned(), Duration::from_secs(1))])
    );
    assert_eq!(users.server.http2, Http2::default());

    let json = r#"{"greeting": "Hello", "server": {"connection": {"max_age": "1h"}}}"#;
    let users: Users = serde_json::from_str(json).unwrap();
    assert_eq!(users.server.connection.max_age, Some(Duration::from_secs(3600)));
}

#[test]
fn serde_refuses_what_the_loader_refuses() {
    let unknown = toml::from_str::<Config>("[log]\ncall = 'end'").unwrap_err();
    assert!(unknown.message().contains("unknown field `call`"), "{unknown}");
    let wrong = toml::from_str::<Config>("[http2]\nmax_frame_size = 1").unwrap_err();
    assert!(wrong.message().starts_with("expected a size"), "{wrong}");
}
