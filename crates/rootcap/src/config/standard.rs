//! The variables that are not ours but that every such program honours: `OTEL_*` and `RUST_LOG`.
//!
//! They are set for many programs at once, so what is not supported is a warning and never an error. Warnings never
//! show the value of a variable that is not supported: some hold credentials.

use super::environment::Variables;
use super::error::quoted;
use super::input::{Found, Input, Raw};
use super::source::Source;
use super::value::{Propagator, Value};

/// Finds the settings in the standard variables. An empty one counts as not set, as OpenTelemetry wants it.
pub(super) fn read(variables: &Variables, found: &mut Found<'_>) {
    let named = variables.starting_with("OTEL_").chain(variables.starting_with("RUST_LOG"));
    for (name, value) in named.filter(|(_, value)| !value.is_empty()) {
        let mut reader = Reader { name, found };
        match value.to_str() {
            Some(text) => reader.variable(text, variables),
            None => reader.warn("the value is not UTF-8"),
        }
    }
}

fn is_disabled(variables: &Variables) -> bool {
    let disabled = variables.get("OTEL_SDK_DISABLED").and_then(|value| value.to_str());
    disabled.is_some_and(is_true)
}

fn is_true(text: &str) -> bool {
    text.eq_ignore_ascii_case("true")
}

/// Reads one variable.
struct Reader<'r, 'f> {
    name: &'r str,
    found: &'r mut Found<'f>,
}

impl Reader<'_, '_> {
    fn variable(&mut self, text: &str, variables: &Variables) {
        match self.name {
            "RUST_LOG" => self.set("log.filter", text),
            "OTEL_SDK_DISABLED" => self.disabled(text),
            // Nothing is sampled: what follows says only how it would be.
            "OTEL_TRACES_SAMPLER" | "OTEL_TRACES_SAMPLER_ARG" if is_disabled(variables) => {}
            "OTEL_PROPAGATORS" => self.propagators(text),
            "OTEL_TRACES_SAMPLER" => self.sampler(text),
            "OTEL_TRACES_SAMPLER_ARG" => {
                let sampler = variables.get("OTEL_TRACES_SAMPLER").and_then(|value| value.to_str());
                match sampler {
                    Some("traceidratio" | "parentbased_traceidratio") => {
                        self.set("trace.ratio", text)
                    }
                    _ => self.warn("OTEL_TRACES_SAMPLER names no sampler that has an argument"),
                }
            }
            "OTEL_TRACES_EXPORTER" => self.exporter("otlp.traces", text),
            "OTEL_LOGS_EXPORTER" => self.exporter("otlp.logs", text),
            "OTEL_METRICS_EXPORTER" if text == "none" => {}
            "OTEL_SERVICE_NAME" => self.set("service.name", text),
            "OTEL_RESOURCE_ATTRIBUTES" => self.set("service.attributes", text),
            // Set by OpenTelemetry's operator: what is exported has them (`telemetry/export/resource.rs`).
            name if name.starts_with("OTEL_RESOURCE_ATTRIBUTES_") => {}
            "OTEL_BSP_MAX_QUEUE_SIZE" => self.set("otlp.queue", text),
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE" => self.set("otlp.batch", text),
            "OTEL_BSP_SCHEDULE_DELAY" => self.set_millis("otlp.interval", text),
            name if let Some(rest) = name.strip_prefix("OTEL_EXPORTER_OTLP_") => {
                // In the order of their names, which they are read in, the special one of traces comes last.
                self.exporter_setting(rest.strip_prefix("TRACES_").unwrap_or(rest), text);
            }
            name if name.starts_with("OTEL_") => self.warn("it is not supported"),
            // RUST_LOG_STYLE and its like are for others.
            _ => {}
        }
    }

    fn disabled(&mut self, text: &str) {
        if is_true(text) {
            self.set("trace.ratio", "0");
            self.set("otlp.endpoint", "off");
        } else if !text.eq_ignore_ascii_case("false") {
            self.warn(&format!(r#"{} is neither "true" nor "false""#, quoted(text)));
        }
    }

    /// What OpenTelemetry says of its OTLP exporters, for all signals or for traces.
    fn exporter_setting(&mut self, name: &str, text: &str) {
        match name {
            "ENDPOINT" => self.set("otlp.endpoint", text),
            "HEADERS" => self.set("otlp.headers", text),
            "CERTIFICATE" => self.set("otlp.ca_file", text),
            "TIMEOUT" => self.set_millis("otlp.timeout", text),
            "PROTOCOL" if text == "grpc" => {}
            "PROTOCOL" => self.warn(&format!(r#"{} is not "grpc""#, quoted(text))),
            "COMPRESSION" if text == "none" => {}
            _ => self.warn("it is not supported"),
        }
    }

    fn exporter(&mut self, key: &str, text: &str) {
        match text {
            "otlp" => self.set(key, "on"),
            "none" => self.set(key, "off"),
            _ => self.warn(&format!(r#"{} is neither "otlp" nor "none""#, quoted(text))),
        }
    }

    fn set_millis(&mut self, key: &str, text: &str) {
        match text.bytes().all(|byte| byte.is_ascii_digit()) {
            true => self.set(key, &format!("{text}ms")),
            false => {
                self.warn(&format!("{} is not a whole number of milliseconds", quoted(text)));
            }
        }
    }

    /// What is not known is left out, and with a warning: it may be meant for others.
    fn propagators(&mut self, text: &str) {
        let named = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        let (known, others): (Vec<_>, Vec<_>) =
            named.partition(|name| *name == "none" || Propagator::from_text(name).is_ok());
        for other in others {
            self.found.warnings.push(format!(
                "environment variable {} names {}, which is not passed on",
                self.name,
                quoted(other)
            ));
        }
        match known.as_slice() {
            [] => {}
            ["none"] => self.set("trace.propagation", ""),
            _ => {
                let known: Vec<_> = known.into_iter().filter(|name| *name != "none").collect();
                self.set("trace.propagation", &known.join(","));
            }
        }
    }

    fn sampler(&mut self, text: &str) {
        let (sampler, of_parent) = match text.strip_prefix("parentbased_") {
            Some(sampler) => (sampler, true),
            None => (text, false),
        };
        match sampler {
            // The ratio is all unless OTEL_TRACES_SAMPLER_ARG, which is read next, says otherwise.
            "always_on" | "traceidratio" => self.set("trace.ratio", "1"),
            "always_off" => self.set("trace.ratio", "0"),
            _ => return self.warn(&format!("there is no sampler {} here", quoted(text))),
        }
        if !of_parent {
            self.found.warnings.push(format!(
                "environment variable {} works as parentbased_{sampler}: what the caller decided is followed",
                self.name
            ));
        }
    }

    fn set(&mut self, key: &str, text: &str) {
        self.found.inputs.push(Input {
            key: key.to_owned(),
            source: Source::Variable(self.name.to_owned()),
            raw: Raw::Text(text.to_owned()),
            foreign: true,
        });
    }

    fn warn(&mut self, why: &str) {
        self.found.warnings.push(format!("environment variable {} is ignored: {why}", self.name));
    }
}
