//! [`Polled`]: the clock of the HTTP/2 library, which asks for the time with each frame that it reads.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use hyper::rt::{Sleep, Timer};
use pin_project_lite::pin_project;
use tokio::task::coop::unconstrained;

use super::io_stats::IoStats;

/// Tokio's timer, with the time of the connection's last poll as the present: all that the library asks about, when it
/// last read and when its ping went out, happens in a poll. A look at the clock for each of four frames was 2 % of what a
/// short call takes.
#[derive(Debug)]
pub(super) struct Polled {
    io: Arc<IoStats>,
}

impl Polled {
    pub(super) fn new(io: Arc<IoStats>) -> Self {
        Self { io }
    }
}

impl Timer for Polled {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(Alarm::new(tokio::time::sleep(duration), &self.io))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Alarm::new(tokio::time::sleep_until(deadline.into()), &self.io))
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, new_deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<Alarm>() {
            Some(alarm) => alarm.reset(new_deadline),
            None => *sleep = self.sleep_until(new_deadline),
        }
    }

    fn now(&self) -> Instant {
        self.io.last_poll().into_std()
    }
}

pin_project! {
    /// A timer that is polled with its connection, a hundred times before it fires: it asks tokio's only when that has to
    /// know whom to wake, and when its time has come.
    struct Alarm {
        #[pin]
        sleep: tokio::time::Sleep,
        io: Arc<IoStats>,
        // Whom tokio's timer wakes.
        wakes: Option<Waker>,
    }
}

impl Alarm {
    fn new(sleep: tokio::time::Sleep, io: &Arc<IoStats>) -> Self {
        Self { sleep, io: Arc::clone(io), wakes: None }
    }

    fn reset(self: Pin<&mut Self>, deadline: Instant) {
        let this = self.project();
        this.sleep.reset(deadline.into());
        *this.wakes = None;
    }
}

impl Future for Alarm {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let is_set = this.wakes.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if is_set && this.io.last_poll() < this.sleep.deadline() {
            return Poll::Pending;
        }
        // Without the budget of its task: where that is used up, tokio's timer would not be set.
        let polled = pin!(unconstrained(this.sleep)).poll(cx);
        *this.wakes = polled.is_pending().then(|| cx.waker().clone());
        polled
    }
}

impl Sleep for Alarm {}

#[cfg(test)]
mod tests {
    use tokio_test::task::spawn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_alarm_is_heard_at_its_time_however_often_it_was_polled() {
        let io = Arc::new(IoStats::default());
        let timer = Polled::new(Arc::clone(&io));
        let second = Duration::from_secs(1);
        let mut alarm = timer.sleep(second);
        let poll = |task: &mut tokio_test::task::Spawn<()>, alarm: &mut Pin<Box<dyn Sleep>>| {
            io.begin_poll();
            task.enter(|cx, _| alarm.as_mut().poll(cx))
        };
        for task in [&mut spawn(()), &mut spawn(())] {
            assert!((0..3).all(|_| poll(task, &mut alarm).is_pending()));
            tokio::time::advance(second - Duration::from_millis(1)).await;
            assert!(poll(task, &mut alarm).is_pending() && !task.is_woken());
            tokio::time::advance(Duration::from_millis(2)).await;
            assert!(task.is_woken() && poll(task, &mut alarm).is_ready());
            timer.reset(&mut alarm, tokio::time::Instant::now().into_std() + second);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_wakes_the_task_that_polled_it_last() {
        let io = Arc::new(IoStats::default());
        let mut alarm = Polled::new(Arc::clone(&io)).sleep(Duration::from_secs(1));
        let (mut first, mut second) = (spawn(()), spawn(()));
        for task in [&mut first, &mut second] {
            assert!(task.enter(|cx, _| alarm.as_mut().poll(cx)).is_pending());
        }
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(second.is_woken() && !first.is_woken());
    }
}
