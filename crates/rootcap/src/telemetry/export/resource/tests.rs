#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use super::*;
use crate::config::{Auto, Config};

fn found(
    settings: &Service,
    variables: &[(&str, &str)],
    host: Option<&str>,
) -> BTreeMap<String, String> {
    let surroundings = Surroundings {
        variable: &|name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        },
        file: &|path| (path == NAMESPACE).then(|| "shop\n".to_owned()),
        executable: Some("greeter".into()),
        host: host.map(str::to_owned),
    };
    let build =
        BuildInfo::from_build([Some("1.2.3"), Some("rustc 1.88.0"), None, None], "1.2", "p");
    let attributes = attributes(settings, &build, &surroundings);
    attributes.into_iter().map(|kv| (kv.key.to_string(), kv.value.to_string())).collect()
}

fn service(variables: &[(&str, &str)]) -> Service {
    Config::load_from(None, variables.iter().copied()).unwrap().config.service
}

#[test]
fn what_is_set_counts_more_than_what_is_found_and_the_name_most() {
    let nothing = found(&Service::default(), &[], Some("a-host"));
    assert_eq!(nothing["service.name"], "unknown_service:greeter");
    assert_eq!((&*nothing["service.version"], &*nothing["host.name"]), ("1.2.3", "a-host"));
    assert_eq!(nothing["process.runtime.version"], "rustc 1.88.0");
    let attributes = "service.name=by%20attribute,host.name=other,deployment.environment.name=test";
    let some = service(&[("OTEL_RESOURCE_ATTRIBUTES", attributes)]);
    let some = found(&some, &[], Some("a-host"));
    assert_eq!((&*some["service.name"], &*some["host.name"]), ("by attribute", "other"));
    assert_eq!(some["deployment.environment.name"], "test");
    let named = [("OTEL_RESOURCE_ATTRIBUTES", attributes), ("OTEL_SERVICE_NAME", "named")];
    let named = service(&named);
    assert_eq!(named.name, Auto::Set("named".to_owned()));
    assert_eq!(found(&named, &[], None)["service.name"], "named");
}

#[test]
fn a_pod_is_found_out_inside_of_a_cluster_only() {
    let told = [
        ("KUBERNETES_SERVICE_HOST", "10.0.0.1"),
        ("POD_NAME", "greeter-0"),
        ("NODE_NAME", "node-1"),
        ("POD_UID", "abc"),
    ];
    let inside = found(&Service::default(), &told, Some("a-host"));
    for (name, value) in [
        ("k8s.pod.name", "greeter-0"),
        ("k8s.node.name", "node-1"),
        ("k8s.pod.uid", "abc"),
        ("k8s.namespace.name", "shop"),
    ] {
        assert_eq!(inside[name], value);
    }
    let outside = found(&Service::default(), &told[1..], Some("a-host"));
    assert!(!outside.keys().any(|name| name.starts_with("k8s.")), "{outside:?}");
}

#[test]
fn a_pods_host_name_is_its_name_except_in_the_network_of_its_node() {
    let told = [("KUBERNETES_SERVICE_HOST", "10.0.0.1"), ("NODE_NAME", "node-1")];
    let own = found(&Service::default(), &told, Some("greeter-0"));
    assert_eq!(own["k8s.pod.name"], "greeter-0");
    let shared = found(&Service::default(), &told, Some("node-1"));
    assert!(!shared.contains_key("k8s.pod.name"));
}

#[test]
fn an_instance_is_a_uuid_and_the_command_line_stays_here() {
    let id = instance_id();
    let lengths: Vec<_> = id.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12]);
    assert_eq!(&id[14..15], "4");
    assert!(matches!(&id[19..20], "8" | "9" | "a" | "b"), "{id}");
    assert_eq!(id, instance_id());
    let resource = of_process(&Service::default(), &BuildInfo::default());
    assert!(resource.iter().all(|(name, _)| !name.as_str().contains("command")));
    assert!(resource.iter().any(|(name, _)| name.as_str() == "telemetry.sdk.version"));
}
