//! The wrapper against a scripted socket, under random orders of everything that can happen to it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod http2;
mod socket;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use proptest::prelude::*;

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

/// What a caller, the calls or the peer may do, in any order.
#[derive(Debug, Clone)]
enum Op {
    Write(usize),
    WriteVectored(usize),
    Flush,
    Shutdown,
    Read,
    Calls(usize),
    WriteThrough,
    Arrive(usize),
    MakeRoom(usize),
    TakeAtMost(usize),
    Break,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0..2 * LARGE).prop_map(Op::Write),
        6 => (0..2 * LARGE).prop_map(Op::WriteVectored),
        6 => (0..64_usize).prop_map(Op::Write),
        3 => Just(Op::Flush),
        1 => Just(Op::Shutdown),
        6 => Just(Op::Read),
        4 => (0..5_usize).prop_map(Op::Calls),
        2 => (1..100_usize).prop_map(Op::Arrive),
        4 => (1..3 * LARGE).prop_map(Op::MakeRoom),
        2 => (LARGE / 8..LARGE).prop_map(Op::TakeAtMost),
        1 => prop_oneof![Just(Op::WriteThrough), Just(Op::Break)],
    ]
}

/// Makes one write and checks the answer; says whether it was held.
fn write_and_check(rig: &mut Rig, vectored: bool, len: usize, held_before: bool) -> bool {
    let offered = bytes(rig.io.io.taken.len(), len);
    let (reached, wakes) = (rig.io.io.reached, rig.wakes());
    let answer = if vectored { rig.write_vectored(&offered) } else { rig.write(&offered) };
    if rig.io.io.reached > reached {
        return false;
    }
    assert!(answer.is_pending(), "an answer that the transport did not give");
    assert_eq!(rig.wakes(), wakes + 1, "held, and its task was not woken");
    assert!(!held_before, "held twice in a row");
    assert!(rig.calls.len() >= CROWD && len < LARGE, "held for no other response");
    assert!(!rig.io.stats.writes_through(), "held when told to write through");
    true
}

proptest! {
    /// Whatever the order: a held write woke its task, the next one goes out, and nothing else is ever delayed.
    #[test]
    fn any_order_of_events_is_survived(ops in prop::collection::vec(op(), 1..120), calls in 0..5_usize) {
        let mut rig = Rig::new(CoalesceWrites::On, calls);
        rig.io.io.room = LARGE;
        let mut held = false;
        for op in ops {
            match op {
                Op::Write(len) => held = write_and_check(&mut rig, false, len, held),
                Op::WriteVectored(len) => held = write_and_check(&mut rig, true, len, held),
                Op::Flush => prop_assert!(rig.flush().is_ready()),
                Op::Shutdown => prop_assert!(rig.shutdown().is_ready()),
                Op::Read => drop(rig.read()),
                Op::Calls(count) => rig.set_calls(count),
                Op::WriteThrough => rig.io.stats.write_through(),
                Op::Arrive(len) => rig.io.io.make_readable(len),
                Op::MakeRoom(len) => rig.io.io.make_room(len),
                Op::TakeAtMost(len) => rig.io.io.at_most = len,
                Op::Break => rig.io.io.is_broken = true,
            }
        }
        let taken = &rig.io.io.taken;
        prop_assert_eq!(taken, &bytes(0, taken.len()));
        prop_assert_eq!(rig.io.stats.bytes_out(), taken.len() as u64);
    }

    /// A caller that works like h2 is driven only when it was woken: whenever nothing wakes it any more, all that was
    /// to be sent has been sent, or the socket is full.
    #[test]
    fn a_caller_that_is_polled_only_when_woken_sends_all_there_is(
        events in prop::collection::vec(op(), 1..120),
        calls in 0..5_usize,
        flushes_first in any::<bool>(),
    ) {
        let mut caller = Caller { rig: Rig::new(CoalesceWrites::On, calls), to_send: 0, flushes_first };
        for event in events {
            match event {
                Op::Write(len) | Op::WriteVectored(len) => caller.finish_response(len),
                Op::Calls(count) => caller.rig.set_calls(count),
                Op::Arrive(len) => caller.rig.io.io.make_readable(len),
                Op::MakeRoom(len) => caller.rig.io.io.make_room(len),
                Op::TakeAtMost(len) => caller.rig.io.io.at_most = len,
                Op::WriteThrough => caller.rig.io.stats.write_through(),
                Op::Read => caller.poll(),
                Op::Flush | Op::Shutdown | Op::Break => continue,
            }
            caller.run();
        }
        let taken = &caller.rig.io.io.taken;
        prop_assert_eq!(taken, &bytes(0, taken.len()));
    }
}

/// Does what h2 does in one poll: reads until there is nothing more, writes until all is written, flushes.
struct Caller {
    rig: Rig,
    /// The length of all responses so far.
    to_send: usize,
    flushes_first: bool,
}

impl Caller {
    /// A call ends, which wakes the connection's task.
    fn finish_response(&mut self, len: usize) {
        self.to_send += len;
        Arc::clone(&self.rig.wakes).wake();
    }

    fn poll(&mut self) {
        while self.rig.read().is_ready() {}
        if self.flushes_first {
            assert!(self.rig.flush().is_ready());
        }
        loop {
            let sent = self.rig.io.io.taken.len();
            let frames = (self.to_send - sent).min(2 * LARGE);
            if frames == 0 {
                assert!(self.rig.flush().is_ready());
                return;
            }
            if self.rig.write_vectored(&bytes(sent, self.to_send - sent)).is_pending() {
                return;
            }
        }
    }

    /// Polls as long as the task is woken: once for an event, and at most once more for a held write.
    fn run(&mut self) {
        let mut polls = 0;
        while self.rig.wakes.0.swap(0, Ordering::SeqCst) > 0 {
            self.poll();
            polls += 1;
            assert!(polls <= 2, "polled {polls} times for one event");
        }
        let Socket { taken, room, .. } = &self.rig.io.io;
        assert!(taken.len() == self.to_send || *room == 0, "asleep with bytes to send");
    }
}
