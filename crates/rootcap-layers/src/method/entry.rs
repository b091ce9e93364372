//! [`Method`]: one method, with its statistics.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use super::Brevity;
use crate::{access_log::Fragment, metrics::Stats};

/// How many messages a method takes and gives: `grpc_type` in metrics and logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MethodKind {
    /// One message, one answer.
    Unary,
    /// Many messages, one answer.
    ClientStream,
    /// One message, many answers.
    ServerStream,
    /// Many messages, many answers.
    BidiStream,
    /// Not known: there is no descriptor.
    Unknown,
}

impl MethodKind {
    /// The value of the label `grpc_type`.
    pub fn as_str(self) -> &'static str {
        match self {
            MethodKind::Unary => "unary",
            MethodKind::ClientStream => "client_stream",
            MethodKind::ServerStream => "server_stream",
            MethodKind::BidiStream => "bidi_stream",
            MethodKind::Unknown => "unknown",
        }
    }
}

/// Whose a method is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The user's: limited, logged.
    User,
    /// The framework's own (health, reflection): never limited, not logged by default.
    Builtin,
}

/// A method: its names, and the statistics of its calls.
pub struct Method {
    /// `/package.Service/Method`: its names are parts of it.
    path: Box<str>,
    /// Where the second slash is.
    slash: usize,
    kind: MethodKind,
    origin: Origin,
    stats: Stats,
    brevity: Brevity,
    fragment: Fragment,
    number: AtomicUsize,
}

impl Method {
    /// What stands for the names of methods that are not known.
    pub(crate) const UNKNOWN: &str = "unknown";

    pub(super) fn new(
        service: &str,
        name: &str,
        kind: MethodKind,
        origin: Origin,
        buckets: &Arc<[f64]>,
    ) -> Self {
        Self {
            path: format!("/{service}/{name}").into(),
            slash: 1 + service.len(),
            kind,
            origin,
            stats: Stats::new(Arc::clone(buckets)),
            brevity: Brevity::default(),
            fragment: Fragment::default(),
            number: AtomicUsize::new(0),
        }
    }

    /// `package.Service`, or `unknown`.
    pub fn service(&self) -> &str {
        &self.path[1..self.slash]
    }

    /// `Method`, or `unknown`.
    pub fn name(&self) -> &str {
        &self.path[self.slash + 1..]
    }

    /// `/package.Service/Method`: the key in the table.
    #[inline]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// How many messages it takes and gives.
    pub fn kind(&self) -> MethodKind {
        self.kind
    }

    /// Whether this is the framework's own method (health, reflection), which no limit applies to.
    #[inline]
    pub fn is_builtin(&self) -> bool {
        self.origin == Origin::Builtin
    }

    /// The statistics of its calls.
    #[inline]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Whether its calls end as soon as they begin.
    #[inline]
    pub fn brevity(&self) -> &Brevity {
        &self.brevity
    }

    /// The entry that stands for every method that is not known.
    pub(super) fn unknown(buckets: &Arc<[f64]>) -> Self {
        Self::new(Self::UNKNOWN, Self::UNKNOWN, MethodKind::Unknown, Origin::User, buckets)
    }

    /// Whether this is the entry that stands for every method that is not known.
    pub(crate) fn is_unknown(&self) -> bool {
        (self.kind, self.service(), self.name())
            == (MethodKind::Unknown, Self::UNKNOWN, Self::UNKNOWN)
    }

    /// Which of the methods in its table it is, from 1; 0 while it is in none.
    #[inline]
    pub(crate) fn number(&self) -> usize {
        self.number.load(Relaxed)
    }

    /// It is in a table now.
    pub(super) fn set_number(&self, number: usize) {
        self.number.store(number, Relaxed);
    }

    /// Its names as the access log writes them.
    pub(crate) fn fragment(&self) -> &Fragment {
        &self.fragment
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Method({})", self.path)
    }
}
