//! [`MethodsBuilder`]: fills a table of methods before it is used.

use std::{collections::HashSet, sync::Arc};

use super::{Method, MethodKind, Methods, Origin, table::Table};

/// Prometheus' default buckets, in seconds.
pub const DEFAULT_BUCKETS: [f64; 11] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// How many methods the table holds at most, unless set otherwise.
pub const DEFAULT_MAX_METHODS: usize = 1_000;

/// Makes a [`Methods`].
#[derive(Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct MethodsBuilder {
    table: Table,
    services: HashSet<Box<str>>,
    buckets: Arc<[f64]>,
    cap: usize,
}

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
    pub fn buckets(mut self, bounds: &[f64]) -> Self {
        self.buckets = bounds.into();
        self
    }

    /// How many methods the table may hold; those given by [`method`](Self::method) always have their place.
    pub fn cap(mut self, methods: usize) -> Self {
        self.cap = methods;
        self
    }

    /// A service whose methods are not known: each is added when it first answers.
    pub fn service(mut self, service: &str) -> Self {
        self.services.insert(service.into());
        self
    }

    /// A method known from a descriptor.
    pub fn method(mut self, service: &str, name: &str, kind: MethodKind, origin: Origin) -> Self {
        let method = Method::new(service, name, kind, origin, &self.buckets);
        self.table.insert(method.path().into(), Arc::new(method));
        self
    }

    /// The table.
    pub fn build(self) -> Methods {
        Methods::new(self.table, self.services, self.buckets, self.cap)
    }
}
