//! Export over OTLP: spans, and if it is asked for the log, leave the process for a collector.
//!
//! What ends on the path of a call goes into a bounded [`queue`]; a thread with a runtime of its own takes it from
//! there in batches ([`exporter`]) and sends it by gRPC ([`collector`]). A collector that is away or hangs costs what
//! the queue holds and not more, and no call notices.
//!
//! It is built on `opentelemetry-proto` and not on `opentelemetry-otlp`, whose exporter reads variables of the
//! environment past the settings, does not tell what a collector refused of a batch, and copies the batch for each
//! attempt.

mod collector;
mod exporter;
mod global;
mod log_line;
mod processor;
mod queue;
mod report;
mod resource;
mod retry;
mod signal;
#[cfg(test)]
mod tests;
mod thread;
mod timestamp;

use std::{
    fmt, io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::future::join;
use opentelemetry::{InstrumentationScope, global::BoxedTracer, trace::TracerProvider};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData};

use self::{
    collector::Collector,
    exporter::{Counters, Exporter, Times},
    report::Report,
    signal::{Logs, Signal, Traces},
    thread::ExporterThread,
};
pub(crate) use self::{log_line::LogLine, queue::Queue};
use crate::{
    BuildInfo,
    config::{self, Config},
    metrics,
};

/// The export of one server. Clones are the same one.
#[derive(Debug, Clone)]
pub(crate) struct Export(Arc<Running>);

#[derive(Debug)]
struct Running {
    provider: Option<SdkTracerProvider>,
    spans: Option<Waiting<SpanData>>,
    lines: Option<Waiting<LogLine>>,
    thread: ExporterThread,
    endpoint: Arc<str>,
}

/// The queue of one signal, and how much of what went through it is settled.
#[derive(Debug)]
struct Waiting<T> {
    queue: Arc<Queue<T>>,
    settled: Arc<AtomicU64>,
}

impl Export {
    /// Starts what the settings ask for; `None` where they ask for nothing. Does not wait for the collector.
    ///
    /// The metrics recorder, if there is one, should be installed before.
    ///
    /// # Errors
    /// When the certificates to trust cannot be used, or the thread cannot be started.
    pub(crate) fn start(config: &Config, build: &BuildInfo) -> Result<Option<Self>, ExportError> {
        let Some(endpoint) = &config.otlp.endpoint else { return Ok(None) };
        if !config.exports_traces() && !config.exports_logs() {
            return Ok(None);
        }
        let resource = resource::of_process(&config.service, build);
        let shown: Arc<str> = endpoint.to_string().into();
        let of = Parts { settings: &config.otlp, endpoint, shown: &shown };
        let traces =
            config.exports_traces().then(|| of.exporter(Traces(resource.clone()))).transpose()?;
        let logs =
            config.exports_logs().then(|| of.exporter(Logs(resource.clone()))).transpose()?;
        let spans = traces.as_ref().map(Waiting::of);
        let lines = logs.as_ref().map(Waiting::of);
        let provider = spans.as_ref().map(|spans: &Waiting<SpanData>| {
            processor::provider(&spans.queue, config.trace_ratio(), resource)
        });
        if let Some(provider) = &provider {
            global::install(provider);
        }
        let thread =
            ExporterThread::spawn(|| Box::pin(run(traces, logs))).map_err(ExportError::Thread)?;
        Ok(Some(Self(Arc::new(Running { provider, spans, lines, thread, endpoint: shown }))))
    }

    /// The tracer of the calls' spans; `None` where traces are not exported.
    pub(crate) fn tracer(&self) -> Option<Arc<BoxedTracer>> {
        let scope =
            InstrumentationScope::builder("rootcap").with_version(env!("CARGO_PKG_VERSION"));
        let tracer = self.0.provider.as_ref()?.tracer_with_scope(scope.build());
        Some(Arc::new(BoxedTracer::new(Box::new(tracer))))
    }

    /// Where the lines of the log go, as JSON; `None` where the log is not exported.
    pub(crate) fn lines(&self) -> Option<Arc<Queue<LogLine>>> {
        Some(Arc::clone(&self.0.lines.as_ref()?.queue))
    }

