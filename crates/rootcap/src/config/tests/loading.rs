//! What the sources say becomes the settings.

use std::num::NonZeroU32;
use std::time::Duration;

use super::*;
use crate::config::load::load_with;

#[test]
fn nothing_set_gives_the_defaults() {
    let loaded = from_vars(NONE).unwrap();
    assert_eq!(loaded, Loaded::default());
    assert_eq!(loaded.config.listen, [Listener::Port(8081)]);
    assert_eq!(loaded.config.admin.listen, Some(Listener::Port(8080)));
    assert_eq!(loaded.sources.of("listen"), &Source::Default);
}

#[test]
fn defaults_keep_the_rules_of_the_table() {
    let mut loaded = Loaded::default();
    loaded.update(|_| {}).unwrap();
    assert_eq!(loaded, Loaded::default());
}

#[test]
fn the_file_counts_more_than_defaults_and_the_environment_more_than_the_file() {
    let file =
        "listen = ['127.0.0.1:0', 'unix:/run/a.sock']\n[drain]\ndeadline = '5s'\nlame_duck = '1s'";
    let vars = [("ROOTCAP_DRAIN__DEADLINE", "7s")];
    let loaded = Config::load_from(Some(("rootcap.toml", file)), vars).unwrap();

    assert_eq!(loaded.config.drain.deadline, Duration::from_secs(7));
    assert_eq!(loaded.config.drain.lame_duck, Duration::from_secs(1));
    assert_eq!(loaded.config.listen.len(), 2);
    assert_eq!(
        loaded.sources.of("drain.deadline").to_string(),
        "environment variable ROOTCAP_DRAIN__DEADLINE"
    );
    assert_eq!(loaded.sources.of("drain.lame_duck").to_string(), "rootcap.toml:4");
}

#[test]
fn the_environment_sets_every_kind_of_value() {
    let config = from_vars([
        ("ROOTCAP_LISTEN", "127.0.0.1:0, localhost:1,unix:/run/a.sock"),
        ("ROOTCAP_ADMIN__LISTEN", "off"),
        ("ROOTCAP_ADMIN__TOKEN_FILE", "/run/token"),
        ("ROOTCAP_DEADLINE__SERVICES", "a.B=1s, c.D=2s"),
        ("ROOTCAP_DEADLINE__METHODS", "/a.B/C=250ms"),
        ("ROOTCAP_HTTP2__STREAM_WINDOW", "65536"),
        ("ROOTCAP_LIMITS__CONCURRENCY", "10"),
        ("ROOTCAP_LIMITS__RATE", "100/s"),
        ("ROOTCAP_LIMITS__RATE_BURST", "20"),
        ("ROOTCAP_LOG__CALLS", "errors"),
        ("ROOTCAP_LOG__METADATA", "x-tenant,x-zone"),
        ("ROOTCAP_METRICS__BUCKETS", "0.1,1,10"),
        ("ROOTCAP_SERVICE__REFLECTION", "off"),
        ("ROOTCAP_TRACE__RATIO", "0.25"),
    ])
    .unwrap()
    .config;
    assert_eq!(config.listen[1], Listener::Address(([127, 0, 0, 1], 1).into()));
    assert_eq!(config.listen[2], Listener::Unix("/run/a.sock".into()));
    assert_eq!(config.admin.listen, None);
    assert_eq!(config.admin.token_file, Some("/run/token".into()));
    assert_eq!(config.deadline.services["c.D"], Duration::from_secs(2));
    assert_eq!(config.deadline.methods["/a.B/C"], Duration::from_millis(250));
    assert_eq!(config.http2.stream_window, Size::kib(64));
    assert_eq!(config.limits.concurrency, NonZeroU32::new(10));
    assert_eq!(config.limits.rate.unwrap().to_string(), "100/s");
    assert_eq!(config.limits.rate_burst.as_set().unwrap().get(), 20);
    assert_eq!(config.log.calls, LogCalls::Errors);
    assert_eq!(config.log.metadata, ["x-tenant", "x-zone"]);
    assert_eq!(config.metrics.buckets, [0.1, 1.0, 10.0]);
    assert_eq!(config.service.reflection, Switch::Off);
    assert_eq!(config.trace_ratio(), 0.25);
}

#[test]
fn toml_false_is_off_and_true_is_on() {
    let file = "[admin]\nlisten = false\n[log]\nbuiltin_calls = true\ncalls = false";
    let config = from_file(file).unwrap().config;
    assert_eq!(config.admin.listen, None);
    assert_eq!(config.log.builtin_calls, Switch::On);
    assert_eq!(config.log.calls, LogCalls::Off);
}

#[test]
fn the_file_is_the_one_that_the_variable_names() {
    let vars = [("ROOTCAP_CONFIG", "/etc/greeter.toml")];
    let loaded = load_with(vars, |path| {
        assert_eq!(path.to_str(), Some("/etc/greeter.toml"));
        Ok("\nlisten = ':1'".to_owned())
    });
    assert_eq!(loaded.unwrap().sources.of("listen").to_string(), "/etc/greeter.toml:2");
    let loaded = load_with(NONE, |_| panic!("no file is named"));
    assert_eq!(loaded.unwrap(), Loaded::default());
}

#[test]
fn code_counts_more_than_all_and_is_tested_too() {
    let mut loaded = from_vars([("ROOTCAP_LOG__CALLS", "end")]).unwrap();
    loaded.update(|config| config.log.calls = LogCalls::Off).unwrap();
    assert_eq!(loaded.sources.of("log.calls"), &Source::Builder);
    assert_eq!(loaded.sources.of("log.filter"), &Source::Default);

    let before = loaded.clone();
    let errors = loaded.update(|config| {
        config.deadline.max = Some(Duration::MAX);
        config.http2.max_frame_size = Size::bytes(3);
    });
    let lines = errors.unwrap_err().to_string();
    assert!(lines.starts_with("http2.max_frame_size = 3 (builder): expected a size"), "{lines}");
    assert!(lines.contains("\ndeadline.max = "), "{lines}");
    assert_eq!(loaded, before);
}
