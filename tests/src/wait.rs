//! Waiting for something that is to become true, with a deadline and without guessing how long it takes.

use std::time::{Duration, Instant};

/// After this, what has not happened will not: far more than a loaded machine needs.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How often is looked.
const INTERVAL: Duration = Duration::from_millis(5);

/// Looks until `look` finds something; returns it, and how long that took.
///
/// # Panics
/// When nothing was found for [`PATIENCE`]; the panic says `what` was looked for.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> (T, Duration) {
    let start = Instant::now();
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Some(found) = look().await {
            return (found, start.elapsed());
        }
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain: {what}");
    }
}

/// Bounds what would hang if the server were wrong.
///
/// # Panics
/// When `future` has not ended after [`PATIENCE`]; the panic says `what` was waited for.
pub async fn for_end<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("waited {PATIENCE:?} in vain: {what}"),
    }
}
