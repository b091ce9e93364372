//! [`Methods`]: the table of known methods, each with its statistics.
//!
//! A caller must never be able to add an entry. So a method is either known from a descriptor, or it is
//! *provisional*: an entry outside of the table, made for a method of a known service that is seen for
//! the first time. It enters the table when the service's answer shows that the method exists; otherwise
//! its statistics fall into the one entry `unknown`.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use arc_swap::ArcSwap;

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
    service: Box<str>,
    name: Box<str>,
    kind: MethodKind,
    origin: Origin,
    stats: Stats,
    fragment: Fragment,
}

impl Method {
    fn new(
        service: &str,
        name: &str,
        kind: MethodKind,
        origin: Origin,
        buckets: &Arc<[f64]>,
    ) -> Self {
        Self {
            service: service.into(),
            name: name.into(),
            kind,
            origin,
            stats: Stats::new(Arc::clone(buckets)),
            fragment: Fragment::default(),
        }
    }

    /// `package.Service`, or `unknown`.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// `Method`, or `unknown`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many messages it takes and gives.
    pub fn kind(&self) -> MethodKind {
        self.kind
    }

    /// Whether this is the framework's own method (health, reflection), which no limit applies to.
    pub fn is_builtin(&self) -> bool {
        self.origin == Origin::Builtin
    }

    /// The statistics of its calls.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Whether this is the entry that stands for every method that is not known.
    pub(crate) fn is_unknown(&self) -> bool {
        (self.kind, self.service(), self.name()) == (MethodKind::Unknown, UNKNOWN, UNKNOWN)
    }

    /// Its names as the access log writes them.
    pub(crate) fn fragment(&self) -> &Fragment {
        &self.fragment
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Method(/{}/{})", self.service, self.name)
    }
}

type Table = HashMap<Box<str>, Arc<Method>>;

/// What [`Methods::find`] says of a path.
#[derive(Debug, Clone)]
pub(crate) enum Found {
    /// In the table, or the entry `unknown`.
    Settled(Arc<Method>),
    /// A method of a known service, seen for the first time.
    Provisional(Arc<Method>),
}

/// The table of known methods. It grows only by methods that exist, up to a cap.
#[derive(Debug)]
pub struct Methods {
    table: ArcSwap<Table>,
    /// Held while the table is replaced by a larger one.
    growing: Mutex<()>,
    services: HashSet<Box<str>>,
    unknown: Arc<Method>,
    buckets: Arc<[f64]>,
    cap: usize,
    refused: AtomicU64,
}

/// Makes a [`Methods`].
#[derive(Debug)]
pub struct MethodsBuilder {
    table: Table,
    services: HashSet<Box<str>>,
    buckets: Arc<[f64]>,
    cap: usize,
}

/// Prometheus' default buckets, in seconds.
pub const DEFAULT_BUCKETS: [f64; 11] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// How many methods the table holds at most, unless set otherwise.
pub const DEFAULT_MAX_METHODS: usize = 1_000;

impl Default for MethodsBuilder {
    fn default() -> Self {
        Self {
            table: Table::default(),
            services: HashSet::default(),
            buckets: Arc::new(DEFAULT_BUCKETS),
            cap: DEFAULT_MAX_METHODS,
        }
    }
}

impl MethodsBuilder {
    /// The upper bounds of the latency buckets, in seconds, ascending. Set them before any method is added.
    #[must_use]
    pub fn buckets(mut self, bounds: &[f64]) -> Self {
        self.buckets = bounds.into();
        self
    }

    /// How many methods the table may hold; those given by [`method`](Self::method) always have their place.
    #[must_use]
    pub fn cap(mut self, methods: usize) -> Self {
        self.cap = methods;
        self
    }

    /// A service whose methods are not known: each is added when it first answers.
    #[must_use]
    pub fn service(mut self, service: &str) -> Self {
        self.services.insert(service.into());
        self
    }

    /// A method known from a descriptor.
    #[must_use]
    pub fn method(mut self, service: &str, name: &str, kind: MethodKind, origin: Origin) -> Self {
        let method = Method::new(service, name, kind, origin, &self.buckets);
        self.table.insert(format!("/{service}/{name}").into(), Arc::new(method));
        self
    }

    /// The table.
    pub fn build(self) -> Methods {
        Methods {
            table: ArcSwap::from_pointee(self.table),
            growing: Mutex::new(()),
            services: self.services,
            unknown: Arc::new(Method::new(
                UNKNOWN,
                UNKNOWN,
                MethodKind::Unknown,
                Origin::User,
                &self.buckets,
            )),
            buckets: self.buckets,
            cap: self.cap,
            refused: AtomicU64::new(0),
        }
    }
}

const UNKNOWN: &str = "unknown";
/// A longer name is not that of a method.
const MAX_PATH: usize = 512;

impl Methods {
    /// An empty table, to be filled.
    pub fn builder() -> MethodsBuilder {
        MethodsBuilder::default()
    }

    /// The entry that stands for every method that is not known.
    pub fn unknown(&self) -> &Arc<Method> {
        &self.unknown
    }

