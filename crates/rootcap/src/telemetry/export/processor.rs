//! What an OpenTelemetry tracer of ours is made of: how its spans get their ids, and where they go when they end.

use std::{sync::Arc, time::Duration};

use opentelemetry::Context;
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{Sampler, SdkTracerProvider, Span, SpanData, SpanLimits, SpanProcessor},
};

use super::{queue::Queue, thread};
use crate::telemetry::span_ids::SpanIds;

/// A provider whose spans go into `queue`. What has a parent is recorded if that is, and `ratio` of the rest, by the
/// same rule as calls are.
pub(super) fn provider(
    queue: &Arc<Queue<SpanData>>,
    ratio: f64,
    resource: Resource,
) -> SdkTracerProvider {
    SdkTracerProvider::builder()
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio))))
        .with_id_generator(SpanIds)
        .with_span_processor(ToQueue(Arc::clone(queue)))
        // 128 of each, whatever the environment says.
        .with_span_limits(SpanLimits::default())
        .with_resource(resource)
        .build()
}

/// Moves spans that have ended into the queue.
#[derive(Debug)]
struct ToQueue(Arc<Queue<SpanData>>);

impl SpanProcessor for ToQueue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        // The exporter's own calls would never come to an end.
        if !thread::is_exporter() {
            self.0.push(span);
        }
    }

    /// There is nothing to wait for: a batch waits for `otlp.interval` at most.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    /// What is in the queue is exported; [`Export::stop`](super::Export::stop) waits for that.
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        self.0.close();
        Ok(())
    }
}
