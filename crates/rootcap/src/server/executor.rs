//! Runs the calls of a connection: each in a task of its own, or at once, where it comes in.
//!
//! hyper calls the service and hands over the stream's task in the same poll, so the task can be paired with
//! its call here. That makes this the place for what must hold even when nobody polls the call's body: while
//! the reader's flow control is closed, hyper does not poll the body, and a deadline held there cannot fire.

mod at_once;
mod task;
mod watch;

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rootcap_layers::Call;

pub(super) use self::at_once::AtOnce;
use self::task::CallTask;
use super::connections::Connection;

/// Passes a call from the service to the executor.
#[derive(Debug, Clone, Default)]
pub(super) struct Slot(Arc<Mutex<Option<Call>>>);

impl Slot {
    #[inline]
    pub(super) fn put(&self, call: Call) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(call);
    }

    #[inline]
    fn take(&self) -> Option<Call> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The executor of one connection.
#[derive(Debug, Clone)]
pub(super) struct Executor {
    connection: Arc<Connection>,
    slot: Slot,
    stall_timeout: Option<Duration>,
    at_once: AtOnce,
}

impl Executor {
    pub(super) fn new(
        connection: Arc<Connection>,
        slot: Slot,
        stall_timeout: Option<Duration>,
        at_once: AtOnce,
    ) -> Self {
        Self { connection, slot, stall_timeout, at_once }
    }
}

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future<Output = ()> + Send + 'static,
{
    #[inline]
    fn execute(&self, future: F) {
        let (connection, io) = (&self.connection, &self.connection.io);
        let open = connection.open_call(self.slot.take());
        let (stall_timeout, short) = (self.stall_timeout, self.at_once.short());
        // A task is large: it is made when it is known where it goes.
        if self.at_once.admits(open.call(), &io.burst) {
            at_once::run(future, stall_timeout, short, open, io);
        } else {
            tokio::spawn(CallTask::new(future, stall_timeout, short, open));
        }
    }
}
