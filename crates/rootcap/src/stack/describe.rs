//! The stack as `/debug/stack` shows it.

use rootcap_layers::{concurrency::ConcurrencyState, rate_limit::RateState};

use super::Layers;
use crate::{admin::LayerRow, config::Config};

impl Layers {
    /// A row per layer, in the order of [`around`](Layers::around), with its settings and what it does now.
    pub(crate) fn describe(&self, config: &Config) -> Vec<LayerRow> {
        vec![
            row(
                "observe",
                observe(config),
                "outermost: sees everything below, rejections and panics too",
            ),
            row(
                "catch_panic",
                "on".into(),
                "a panic in any layer below ends one call and no other",
            ),
            row("deadline", deadline(config), "time spent in any policy or layer below counts"),
            row(
                "request_bytes",
                self.request_bytes(),
                "a call for which there is no room takes no place in a queue below",
            ),
            row("health", "on".into(), "health calls go aside here, past limits and user layers"),
            row(
                "concurrency",
                self.concurrency(),
                "a slot is given back at the end of the call's body",
            ),
            row(
                "rate_limit",
                self.rate(),
                "a call that was refused above has not used up any of the rate",
            ),
            row(
                "border and router",
                "user layers, services".into(),
                "errors of user layers become responses here",
            ),
        ]
    }

    fn request_bytes(&self) -> String {
        let state = self.request_bytes.state();
        state
            .map_or_else(|| "off".into(), |it| format!("{} bytes of at most {}", it.used, it.limit))
    }

    fn concurrency(&self) -> String {
        let Some(rules) = self.concurrency.limits() else { return "off".into() };
        let rule = |rule: ConcurrencyState| {
            format!("{}: {} in flight of at most {}", rule.name, rule.in_flight, rule.bounds.limit)
        };
        rules.states(0).into_iter().map(rule).collect::<Vec<_>>().join("; ")
    }

    fn rate(&self) -> String {
        let Some(rules) = self.rate_limit.limits() else { return "off".into() };
        let rule = |rule: RateState| {
            format!("{}: {}, {} at once", rule.name, rule.quota, rule.quota.at_once())
        };
        rules.states().into_iter().map(rule).collect::<Vec<_>>().join("; ")
    }
}

fn row(name: &str, settings: String, reason: &str) -> LayerRow {
    LayerRow { name: name.into(), settings, reason: reason.into() }
}

fn observe(config: &Config) -> String {
    format!(
        "metrics, log of calls: {}, ratio of traces: {}",
        config.log.calls.as_str(),
        config.trace_ratio()
    )
}

fn deadline(config: &Config) -> String {
    let deadline = &config.deadline;
    let max = deadline.max.map_or_else(|| "off".to_owned(), |max| format!("{max:?}"));
    format!(
        "maximum {max}, {} services, {} methods",
        deadline.services.len(),
        deadline.methods.len()
    )
}
