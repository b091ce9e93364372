//! Calls that run where they come in, on their connection's own task.
//!
//! A task of its own costs a short call more than its handler: memory for the task, two trips through the run queue, and
//! with thousands of calls in flight a cache miss for all that the one before had touched. A call whose method has
//! proved that its calls end in their first poll, within microseconds, is polled at once instead, while the connection
//! is still in the cache. If it has to wait after all, it gets its task then, which polls it again.
//!
//! What a caller may rely on:
//! - **A handler that computes has a task of its own**, which other threads may take: [`Brevity`] trusts no method before
//!   it has proved itself, and ends the trust when a call was long. The call that ends it has held up its connection. One
//!   that blocks its thread for what another call of the same connection does would do so for ever: such a handler
//!   needs `connection.short_calls_at_once = "off"`.
//! - **A connection does not keep the others waiting**: [`Burst`] bounds the time of all that run at once in one poll.
//! - **A panic that no layer has caught** ends the call and no other, as in a task of tokio's.
//!
//! [`Brevity`]: rootcap_layers::method::Brevity

use std::{
    any::Any,
    cell::RefCell,
    future::Future,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use rootcap_layers::{Call, method::FirstPoll};
use tokio::{task::coop, time::Instant};

use super::task::CallTask;
use crate::server::{burst::Burst, io_stats::IoStats, open_calls::OpenCall};

/// Which calls run at once.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtOnce {
    /// Those of methods whose calls have proved to take no longer than this.
    Short(Duration),
    /// None.
    #[default]
    Off,
    /// All, proved or not.
    #[cfg(test)]
    All,
}

impl AtOnce {
    /// What a method's calls have to prove: how long they take at most.
    pub(super) fn short(self) -> Option<Duration> {
        match self {
            AtOnce::Short(time) => Some(time),
            AtOnce::Off => None,
            #[cfg(test)]
            AtOnce::All => Some(Duration::from_micros(50)),
        }
    }

    /// How long the calls that are answered in one poll of a connection may take in all: those that come then get a task
    /// each, which others may run.
    pub(in crate::server) fn burst(self) -> Duration {
        20 * self.short().unwrap_or_default()
    }

    /// Whether this call does.
    pub(super) fn admits(self, call: Option<&Call>, burst: &Burst) -> bool {
        let short = match self {
            AtOnce::Short(_) => call.is_some_and(|call| call.method().brevity().is_trusted()),
            AtOnce::Off => false,
            #[cfg(test)]
            AtOnce::All => true,
        };
        // Without budget, what a handler asks tokio for has it wait, although it is there.
        short && burst.has_time() && coop::has_budget_remaining()
    }
}

/// Polls a call of the connection of `io`, and gives it a task of its own if it has to wait. Its method learns from it
/// whether it was `short`.
pub(super) fn run<F>(
    future: F,
    stall_timeout: Option<Duration>,
    short: Option<Duration>,
    open: OpenCall,
    io: &IoStats,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let call = open.call().cloned();
    // Its head has come in just now.
    let began = call.as_ref().map_or_else(Instant::now, Call::started);
    let mut place = Place::with(CallTask::new(future, stall_timeout, None, open));
    // Nobody is woken: a call that waits is polled again, by its own task.
    let mut cx = Context::from_waker(Waker::noop());
    let polled = unpanicked(|| Pin::new(&mut place).poll(&mut cx));
    // One that has ended has read the clock.
    let ended = call.as_ref().filter(|_| polled == Some(Poll::Ready(())));
    let took = ended.and_then(Call::took).unwrap_or_else(|| began.elapsed());
    io.burst.spend(took);
    if let Some((call, short)) = call.as_ref().zip(short) {
        let polled = polled.unwrap_or(Poll::Ready(()));
        call.method().brevity().learn(FirstPoll::of(call, polled, took), short);
    }
    match polled {
        Some(Poll::Ready(())) => place.keep(),
        Some(Poll::Pending) => drop(tokio::spawn(place)),
        // What is left of it may panic once more.
        None => drop(unpanicked(|| drop(place))),
    }
}

/// What `piece` returns; `None` if it panics, which the panic hook has told of.
fn unpanicked<T>(piece: impl FnOnce() -> T) -> Option<T> {
    let payload = match catch_unwind(AssertUnwindSafe(piece)) {
        Ok(value) => return Some(value),
        Err(payload) => payload,
    };
    // A payload may panic too when it is dropped; that one's payload is better leaked than dropped.
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(another);
    }
    None
}

thread_local! {
    /// The places of this thread that are free, one for each type of calls: what the last call ran in is still in the
    /// cache for the next one.
    static FREE: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// Where a call is polled: it stays, while calls of one type come and go. A call that has ended is gone.
struct Place<F>(Pin<Box<Option<CallTask<F>>>>);

impl<F: Future<Output = ()> + 'static> Place<F> {
    fn with(task: CallTask<F>) -> Box<Self> {
        match Self::take_free() {
            Some(mut place) => {
                place.0.set(Some(task));
                place
            }
            None => Box::new(Self(Box::pin(Some(task)))),
        }
    }

    fn take_free() -> Option<Box<Self>> {
        let mut free = FREE.try_with(RefCell::take).ok()?;
        let at = free.iter().position(|place| place.is::<Self>());
        let place = at.and_then(|at| free.swap_remove(at).downcast().ok());
        FREE.with(|places| places.replace(free));
        place
    }

    /// Keeps the place, which is empty, for the next call.
    fn keep(self: Box<Self>) {
        // A thread that is ending keeps none.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            if !free.iter().any(|place| place.is::<Self>()) {
                free.push(self);
            }
        });
    }
}

impl<F: Future<Output = ()>> Future for Place<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let task = self.0.as_mut().as_pin_mut().expect("a call that has ended is not polled");
        ready!(task.poll(cx));
        self.0.set(None);
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests;
