//! [`Telemetry`]: what a server logs, counts and traces with, installed in the order in which they need each other.

use std::sync::Arc;

use opentelemetry::global::BoxedTracer;

use super::{
    Last,
    child_spans::ChildTracer,
    export::Export,
    logs::{LogSettings, Logs},
    metrics::Metrics,
    panic_hook,
};
use crate::{BuildInfo, Error, config::Loaded};

/// The telemetry of one server.
pub(crate) struct Telemetry {
    /// The log and the export.
    pub(crate) last: Last,
    pub(crate) metrics: Metrics,
    /// What records the calls that are sampled: the program's tracer, or else that of the export, if there is either.
    pub(crate) tracer: Option<Arc<BoxedTracer>>,
}

impl Telemetry {
    /// Log first: what the others have to say goes there. Then the metrics, which the export records.
    ///
    /// # Errors
    /// When a setting is wrong, or a thread cannot be started.
    pub(crate) fn install(
        loaded: &Loaded,
        build: &BuildInfo,
        own_tracer: Option<Arc<BoxedTracer>>,
    ) -> Result<Self, Error> {
        let has_tracer = own_tracer.is_some() || loaded.config.exports_traces();
        let children = has_tracer.then(ChildTracer::default);
        let settings = LogSettings { children, ..LogSettings::from(loaded) };
        let logs = Logs::install(&settings).map_err(Error::log)?;
        panic_hook::install();
        panic_hook::warn_if_abort();
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        let metrics = Metrics::install();
        let export = Export::start(&loaded.config, build).map_err(Error::export)?;
        if let Some(lines) = export.as_ref().and_then(Export::lines) {
            logs.export_events(lines);
        }
        let tracer = own_tracer.or_else(|| export.as_ref().and_then(Export::tracer));
        if let Some(tracer) = &tracer {
            logs.export_children(tracer);
        }
        Ok(Self { last: Last { logs, export }, metrics, tracer })
    }
}
