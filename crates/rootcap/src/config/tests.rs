//! What the loader, the errors and the listings promise, one test per sentence.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::num::NonZeroU32;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use super::effective::{entries, render};
use super::input::File;
use super::load::{load_with, read};
use super::schema::settings;
use super::value::{Problems, Rule};
use super::*;

const NONE: [(&str, &str); 0] = [];

fn from_file(text: &str) -> Result<Loaded, ConfigErrors> {
    Config::load_from(Some(("rootcap.toml", text)), NONE)
}

fn from_vars<const N: usize>(vars: [(&str, &str); N]) -> Result<Loaded, ConfigErrors> {
    Config::load_from(None, vars)
}

/// The lines of the errors.
fn errors(result: Result<Loaded, ConfigErrors>) -> Vec<String> {
    result
        .unwrap_err()
        .to_string()
        .lines()
        .map(str::to_owned)
        .collect()
}

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
    assert_eq!(
        loaded.sources.of("drain.lame_duck").to_string(),
        "rootcap.toml:4"
    );
}

#[test]
fn the_environment_sets_every_kind_of_value() {
    let config = from_vars([
        (
            "ROOTCAP_LISTEN",
            "127.0.0.1:0, localhost:1,unix:/run/a.sock",
        ),
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
    assert_eq!(
        config.listen[1],
        Listener::Address(([127, 0, 0, 1], 1).into())
    );
    assert_eq!(config.listen[2], Listener::Unix("/run/a.sock".into()));
    assert_eq!(config.admin.listen, None);
    assert_eq!(config.admin.token_file, Some("/run/token".into()));
    assert_eq!(config.deadline.services["c.D"], Duration::from_secs(2));
    assert_eq!(
        config.deadline.methods["/a.B/C"],
        Duration::from_millis(250)
    );
    assert_eq!(config.http2.stream_window, Size::kib(64));
    assert_eq!(config.limits.concurrency, NonZeroU32::new(10));
    assert_eq!(config.limits.rate.unwrap().to_string(), "100/s");
    assert_eq!(config.limits.rate_burst.as_set().unwrap().get(), 20);
    assert_eq!(config.log.calls, LogCalls::Errors);
    assert_eq!(config.log.metadata, ["x-tenant", "x-zone"]);
    assert_eq!(config.metrics.buckets, [0.1, 1.0, 10.0]);
    assert_eq!(config.service.reflection, Switch::Off);
    assert_eq!(config.trace.ratio, 0.25);
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
fn all_errors_come_at_once_with_key_value_source_and_what_is_accepted() {
    let file = "listen = \"example.com:80\"\n\n[log]\ncalls = \"often\"\nformats = \"json\"\n[drain]\ndeadline = 5\n";
    let vars = [
        ("ROOTCAP_TRACE__RATIO", "1.5"),
        ("ROOTCAP_LISEN", ":1"),
        ("OTHER", "x"),
    ];
    let errors = errors(Config::load_from(Some(("rootcap.toml", file)), vars));
    let expected = [
        r#"listen = "example.com:80" (rootcap.toml:1): element 1: names of hosts are not resolved, an IP address is needed; expected a list"#,
        r#"log.calls = "often" (rootcap.toml:4): expected one of "both", "end", "errors", "off""#,
        "log.formats (rootcap.toml:5): there is no such setting; did you mean log.format?",
        "drain.deadline = 5 (rootcap.toml:7): the unit is missing; expected a duration such as",
        "environment variable ROOTCAP_LISEN: there is no such setting; did you mean ROOTCAP_LISTEN?",
        r#"trace.ratio = "1.5" (environment variable ROOTCAP_TRACE__RATIO): expected a number, from 0.0 to 1.0"#,
    ];
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
    for (error, expected) in errors.iter().zip(expected) {
        assert!(error.starts_with(expected), "{error}\n{expected}");
    }
}

#[test]
fn a_value_that_a_later_source_overrides_must_be_right_as_well() {
    let vars = [("ROOTCAP_LOG__CALLS", "end")];
    let result = Config::load_from(Some(("rootcap.toml", "log.calls = 'x'")), vars);
    assert_eq!(errors(result).len(), 1);
}

#[test]
fn lists_and_maps_tell_every_line_that_is_wrong() {
    let file = "[deadline.services]\n'a.B' = '1s'\n'c.D' = '1'\n'e/f' = '1s'\n[metrics]\nbuckets = [\n  1,\n  'x',\n  2,\n]\n[log]\nmetadata = ['ok', 'NO']";
    let lines = errors(from_file(file));
    assert!(lines[0].starts_with(
        "deadline.services = '1' (rootcap.toml:3): entry \"c.D\": the unit is missing;"
    ));
    assert!(lines[1].starts_with("metrics.buckets = 'x' (rootcap.toml:8): element 2: expected"));
    assert!(
        lines[2]
            .starts_with("log.metadata = 'NO' (rootcap.toml:12): element 2: not a metadata key")
    );
    assert_eq!(lines.len(), 3);
    // The names are looked at when the values are right.
    let lines = errors(from_file("[deadline.services]\n'a.B' = '0s'\n'e/f' = '1s'"));
    assert!(
        lines[0].starts_with("deadline.services = '0s' (rootcap.toml:2): entry \"a.B\": expected")
    );
    assert!(
        lines[1].starts_with(
            "deadline.services = '1s' (rootcap.toml:3): entry \"e/f\": the name is not"
        )
    );
}

#[test]
fn a_file_that_is_no_toml_is_told_by_line() {
    let lines = errors(from_file("listen = ':1'\nlog = = 3\n\n[unclosed\n"));
    assert!(
        lines.iter().all(|line| line.contains(": not TOML: ")),
        "{lines:?}"
    );
    assert!(lines[0].starts_with("rootcap.toml:2: "), "{lines:?}");
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("rootcap.toml:4: ")),
        "{lines:?}"
    );
}

#[test]
fn a_key_set_twice_and_a_section_that_is_a_value_are_errors() {
    assert!(
        errors(from_file("log.calls = 'end'\nlog.calls = 'off'"))[0]
            .starts_with("rootcap.toml:2: not TOML")
    );
    assert_eq!(
        errors(from_file("\nlog = 3")),
        ["log (rootcap.toml:2): expected a section: [log]"]
    );
    assert_eq!(
        errors(from_file("[htpp2]\nstream_window = 1")),
        ["htpp2 (rootcap.toml:1): there is no such setting; did you mean http2?"]
    );
}

#[test]
fn a_number_beyond_64_bits_is_an_error_like_any_other() {
    let lines = errors(from_file(
        "[http2]\nstream_window = 99999999999999999999999",
    ));
    assert!(lines[0].starts_with(
        "http2.stream_window = 99999999999999999999999 (rootcap.toml:2): expected a size"
    ));
}

#[test]
fn values_outside_their_range_are_errors() {
    for (name, value) in [
        ("ROOTCAP_ADMIN__MAX_CONNECTIONS", "0"),
        ("ROOTCAP_CONNECTION__IDLE_TIMEOUT", "0s"),
        ("ROOTCAP_CONNECTION__MAX_AGE", "99999999999999h"),
        ("ROOTCAP_CONNECTION__MAX_AGE", "99999999999999999999999999h"),
        ("ROOTCAP_CONNECTION__MAX_CONNECTIONS", "-1"),
        ("ROOTCAP_DEADLINE__MAX", "0ns"),
        ("ROOTCAP_DEADLINE__METHODS", "a.B/C=1s"),
        ("ROOTCAP_DEADLINE__SERVICES", "a.B=1s,a.B=2s"),
        ("ROOTCAP_DEADLINE__SERVICES", "a.B"),
        ("ROOTCAP_HTTP2__CONNECTION_WINDOW", "2GiB"),
        ("ROOTCAP_HTTP2__MAX_FRAME_SIZE", "16MiB"),
        ("ROOTCAP_HTTP2__MAX_FRAME_SIZE", "99999999TiB"),
        ("ROOTCAP_LIMITS__CONCURRENCY", "0"),
        ("ROOTCAP_LIMITS__RATE", "0/s"),
        ("ROOTCAP_LIMITS__RATE", "2/1ns"),
        ("ROOTCAP_LISTEN", ""),
        ("ROOTCAP_LOG__FILTER", ""),
        ("ROOTCAP_METRICS__BUCKETS", ""),
        ("ROOTCAP_METRICS__BUCKETS", "1,1"),
        ("ROOTCAP_METRICS__BUCKETS", "0,1"),
        ("ROOTCAP_METRICS__BUCKETS", "1,inf"),
        ("ROOTCAP_TRACE__RATIO", "NaN"),
    ] {
        let lines = errors(from_vars([(name, value)]));
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(
            lines[0].contains(&format!("= {value:?} (environment variable {name}): ")),
            "{lines:?}"
        );
        assert!(lines[0].contains("expected "), "{lines:?}");
    }
}

#[test]
fn a_value_cannot_forge_a_line_and_is_cut() {
    let value = format!("x\ny\u{1b}[31m{}", "z".repeat(100_000));
    let lines = errors(from_vars([("ROOTCAP_LOG__CALLS", &value)]));
    assert_eq!(lines.len(), 1);
    assert!(
        lines[0].len() < 400 && !lines[0].contains('\u{1b}'),
        "{}",
        lines[0]
    );
    let lines = errors(from_file("\"a\\nb\\u001B\" = 1"));
    assert_eq!(
        lines,
        [r"a\nb\u{1b} (rootcap.toml:1): there is no such setting"]
    );
}

#[test]
fn a_variable_that_is_not_utf8_is_an_error_that_names_it() {
    let bytes = || OsString::from_vec(vec![0xff]);
    let vars = [
        ("ROOTCAP_LISTEN", bytes()),
        ("OTEL_SERVICE_NAME", bytes()),
        ("HOME", bytes()),
    ];
    let lines = errors(Config::load_from(None, vars));
    assert_eq!(
        lines,
        ["listen (environment variable ROOTCAP_LISTEN): the value is not UTF-8"]
    );
    let name = OsString::from_vec(b"ROOTCAP_\xff".to_vec());
    assert_eq!(errors(Config::load_from(None, [(name, "x")])).len(), 1);
}

#[test]
fn what_kubernetes_injects_is_ignored() {
    let loaded = from_vars([
        ("ROOTCAP_PORT", "tcp://10.0.0.1:8081"),
        ("ROOTCAP_PORT_8081_TCP_ADDR", "10.0.0.1"),
        ("ROOTCAP_SERVICE_HOST", "10.0.0.1"),
        ("ROOTCAP_SERVICE_PORT_GRPC", "8081"),
        ("ROOTCAP_GREETER_SERVICE_HOST", "10.0.0.2"),
        ("ROOTCAP_GREETER_PORT", "tcp://10.0.0.2:80"),
        ("OTEL_COLLECTOR_SERVICE_HOST", "10.0.0.3"),
        ("OTEL_COLLECTOR_PORT_4317_TCP", "tcp://10.0.0.3:4317"),
        // Not injected: a nested key of ours, which begins as Kubernetes' variables do.
        ("ROOTCAP_SERVICE__NAME", "greeter"),
    ])
    .unwrap();
    assert_eq!(loaded.warnings, [""; 0]);
    assert_eq!(loaded.config.service.name.as_set().unwrap(), "greeter");
    assert_eq!(
        errors(from_vars([
            ("ROOTCAP_SERVICE_HOST", "x"),
            ("ROOTCAP_SERVICE__NAM", "x")
        ]))
        .len(),
        1
    );
    assert_eq!(errors(from_vars([("ROOTCAP_GREETER_PORT", "x")])).len(), 1);
    assert_eq!(errors(from_vars([("ROOTCAP_PORTS", "1")])).len(), 1);
}

#[test]
fn under_kubernetes_the_lame_duck_is_five_seconds_unless_set() {
    let sign = ("KUBERNETES_SERVICE_HOST", "10.0.0.1");
    let loaded = from_vars([sign]).unwrap();
    assert_eq!(loaded.config.drain.lame_duck, Duration::from_secs(5));
    let source = loaded.sources.of("drain.lame_duck");
    assert_eq!(
        source,
        &Source::Variable("KUBERNETES_SERVICE_HOST".to_owned())
    );
    let loaded = from_vars([sign, ("ROOTCAP_DRAIN__LAME_DUCK", "0s")]).unwrap();
    assert_eq!(loaded.config.drain.lame_duck, Duration::ZERO);
}

#[test]
fn the_standard_variables_count_less_than_ours_and_more_than_the_file() {
    let file = "[service]\nname = 'file'\n[log]\nfilter = 'warn'\n[trace]\nratio = 0.5";
    let vars = [
        ("OTEL_SERVICE_NAME", "otel"),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.1"),
        ("RUST_LOG", "debug"),
        ("ROOTCAP_SERVICE__NAME", "ours"),
    ];
    let loaded = Config::load_from(Some(("rootcap.toml", file)), vars).unwrap();
    assert_eq!(loaded.config.service.name.as_set().unwrap(), "ours");
    assert_eq!(loaded.config.log.filter, "debug");
    assert_eq!(loaded.config.trace.ratio, 0.1);
    assert_eq!(loaded.warnings, [""; 0]);
}

#[test]
fn samplers_become_a_ratio() {
    for (sampler, ratio, warnings) in [
        ("parentbased_always_on", 1.0, 0),
        ("parentbased_always_off", 0.0, 0),
        ("parentbased_traceidratio", 1.0, 0),
        ("always_on", 1.0, 1),
        ("always_off", 0.0, 1),
        ("traceidratio", 1.0, 1),
        ("jaeger_remote", 0.0, 1),
    ] {
        let loaded = from_vars([("OTEL_TRACES_SAMPLER", sampler)]).unwrap();
        assert_eq!(loaded.config.trace.ratio, ratio, "{sampler}");
        assert_eq!(
            loaded.warnings.len(),
            warnings,
            "{sampler}: {:?}",
            loaded.warnings
        );
    }
    let disabled = from_vars([("OTEL_SDK_DISABLED", "TRUE")]).unwrap();
    assert_eq!(disabled.config.trace.spans, Switch::Off);
}

#[test]
fn what_is_not_supported_of_the_standard_variables_warns_without_its_value() {
    let loaded = from_vars([
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hunter2"),
        ("OTEL_TRACES_SAMPLER", "traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "many"),
        ("OTEL_PROPAGATORS", "b3"),
        ("OTEL_SDK_DISABLED", "perhaps"),
        ("OTEL_LOG_LEVEL", ""),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("RUST_LOG_STYLE", "never"),
    ])
    .unwrap();
    let warnings = loaded.warnings.join("\n");
    assert_eq!(loaded.warnings.len(), 5, "{warnings}");
    for name in [
        "OTLP_HEADERS",
        "SAMPLER works",
        "SAMPLER_ARG",
        "PROPAGATORS",
        "SDK_DISABLED",
    ] {
        assert!(warnings.contains(name), "{name}: {warnings}");
    }
    assert!(!warnings.contains("hunter2"));
    assert_eq!(loaded.config.trace.ratio, 1.0);
    let fine = from_vars([("OTEL_PROPAGATORS", "tracecontext, baggage")]).unwrap();
    assert_eq!(fine.warnings, [""; 0]);
}

#[test]
fn the_file_is_the_one_that_the_variable_names() {
    let vars = [("ROOTCAP_CONFIG", "/etc/greeter.toml")];
    let loaded = load_with(vars, |path| {
        assert_eq!(path.to_str(), Some("/etc/greeter.toml"));
        Ok("\nlisten = ':1'".to_owned())
    });
    assert_eq!(
        loaded.unwrap().sources.of("listen").to_string(),
        "/etc/greeter.toml:2"
    );
    let loaded = load_with(NONE, |_| panic!("no file is named"));
    assert_eq!(loaded.unwrap(), Loaded::default());
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_beside_the_others() {
    let vars = [
        ("ROOTCAP_CONFIG", "/gone.toml"),
        ("ROOTCAP_LOG__CALLS", "x"),
    ];
    let lines = errors(load_with(vars, |_| Err(io::ErrorKind::NotFound.into())));
    assert_eq!(
        lines[0],
        r#"environment variable ROOTCAP_CONFIG: cannot read "/gone.toml": entity not found; expected the path of a TOML file"#
    );
    assert_eq!(lines.len(), 2);
}

#[test]
fn a_burst_without_a_rate_is_an_error() {
    let lines = errors(from_vars([("ROOTCAP_LIMITS__RATE_BURST", "5")]));
    assert!(lines[0].starts_with(
        "limits.rate_burst = 5 (environment variable ROOTCAP_LIMITS__RATE_BURST): it does nothing"
    ));
}

#[test]
fn code_counts_more_than_all_and_is_tested_too() {
    let mut loaded = from_vars([("ROOTCAP_LOG__CALLS", "end")]).unwrap();
    loaded
        .update(|config| config.log.calls = LogCalls::Off)
        .unwrap();
    assert_eq!(loaded.sources.of("log.calls"), &Source::Builder);
    assert_eq!(loaded.sources.of("log.filter"), &Source::Default);

    let before = loaded.clone();
    let errors = loaded.update(|config| {
        config.deadline.max = Some(Duration::MAX);
        config.http2.max_frame_size = Size::bytes(3);
    });
    let lines = errors.unwrap_err().to_string();
    assert!(
        lines.starts_with("http2.max_frame_size = 3 (builder): expected a size"),
        "{lines}"
    );
    assert!(lines.contains("\ndeadline.max = "), "{lines}");
    assert_eq!(loaded, before);
}

#[test]
fn what_is_printed_loads_to_the_same() {
    let loaded = from_vars([
        ("ROOTCAP_ADMIN__LISTEN", "off"),
        ("ROOTCAP_DEADLINE__METHODS", "/a.B/C=1m30s"),
        ("ROOTCAP_LIMITS__RATE", "5/10s"),
        ("ROOTCAP_METRICS__BUCKETS", "0.5"),
        ("ROOTCAP_SERVICE__NAME", "a \"quoted\" \n name"),
    ])
    .unwrap();
    let text = print(&loaded);
    assert!(text.starts_with("listen = [\":8081\"] # default\n\n[admin]\nlisten = \"off\" # environment variable ROOTCAP_ADMIN__LISTEN\n"), "{text}");
    assert_eq!(from_file(&text).unwrap().config, loaded.config);
}

#[test]
fn every_setting_is_listed_with_what_a_reader_needs() {
    let entries = Loaded::default().effective();
    for entry in &entries {
        assert!(
            !entry.doc.is_empty() && !entry.accepts.is_empty(),
            "{}",
            entry.key
        );
        assert_eq!(entry.value, entry.default);
        assert_eq!(entry.source, "default");
        // The default is accepted, and the variable is the one that sets the key.
        let value = format!("{} = {}", entry.key, entry.default);
        assert_eq!(
            from_file(&value).unwrap().config,
            Config::default(),
            "{value}"
        );
    }
    let rate = entries
        .iter()
        .find(|entry| entry.key == "limits.rate")
        .unwrap();
    assert_eq!(rate.variable, "ROOTCAP_LIMITS__RATE");
}

/// A rule that a secret can break.
struct Digits;

impl Rule<Option<Secret<String>>> for Digits {
    fn accepts(&self, _: String) -> String {
        "digits".to_owned()
    }

    fn check(&self, value: &Option<Secret<String>>) -> Result<(), Problems> {
        let secret = value.as_ref().map_or("", |secret| secret.expose());
        if secret.bytes().all(|b| b.is_ascii_digit()) {
            Ok(())
        } else {
            Err(Problems::plain())
        }
    }
}

settings! {
    /// Settings that hold secrets.
    pub struct Hidden {
        /// A secret.
        token: Secret<String> = Secret::new("default-hunter2".to_owned());
        /// A secret that is not there.
        other: Option<Secret<String>> = None, in Digits;
    }
}

#[test]
fn a_secret_is_never_shown() {
    let vars = [("ROOTCAP_OTHER", "hunter2")];
    let file = File {
        name: "f.toml",
        text: "token = ['hunter2']\n",
    };
    let wrong = read::<Hidden>(Some(file), &vars.into_iter().collect());
    assert_eq!(wrong.errors.len(), 2);
    assert!(
        wrong.errors[0]
            .to_string()
            .starts_with("token = *** (f.toml:1): expected a text")
    );

    let file = File {
        name: "f.toml",
        text: "token = 'hunter2'\nother = '12345'",
    };
    let right = read::<Hidden>(Some(file), &NONE.into_iter().collect());
    assert_eq!(right.section.token.expose(), "hunter2");
    let listed = entries(&right.section, &right.sources);
    let shown = format!(
        "{wrong:?}{right:?}{listed:?}{}",
        render(&listed),
        wrong = wrong.errors,
        right = right.section
    );
    assert!(
        !shown.contains("hunter2") && !shown.contains("12345"),
        "{shown}"
    );
    assert!(render(&listed).starts_with("# token = \"***\" # f.toml:1\n"));

    let error = toml::from_str::<Hidden>("other = 'hunter2'").unwrap_err();
    assert!(!error.message().contains("hunter2"));
    let error = serde_json::from_str::<Secret<u8>>("\"hunter2\"").unwrap_err();
    assert!(!error.to_string().contains("hunter2"));
}

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
    assert_eq!(
        users.server.connection.max_age,
        Some(Duration::from_secs(3600))
    );
}

#[test]
fn serde_refuses_what_the_loader_refuses() {
    let unknown = toml::from_str::<Config>("[log]\ncall = 'end'").unwrap_err();
    assert!(
        unknown.message().contains("unknown field `call`"),
        "{unknown}"
    );
    let wrong = toml::from_str::<Config>("[http2]\nmax_frame_size = 1").unwrap_err();
    assert!(wrong.message().starts_with("expected a size"), "{wrong}");
}
