//! What a signal does in the thread that it interrupts: it notes where that is, and nothing else.

use super::{pool::Pool, system::Registers};

/// The samples of the CPU profile that is being taken.
pub(super) static CPU: Pool = Pool::new();
/// The answers of threads that were asked for their stacks.
pub(super) static STACKS: Pool = Pool::new();

/// The timer of a CPU profile has run out, for so many periods.
pub(super) fn timer_ran_out(recording: u64, weight: u32, at: Registers) {
    CPU.note(recording, weight, at);
}

/// Somebody has asked for this thread's stack.
pub(super) fn asked(recording: u64, at: Registers) {
    STACKS.note(recording, 1, at);
}
