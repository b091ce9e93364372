//! The calls that are open on a connection.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rootcap_layers::Call;
use slab::Slab;

use super::{connections::Connection, io_stats::CallCount};

/// The calls that are open on one connection, which HTTP/2 limits; a call that begins takes the place of one that has
/// ended.
#[derive(Debug, Default)]
pub(crate) struct OpenCalls(Mutex<Slab<Call>>);

impl OpenCalls {
    pub(crate) fn all(&self) -> Vec<Call> {
        self.lock().iter().map(|(_, call)| call.clone()).collect()
    }

    /// Held for one look or change, between the connection's task and its calls' own.
    fn lock(&self) -> MutexGuard<'_, Slab<Call>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One open call; it ends when this is dropped.
#[derive(Debug)]
#[must_use = "the call counts as open only while this lives"]
pub(crate) struct OpenCall {
    /// What is known of it, and its place; `None` for a request that is no call.
    listed: Option<(Call, usize)>,
    /// `None` only when it has ended.
    count: Option<CallCount>,
    // The server has not stopped before its calls have.
    connection: Arc<Connection>,
}

impl OpenCall {
    pub(super) fn new(connection: Arc<Connection>, call: Option<Call>) -> Self {
        let listed = call.map(|call| (call.clone(), connection.calls.lock().insert(call)));
        Self { listed, count: Some(connection.io.open_call()), connection }
    }

    pub(super) fn call(&self) -> Option<&Call> {
        self.listed.as_ref().map(|(call, _)| call)
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        let removed =
            self.listed.as_ref().map(|(_, key)| self.connection.calls.lock().remove(*key));
        // Outside of the lock: the last handle of a call frees what it refers to.
        drop(removed);
        drop(self.count.take());
        self.connection.call_ended();
    }
}
