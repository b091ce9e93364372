//! Everything on `/metrics`: the calls' own statistics, and what is recorded through the `metrics` facade.

use std::{sync::OnceLock, time::Duration};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use rootcap_layers::{DEFAULT_BUCKETS, Methods};

use super::sink::SinkCounters;
use crate::metrics;

/// The recorder of this process, if it is ours: it can be installed only once, and never replaces the user's.
static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// How often upkeep runs.
const UPKEEP: Duration = Duration::from_secs(5);

/// What renders `/metrics`.
#[derive(Clone)]
pub(crate) struct Metrics {
    recorder: Option<PrometheusHandle>,
    process: metrics_process::Collector,
    runtime: tokio::runtime::RuntimeMetrics,
}

impl Metrics {
    /// Installs a recorder where the process has none. To be called on the service's runtime.
    pub(crate) fn install() -> Self {
        let process = metrics_process::Collector::default();
        let recorder = RECORDER.get_or_init(install_recorder).clone();
        metrics::describe();
        Self { recorder, process, runtime: tokio::runtime::Handle::current().metrics() }
    }

    /// Moves samples of histograms into their buckets, for ever: without this they would pile up between two
    /// scrapes. Runs on the admin thread.
    pub(crate) async fn keep_up(self) {
        let mut ticks = tokio::time::interval(UPKEEP);
        while let Some(recorder) = &self.recorder {
            ticks.tick().await;
            recorder.run_upkeep();
        }
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
            push_with_help(&mut text, &recorder.render());
        }
        text
    }

    fn collect_runtime(&self) {
        let runtime = &self.runtime;
        metrics::runtime_workers().set(runtime.num_workers() as f64);
        metrics::runtime_alive_tasks().set(runtime.num_alive_tasks() as f64);
        metrics::runtime_global_queue_depth().set(runtime.global_queue_depth() as f64);
    }
}

/// Appends an exposition; a metric that nobody described gets a help line, for `promtool` asks for one.
fn push_with_help(text: &mut String, exposition: &str) {
    let mut described = None;
    for line in exposition.lines() {
        let name = |rest: &str| rest.split(' ').next().unwrap_or_default().to_owned();
        if let Some(rest) = line.strip_prefix("# HELP ") {
            described = Some(name(rest));
        } else if let Some(name) = line.strip_prefix("# TYPE ").map(name)
            && described.as_ref() != Some(&name)
        {
            text.push_str("# HELP ");
            text.push_str(&name);
            text.push_str(" Recorded by the program, without a description.\n");
        }
        text.push_str(line);
        text.push('\n');
    }
}

fn install_recorder() -> Option<PrometheusHandle> {
    let recorder = PrometheusBuilder::new()
        .set_buckets(&DEFAULT_BUCKETS)
        .expect("there are buckets")
        .build_recorder();
    let handle = recorder.handle();
    ::metrics::set_global_recorder(recorder).ok().map(|()| handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `promtool check metrics` complained of a user's metric that had no description.
    #[test]
    fn what_nobody_described_gets_a_help_line() {
        let exposition =
            "# HELP a_total An a.\n# TYPE a_total counter\na_total 1\n\n# TYPE b gauge\nb 2\n\n";
        let mut text = "before\n".to_owned();
        push_with_help(&mut text, exposition);
        let expected = exposition.replace(
            "# TYPE b",
            "# HELP b Recorded by the program, without a description.\n# TYPE b",
        );
        assert_eq!(text, format!("before\n{expected}"));
    }
}
