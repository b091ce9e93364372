//! The layers of Rootcap: tower middleware that makes a gRPC service observable and safe.
//!
//! Nothing here opens a socket or knows of a server: every layer works under any tower server, alone or
//! with the others. The crate `rootcap` puts them together.

pub mod access_log;
pub mod call;
pub mod deadline;
mod hex;
pub mod method;
pub mod metrics;
pub mod observe;
pub mod outcome;
mod percent;
pub mod trace;

pub use call::{Call, Direction, Peer};
pub use method::{DEFAULT_BUCKETS, DEFAULT_MAX_METHODS, MethodKind, Methods, Origin};
pub use outcome::{Outcome, code_name};
