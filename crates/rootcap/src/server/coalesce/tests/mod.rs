//! The wrapper against a scripted socket, under random orders of everything that can happen to it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod caller;
mod http2;
mod orders;
mod socket;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use self::socket::Socket;
use super::*;
use crate::server::io_stats::CallCount;

/// Counts how often a task was woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A wrapped socket, the task that uses it, and the calls open on it.
struct Rig {
    io: Coalesce<Socket>,
    wakes: Arc<Wakes>,
    calls: Vec<CallCount>,
}

impl Rig {
    fn new(mode: CoalesceWrites, calls: usize) -> Self {
        let stats = Arc::new(IoStats::default());
        let mut rig = Self {
            io: Coalesce::new(Socket::default(), stats, mode),
            wakes: Arc::default(),
            calls: Vec::new(),
        };
        rig.set_calls(calls);
        rig
    }

    fn set_calls(&mut self, count: usize) {
        let stats = &self.io.stats;
        self.calls.resize_with(count, || stats.open_call());
    }

    fn wakes(&self) -> usize {
        self.wakes.0.load(Ordering::SeqCst)
    }

    fn with<R>(&mut self, f: impl FnOnce(Pin<&mut Coalesce<Socket>>, &mut Context<'_>) -> R) -> R {
        let waker = Waker::from(Arc::clone(&self.wakes));
        f(Pin::new(&mut self.io), &mut Context::from_waker(&waker))
    }

    fn write(&mut self, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.with(|io, cx| io.poll_write(cx, bytes))
    }

    fn write_vectored(&mut self, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let (head, tail) = bytes.split_at(bytes.len() / 2);
        self.with(|io, cx| io.poll_write_vectored(cx, &[IoSlice::new(head), IoSlice::new(tail)]))
    }

    fn flush(&mut self) -> Poll<io::Result<()>> {
        self.with(|io, cx| io.poll_flush(cx))
    }

    fn shutdown(&mut self) -> Poll<io::Result<()>> {
        self.with(|io, cx| io.poll_shutdown(cx))
    }

    /// The number of bytes read.
    fn read(&mut self) -> Poll<io::Result<usize>> {
        let mut space = [0; 64];
        let mut buf = ReadBuf::new(&mut space);
        let result = self.with(|io, cx| io.poll_read(cx, &mut buf));
        result.map_ok(|()| buf.filled().len())
    }
}

/// Bytes `from..from + len` of a stream in which every byte tells its place.
fn bytes(from: usize, len: usize) -> Vec<u8> {
    (from..from + len).map(|place| (place % 251) as u8).collect()
}

#[test]
fn the_first_write_of_a_burst_waits_once_and_wakes_its_task() {
    let mut rig = Rig::new(CoalesceWrites::On, 2);
    assert!(rig.write(b"one").is_pending());
    assert_eq!((rig.wakes(), rig.io.io.reached), (1, 0));
    assert!(rig.read().is_pending());
    assert!(rig.write(b"one, two").is_ready());
    assert!(rig.write(b"three").is_ready());
    assert_eq!((rig.wakes(), rig.io.io.reached), (1, 2));
    assert_eq!(rig.io.io.taken, b"one, twothree");
}

#[test]
fn the_write_of_a_lone_call_does_not_wait() {
    for calls in [0, 1] {
        let mut rig = Rig::new(CoalesceWrites::On, calls);
        for _ in 0..3 {
            assert!(rig.read().is_pending());
            assert!(rig.write(b"response").is_ready());
        }
        assert_eq!(rig.io.stats.held(), 0);
    }
}

#[test]
fn no_write_waits_when_coalescing_is_off_or_the_driver_wants_to_write_through() {
    let mut off = Rig::new(CoalesceWrites::Off, 9);
    assert!(off.write(b"response").is_ready());
    let mut last_poll = Rig::new(CoalesceWrites::On, 9);
    last_poll.io.stats.write_through();
    assert!(last_poll.write(b"response").is_ready());
}

#[test]
fn a_large_write_does_not_wait_and_all_its_slices_count() {
    let mut rig = Rig::new(CoalesceWrites::On, 2);
    assert!(rig.write_vectored(&bytes(0, LARGE)).is_ready());
    let mut rig = Rig::new(CoalesceWrites::On, 2);
    assert!(rig.write_vectored(&bytes(0, LARGE - 1)).is_pending());
}

#[test]
fn frames_that_are_flushed_one_by_one_leave_in_one_write_at_the_flush_without_a_frame() {
    let mut rig = Rig::new(CoalesceWrites::On, 1);
    for _ in 0..3 {
        assert!(rig.write_vectored(b"frame").is_ready() && rig.flush().is_ready());
        assert!(rig.io.stats.burst.joins());
    }
    assert_eq!(rig.io.io.reached, 0);
    assert!(rig.flush().is_ready());
    assert_eq!((rig.io.io.reached, rig.io.stats.writes()), (1, 1));
    assert_eq!(rig.io.io.taken, b"frameframeframe");
    assert!(!rig.io.stats.burst.joins());
}

#[test]
fn a_write_that_no_other_follows_joins_those_before_it_and_leaves_at_its_flush() {
    let mut rig = Rig::new(CoalesceWrites::On, 1);
    assert!(rig.write_vectored(b"frame").is_ready() && rig.flush().is_ready());
    assert!(rig.write(b"trailers").is_ready() && rig.flush().is_ready());
    assert_eq!((rig.io.io.reached, rig.io.io.taken.as_slice()), (1, &b"frametrailers"[..]));
}

#[test]
fn a_large_frame_is_not_copied_and_leaves_behind_what_was_taken_before() {
    let mut rig = Rig::new(CoalesceWrites::On, 1);
    let all = bytes(0, 10 + LARGE);
    assert!(rig.write_vectored(&all[..10]).is_ready() && rig.flush().is_ready());
    assert!(rig.write_vectored(&all[10..]).is_ready());
    assert_eq!((rig.io.io.reached, &rig.io.io.taken), (2, &all));
}

#[test]
fn frames_join_up_to_a_bound_and_a_full_socket_is_told() {
    let mut rig = Rig::new(CoalesceWrites::On, 1);
    rig.io.io.room = 0;
    let frame = bytes(0, LARGE - 1);
    assert!((0..2).all(|_| rig.write_vectored(&frame).is_ready() && rig.flush().is_ready()));
    assert!(rig.write_vectored(&frame).is_pending() && rig.flush().is_pending());
    rig.io.io.make_room(3 * LARGE);
    assert_eq!(rig.wakes(), 1);
    assert!(rig.write_vectored(&frame).is_ready() && rig.shutdown().is_ready());
    assert_eq!(rig.io.io.taken, frame.repeat(3));
}

#[test]
fn nothing_joins_when_coalescing_is_off_or_the_driver_wants_to_write_through() {
    let mut off = Rig::new(CoalesceWrites::Off, 1);
    assert!(off.write_vectored(b"frame").is_ready());
    assert_eq!(off.io.io.taken, b"frame");
    let mut last_poll = Rig::new(CoalesceWrites::On, 1);
    assert!(last_poll.write_vectored(b"frame").is_ready());
    last_poll.io.stats.write_through();
    assert!(last_poll.flush().is_ready());
    assert_eq!(last_poll.io.io.taken, b"frame");
}

#[test]
fn a_caller_that_flushes_before_each_write_gets_on() {
    let mut rig = Rig::new(CoalesceWrites::On, 2);
    for round in 0..10 {
        assert!(rig.read().is_pending());
        assert!(rig.flush().is_ready());
        assert!(rig.write(b"x").is_pending(), "round {round}");
        assert!(rig.flush().is_ready());
        assert!(rig.write(b"x").is_ready(), "round {round}");
    }
}

#[test]
fn a_shutdown_while_a_write_is_held_goes_straight_through() {
    let mut rig = Rig::new(CoalesceWrites::On, 2);
    assert!(rig.write(b"GOAWAY").is_pending());
    assert!(rig.shutdown().is_ready());
    assert!(rig.io.io.is_shut);
}

#[test]
fn a_connection_blocked_by_the_socket_is_not_held_on_top() {
    let mut rig = Rig::new(CoalesceWrites::On, 2);
    rig.io.io.room = 2;
    assert!(rig.write(b"1234").is_pending());
    assert!(matches!(rig.write(b"1234"), Poll::Ready(Ok(2))));
    assert!(rig.write(b"34").is_pending());
    rig.io.io.make_room(8);
    assert!(rig.read().is_pending());
    assert!(matches!(rig.write(b"34"), Poll::Ready(Ok(2))));
    assert_eq!(rig.io.stats.held(), 1);
}

#[test]
fn vectored_writes_are_offered_where_the_transport_has_them() {
    let mut rig = Rig::new(CoalesceWrites::On, 0);
    assert!(rig.io.is_write_vectored());
    rig.io.io.is_plain = true;
    assert!(!rig.io.is_write_vectored());
}

#[test]
fn bytes_and_writes_are_counted_where_the_transport_took_them() {
    let mut rig = Rig::new(CoalesceWrites::On, 2);
    rig.io.io.room = 5;
    rig.io.io.make_readable(70);
    while rig.read().is_ready() {}
    assert!(rig.write(b"1234567").is_pending());
    assert!(rig.write(b"1234567").is_ready());
    assert!(rig.write(b"67").is_pending());
    rig.io.io.is_broken = true;
    assert!(matches!(rig.write(b"67"), Poll::Ready(Err(_))));
    let stats = &rig.io.stats;
    assert_eq!((stats.bytes_in(), stats.bytes_out()), (70, 5));
    assert_eq!((stats.writes(), stats.held()), (1, 1));
}
