//! The table: looking a method up, and taking in one that has answered.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::{Method, MethodKind, MethodsBuilder, Origin, split};

/// By path.
pub(super) type Table = HashMap<Box<str>, Arc<Method>>;

/// What [`Methods::find`] says of a path.
#[derive(Debug, Clone)]
pub(crate) enum Found {
    /// In the table, or the entry `unknown`.
    Settled(Arc<Method>),
    /// A method of a known service, seen for the first time.
    Provisional(Arc<Method>),
}

/// The table of known methods. It grows only by methods that exist, up to a cap.
///
/// ```
/// use rootcap_layers::{MethodKind, Methods, Origin};
///
/// let methods = Methods::builder()
///     .method("helloworld.Greeter", "SayHello", MethodKind::Unary, Origin::User)
///     .service("shop.Orders") // its methods become known with their first answers
///     .build();
/// let method = methods.get("/helloworld.Greeter/SayHello").expect("it is known");
/// assert_eq!(method.kind(), MethodKind::Unary);
/// assert_eq!(method.stats().snapshot().started, 0);
/// assert!(methods.get("/shop.Orders/List").is_none());
/// ```
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

/// A longer name is not that of a method.
const MAX_PATH: usize = 512;

impl Methods {
    pub(super) fn new(
        table: Table,
        services: HashSet<Box<str>>,
        buckets: Arc<[f64]>,
        cap: usize,
    ) -> Self {
        for (place, method) in table.values().enumerate() {
            method.set_number(place + 1);
        }
        Self {
            table: ArcSwap::from_pointee(table),
            growing: Mutex::new(()),
            services,
            unknown: Arc::new(Method::unknown(&buckets)),
            buckets,
            cap,
            refused: AtomicU64::new(0),
        }
    }

    /// An empty table, to be filled.
    pub fn builder() -> MethodsBuilder {
        MethodsBuilder::default()
    }

    /// The entry that stands for every method that is not known.
    pub fn unknown(&self) -> &Arc<Method> {
        &self.unknown
    }

    /// Of the histograms of their latency: see [`Histogram::new`](crate::metrics::Histogram::new).
    pub(crate) fn buckets(&self) -> &Arc<[f64]> {
        &self.buckets
    }

    /// The known methods, by service and name, `unknown` last.
    pub fn all(&self) -> Vec<Arc<Method>> {
        let mut all: Vec<_> = self.table.load().values().cloned().collect();
        all.sort_by(|a, b| (a.service(), a.name()).cmp(&(b.service(), b.name())));
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
        let _growing = self.growing.lock();
        let table = self.table.load();
        let path = method.path();
        if let Some(present) = table.get(path) {
            return Arc::ptr_eq(present, method);
        }
        if table.len() >= self.cap {
            self.refused.fetch_add(1, Relaxed);
            return false;
        }
        let mut larger = Table::clone(&table);
        larger.insert(path.into(), Arc::clone(method));
        method.set_number(larger.len());
        self.table.store(Arc::new(larger));
        true
    }

    /// At the end of a call of a provisional method: adds its statistics to the entry that stands for it; tells whether
    /// the method is in the table. If it has entered meanwhile, it exists, whatever this call showed.
    pub(crate) fn absorb(&self, method: &Method) -> bool {
        let present = self.get(method.path());
        match &present {
            Some(present) if std::ptr::eq(&**present, method) => {}
            Some(present) => present.stats().absorb(method.stats()),
            None => self.unknown.stats().absorb(method.stats()),
        }
        present.is_some()
    }
}
