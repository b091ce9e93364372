//! Runs the tasks of a connection's calls.
//!
//! hyper calls the service and hands over the stream's task in the same poll, so the task can be paired with
//! its call here. That makes this the place for what must hold even when nobody polls the call's body: while
//! the reader's flow control is closed, hyper does not poll the body, and a deadline held there cannot fire.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use pin_project_lite::pin_project;
use rootcap_layers::Call;
use tokio::time::Sleep;
use tonic::Code;

use super::{connections::Connection, io_stats::OpenCall};

/// How long after the deadline a call is dropped: the layer that holds the deadline comes first, and answers.
const BACKSTOP: Duration = Duration::from_millis(250);

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
}

impl Executor {
    pub(super) fn new(connection: Arc<Connection>, slot: Slot) -> Self {
        Self { connection, slot }
    }
}

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        let connection = Arc::clone(&self.connection);
        let open = connection.open_call();
        tokio::spawn(CallTask {
            future,
            call: self.slot.take(),
            backstop: None,
            _open: open,
            connection,
        });
    }
}

pin_project! {
    /// The task of one call: hyper's stream, ended by force when it outlives the deadline.
    struct CallTask<F> {
        // Dropped first: the call is open until all of it is gone.
        #[pin]
        future: F,
        call: Option<Call>,
        #[pin]
        backstop: Option<Sleep>,
        _open: OpenCall,
        // The server has not stopped before its calls have.
        connection: Arc<Connection>,
    }
}

impl<F: Future<Output = ()>> Future for CallTask<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if this.future.poll(cx).is_ready() {
            if let (Some(call), Some(reason)) = (this.call, this.connection.closed_by()) {
                // What has not ended by itself now ends with its connection.
                call.cut(Code::Unavailable, reason.as_str());
            }
            return Poll::Ready(());
        }
        let Some(call) = this.call else { return Poll::Pending };
        // Before the answer's head, the deadline's layer is polled and needs no help.
        if !call.is_answered() {
            return Poll::Pending;
        }
        if this.backstop.is_none() {
            let Some(deadline) = call.deadline() else { return Poll::Pending };
            this.backstop.set(Some(tokio::time::sleep_until(deadline + BACKSTOP)));
        }
        let timer = this.backstop.as_pin_mut().expect("it was just armed");
        if timer.poll(cx).is_ready() {
            // Dropping hyper's stream resets it.
            call.cut(Code::DeadlineExceeded, "deadline");
            return Poll::Ready(());
        }
        Poll::Pending
    }
}
