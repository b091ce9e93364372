//! The statistics of calls, per method: one source of truth for `/metrics`, the admin pages and the limits.
//!
//! **What it does.** Counts every observed call in the [`Stats`] of its method, with a few relaxed atomic
//! additions; nothing is looked up by label on the path of a call.
//!
//! **When it rejects.** Never: it is an observer.
//!
//! **What it records.** The metrics of the Go ecosystem's gRPC middleware, so that its dashboards work:
//! `grpc_server_started_total`, `grpc_server_handled_total`, `grpc_server_handling_seconds`,
//! `grpc_server_msg_received_total`, `grpc_server_msg_sent_total`; and our own `rootcap_calls_in_flight`,
//! `rootcap_call_received_bytes_total`, `rootcap_call_sent_bytes_total`, `rootcap_panics_total`; and by
//! [phase](crate::Phase), of all methods together, `rootcap_call_phase_seconds`. Where a call's time goes is kept for each
//! method; as labels of the method, too, it would be five times the series of its latency.
//!
//! A method that has been called also has the full distribution of its latency ([`Tally`]), of which [`History`] knows
//! what was counted in the last minute and in the last hour.
//!
//! **Where it sits.** In [`Observe`](crate::observe::Observe), outermost, so that it sees rejections.
//!
//! ```
//! use std::sync::Arc;
//! use rootcap_layers::{Methods, MethodKind, Origin, metrics, observe::ObserveLayer};
//! use tower_layer::Layer;
//!
//! # fn wrap<S>(service: S) {
//! let methods = Methods::builder()
//!     .method("helloworld.Greeter", "SayHello", MethodKind::Unary, Origin::User)
//!     .build();
//! let methods = Arc::new(methods);
//! let service = ObserveLayer::new(metrics::CallMetrics, Arc::clone(&methods)).layer(service);
//!
//! let text = metrics::render(&methods);
//! assert!(text.contains("grpc_server_started_total"));
//! # }
//! ```

mod distribution;
mod exposition;
mod histogram;
mod history;
mod metric;
mod observer;
mod render;
mod stats;
mod tally;

pub use exposition::{Bounds, Escaped, Exposition, Value};
pub use histogram::{Histogram, HistogramSnapshot};
pub use history::{History, LOOK_EVERY, Window};
pub use metric::{Metric, MetricKind};
pub use observer::CallMetrics;
pub use render::{render, render_to, rendered};
pub use stats::{Stats, StatsSnapshot};
pub use tally::Tally;

#[cfg(test)]
mod tests;