    /// Exports what has ended, and nothing that ends later. Waits for that, at most for `bound`; what has not left by
    /// then is lost, which is logged. It blocks: not for a worker of a runtime.
    pub(crate) fn stop(&self, bound: Duration) {
        let running = &self.0;
        running.close();
        running.thread.wait(bound);
        let lost_spans = running.spans.as_ref().map_or(0, Waiting::unsettled);
        let lost_records = running.lines.as_ref().map_or(0, Waiting::unsettled);
        if lost_spans + lost_records > 0 {
            let collector = &*running.endpoint;
            tracing::warn!(
                collector,
                lost_spans,
                lost_records,
                ?bound,
                "not all was exported in time"
            );
        }
    }
}

impl Running {
    fn close(&self) {
        if let Some(provider) = &self.provider {
            // It fails where it was done before.
            let _ = provider.shutdown();
        }
        if let Some(lines) = &self.lines {
            lines.queue.close();
        }
    }
}

impl Drop for Running {
    /// Of a server that did not start, nothing remains: the process's provider may be this one.
    fn drop(&mut self) {
        self.close();
    }
}

async fn run(traces: Option<Exporter<Traces, Collector>>, logs: Option<Exporter<Logs, Collector>>) {
    let traces = async move {
        if let Some(traces) = traces {
            traces.run().await;
        }
    };
    let logs = async move {
        if let Some(logs) = logs {
            logs.run().await;
        }
    };
    join(traces, logs).await;
}

impl<T> Waiting<T> {
    fn of<S: Signal<Item = T>, C>(exporter: &Exporter<S, C>) -> Self {
        Self { queue: Arc::clone(&exporter.queue), settled: Arc::clone(&exporter.counters.settled) }
    }

    /// How many items are neither exported nor lost.
    fn unsettled(&self) -> u64 {
        self.queue.pushed().saturating_sub(self.settled.load(Relaxed))
    }
}

/// What exporters have in common.
struct Parts<'a> {
    settings: &'a config::Otlp,
    endpoint: &'a config::Endpoint,
    shown: &'a Arc<str>,
}

impl Parts<'_> {
    fn exporter<S: Signal>(&self, signal: S) -> Result<Exporter<S, Collector>, ExportError> {
        let Parts { settings, endpoint, shown } = self;
        let dropped = metrics::otlp_dropped_total(S::NAME);
        Ok(Exporter {
            signal,
            queue: Arc::new(Queue::new(settings.queue, settings.batch_size(), dropped)),
            transport: Collector::new(settings, endpoint)?,
            times: Times { timeout: settings.timeout, interval: settings.interval },
            endpoint: Arc::clone(shown),
            counters: Counters::of(S::NAME),
            failures: Report::default(),
            drops: Report::default(),
        })
    }
}

impl Counters {
    fn of(signal: &'static str) -> Self {
        Self {
            exported: metrics::otlp_exported_total(signal),
            failed: metrics::otlp_failed_total(signal),
            settled: Arc::default(),
        }
    }
}

/// Why there can be no export.
#[derive(Debug)]
pub(crate) enum ExportError {
    /// The file of certificates cannot be used.
    CaFile {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// There are no certificates to trust.
    Tls(tonic::transport::Error),
    /// There is no thread to be had.
    Thread(io::Error),
}

impl ExportError {
    /// Whether a setting is wrong.
    pub(crate) fn is_setting(&self) -> bool {
        !matches!(self, Self::Thread(_))
    }
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CaFile { file, problem } => write!(
                f,
                "otlp.ca_file = {:?}: {problem}; expected a file of certificates as PEM",
                file.display().to_string()
            ),
            Self::Tls(_) => f.write_str(
                "otlp.endpoint: the system has no certificates to trust; otlp.ca_file can name some",
            ),
            Self::Thread(_) => f.write_str("the thread that exports cannot be started"),
        }
    }
}

impl std::error::Error for ExportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::CaFile { .. } => None,
            Self::Tls(source) => Some(source),
            Self::Thread(source) => Some(source),
        }
    }
}
