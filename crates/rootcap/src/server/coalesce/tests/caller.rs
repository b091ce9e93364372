//! A caller that works as h2 does: it is polled only when its task was woken, and does all it can in one poll.

use proptest::prelude::*;

use super::{
    orders::{Op, op},
    *,
};

/// h2 writes a payload of so many bytes from where it is, and flushes it by itself.
const CHAINED: usize = 256;

/// Writes responses as they end, until it is told to leave or its socket fails.
struct Caller {
    rig: Rig,
    /// The length of all responses so far.
    to_send: usize,
    /// How much of it was taken.
    taken: usize,
    flushes_first: bool,
    /// It shuts down once all is sent.
    is_leaving: bool,
    /// The socket failed, and the caller was told.
    has_failed: bool,
}

impl Caller {
    fn new(calls: usize, flushes_first: bool) -> Self {
        let rig = Rig::new(CoalesceWrites::On, calls);
        Self { rig, to_send: 0, taken: 0, flushes_first, is_leaving: false, has_failed: false }
    }

    /// Something happens to the caller, or around it. Whatever has to wake its task does so.
    fn happens(&mut self, event: Op) {
        let socket = &mut self.rig.io.io;
        match event {
            // Who leaves has no more to say.
            Op::Write(_) | Op::WriteVectored(_) if self.is_leaving => {}
            Op::Write(len) | Op::WriteVectored(len) => {
                self.to_send += len;
                self.wake();
            }
            Op::Shutdown => {
                self.is_leaving = true;
                self.wake();
            }
            Op::Flush | Op::Read => self.wake(),
            Op::Calls(count) => self.rig.set_calls(count),
            Op::Arrive(len) => socket.make_readable(len),
            Op::MakeRoom(len) => socket.make_room(len),
            Op::TakeAtMost(len) => socket.at_most = len,
            Op::Break => socket.fail(),
            Op::WriteThrough => self.rig.io.stats.write_through(),
        }
    }

    fn wake(&self) {
        Arc::clone(&self.rig.wakes).wake();
    }

    /// What the driver does: one poll, and another where that has left something behind.
    fn poll(&mut self) {
        self.poll_once();
        if self.rig.io.stats.burst.joins() && !self.has_failed {
            self.poll_once();
            assert!(!self.rig.io.stats.burst.joins(), "left behind");
        }
    }

    /// Reads until there is nothing more, writes until all is written, flushes, and shuts down if it is leaving.
    fn poll_once(&mut self) {
        while self.rig.read().is_ready() {}
        if self.flushes_first && !self.is_done(|rig| rig.flush()) {
            return;
        }
        while self.taken < self.to_send {
            let frame = bytes(self.taken, (self.to_send - self.taken).min(LARGE + 1_000));
            // The payload of a short one is copied.
            let is_chained = frame.len() >= CHAINED;
            let write = if is_chained { Rig::write_vectored } else { Rig::write };
            let mut taken = 0;
            if !self.is_done(|rig| write(rig, &frame).map_ok(|count| taken = count)) {
                return;
            }
            self.taken += taken;
            if is_chained && taken == frame.len() && !self.is_done(|rig| rig.flush()) {
                return;
            }
        }
        if self.is_done(|rig| rig.flush()) && self.is_leaving {
            self.is_done(|rig| rig.shutdown());
        }
    }

    /// Whether it was done and did not fail.
    fn is_done(&mut self, what: impl FnOnce(&mut Rig) -> Poll<io::Result<()>>) -> bool {
        let done = what(&mut self.rig);
        self.has_failed |= matches!(done, Poll::Ready(Err(_)));
        matches!(done, Poll::Ready(Ok(())))
    }

    fn sent(&self) -> usize {
        self.rig.io.io.taken.len()
    }

    fn unsent(&self) -> usize {
        self.to_send - self.sent()
    }

    /// Polls as long as the task is woken: once for an event, and at most once more for a held write.
    fn run(&mut self) {
        let mut polls = 0;
        while self.rig.wakes.0.swap(0, Ordering::SeqCst) > 0 && !self.has_failed {
            self.poll();
            polls += 1;
            assert!(polls <= 2, "polled {polls} times for one event");
        }
        self.check_at_rest();
    }

    /// Nothing wakes the caller any more: whatever could be done is done.
    fn check_at_rest(&self) {
        let Socket { room, is_shut, is_broken, .. } = self.rig.io.io;
        let is_blocked = room == 0 && !is_broken;
        assert!(self.unsent() == 0 || is_blocked || self.has_failed, "asleep with bytes to send");
        assert_eq!(is_shut, self.is_leaving && self.unsent() == 0 && !self.has_failed);
    }

    /// The driver cuts the connection: it may poll once more, and then drops everything.
    fn cut(mut self) -> Socket {
        self.rig.io.stats.write_through();
        if !self.has_failed {
            self.poll();
            self.check_at_rest();
        }
        assert_eq!(self.rig.io.stats.bytes_out(), self.sent() as u64);
        self.rig.io.io
    }
}

proptest! {
    /// Whenever nothing wakes the caller any more, all that was to be sent has been sent, or the socket is full, or has
    /// failed and the caller knows; and it was polled no more than twice for any one event.
    #[test]
    fn a_caller_that_is_polled_only_when_woken_gets_done_all_there_is(
        events in prop::collection::vec(op(), 1..80),
        calls in 0..5_usize,
        flushes_first in any::<bool>(),
    ) {
        let mut caller = Caller::new(calls, flushes_first);
        for event in events {
            caller.happens(event);
            caller.run();
        }
        let taken = caller.cut().taken;
        prop_assert_eq!(&taken, &bytes(0, taken.len()));
    }

    /// Several things happen before the task runs; and the last poll, with a write held or not, sends all there is.
    #[test]
    fn a_connection_that_is_cut_at_any_time_has_sent_all_that_it_could(
        bursts in prop::collection::vec(prop::collection::vec(op(), 1..6), 1..16),
        last in prop::collection::vec(op(), 0..6),
        polled in any::<bool>(),
        calls in 0..5_usize,
        flushes_first in any::<bool>(),
    ) {
        let mut caller = Caller::new(calls, flushes_first);
        for burst in bursts {
            burst.into_iter().for_each(|event| caller.happens(event));
            caller.run();
        }
        last.into_iter().for_each(|event| caller.happens(event));
        if polled && !caller.has_failed {
            caller.poll();
        }
        let taken = caller.cut().taken;
        prop_assert_eq!(&taken, &bytes(0, taken.len()));
    }
}
