//! The layers of Rootcap: tower middleware that makes a gRPC service observable and safe.
//!
//! Nothing here opens a socket or knows of a server: every layer works under any tower server, alone or
//! with the others. The crate `rootcap` puts them together.

pub mod access_log;
pub mod admission;
pub mod call;
pub mod catch_panic;
pub mod concurrency;
pub mod deadline;
pub mod excerpt;
mod hex;
pub mod hold;
pub mod limits;
pub mod method;
pub mod metrics;
mod nanos;
pub mod observe;
pub mod outcome;
mod percent;
pub mod rate_limit;
pub mod reject;
pub mod request_bytes;
pub mod trace;

#[cfg(test)]
mod contract;

pub use call::{Call, Direction, Peer, Phase};
pub use catch_panic::CatchPanicLayer;
pub use concurrency::ConcurrencyLayer;
pub use deadline::DeadlineLayer;
pub use method::{
    DEFAULT_BUCKETS, DEFAULT_MAX_METHODS, Method, MethodKind, Methods, MethodsBuilder, Origin,
};
pub use outcome::{Outcome, code_name};
pub use rate_limit::RateLimitLayer;
pub use request_bytes::RequestBytesLayer;
