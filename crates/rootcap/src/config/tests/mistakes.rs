//! What is wrong is told: all of it, and where.

use std::io;

use proptest::prelude::*;

use super::*;
use crate::config::load::load_with;

#[test]
fn all_errors_come_at_once_with_key_value_source_and_what_is_accepted() {
    let file = "listen = \"example.com:80\"\n\n[log]\ncalls = \"often\"\nformats = \"json\"\n[drain]\ndeadline = 5\n";
    let vars = [("ROOTCAP_TRACE__RATIO", "1.5"), ("ROOTCAP_LISEN", ":1"), ("OTHER", "x")];
    let errors = errors(Config::load_from(Some(("rootcap.toml", file)), vars));
    let expected = [
        r#"listen = "example.com:80" (rootcap.toml:1): element 1: names of hosts are not resolved, an IP address is needed; expected a list"#,
        r#"log.calls = "often" (rootcap.toml:4): expected one of "both", "end", "errors", "off""#,
        "log.formats (rootcap.toml:5): there is no such setting; did you mean log.format?",
        "drain.deadline = 5 (rootcap.toml:7): the unit is missing; expected a duration such as",
        "environment variable ROOTCAP_LISEN: there is no such setting; did you mean ROOTCAP_LISTEN?",
        r#"trace.ratio = "1.5" (environment variable ROOTCAP_TRACE__RATIO): expected "auto" or a number, from 0.0 to 1.0"#,
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
    assert!(lines.iter().all(|line| line.contains(": not TOML: ")), "{lines:?}");
    assert!(lines[0].starts_with("rootcap.toml:2: "), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("rootcap.toml:4: ")), "{lines:?}");
}

#[test]
fn a_key_set_twice_and_a_section_that_is_a_value_are_errors() {
    assert!(
        errors(from_file("log.calls = 'end'\nlog.calls = 'off'"))[0]
            .starts_with("rootcap.toml:2: not TOML")
    );
    assert_eq!(errors(from_file("\nlog = 3")), ["log (rootcap.toml:2): expected a section: [log]"]);
    assert_eq!(
        errors(from_file("[htpp2]\nstream_window = 1")),
        ["htpp2 (rootcap.toml:1): there is no such setting; did you mean http2?"]
    );
}

