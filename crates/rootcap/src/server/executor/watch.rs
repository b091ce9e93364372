//! What ends a call whose body nobody polls: its deadline, and a reader that takes nothing.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use rootcap_layers::{Call, Direction};
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Code;

/// How long after the deadline a call is dropped: the layer that holds the deadline comes first, and answers.
const BACKSTOP: Duration = Duration::from_millis(250);
/// How often, within the stall timeout, it is looked whether the reader has taken something.
const LOOKS: u32 = 4;

/// Watches over one call that has been answered, or waits for its peer before it begins.
pub(super) struct Watch {
    stall_timeout: Option<Duration>,
    progress: Progress,
    // When to look at the progress again, while something waits for the reader.
    look: Option<Instant>,
    // In a box: few calls need one, and all are moved.
    timer: Option<Pin<Box<Sleep>>>,
}

/// Why a call is to be ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overdue {
    Deadline,
    Stalled,
}

impl Overdue {
    /// The status that stands for the call.
    pub(super) fn code(self) -> Code {
        match self {
            Overdue::Deadline => Code::DeadlineExceeded,
            Overdue::Stalled => Code::Unavailable,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Overdue::Deadline => "deadline",
            Overdue::Stalled => "stalled",
        }
    }
}

impl Watch {
    pub(super) fn new(stall_timeout: Option<Duration>) -> Self {
        Self { stall_timeout, progress: Progress::default(), look: None, timer: None }
    }

    /// Ready when the call is overdue. To be polled whenever the call was, and is pending.
    pub(super) fn poll(&mut self, call: &Call, cx: &mut Context<'_>) -> Poll<Overdue> {
        loop {
            if self.look.is_none()
                && waits_for_peer(call)
                && let Some(timeout) = self.stall_timeout
            {
                let now = Instant::now();
                self.progress.see(sent(call), now);
                self.look = Some(now + timeout / LOOKS);
            }
            let deadline = call.deadline().map(|deadline| deadline + BACKSTOP);
            let Some(due) = deadline.into_iter().chain(self.look).min() else {
                return Poll::Pending;
            };
            ready!(self.poll_timer(due, cx));
            let now = Instant::now();
            if deadline.is_some_and(|deadline| now >= deadline) {
                return Poll::Ready(Overdue::Deadline);
            }
            self.look = None;
            if !waits_for_peer(call) {
                self.progress = Progress::default();
            } else if self.stall_timeout.is_some_and(|it| self.progress.see(sent(call), now) >= it)
            {
                return Poll::Ready(Overdue::Stalled);
            }
        }
    }

    fn poll_timer(&mut self, due: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if timer.deadline() != due {
            timer.as_mut().reset(due);
        }
        timer.as_mut().poll(cx)
    }
}

fn waits_for_peer(call: &Call) -> bool {
    call.unsent().bytes() > 0 || call.unsent().waits()
}

/// Bytes of the response that the reader has taken.
fn sent(call: &Call) -> u64 {
    call.bytes(Direction::Sent).saturating_sub(call.unsent().bytes())
}

/// How far something had come, and since when.
#[derive(Debug, Default)]
struct Progress {
    seen: Option<(u64, Instant)>,
}

impl Progress {
    /// It has come to `mark` by `now`; returns how long it has been seen there.
    fn see(&mut self, mark: u64, now: Instant) -> Duration {
        match self.seen {
            Some((seen, since)) if seen == mark => now.saturating_duration_since(since),
            _ => {
                self.seen = Some((mark, now));
                Duration::ZERO
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_where_it_is_is_seen_there_since_the_first_look() {
        let start = Instant::now();
        let mut progress = Progress::default();
        let mut at =
            |seconds, mark| progress.see(mark, start + Duration::from_secs(seconds)).as_secs();
        assert_eq!([at(0, 7), at(5, 7), at(9, 7), at(10, 8), at(30, 8)], [0, 5, 9, 0, 20]);
    }
}
