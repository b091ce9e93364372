//! Everything on `/metrics`: the calls' own statistics, and what is recorded through the `metrics` facade.

use std::sync::OnceLock;

use rootcap_layers::{DEFAULT_BUCKETS, Methods};

use super::{recorder::Recorder, sink::SinkCounters};
use crate::metrics;

/// The recorder of this process, if it is ours: it can be installed only once, and never replaces the user's.
static RECORDER: OnceLock<Option<Recorder>> = OnceLock::new();

/// What renders `/metrics`.
#[derive(Clone)]
pub(crate) struct Metrics {
    recorder: Option<Recorder>,
    process: metrics_process::Collector,
    service: tokio::runtime::Handle,
}

impl Metrics {
    /// Installs a recorder where the process has none. To be called on the service's runtime.
    pub(crate) fn install() -> Self {
        let process = metrics_process::Collector::default();
        let recorder = RECORDER.get_or_init(install_recorder).clone();
        metrics::describe();
        Self { recorder, process, service: tokio::runtime::Handle::current() }
    }

    /// The text exposition.
    pub(crate) fn render(&self, methods: &Methods, log: &SinkCounters) -> String {
        self.process.collect();
        self.collect_runtime();
        metrics::log_lines_written_total().absolute(log.lines_written);
        metrics::log_lines_dropped_total().absolute(log.lines_dropped);
        metrics::log_written_bytes_total().absolute(log.bytes_written);
        let mut text = rootcap_layers::metrics::render(methods);
        if let Some(recorder) = &self.recorder {
            text.push_str(&recorder.render());
        }
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
