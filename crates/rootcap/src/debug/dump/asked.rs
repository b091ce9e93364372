//! Asks tokio.

use std::{cmp::Reverse, collections::HashMap, sync::mpsc, time::Duration};

use tokio::runtime::{Handle, RuntimeFlavor};

use super::{NoDump, Waits};

/// With a blocked worker there is no answer: tokio waits for all of them.
const PATIENCE: Duration = Duration::from_secs(2);
/// The most tasks of which is told where they wait: to name the functions takes its time.
const MOST: usize = 1000;

/// Pauses the workers of a runtime, and asks each of its tasks where it waits; those of most tasks first. Blocks, so not to
/// be called by the runtime itself.
///
/// # Errors
/// When there is no dump, see [`NoDump`].
pub(crate) fn of(runtime: &Handle) -> Result<Vec<Waits>, NoDump> {
    if runtime.runtime_flavor() == RuntimeFlavor::CurrentThread {
        return Err(NoDump::OneThread);
    }
    let (tell, told) = mpsc::sync_channel(1);
    let asked = runtime.clone();
    // A timer of that runtime would not tell that all its workers are blocked.
    let asking = runtime.spawn(async move {
        // Nobody waits any more, if that fails.
        let _ = tell.send(asked.dump().await);
    });
    let dump = told.recv_timeout(PATIENCE).map_err(|_late| {
        asking.abort();
        NoDump::Blocked(PATIENCE)
    })?;
    let mut places: HashMap<String, usize> = HashMap::new();
    let asking = asking.id();
    for task in dump.tasks().iter().filter(|task| task.id() != asking).take(MOST) {
        *places.entry(task.trace().to_string()).or_default() += 1;
    }
    let lines = |place: &str| place.lines().map(str::to_owned).collect();
    let waits = |(place, tasks): (String, usize)| Waits { tasks, lines: lines(&place) };
    let mut waits: Vec<_> = places.into_iter().map(waits).collect();
    waits.sort_unstable_by(|a, b| (Reverse(a.tasks), &a.lines).cmp(&(Reverse(b.tasks), &b.lines)));
    Ok(waits)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::{future::pending, thread};

    use tokio::{runtime::Builder, sync::oneshot};

    use super::*;

    async fn wait_for_ever(begun: oneshot::Sender<()>) {
        begun.send(()).unwrap();
        // Tokio knows its own waits alone.
        tokio::time::sleep(Duration::from_secs(86_400)).await;
        pending::<()>().await;
    }

    #[test]
    fn tasks_that_wait_at_one_place_are_told_together_and_with_their_place() {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        for _ in 0..3 {
            let (begun, begins) = oneshot::channel();
            runtime.spawn(wait_for_ever(begun));
            runtime.block_on(begins).unwrap();
        }
        let waits = of(runtime.handle()).unwrap();
        assert_eq!(waits.len(), 1, "{waits:?}");
        assert_eq!(waits[0].tasks, 3);
        assert!(waits[0].lines[0].contains(file!()), "{waits:?}");
        assert!(waits[0].lines.iter().any(|line| line.contains("Sleep")), "{waits:?}");
    }

    #[test]
    fn who_cannot_be_asked_is_named() {
        let one = Builder::new_current_thread().enable_all().build().unwrap();
        assert_eq!(of(one.handle()), Err(NoDump::OneThread));
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (release, released) = std::sync::mpsc::channel::<()>();
        runtime.spawn(async move { released.recv() });
        thread::spawn({
            let handle = runtime.handle().clone();
            move || assert_eq!(of(&handle), Err(NoDump::Blocked(PATIENCE)))
        })
        .join()
        .unwrap();
        release.send(()).unwrap();
    }
}
