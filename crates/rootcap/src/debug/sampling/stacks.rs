//! The stacks of threads that are asked for them: each answers at once, wherever it is, unless the kernel holds it.

use std::{
    collections::{BTreeSet, HashMap},
    io,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::{handler::STACKS, system, unwind::Unwinder};
use crate::debug::profile::Stack;

/// How long answers are waited for.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often is looked for them.
const TICK: Duration = Duration::from_millis(1);
/// The most threads that are asked together: fewer than there are slots.
const TOGETHER: usize = 128;

/// One asks at a time.
static ASKING: Mutex<()> = Mutex::new(());

/// The stacks of threads, by their numbers. A thread that does not answer is not among them.
///
/// # Errors
/// When the system refuses.
pub(crate) fn stacks(threads: &[u32]) -> io::Result<HashMap<u32, Stack>> {
    let _asking = ASKING.lock().unwrap_or_else(PoisonError::into_inner);
    system::install_handler()?;
    let mut unwinder = Unwinder::of_process()?;
    let mut found = HashMap::new();
    for threads in threads.chunks(TOGETHER) {
        ask(threads, &mut unwinder, &mut found)?;
    }
    unwinder.keep();
    Ok(found)
}

fn ask(
    threads: &[u32],
    unwinder: &mut Unwinder,
    found: &mut HashMap<u32, Stack>,
) -> io::Result<()> {
    let mut recording = STACKS.open()?;
    let number = recording.number();
    // One that has ended answers no more.
    let asked = threads.iter().copied().filter(|thread| system::ask(*thread, number).is_ok());
    let mut missing: BTreeSet<u32> = asked.collect();
    let began = Instant::now();
    while !missing.is_empty() && began.elapsed() < PATIENCE {
        recording.drain(|sample| {
            missing.remove(&sample.thread);
            found.insert(sample.thread, unwinder.unwind(sample));
        });
        if !missing.is_empty() {
            thread::sleep(TICK);
        }
    }
    Ok(())
}
