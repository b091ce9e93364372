//! How much is held for one connection, and who waits for it to become less.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
};

use rootcap_layers::Call;
use slab::Slab;

/// How much is held for one connection, and who waits for it to become less.
#[derive(Debug)]
pub(crate) struct Sending {
    max: usize,
    held: AtomicUsize,
    /// Of calls that are there: they leave when they go.
    waiting: Mutex<Slab<Waker>>,
}

impl Sending {
    /// Nothing is held yet; calls wait while there is as much as `max` bytes.
    #[inline]
    pub(crate) fn new(max: usize) -> Self {
        Self { max, held: AtomicUsize::new(0), waiting: Mutex::default() }
    }

    /// How many bytes are held.
    #[inline]
    pub(crate) fn held(&self) -> usize {
        self.held.load(Relaxed)
    }

    #[inline]
    fn has_room(&self) -> bool {
        self.held() < self.max
    }

    #[inline]
    pub(super) fn hold(&self, bytes: usize) {
        self.held.fetch_add(bytes, Relaxed);
    }

    #[inline]
    pub(super) fn release(&self, bytes: usize) {
        let before = self.held.fetch_sub(bytes, Relaxed);
        if before >= self.max && before - bytes < self.max {
            self.lock().iter().for_each(|(_, waker)| waker.wake_by_ref());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slab<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call's wait for room.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) sending: Arc<Sending>,
    place: Option<usize>,
}

impl Room {
    #[inline]
    pub(super) fn new(sending: Arc<Sending>) -> Self {
        Self { sending, place: None }
    }

    /// Ready while there is room for another chunk.
    #[inline]
    pub(super) fn poll(&mut self, call: &Call, cx: &mut Context<'_>) -> Poll<()> {
        if self.sending.has_room() || self.wait(cx) {
            if self.place.is_some() {
                self.leave();
                call.unsent().set_waits(false);
            }
            return Poll::Ready(());
        }
        call.unsent().set_waits(true);
        Poll::Pending
    }

    /// Waits, unless there is room by now.
    fn wait(&mut self, cx: &mut Context<'_>) -> bool {
        let mut waiting = self.sending.lock();
        // Looked at again under the lock, which who makes room takes too.
        if self.sending.has_room() {
            return true;
        }
        match self.place {
            Some(place) => waiting[place].clone_from(cx.waker()),
            None => self.place = Some(waiting.insert(cx.waker().clone())),
        }
        false
    }

    #[inline]
    fn leave(&mut self) {
        if let Some(place) = self.place.take() {
            self.sending.lock().remove(place);
        }
    }
}

impl Drop for Room {
    #[inline]
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::{convert::Infallible, future::poll_fn};

    use bytes::Bytes;
    use http::{Request, Response};
    use http_body_util::Empty;
    use rootcap_layers::{Methods, observe::ObserveLayer};
    use tower::{Layer, ServiceExt, service_fn};

    use super::*;

    /// Any call.
    pub(in crate::server) async fn call() -> Call {
        let methods = Arc::new(Methods::builder().service("a.B").build());
        let inner = service_fn(async |_: Request<_>| {
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        });
        let request = Request::builder().uri("/a.B/C").body(Empty::<Bytes>::new()).unwrap();
        let response = ObserveLayer::new((), methods).layer(inner).oneshot(request).await;
        response.unwrap().into_body().observed().clone()
    }

    #[tokio::test]
    async fn all_who_wait_are_woken_when_there_is_room() {
        let (sending, call) = (Arc::new(Sending::new(10)), call().await);
        let wait = || {
            let (mut room, call) = (Room::new(Arc::clone(&sending)), call.clone());
            tokio_test::task::spawn(poll_fn(move |cx| room.poll(&call, cx)))
        };
        let mut waits = [wait(), wait()];
        sending.hold(15);
        assert!(waits.iter_mut().all(|wait| wait.poll().is_pending() && wait.poll().is_pending()));
        assert!(call.unsent().waits());
        sending.release(5);
        assert!(waits.iter().all(|wait| !wait.is_woken()));
        sending.release(1);
        assert!(waits.iter_mut().all(|wait| wait.is_woken() && wait.poll().is_ready()));
        assert!(!call.unsent().waits() && sending.lock().is_empty());
    }

    /// Their wakers stayed, and with these the whole tasks of calls that had gone.
    #[tokio::test]
    async fn who_goes_before_there_is_room_leaves_nothing() {
        let (sending, call) = (Arc::new(Sending::new(1)), call().await);
        sending.hold(1);
        for _ in 0..1_000 {
            let mut room = Room::new(Arc::clone(&sending));
            assert!(
                tokio_test::task::spawn(poll_fn(|cx| room.poll(&call, cx))).poll().is_pending()
            );
        }
        assert!(sending.lock().is_empty() && sending.lock().capacity() < 10);
    }
}
