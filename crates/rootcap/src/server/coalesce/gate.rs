//! The state machine that decides whether a write waits; it knows no IO, no clock and no waker.

/// Whether the next write goes out or waits for one trip through the run queue.
///
/// | in       | a write                                              | the transport is full | nothing more to read |
/// |----------|------------------------------------------------------|-----------------------|----------------------|
/// | `Idle`   | worth holding: held, to `Waited`; else out, to `Open` | to `Waited`           | stays                |
/// | `Waited` | out, to `Open`                                       | stays                 | stays                |
/// | `Open`   | out, stays                                           | to `Waited`           | to `Idle`            |
///
/// Two properties carry all that the wrapper promises, and hold for every sequence of events:
/// - *Of two writes in a row, at most one is held.* Only `Idle` holds, holding leads to `Waited`, and nothing but a
///   write leaves `Waited`. Neither a read nor a flush can take the turn from a write that has waited for it.
/// - *Between two held writes, one was let out.* `Idle` is entered only from `Open`, and `Open` only by a write that is
///   let out.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// Nothing was written since the connection last ran out of things to read.
    #[default]
    Idle,
    /// A write has waited, for its turn or for the transport: the next one goes out, whatever happens in between.
    Waited,
    /// A burst is being written: all of it goes out.
    Open,
}

/// What is to become of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It goes out now.
    Go,
    /// It waits: the caller has to wake its task, so that it comes back after one trip through the run queue.
    Hold,
}

impl Gate {
    /// A write is asked for; `worth_holding` says, when it matters, whether other writes may join it.
    pub(super) fn write(&mut self, worth_holding: impl FnOnce() -> bool) -> Turn {
        if *self == Gate::Idle && worth_holding() {
            *self = Gate::Waited;
            return Turn::Hold;
        }
        *self = Gate::Open;
        Turn::Go
    }

    /// The transport could not take the write that went out: it has waited enough when it comes again.
    pub(super) fn write_blocked(&mut self) {
        *self = Gate::Waited;
    }

    /// A write waits for the end of a burst: it goes out when it comes again. Returns whether it is the first to wait.
    pub(super) fn wait(&mut self) -> bool {
        std::mem::replace(self, Gate::Waited) != Gate::Waited
    }

    /// There is nothing more to read: the burst that was being written, if any, is over.
    pub(super) fn read_pending(&mut self) {
        if *self == Gate::Open {
            *self = Gate::Idle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy)]
    enum Event {
        WriteWorthHolding,
        OtherWrite,
        WriteBlocked,
        ReadPending,
    }
    use Event::*;

    /// Applies an event; the answer, where it was a write.
    fn apply(gate: &mut Gate, event: Event) -> Option<Turn> {
        match event {
            WriteWorthHolding => return Some(gate.write(|| true)),
            OtherWrite => return Some(gate.write(|| false)),
            WriteBlocked => gate.write_blocked(),
            ReadPending => gate.read_pending(),
        }
        None
    }

    fn turns(events: &[Event]) -> Vec<Turn> {
        let mut gate = Gate::default();
        events.iter().filter_map(|&e| apply(&mut gate, e)).collect()
    }

    /// Every sequence of `length` events, as the digits of a number in base four.
    fn every_sequence(length: u32) -> impl Iterator<Item = Vec<Event>> {
        const EVENTS: [Event; 4] = [WriteWorthHolding, OtherWrite, WriteBlocked, ReadPending];
        (0..4_usize.pow(length))
            .map(move |n| (0..length).map(|i| EVENTS[n >> (2 * i) & 3]).collect())
    }

    #[test]
    fn of_two_writes_in_a_row_at_most_one_is_held() {
        for events in every_sequence(8) {
            let turns = turns(&events);
            assert!(!turns.windows(2).any(|two| two == [Turn::Hold, Turn::Hold]), "{events:?}");
        }
    }

    #[test]
    fn a_write_that_no_other_can_join_is_never_held() {
        for events in every_sequence(8) {
            let mut gate = Gate::default();
            for event in events {
                let turn = apply(&mut gate, event);
                assert!(!(matches!(event, OtherWrite) && turn == Some(Turn::Hold)));
            }
        }
    }

    #[test]
    fn a_write_is_held_again_only_after_one_went_out_and_reading_ran_dry() {
        for events in every_sequence(8) {
            let mut gate = Gate::default();
            let (mut went_out, mut ran_dry) = (true, true);
            for &event in &events {
                match (event, apply(&mut gate, event)) {
                    (_, Some(Turn::Hold)) => {
                        assert!(went_out && ran_dry, "{events:?}");
                        (went_out, ran_dry) = (false, false);
                    }
                    (_, Some(Turn::Go)) => (went_out, ran_dry) = (true, false),
                    (ReadPending, None) => ran_dry = true,
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn a_burst_is_held_once_and_the_next_burst_once_more() {
        use Turn::{Go, Hold};
        let burst =
            [ReadPending, WriteWorthHolding, ReadPending, WriteWorthHolding, WriteWorthHolding];
        assert_eq!(turns(&burst), [Hold, Go, Go]);
        assert_eq!(turns(&burst.repeat(2)), [Hold, Go, Go, Hold, Go, Go]);
    }

    #[test]
    fn a_write_that_the_transport_blocked_is_not_held_when_it_comes_again() {
        use Turn::Go;
        assert_eq!(turns(&[OtherWrite, WriteBlocked, ReadPending, WriteWorthHolding]), [Go, Go]);
    }

    #[test]
    fn a_write_that_waited_for_a_burst_goes_out_when_it_comes_again() {
        for (mut gate, first) in [(Gate::Idle, true), (Gate::Waited, false), (Gate::Open, true)] {
            assert_eq!(gate.wait(), first);
            assert!(!gate.wait(), "it is the same write");
            assert_eq!(gate.write(|| true), Turn::Go);
        }
    }

    #[test]
    fn whether_a_write_is_worth_holding_is_asked_only_at_the_start_of_a_burst() {
        for mut gate in [Gate::Waited, Gate::Open] {
            assert_eq!(gate.write(|| unreachable!("asked in the middle of a burst")), Turn::Go);
        }
    }
}
