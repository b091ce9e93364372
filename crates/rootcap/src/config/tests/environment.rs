//! Variables that are not ours: those of Kubernetes, OpenTelemetry and the rest.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use super::*;

#[test]
fn a_variable_that_is_not_utf8_is_an_error_that_names_it() {
    let bytes = || OsString::from_vec(vec![0xff]);
    let vars = [("ROOTCAP_LISTEN", bytes()), ("OTEL_SERVICE_NAME", bytes()), ("HOME", bytes())];
    let lines = errors(Config::load_from(None, vars));
    assert_eq!(lines, ["listen (environment variable ROOTCAP_LISTEN): the value is not UTF-8"]);
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
        ("ROOTCAP_SERVICE__REFLECTION", "off"),
    ])
    .unwrap();
    assert_eq!(loaded.warnings, [""; 0]);
    assert_eq!(loaded.config.service.reflection, Switch::Off);
    assert_eq!(
        errors(from_vars([("ROOTCAP_SERVICE_HOST", "x"), ("ROOTCAP_SERVICE__REFLECTIO", "on")]))
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
    assert_eq!(source, &Source::Variable("KUBERNETES_SERVICE_HOST".to_owned()));
    let loaded = from_vars([sign, ("ROOTCAP_DRAIN__LAME_DUCK", "0s")]).unwrap();
    assert_eq!(loaded.config.drain.lame_duck, Duration::ZERO);
}

#[test]
fn the_standard_variables_count_less_than_ours_and_more_than_the_file() {
    let file = "[log]\nfilter = 'warn'\n[trace]\nratio = 0.5";
    let vars = [
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.1"),
        ("RUST_LOG", "debug"),
        ("ROOTCAP_LOG__FILTER", "trace"),
    ];
    let loaded = Config::load_from(Some(("rootcap.toml", file)), vars).unwrap();
    assert_eq!(loaded.config.log.filter, "trace");
    assert_eq!(loaded.config.trace_ratio(), 0.1);
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
        assert_eq!(loaded.config.trace_ratio(), ratio, "{sampler}");
        assert_eq!(loaded.warnings.len(), warnings, "{sampler}: {:?}", loaded.warnings);
    }
    let disabled = from_vars([
        ("OTEL_TRACES_SAMPLER", "parentbased_always_on"),
        ("OTEL_SDK_DISABLED", "TRUE"),
    ])
    .unwrap();
    assert_eq!(disabled.config.trace_ratio(), 0.0);
}

#[test]
fn what_is_not_supported_of_the_standard_variables_warns_without_its_value() {
    let loaded = from_vars([
        ("OTEL_EXPORTER_OTLP_HEADERS", "no equals sign hunter2"),
        ("OTEL_TRACES_SAMPLER", "traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "many"),
        ("OTEL_PROPAGATORS", "jaeger"),
        ("OTEL_SDK_DISABLED", "perhaps"),
        ("OTEL_LOG_LEVEL", ""),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("RUST_LOG_STYLE", "never"),
    ])
    .unwrap();
    let warnings = loaded.warnings.join("\n");
    assert_eq!(loaded.warnings.len(), 5, "{warnings}");
    for name in ["OTLP_HEADERS", "SAMPLER works", "SAMPLER_ARG", "PROPAGATORS", "SDK_DISABLED"] {
        assert!(warnings.contains(name), "{name}: {warnings}");
    }
    assert!(!warnings.contains("hunter2"));
    assert_eq!(loaded.config.trace_ratio(), 1.0);
}

#[test]
fn propagators_that_are_known_are_taken() {
    use Propagator::{B3, B3Multi, TraceContext};
    for (value, propagation, warnings) in [
        ("tracecontext", &[TraceContext][..], 0),
        ("tracecontext,baggage", &[TraceContext], 1),
        ("b3multi, tracecontext,b3", &[B3Multi, TraceContext, B3], 0),
        ("none", &[], 0),
        ("jaeger,xray", &[TraceContext], 2),
        (",", &[TraceContext], 0),
    ] {
        let loaded = from_vars([("OTEL_PROPAGATORS", value)]).unwrap();
        assert_eq!(loaded.config.trace.propagation, propagation, "{value}");
        assert_eq!(loaded.warnings.len(), warnings, "{value}: {:?}", loaded.warnings);
    }
    let ours = from_vars([("OTEL_PROPAGATORS", "b3"), ("ROOTCAP_TRACE__PROPAGATION", "b3multi")]);
    assert_eq!(ours.unwrap().config.trace.propagation, [B3Multi]);
}

#[test]
fn opentelemetrys_variables_say_where_traces_go() {
    let loaded = from_vars([
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hunter2,x-tenant=a"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:4317/"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "50"),
        ("OTEL_BSP_SCHEDULE_DELAY", "250"),
        ("OTEL_LOGS_EXPORTER", "otlp"),
        ("OTEL_SERVICE_NAME", "greeter"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team=a%2Cb,service.namespace=shop"),
        ("OTEL_RESOURCE_ATTRIBUTES_POD_NAME", "greeter-0"),
    ])
    .unwrap();
    assert_eq!(loaded.warnings, [""; 0]);
    let otlp = &loaded.config.otlp;
    assert_eq!(otlp.endpoint.as_ref().unwrap().to_string(), "http://traces:4317");
    assert_eq!(otlp.headers["authorization"].expose(), "Bearer hunter2");
    assert_eq!(otlp.timeout, Duration::from_millis(2500));
    assert_eq!((otlp.queue, otlp.batch_size()), (100, 50));
    assert_eq!(otlp.interval, Duration::from_millis(250));
    assert!(loaded.config.exports_logs() && loaded.config.exports_traces());
    assert_eq!(loaded.config.service.attributes["team"], "a,b");
    assert_eq!(loaded.config.trace_ratio(), 1.0);
    let shown = format!("{:?}{:?}{}", loaded, loaded.effective(), print(&loaded));
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_disabled_sdk_exports_nothing() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317");
    let loaded = from_vars([endpoint, ("OTEL_SDK_DISABLED", "true")]).unwrap();
    assert_eq!(loaded.config.otlp.endpoint, None);
    let loaded = from_vars([endpoint, ("OTEL_TRACES_EXPORTER", "none")]).unwrap();
    assert!(!loaded.config.exports_traces());
    assert_eq!(loaded.config.trace_ratio(), 0.0);
}

#[test]
fn what_a_variable_of_opentelemetrys_says_that_is_not_supported_is_a_warning() {
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:hunter2@collector/v1/traces"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
        ("OTEL_TRACES_EXPORTER", "console"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "1"),
    ] {
        let loaded = from_vars([(name, value)]).unwrap();
        assert_eq!(loaded.config, Config::default(), "{name}");
        let [warning] = &loaded.warnings[..] else { panic!("{name}: {:?}", loaded.warnings) };
        assert!(warning.contains(name) && !warning.contains("hunter2"), "{warning}");
    }
    // It is shown as it was given, not as what it is made into.
    let loaded = from_vars([("OTEL_BSP_SCHEDULE_DELAY", "10s")]).unwrap();
    assert_eq!(
        loaded.warnings,
        [
            r#"environment variable OTEL_BSP_SCHEDULE_DELAY is ignored: "10s" is not a whole number of milliseconds"#
        ]
    );
    // What two of them say together is made the best of.
    let loaded =
        from_vars([("OTEL_BSP_MAX_QUEUE_SIZE", "10"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "20")]);
    assert_eq!(loaded.unwrap().config.otlp.batch_size(), 10);
}
