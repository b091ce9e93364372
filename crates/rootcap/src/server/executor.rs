//! Runs the tasks of a connection's calls.
//!
//! hyper calls the service and hands over the stream's task in the same poll, so the task can be paired with
//! its call here. That makes this the place for what must hold even when nobody polls the call's body: while
//! the reader's flow control is closed, hyper does not poll the body, and a deadline held there cannot fire.

mod watch;

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;
use rootcap_layers::Call;
use tonic::Code;

use self::watch::Watch;
use super::{connections::Connection, open_calls::OpenCall};
use crate::metrics;

/// Passes a call from the service to the executor.
#[derive(Debug, Clone, Default)]
pub(super) struct Slot(Arc<Mutex<Option<Call>>>);

impl Slot {
    pub(super) fn put(&self, call: Call) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(call);
    }

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
}

impl Executor {
    pub(super) fn new(
        connection: Arc<Connection>,
        slot: Slot,
        stall_timeout: Option<Duration>,
    ) -> Self {
        Self { connection, slot, stall_timeout }
    }
}

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        tokio::spawn(CallTask {
            future,
            watch: Watch::new(self.stall_timeout),
            open: self.connection.open_call(self.slot.take()),
        });
    }
}

pin_project! {
    /// The task of one call: hyper's stream, ended by force when it is overdue.
    struct CallTask<F> {
        // Dropped first: the call is open until all of it is gone.
        #[pin]
        future: F,
        #[pin]
        watch: Watch,
        open: OpenCall,
    }
}

impl<F: Future<Output = ()>> Future for CallTask<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if this.future.poll(cx).is_ready() {
            if let (Some(call), Some(reason)) =
                (this.open.call(), this.open.connection().closed_by())
            {
                // What has not ended by itself now ends with its connection.
                call.cut(Code::Unavailable, reason.as_str());
            }
            return Poll::Ready(());
        }
        // Before the answer's head, the deadline's layer is polled and needs no help, if only the call has begun.
        let helpless = |call: &&Call| call.is_answered() || call.unsent().waits();
        let Some(call) = this.open.call().filter(helpless) else { return Poll::Pending };
        let overdue = ready!(this.watch.poll(call, cx));
        // Dropping hyper's stream resets it.
        call.cut(overdue.code(), overdue.as_str());
        metrics::calls_reset_total(overdue.as_str()).increment(1);
        Poll::Ready(())
    }
}