    /// The known methods, by service and name, `unknown` last.
    pub fn all(&self) -> Vec<Arc<Method>> {
        let mut all: Vec<_> = self.table.load().values().cloned().collect();
        all.sort_by(|a, b| (&a.service, &a.name).cmp(&(&b.service, &b.name)));
        all.push(Arc::clone(&self.unknown));
        all
    }

    /// The method of this path (`/package.Service/Method`), if it is known.
    pub fn get(&self, path: &str) -> Option<Arc<Method>> {
        self.table.load().get(path).cloned()
    }

    /// How many calls were of methods that found no place in the table because it was full.
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    pub(crate) fn find(&self, path: &str) -> Found {
        if let Some(method) = self.table.load().get(path) {
            return Found::Settled(Arc::clone(method));
        }
        match self.of_known_service(path) {
            Some((service, name)) => Found::Provisional(Arc::new(Method::new(
                service,
                name,
                MethodKind::Unknown,
                Origin::User,
                &self.buckets,
            ))),
            None => Found::Settled(Arc::clone(&self.unknown)),
        }
    }

    fn of_known_service<'a>(&self, path: &'a str) -> Option<(&'a str, &'a str)> {
        let (service, name) = split(path)?;
        if path.len() > MAX_PATH || name.is_empty() || !self.services.contains(service) {
            return None;
        }
        if self.table.load().len() >= self.cap {
            self.refused.fetch_add(1, Relaxed);
            return None;
        }
        Some((service, name))
    }

    /// Takes a provisional method, which has answered, into the table; tells whether it is there now.
    pub(crate) fn adopt(&self, method: &Arc<Method>) -> bool {
        let _growing = self.growing.lock().unwrap_or_else(PoisonError::into_inner);
        let table = self.table.load();
        let path = format!("/{}/{}", method.service, method.name);
        if let Some(present) = table.get(path.as_str()) {
            return Arc::ptr_eq(present, method);
        }
        if table.len() >= self.cap {
            self.refused.fetch_add(1, Relaxed);
            return false;
        }
        let mut larger = Table::clone(&table);
        larger.insert(path.into(), Arc::clone(method));
        self.table.store(Arc::new(larger));
        true
    }

    /// At the end of a call of a provisional method: adds its statistics to the entry that stands for it.
    pub(crate) fn absorb(&self, method: &Method, exists: bool) {
        let path = format!("/{}/{}", method.service, method.name);
        match self.get(&path) {
            Some(present) if std::ptr::eq(&*present, method) => {}
            Some(present) if exists => present.stats.absorb(&method.stats),
            _ => self.unknown.stats.absorb(&method.stats),
        }
    }
}

/// Splits `/package.Service/Method`.
pub fn split(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix('/')?.rsplit_once('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provisional(methods: &Methods, path: &str) -> Arc<Method> {
        match methods.find(path) {
            Found::Provisional(method) => method,
            Found::Settled(method) => panic!("{path} is settled as {method:?}"),
        }
    }

    #[test]
    fn paths_of_no_known_service_are_unknown() {
        let methods = Methods::builder().service("a.B").build();
        for path in ["", "/", "a.B/C", "/a.B", "/a.B/", "/x.Y/C", "//", "/a.B/C/D"] {
            match methods.find(path) {
                Found::Settled(method) => {
                    assert!(Arc::ptr_eq(&method, methods.unknown()), "{path}")
                }
                Found::Provisional(method) => panic!("{path} is provisional as {method:?}"),
            }
        }
    }

    #[test]
    fn a_method_enters_when_it_has_answered() {
        let methods = Methods::builder().service("a.B").build();
        let method = provisional(&methods, "/a.B/C");
        assert!(methods.get("/a.B/C").is_none());
        assert!(methods.adopt(&method));
        assert!(methods.adopt(&method), "adopting twice is the same");
        assert!(Arc::ptr_eq(&methods.get("/a.B/C").expect("adopted"), &method));
    }

    #[test]
    fn the_second_of_two_first_calls_is_absorbed() {
        let methods = Methods::builder().service("a.B").build();
        let (first, second) = (provisional(&methods, "/a.B/C"), provisional(&methods, "/a.B/C"));
        second.stats().start();
        assert!(methods.adopt(&first));
        assert!(!methods.adopt(&second));
        methods.absorb(&second, true);
        assert_eq!(first.stats().snapshot().started, 1);
        assert_eq!(methods.unknown().stats().snapshot().started, 0);
    }

    #[test]
    fn a_full_table_takes_no_more() {
        let methods = Methods::builder().service("a.B").cap(1).build();
        let (first, second) = (provisional(&methods, "/a.B/C"), provisional(&methods, "/a.B/D"));
        assert!(methods.adopt(&first));
        assert!(!methods.adopt(&second));
        methods.absorb(&second, true);
        assert!(matches!(methods.find("/a.B/E"), Found::Settled(_)), "no entry is made in vain");
        assert_eq!((methods.refused(), methods.all().len()), (2, 2));
    }
}
