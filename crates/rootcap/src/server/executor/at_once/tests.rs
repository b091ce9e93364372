//! Calls that run at once: to their end, into a task of their own, or into a panic.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    future::{pending, poll_fn},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use hyper::rt::Executor as _;
use rootcap_layers::Peer;
use tokio::sync::{mpsc, oneshot};

use super::*;
use crate::server::{
    burst::Bursts,
    caps::Caps,
    connections::{Connections, Registered},
    executor::{Executor, Slot},
};

/// A connection without any bytes, on which all calls run at once.
struct Connection {
    registered: Registered,
    executor: Executor,
}

impl Connection {
    fn new() -> Self {
        let caps = Caps { connections: 1, per_peer: None };
        let peer = Arc::new(Peer::local("test"));
        let registered = Connections::default().register(peer, mpsc::channel(1).0, caps).unwrap();
        let connection = Arc::clone(&registered.connection);
        let executor = Executor::new(connection, Slot::default(), None, AtOnce::All);
        Self { registered, executor }
    }

    /// Runs calls as one poll of the connection does; returns whether it was polled once more.
    async fn poll(&self, mut calls: impl FnMut(&Executor)) -> bool {
        let burst = &self.registered.connection.io.burst;
        let mut bursts = Bursts::new(AtOnce::All.burst());
        let mut polls = 0;
        let mut connection = std::pin::pin!(poll_fn(|_| {
            polls += 1;
            if polls == 1 {
                calls(&self.executor);
            }
            Poll::<()>::Pending
        }));
        let mut task =
            tokio_test::task::spawn(poll_fn(|cx| bursts.poll(burst, connection.as_mut(), cx)));
        assert!(task.poll().is_pending());
        if task.is_woken() {
            assert!(task.poll().is_pending());
        }
        drop(task);
        polls > 1
    }

    fn open_calls(&self) -> usize {
        self.registered.connection.io.open_calls()
    }
}

#[tokio::test]
async fn a_call_that_ends_needs_no_task_and_the_connection_is_polled_once_more() {
    let connection = Connection::new();
    let ended = AtomicUsize::new(0);
    let ended: &'static AtomicUsize = Box::leak(Box::new(ended));
    let again = connection
        .poll(|executor| {
            for _ in 0..3 {
                executor.execute(async {
                    let _ = ended.fetch_add(1, Relaxed);
                });
            }
            assert_eq!(ended.load(Relaxed), 3);
        })
        .await;
    assert!(again);
    assert_eq!((connection.open_calls(), ended.load(Relaxed)), (0, 3));
    assert!(!connection.poll(|_| {}).await, "nothing was answered");
}

#[tokio::test]
async fn a_call_that_has_to_wait_gets_a_task() {
    let connection = Connection::new();
    let (go, wait) = oneshot::channel::<()>();
    let (done, end) = oneshot::channel();
    let mut call = Some(async move {
        wait.await.unwrap();
        done.send(()).unwrap();
    });
    connection.poll(|executor| executor.execute(call.take().unwrap())).await;
    assert_eq!(connection.open_calls(), 1);
    go.send(()).unwrap();
    end.await.unwrap();
    tokio::task::yield_now().await;
    assert_eq!(connection.open_calls(), 0);
}

#[tokio::test]
async fn a_panic_ends_its_call_and_no_other() {
    struct PanicsToo;
    impl Drop for PanicsToo {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("on purpose, in the drop");
            }
        }
    }
    let connection = Connection::new();
    let mut ended = false;
    connection
        .poll(|executor| {
            // The panic hook may use up the time.
            let renew = || connection.registered.connection.io.burst.renew(AtOnce::All.burst());
            executor.execute(async { panic!("on purpose") });
            renew();
            executor.execute(async { drop(PanicsToo) });
            renew();
            let (done, mut end) = oneshot::channel();
            executor.execute(async { done.send(()).unwrap() });
            ended = end.try_recv().is_ok();
        })
        .await;
    assert!(ended);
    assert_eq!(connection.open_calls(), 0);
}

#[tokio::test]
async fn when_the_time_of_a_burst_is_over_calls_get_a_task_until_the_next_poll() {
    let connection = Connection::new();
    let long = std::time::Duration::from_secs(1);
    connection
        .poll(|executor| {
            connection.registered.connection.io.burst.spend(long);
            executor.execute(pending());
        })
        .await;
    assert_eq!(connection.open_calls(), 1);
    connection.poll(|executor| executor.execute(async {})).await;
    assert_eq!(connection.open_calls(), 1, "it has ended at once");
}

#[tokio::test]
async fn a_call_may_run_calls_of_another_connection_meanwhile() {
    let (outer, inner) = (Connection::new(), Connection::new());
    let executor = inner.executor.clone();
    inner.registered.connection.io.burst.renew(AtOnce::All.burst());
    let mut call = Some(async move { executor.execute(async {}) });
    outer.poll(|executor| executor.execute(call.take().unwrap())).await;
    assert_eq!((outer.open_calls(), inner.open_calls()), (0, 0));
}

#[tokio::test]
async fn a_place_is_used_again_by_the_next_call_of_its_type() {
    let connection = Connection::new();
    let places = || FREE.with_borrow(|free| free.len());
    let before = places();
    for _ in 0..3 {
        connection.poll(|executor| executor.execute(async {})).await;
        assert_eq!(places(), before + 1);
    }
}
