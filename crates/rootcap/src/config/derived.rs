//! What follows from several settings.

use super::settings::{Config, Otlp};
use super::value::{Auto, Switch, bare};

/// What goes into one export where nothing is set.
const BATCH: usize = 512;

impl Config {
    /// Whether spans leave the process over OTLP.
    pub(crate) fn exports_traces(&self) -> bool {
        self.otlp.endpoint.is_some() && self.otlp.traces == Switch::On
    }

    /// Whether the log leaves the process over OTLP.
    pub(crate) fn exports_logs(&self) -> bool {
        self.otlp.endpoint.is_some() && self.otlp.logs == Switch::On
    }

    /// The part of calls that are traced where the caller has not decided: spans that are exported are all wanted,
    /// as by OpenTelemetry's default sampler, and others are of no use.
    pub(crate) fn trace_ratio(&self) -> f64 {
        match self.trace.ratio {
            Auto::Set(ratio) => ratio,
            Auto::Auto if self.exports_traces() => 1.0,
            Auto::Auto => 0.0,
        }
    }

    /// The settings that are "auto", and what they come to, as far as other settings decide that.
    pub(super) fn derived(&self) -> Vec<(&'static str, String)> {
        let mut derived = Vec::new();
        if self.trace.ratio == Auto::Auto {
            derived.push(("trace.ratio", bare(&self.trace_ratio())));
        }
        if self.otlp.batch == Auto::Auto {
            derived.push(("otlp.batch", self.otlp.batch_size().to_string()));
        }
        if let (Auto::Auto, Some(rate)) = (&self.limits.rate_burst, &self.limits.rate) {
            derived.push(("limits.rate_burst", rate.count().to_string()));
        }
        derived
    }
}

impl Otlp {
    /// How much goes into one export: never more than may wait for it.
    pub(crate) fn batch_size(&self) -> usize {
        self.batch.as_set().copied().unwrap_or(BATCH).min(self.queue)
    }
}
