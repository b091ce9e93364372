//! The resource: which process it is whose spans and log records these are.
//!
//! Names are those of OpenTelemetry's semantic conventions (1.42). The command line is left out: it may hold secrets.

use std::{env, fs, path::Path, sync::OnceLock};

use opentelemetry::KeyValue;
use opentelemetry_sdk::{Resource, resource::TelemetryResourceDetector};

use crate::{BuildInfo, config::Service, process};

/// Where Kubernetes tells a pod its namespace.
const NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// Variables by which pods are told of themselves. Kubernetes' downward API leaves their names to whoever writes the
/// manifest; these are what manifests and OpenTelemetry's operator use, the latter last.
const KUBERNETES: [(&str, &[&str]); 6] = [
    ("k8s.pod.name", &["K8S_POD_NAME", "POD_NAME", "OTEL_RESOURCE_ATTRIBUTES_POD_NAME"]),
    ("k8s.pod.uid", &["K8S_POD_UID", "POD_UID", "OTEL_RESOURCE_ATTRIBUTES_POD_UID"]),
    ("k8s.namespace.name", &["K8S_NAMESPACE", "POD_NAMESPACE", "K8S_POD_NAMESPACE"]),
    ("k8s.node.name", &["K8S_NODE_NAME", "NODE_NAME", "OTEL_RESOURCE_ATTRIBUTES_NODE_NAME"]),
    ("k8s.container.name", &["K8S_CONTAINER_NAME", "CONTAINER_NAME"]),
    ("k8s.cluster.name", &["K8S_CLUSTER_NAME", "CLUSTER_NAME"]),
];

/// The resource of this process.
pub(super) fn of_process(settings: &Service, build: &BuildInfo) -> Resource {
    let surroundings = Surroundings {
        variable: &|name| env::var(name).ok().filter(|value| !value.is_empty()),
        file: &|path| fs::read_to_string(path).ok(),
        executable: env::current_exe().ok().as_deref().and_then(name_of),
        host: process::hostname(),
    };
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attributes(attributes(settings, build, &surroundings))
        .build()
}

fn name_of(executable: &Path) -> Option<String> {
    Some(executable.file_name()?.to_string_lossy().into_owned())
}

/// What there is to look at.
struct Surroundings<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    file: &'a dyn Fn(&str) -> Option<String>,
    executable: Option<String>,
    host: Option<String>,
}

/// What is found out, then what is set, which counts more: of two attributes of one name the last one stands.
fn attributes(settings: &Service, build: &BuildInfo, around: &Surroundings<'_>) -> Vec<KeyValue> {
    let mut attributes = service(build, around);
    attributes.extend(host_and_process(build, around));
    attributes.extend(kubernetes(around));
    let set = settings.attributes.iter();
    attributes.extend(set.map(|(name, value)| KeyValue::new(name.clone(), value.clone())));
    let name = settings.name.as_set();
    attributes.extend(name.map(|name| KeyValue::new("service.name", name.clone())));
    attributes
}

fn service(build: &BuildInfo, around: &Surroundings<'_>) -> Vec<KeyValue> {
    // What OpenTelemetry wants where nobody has given a name.
    let name = match &around.executable {
        Some(executable) => format!("unknown_service:{executable}"),
        None => "unknown_service".to_owned(),
    };
    let mut attributes = vec![
        KeyValue::new("service.name", name),
        KeyValue::new("service.instance.id", instance_id()),
        KeyValue::new("telemetry.distro.name", "rootcap"),
        KeyValue::new("telemetry.distro.version", env!("CARGO_PKG_VERSION")),
    ];
    if *build != BuildInfo::default() {
        attributes.push(KeyValue::new("service.version", build.version().to_owned()));
    }
    attributes
}

/// A random UUID (version 4), the same for all servers of the process.
fn instance_id() -> &'static str {
    static ID: OnceLock<String> = OnceLock::new();
    ID.get_or_init(|| {
        let random = fastrand::u128(..);
        let id = random & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
        let digits = format!("{id:032x}");
        let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
        parts.join("-")
    })
}

fn host_and_process(build: &BuildInfo, around: &Surroundings<'_>) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new("host.arch", arch(env::consts::ARCH)),
        KeyValue::new("os.type", os(env::consts::OS)),
        KeyValue::new("process.pid", i64::from(std::process::id())),
        KeyValue::new("process.runtime.name", "rustc"),
    ];
    attributes.extend(around.host.clone().map(|name| KeyValue::new("host.name", name)));
    let executable = around.executable.clone();
    attributes.extend(executable.map(|name| KeyValue::new("process.executable.name", name)));
    if *build != BuildInfo::default() {
        attributes.push(KeyValue::new("process.runtime.version", build.rustc().to_owned()));
    }
    attributes
}

/// What the conventions call an architecture that Rust calls otherwise.
fn arch(rust: &'static str) -> &'static str {
    match rust {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" => "arm32",
        "powerpc" => "ppc32",
        "powerpc64" => "ppc64",
        other => other,
    }
}

fn os(rust: &'static str) -> &'static str {
    match rust {
        "macos" => "darwin",
        "dragonfly" => "dragonflybsd",
        other => other,
    }
}

/// Nothing outside of a cluster, where such variables would be somebody else's.
fn kubernetes(around: &Surroundings<'_>) -> Vec<KeyValue> {
    if (around.variable)("KUBERNETES_SERVICE_HOST").is_none() {
        return Vec::new();
    }
    let told = |names: &[&str]| names.iter().find_map(|name| (around.variable)(name));
    let found = |attribute: &str, names: &[&str]| match attribute {
        "k8s.namespace.name" => {
            told(names).or_else(|| (around.file)(NAMESPACE).map(|text| text.trim().to_owned()))
        }
        _ => told(names),
    };
    let mut attributes: Vec<_> = KUBERNETES
        .iter()
        .filter_map(|(name, variables)| Some(KeyValue::new(*name, found(name, variables)?)))
        .collect();
    let has = |attributes: &[KeyValue], name| attributes.iter().any(|kv| kv.key.as_str() == name);
    // A pod's host name is its own name, except in the network of its node.
    let of_the_node = attributes
        .iter()
        .any(|kv| kv.key.as_str() == "k8s.node.name" && Some(kv.value.to_string()) == around.host);
    if !has(&attributes, "k8s.pod.name") && !of_the_node {
        attributes.extend(around.host.clone().map(|name| KeyValue::new("k8s.pod.name", name)));
    }
    attributes
}

#[cfg(test)]
mod tests;
