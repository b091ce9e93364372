//! The metrics of the process, which the crate `metrics-process` records, under the names that Prometheus' clients
//! give them.

use rootcap_layers::metrics::{Metric, MetricKind};

/// Each of them.
pub(super) const ROWS: &[Metric] = &[
    Metric::new(
        MetricKind::Counter,
        "process_cpu_seconds_total",
        &[],
        "Whole seconds of CPU time, user and system.",
    ),
    gauge("process_open_fds", "Open file descriptors."),
    gauge("process_max_fds", "The most file descriptors that may be open."),
    gauge("process_virtual_memory_bytes", "Size of the virtual memory."),
    gauge("process_virtual_memory_max_bytes", "The most virtual memory that may be had."),
    gauge("process_resident_memory_bytes", "Size of the memory that is resident."),
    gauge("process_start_time_seconds", "Start of the process, in seconds since 1970."),
    gauge("process_threads", "Threads of the process."),
];

const fn gauge(name: &'static str, help: &'static str) -> Metric {
    Metric::new(MetricKind::Gauge, name, &[], help)
}
