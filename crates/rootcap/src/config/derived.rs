//! What follows from several settings.

use rootcap_layers::admission::Match;

use super::settings::{Config, Otlp};
use super::value::{Auto, Switch, bare};
use crate::server::open_files;

/// What goes into one export where nothing is set.
const BATCH: usize = 512;
/// The most connections where nothing is set and there are descriptors enough.
const CONNECTIONS: usize = 10_000;

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

    /// The rules of limits: the list and the place of each, its name, and which calls it is about.
    pub(super) fn rules_of_limits(
        &self,
    ) -> impl Iterator<Item = (&'static str, usize, &str, &Match)> {
        let rates = self.rate_limit.iter().enumerate();
        let rates = rates.map(|(i, rule)| ("rate_limit", i, &*rule.name, &rule.r#match));
        let in_flight = self.concurrency.iter().enumerate();
        let in_flight = in_flight.map(|(i, rule)| ("concurrency", i, &*rule.name, &rule.r#match));
        rates.chain(in_flight)
    }

    /// The most connections at a time. Half of the descriptors are left for what handlers open, and for the admin port.
    pub(crate) fn max_connections(&self) -> usize {
        match self.connection.max_connections {
            Auto::Set(max) => max,
            Auto::Auto => connections_within(open_files::limit_at_start()).0,
        }
    }

    /// The settings that are "auto", and what they come to, as far as other settings or the process's limits decide that.
    pub(super) fn derived(&self) -> Vec<(&'static str, String)> {
        let mut derived = Vec::new();
        if self.connection.max_connections == Auto::Auto {
            let (max, why) = connections_within(open_files::limit_at_start());
            derived.push(("connection.max_connections", format!("{max}: {why}")));
        }
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

/// The most connections with so many descriptors, and why so many.
fn connections_within(limit: Option<u64>) -> (usize, String) {
    let Some(limit) = limit else {
        return (CONNECTIONS, "the limit of open files cannot be read".to_owned());
    };
    match usize::try_from(limit / 2) {
        Ok(half) if half < CONNECTIONS => {
            (half.max(1), format!("half of the limit of {limit} open files"))
        }
        _ => (CONNECTIONS, format!("within half of the limit of {limit} open files")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_half_of_the_descriptors() {
        for (limit, max, why) in [
            (Some(1024), 512, "half of the limit of 1024 open files"),
            (Some(1), 1, "half of the limit of 1 open files"),
            (Some(20_000), 10_000, "within half of the limit of 20000 open files"),
            (Some(u64::MAX), 10_000, "within half of the limit of 18446744073709551615 open files"),
            (None, 10_000, "the limit of open files cannot be read"),
        ] {
            assert_eq!(connections_within(limit), (max, why.to_owned()));
        }
    }
}
