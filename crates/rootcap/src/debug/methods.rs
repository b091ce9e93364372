//! The names of the methods whose calls threads are seen to poll.

use std::{collections::HashMap, sync::Arc};

use rootcap_layers::{Methods, method::Method};

use super::marks::Doing;

/// The methods of one server, by the addresses that stand for them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    owner: usize,
    methods: HashMap<usize, Arc<Method>>,
}

/// What stands for a method while it is in use.
pub(crate) fn address(method: &Arc<Method>) -> usize {
    Arc::as_ptr(method).addr()
}

impl Names {
    /// The methods that the server has by now.
    pub(crate) fn new(owner: usize, methods: &Methods) -> Self {
        let mut all = methods.all();
        all.push(Arc::clone(methods.unknown()));
        Self { owner, methods: all.into_iter().map(|method| (address(&method), method)).collect() }
    }

    /// Whether a thread polls a call of this server.
    pub(crate) fn own(&self, doing: Doing) -> bool {
        doing.method != 0 && doing.owner == self.owner
    }

    /// The service and the method of the call that a thread polls, if it is one of this server; `unknown` for one that
    /// has no entry in the server's table.
    pub(crate) fn of(&self, doing: Doing) -> Option<(&str, &str)> {
        let method = self.methods.get(&doing.method);
        let names = method.map_or(("unknown", "unknown"), |it| (it.service(), it.name()));
        self.own(doing).then_some(names)
    }

    /// The same as a path.
    pub(crate) fn path_of(&self, doing: Doing) -> Option<String> {
        self.of(doing).map(|(service, method)| format!("/{service}/{method}"))
    }
}
