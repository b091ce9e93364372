//! [`CallTask`]: one call, from its first poll to its end.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use pin_project_lite::pin_project;
use rootcap_layers::method::FirstPoll;
use tonic::Code;

use super::watch::Watch;
use crate::{
    debug::{
        marks::{self, Doing},
        methods::address,
    },
    metrics,
    server::open_calls::OpenCall,
};

/// Why a call is reset that somebody has cancelled.
const CANCELLED: &str = "cancelled";

pin_project! {
    /// The task of one call: hyper's stream, ended by force when it is overdue.
    pub(super) struct CallTask<F> {
        // Dropped first: the call is open until all of it is gone.
        #[pin]
        future: F,
        watch: Watch,
        // That its method learns from the first poll, and how long a short one is.
        learns: Option<Duration>,
        open: OpenCall,
    }
}

impl<F> CallTask<F> {
    /// Its method learns from its first poll whether the next calls may run at once, if that is not to take longer than
    /// `short`; with none, it does not learn.
    #[inline]
    pub(super) fn new(
        future: F,
        stall_timeout: Option<Duration>,
        short: Option<Duration>,
        open: OpenCall,
    ) -> Self {
        Self { future, watch: Watch::new(stall_timeout), learns: short, open }
    }
}

impl<F: Future<Output = ()>> Future for CallTask<F> {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let learns = self.as_mut().project().learns.take().map(|short| (short, Instant::now()));
        // Once for all that hyper polls of it: the head, and each frame.
        let current = self.open.call().map(|call| {
            let (owner, method) = (self.open.connection().server(), address(call.method()));
            (marks::poll(Doing { owner, method }), call.enter())
        });
        let polled = self.as_mut().poll_call(cx);
        drop(current);
        if let Some(((short, began), call)) = learns.zip(self.open.call()) {
            call.method().brevity().learn(FirstPoll::of(call, polled, began.elapsed()), short);
        }
        polled
    }
}

impl<F: Future<Output = ()>> CallTask<F> {
    #[inline]
    fn poll_call(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
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
        let Some(call) = this.open.call() else { return Poll::Pending };
        call.note_wait();
        // Whoever could say so in an answer has been polled by now.
        let cancelled = call.poll_cancelled(cx).is_ready();
        // Before the answer's head, the deadline's layer is polled and needs no help, if only the call has begun.
        let helpless = call.is_answered() || call.unsent().waits();
        let why = match cancelled {
            true => CANCELLED,
            false if helpless => {
                let overdue = ready!(this.watch.poll(call, cx));
                call.cut(overdue.code(), overdue.as_str());
                overdue.as_str()
            }
            false => return Poll::Pending,
        };
        // Dropping hyper's stream resets it.
        metrics::calls_reset_total(why).increment(1);
        Poll::Ready(())
    }
}