#[test]
fn a_number_beyond_64_bits_is_an_error_like_any_other() {
    let lines = errors(from_file("[http2]\nstream_window = 99999999999999999999999"));
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
    assert!(lines[0].len() < 400 && !lines[0].contains('\u{1b}'), "{}", lines[0]);
    let lines = errors(from_file("\"a\\nb\\u001B\" = 1"));
    assert_eq!(lines, [r"a\nb\u{1b} (rootcap.toml:1): there is no such setting"]);
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_beside_the_others() {
    let vars = [("ROOTCAP_CONFIG", "/gone.toml"), ("ROOTCAP_LOG__CALLS", "x")];
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
fn what_tls_lacks_is_told_for_either_port() {
    let file = "[tls]\ncert = 'a'\n[admin.tls]\nkey = 'b'\nclient_auth = 'required'";
    let lines = errors(from_file(file));
    let expected = [
        r#"tls.cert = "a" (rootcap.toml:2): it does nothing while tls.key is "off"; expected both"#,
        r#"admin.tls.key = "b" (rootcap.toml:4): it does nothing while admin.tls.cert is "off"; expected both"#,
        r#"admin.tls.client_auth = "required" (rootcap.toml:5): it does nothing while admin.tls.client_ca is "off"; expected both"#,
    ];
    assert_eq!(lines, expected);
    // Whoever asks for certificates and lets in who has none would think that nobody else comes in.
    let lines = errors(from_vars([("ROOTCAP_TLS__CLIENT_CA", "ca.pem")]));
    assert_eq!(
        lines,
        [
            r#"tls.client_ca = "ca.pem" (environment variable ROOTCAP_TLS__CLIENT_CA): it does nothing while tls.cert is "off"; expected both"#
        ]
    );
    let mut loaded = Loaded::default();
    let in_code = loaded.update(|config| config.tls.client_auth = Auto::Set(ClientAuth::Optional));
    assert!(
        errors(in_code.map(|()| loaded))[0]
            .starts_with(r#"tls.client_auth = "optional" (builder): it does"#)
    );
}

proptest! {
    #[test]
    fn no_file_makes_the_loader_panic(
        before in "[a-z='\"\\[\\]{}.,#\u{e9}\n\r\t0-9]{0,20}",
        key in prop::sample::select(vec!["log.calls", "listen", "deadline.services", "http2", ""]),
        after in "( ?= ?)?[a-z='\"\\[\\]{}.,#\u{e9}\u{2028}\n0-9-]{0,30}",
    ) {
        if let Err(errors) = from_file(&format!("{before}\n{key}{after}")) {
            let lines = errors.to_string().lines().count();
            prop_assert_eq!(lines, errors.iter().count());
        }
    }
}

/// It was found at start only, alone and without its source.
#[test]
fn a_bad_filter_is_told_with_the_other_errors() {
    let in_a_file = errors(from_file("[log]\nfilter = 'my_crate=loud'"));
    assert!(in_a_file[0].starts_with("log.filter = 'my_crate=loud' (rootcap.toml:2): "));
    let vars = [("ROOTCAP_LOG__FILTER", "=[["), ("ROOTCAP_DRAIN__DEADLINE", "x")];
    let lines = errors(from_vars(vars));
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(
        lines[1].starts_with(r#"log.filter = "=[[" (environment variable ROOTCAP_LOG__FILTER): "#)
            && lines[1].contains("expected a level (`off`,"),
        "{lines:#?}"
    );
    let mut loaded = Loaded::default();
    assert!(loaded.update(|config| config.log.filter = "info,,".into()).is_err());
}

/// It was taken for the name of a target, and silenced all others.
#[test]
fn a_mistyped_level_is_an_error() {
    let lines = errors(from_vars([("ROOTCAP_LOG__FILTER", "inof")]));
    assert!(lines[0].contains(r#"there is no level "inof"; did you mean "info"?"#), "{lines:?}");
    let loaded = from_vars([("RUST_LOG", "wran")]).unwrap();
    assert_eq!(loaded.config.log.filter, "info");
    assert!(loaded.warnings[0].contains(r#"did you mean "warn"?"#), "{:?}", loaded.warnings);
    assert_eq!(from_vars([("RUST_LOG", "my_crate")]).unwrap().config.log.filter, "my_crate");
}

/// `RUST_LOG` is set for many programs at once.
#[test]
fn a_bad_rust_log_is_a_warning() {
    let loaded = from_vars([("RUST_LOG", "=[[")]).unwrap();
    assert_eq!(loaded.config.log.filter, "info");
    assert!(loaded.warnings[0].contains("RUST_LOG"), "{:?}", loaded.warnings);
}

/// The error at start named no source, and the one of any other wrong value said that a path would do.
#[test]
fn the_admin_port_is_no_unix_socket() {
    for (text, why) in [("unix:/run/admin.sock", "a Unix socket is not supported here"), ("0", "")]
    {
        let lines = errors(from_vars([("ROOTCAP_ADMIN__LISTEN", text)]));
        assert!(lines[0].contains(why) && lines[0].contains("ADMIN__LISTEN)"), "{lines:?}");
        assert!(!lines[0].contains("unix:/path"), "{lines:?}");
    }
}

#[test]
fn an_endpoint_is_a_collectors_and_its_password_is_never_shown() {
    for (wrong, why) in [
        ("collector:4317", "it does not begin with http:// or https://"),
        ("ftp://u:hunter2@collector", "it does not begin with http:// or https://"),
        ("http://u:hunter2@collector:4317/v1/traces", "OTLP over gRPC has no path"),
        ("http://u:hunter2@", "expected"),
        ("http://u:hunter2@host:0", "expected"),
        ("http://u:hunter2@host:port", "expected"),
        ("http://u:hun@ter2@host:99999", "expected"),
        ("http://collector:4317?token=hunter2", "OTLP over gRPC has no path"),
        ("collector?token=hunter2", "it does not begin with http:// or https://"),
        ("http://u:x?hunter2@collector/path", "OTLP over gRPC has no path"),
        ("http://u:x@collector?hunter2", "OTLP over gRPC has no path"),
    ] {
        let file = format!("otlp.endpoint = '{wrong}'");
        for result in [from_file(&file), from_vars([("ROOTCAP_OTLP__ENDPOINT", wrong)])] {
            let lines = errors(result);
            assert_eq!(lines.len(), 1);
            assert!(
                lines[0].starts_with("otlp.endpoint = ") && lines[0].contains(why),
                "{lines:?}"
            );
            assert!(!lines[0].contains("hunter2") && !lines[0].contains("ter2"), "{lines:?}");
        }
    }
    for right in ["http://[::1]:4317", "https://collector", "http://collector/"] {
        from_vars([("ROOTCAP_OTLP__ENDPOINT", right)]).unwrap();
    }
}

#[test]
fn headers_that_are_none_are_told_without_a_word_of_theirs() {
    let wrongs = [
        "Bearer hunter2==",
        "hunter2=",
        "a=b,hunter2",
        "a=%0ahunter2",
        "hunter2-bin=x",
        "te=hunter2",
        "content-type=hunter2",
        "grpc-timeout=hunter2",
    ];
    for wrong in wrongs {
        let lines = errors(from_vars([("ROOTCAP_OTLP__HEADERS", wrong)]));
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with("otlp.headers = *** ("), "{lines:?}");
        assert!(!lines[0].contains("hunter2"), "{lines:?}");
    }
}

#[test]
fn settings_of_the_export_that_would_do_nothing_are_errors() {
    let plain = ("ROOTCAP_OTLP__ENDPOINT", "http://collector:4317");
    let lines = errors(from_vars([plain, ("ROOTCAP_OTLP__CA_FILE", "/etc/ca.pem")]));
    assert!(lines[0].starts_with("otlp.ca_file = \"/etc/ca.pem\" ("), "{lines:?}");
    let lines = errors(from_vars([("ROOTCAP_OTLP__QUEUE", "10"), ("ROOTCAP_OTLP__BATCH", "11")]));
    assert!(lines[0].ends_with("expected at most otlp.queue, which is 10"), "{lines:?}");
    assert_eq!(from_vars([("ROOTCAP_OTLP__QUEUE", "10")]).unwrap().config.otlp.batch_size(), 10);
}
