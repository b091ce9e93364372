//! When calls are due, and how long each has taken since then. It knows no clock: times are those since the start.

use std::ops::Range;
use std::time::Duration;

use hdrhistogram::Histogram;

/// Nobody waits for longer: the client gives up before.
const LONGEST: u64 = 60_000_000_000;
/// Latencies are kept to three digits, in nanoseconds.
const DIGITS: u8 = 3;

/// Calls at a fixed rate. A call is due at its time, whatever became of those before it; latencies count from there.
/// So when the server, or this client, stands still, all calls that became due meanwhile are late by what they waited,
/// while a client that counts from when it sends would miss them ("coordinated omission").
#[derive(Debug)]
pub(crate) struct Schedule {
    rate: f64,
    calls: u64,
    begun: u64,
    pub(crate) refused: u64,
    pub(crate) latencies: Histogram<u64>,
    /// By how much calls were sent after they were due: what the client itself adds.
    pub(crate) lateness: Histogram<u64>,
}

impl Schedule {
    pub(crate) fn new(rate: u32, calls: u64) -> Self {
        let histogram =
            || Histogram::new_with_bounds(1, LONGEST, DIGITS).expect("the bounds are sensible");
        let (latencies, lateness) = (histogram(), histogram());
        Self { rate: f64::from(rate), calls, begun: 0, refused: 0, latencies, lateness }
    }

    /// When a call is due, from 0.
    fn due(&self, call: u64) -> Duration {
        Duration::from_secs_f64(call as f64 / self.rate)
    }

    /// The calls that are due by now and have not begun: they must begin now.
    pub(crate) fn begin(&mut self, now: Duration) -> Range<u64> {
        let first = self.begun;
        while self.begun < self.calls && self.due(self.begun) <= now {
            let late = now - self.due(self.begun);
            record(&mut self.lateness, late);
            self.begun += 1;
        }
        first..self.begun
    }

    /// Takes note of a call that has ended.
    pub(crate) fn end(&mut self, call: u64, now: Duration) {
        let due = self.due(call);
        record(&mut self.latencies, now.saturating_sub(due));
    }

    /// Takes note of a call that was refused: it has no latency.
    pub(crate) fn refuse(&mut self) {
        self.refused += 1;
    }

    pub(crate) fn ended(&self) -> u64 {
        self.latencies.len() + self.refused
    }

    pub(crate) fn is_over(&self) -> bool {
        self.ended() == self.calls
    }
}

fn record(histogram: &mut Histogram<u64>, time: Duration) {
    histogram.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(LONGEST));
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn calls_begin_when_they_are_due_and_no_sooner() {
        let mut schedule = Schedule::new(1_000, 3);
        assert_eq!(schedule.begin(Duration::ZERO), 0..1);
        assert_eq!(schedule.begin(MS / 2), 1..1);
        assert_eq!(schedule.begin(MS), 1..2);
        assert_eq!(schedule.begin(100 * MS), 2..3);
        assert_eq!(schedule.begin(200 * MS), 3..3, "there are no more");
    }

    #[test]
    fn a_stalled_client_counts_from_when_calls_were_due() {
        let mut schedule = Schedule::new(1_000, 100);
        // Nothing happens for 99 ms; then all calls are made, and answered at once.
        for call in schedule.begin(99 * MS) {
            schedule.end(call, 99 * MS);
        }
        assert!(schedule.is_over());
        for histogram in [&schedule.latencies, &schedule.lateness] {
            let median = histogram.value_at_quantile(0.5);
            assert!((49_000_000..=50_100_000).contains(&median), "{median}");
        }
    }

    #[test]
    fn a_stalled_server_does_not_keep_calls_from_their_time() {
        let mut schedule = Schedule::new(1_000, 10);
        for call in 0..10 {
            assert_eq!(schedule.begin(MS * call), u64::from(call)..u64::from(call) + 1);
        }
        assert_eq!(schedule.ended(), 0);
        (0..10).for_each(|call| schedule.end(call, 20 * MS));
        let within = |quantile, low, high| {
            let value = schedule.latencies.value_at_quantile(quantile);
            assert!((low..=high).contains(&value), "{value}");
        };
        within(0.0, 10_900_000, 11_100_000);
        within(1.0, 19_900_000, 20_100_000);
        assert_eq!(schedule.lateness.max(), 0);
    }
}
