//! The access log: a line when a call starts and a line when it has ended.
//!
//! **What it does.** Writes `started call` and `finished call` to an [`Output`], as JSON or as text, each
//! line rendered in a buffer of the thread without any allocation; or emits both as `tracing` events
//! ([`AccessLog::events`]). The calls of health and reflection are left out, unless
//! [`BuiltinCalls::Log`] asks for them.
//!
//! **When it rejects.** Never: it is an observer.
//!
//! **What it records.** In this order, where known: `timestamp` (RFC 3339, UTC, microseconds), `level`
//! (of a finished call: [`level_of`] its code), `message`, `request_id`, `trace_id`, `span_id`,
//! `grpc.service`, `grpc.method` (of an unknown method: as the caller sent them), `grpc.type`,
//! `grpc.code`, `grpc.message`, `grpc.time_ms`, `grpc.deadline_ms` (from the start of the call),
//! `grpc.recv_msgs`, `grpc.sent_msgs`, `grpc.recv_bytes`, `grpc.sent_bytes`, `peer.address`,
//! `peer.identity`, `user_agent`, `rejected_by`, and `metadata.<key>` for the metadata that the
//! [`ObserveLayer`](crate::observe::ObserveLayer) was told to keep. Strings that a caller controls are
//! cut at [`MAX_CALLER_STRING`] bytes and escaped; a caller cannot add a key.
//!
//! **Where it sits.** In [`Observe`](crate::observe::Observe), outermost, so that it sees rejections.
//!
//! ```
//! use std::{io::Write, sync::Arc};
//! use rootcap_layers::{Methods, access_log::{AccessLog, Calls, Format, Output}, observe::ObserveLayer};
//! use tower_layer::Layer;
//!
//! /// For a demonstration only: it blocks while the reader of stderr does.
//! struct Stderr;
//!
//! impl Output for Stderr {
//!     fn write(&self, line: &[u8]) {
//!         let _ = std::io::stderr().write_all(line);
//!     }
//! }
//!
//! # fn wrap<S>(service: S) {
//! let log = AccessLog::new(Stderr, Format::Json).calls(Calls::End);
//! let methods = Arc::new(Methods::builder().service("helloworld.Greeter").build());
//! let service = ObserveLayer::new(log, methods).layer(service);
//! # }
//! ```

mod beginning;
mod call_fields;
mod common;
mod escape;
mod events;
mod format;
mod fragment;
mod key;
mod level;
mod line;
mod observer;
mod output;
mod timestamp;

pub use common::Common;
pub use format::Format;
pub(crate) use fragment::Fragment;
pub use key::Key;
pub use level::level_of;
pub use line::{Line, MAX_CALLER_STRING};
pub use observer::{AccessLog, BuiltinCalls, Calls};
pub use output::Output;
pub use timestamp::rfc3339;

/// The target of the lines of calls: what a filter names to choose among them.
pub const TARGET: &str = "rootcap::call";

const STARTED: &str = "started call";
const FINISHED: &str = "finished call";

#[cfg(test)]
mod tests;
