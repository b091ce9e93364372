//! Any order of what a caller, the calls and the peer may do.

use proptest::prelude::*;

use super::*;

/// What a caller, the calls or the peer may do.
#[derive(Debug, Clone)]
pub(super) enum Op {
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

pub(super) fn op() -> impl Strategy<Value = Op> {
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
fn write_and_check(
    rig: &mut Rig,
    accepted: &mut usize,
    vectored: bool,
    len: usize,
    held_before: bool,
) -> bool {
    let offered = bytes(*accepted, len);
    let (reached, wakes) = (rig.io.io.reached, rig.wakes());
    let answer = if vectored { rig.write_vectored(&offered) } else { rig.write(&offered) };
    if let Poll::Ready(Ok(count)) = answer {
        *accepted += count;
    }
    if answer.is_ready() || rig.io.io.reached > reached {
        return false;
    }
    assert_eq!(rig.wakes(), wakes + 1, "held, and its task was not woken");
    assert!(!held_before, "held twice in a row");
    assert!(rig.calls.len() >= CROWD && len < LARGE, "held for no other response");
    assert!(!rig.io.stats.writes_through(), "held when told to write through");
    true
}

proptest! {
    /// Whatever the order: a held write woke its task, the next one goes out, nothing else is ever delayed, and two
    /// flushes leave nothing behind.
    #[test]
    fn any_order_of_events_is_survived(ops in prop::collection::vec(op(), 1..120), calls in 0..5_usize) {
        let mut rig = Rig::new(CoalesceWrites::On, calls);
        rig.io.io.room = LARGE;
        let (mut held, mut accepted) = (false, 0);
        for op in ops {
            match op {
                Op::Write(len) => held = write_and_check(&mut rig, &mut accepted, false, len, held),
                Op::WriteVectored(len) => {
                    held = write_and_check(&mut rig, &mut accepted, true, len, held);
                }
                Op::Flush => {
                    let _ = rig.flush();
                    if let Poll::Ready(Ok(())) = rig.flush() {
                        prop_assert_eq!(rig.io.io.taken.len(), accepted);
                    }
                }
                Op::Shutdown => if let Poll::Ready(Ok(())) = rig.shutdown() {
                    prop_assert_eq!(rig.io.io.taken.len(), accepted);
                }
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
}
