//! Everything on `/metrics`: the calls' own statistics, and what is recorded through the `metrics` facade.

use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use rootcap_layers::{DEFAULT_BUCKETS, Methods, metrics::Exposition};

use super::{recorder::Recorder, sink::SinkCounters};
use crate::metrics;

/// The recorder of this process, if it is ours: it can be installed only once, and never replaces the user's.
static RECORDER: OnceLock<Option<Recorder>> = OnceLock::new();

/// What renders `/metrics`.
pub(crate) struct Metrics {
    recorder: Option<Recorder>,
    process: metrics_process::Collector,
    service: tokio::runtime::Handle,
    /// The length of the last page.
    last_bytes: AtomicUsize,
}

impl Metrics {
    /// Installs a recorder where the process has none. To be called on the service's runtime.
    pub(crate) fn install() -> Self {
        let process = metrics_process::Collector::default();
        let recorder = RECORDER.get_or_init(install_recorder).clone();
        let service = tokio::runtime::Handle::current();
        Self { recorder, process, service, last_bytes: AtomicUsize::new(0) }
    }

    /// The text exposition.
    pub(crate) fn render(&self, methods: &Methods, log: &SinkCounters) -> String {
        self.process.collect();
        self.collect_runtime();
        metrics::log_lines_written_total().absolute(log.lines_written);
        metrics::log_lines_dropped_total().absolute(log.lines_dropped);
        metrics::log_written_bytes_total().absolute(log.bytes_written);
        self.written(methods)
    }

    fn written(&self, methods: &Methods) -> String {
        // A page is as long as the last one, or a bit longer: each count may have another digit.
        let last = self.last_bytes.load(Relaxed);
        let mut page = Exposition::with_capacity(last + last / 32);
        rootcap_layers::metrics::render_to(&mut page, methods);
        if let Some(recorder) = &self.recorder {
            recorder.write(&mut page);
        }
        let text = page.into_text();
        self.last_bytes.store(text.len(), Relaxed);
        text
    }

    /// The service's runtime, which these are also of.
    pub(crate) fn service(&self) -> &tokio::runtime::Handle {
        &self.service
    }

    fn collect_runtime(&self) {
        let runtime = self.service.metrics();
        metrics::runtime_workers().set(runtime.num_workers() as f64);
        metrics::runtime_alive_tasks().set(runtime.num_alive_tasks() as f64);
        metrics::runtime_global_queue_depth().set(runtime.global_queue_depth() as f64);
    }
}

fn install_recorder() -> Option<Recorder> {
    let recorder = Recorder::new(&DEFAULT_BUCKETS);
    ::metrics::set_global_recorder(recorder.clone()).ok().map(|()| recorder)
}
