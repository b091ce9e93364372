//! Spans that handlers make with `tracing`: exported as children of the span of their call, where that is sampled.
//!
//! Which spans: those of level `INFO` and more severe that begin while the current OpenTelemetry context is that of a
//! sampled span, so in a sampled call, in a task that was given its context, or below another exported span. `log.filter`
//! has no say in it, nor have they in the log. All else costs a look at the context, and builds nothing.

use std::{fmt, sync::Arc};

use arc_swap::ArcSwapOption;
use opentelemetry::{
    Context as OtelContext,
    global::{BoxedSpan, BoxedTracer},
    trace::{SpanBuilder, TraceContextExt, Tracer, noop::NoopTracer},
};
use rootcap_layers::access_log;
use tracing::{Level, Metadata, Subscriber, subscriber::Interest};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::{
    Layer,
    filter::LevelFilter,
    layer::{Context, Filter},
    registry::LookupSpan,
};

/// The least severe level that is exported.
const LEVEL: Level = Level::INFO;

/// A tracer that is found later: the log is set up before anything that may have to say something there.
#[derive(Clone, Default)]
pub(crate) struct ChildTracer(Arc<ArcSwapOption<BoxedTracer>>);

impl ChildTracer {
    /// From now on, spans are started by `tracer`: by that of the server that was started last, if there are several.
    pub(crate) fn set(&self, tracer: Arc<BoxedTracer>) {
        self.0.store(Some(tracer));
    }

    /// The layer that starts and ends the spans.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        // A span says where in the code it is by its name and target; more would be exported with each.
        OpenTelemetryLayer::new(self.clone())
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(true)
            .with_filter(OfSampledCalls)
    }
}

impl Tracer for ChildTracer {
    type Span = BoxedSpan;

    fn build_with_context(&self, builder: SpanBuilder, parent: &OtelContext) -> BoxedSpan {
        match &*self.0.load() {
            Some(tracer) => tracer.build_with_context(builder, parent),
            None => {
                BoxedTracer::new(Box::new(NoopTracer::new())).build_with_context(builder, parent)
            }
        }
    }
}

impl fmt::Debug for ChildTracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildTracer").field("is_set", &self.0.load().is_some()).finish()
    }
}

/// Lets pass what is described in the [module](self), and events within such spans.
#[derive(Debug, Clone, Copy)]
struct OfSampledCalls;

impl OfSampledCalls {
    fn may_take(metadata: &Metadata<'_>) -> bool {
        // The span of a call is made by the layer that makes the call.
        *metadata.level() <= LEVEL && metadata.target() != access_log::TARGET
    }
}

impl<S> Filter<S> for OfSampledCalls {
    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        match Self::may_take(metadata) {
            false => Interest::never(),
            true if metadata.is_span() => Interest::sometimes(),
            // They are added to the span that they are in, if that was let pass.
            true => Interest::always(),
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        Self::may_take(metadata)
            && (!metadata.is_span()
                || OtelContext::map_current(|context| context.span().span_context().is_sampled()))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::from_level(LEVEL))
    }
}

#[cfg(test)]
mod tests;
