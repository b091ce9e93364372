//! Pages that take long to render: off the admin thread, and a few at a time.
//!
//! The admin thread also answers probes and drives the drain, so a page of megabytes is rendered on
//! the runtime's blocking pool instead of in between.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use http::StatusCode;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::text::plain_response;

/// How many requests for one heavy page are rendered at the same time.
const AT_ONCE: usize = 2;
/// How long the others wait for their turn.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// The turns of one heavy page: scrapers that pile up wait, and then are sent away.
#[derive(Debug, Clone)]
pub(super) struct Turns(Arc<Semaphore>);

impl Turns {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }

    /// Renders a page when its turn comes.
    pub(super) async fn run(self, render: impl FnOnce() -> Response + Send + 'static) -> Response {
        let Ok(Ok(turn)) = timeout(MAX_WAIT, self.0.acquire_owned()).await else {
            return busy();
        };
        // The turn moves into the closure: a rendering whose request is gone still takes its place.
        let rendering = spawn_blocking(move || {
            let _turn = turn;
            render()
        });
        match rendering.await.map_err(tokio::task::JoinError::try_into_panic) {
            Ok(response) => response,
            // On to the layer that catches panics.
            Err(Ok(panic)) => resume_unwind(panic),
            Err(Err(_cancelled)) => busy(),
        }
    }
}

fn busy() -> Response {
    plain_response(StatusCode::SERVICE_UNAVAILABLE, "this page is being rendered too often\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use std::sync::mpsc;

    #[tokio::test(start_paused = true)]
    async fn a_third_request_is_sent_away_while_two_are_rendered() {
        let turns = Turns::new();
        let (running, mut both_run) = tokio::sync::mpsc::unbounded_channel();
        let (finish, finished) = mpsc::channel::<()>();
        let finished = Arc::new(std::sync::Mutex::new(finished));
        let first: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                let (running, finished) = (running.clone(), finished.clone());
                tokio::spawn(turns.clone().run(move || {
                    running.send(()).unwrap();
                    let _ = finished.lock().unwrap().recv();
                    plain_response(StatusCode::OK, "")
                }))
            })
            .collect();
        for _ in 0..AT_ONCE {
            both_run.recv().await.unwrap();
        }
        // Their requests are gone, but the rendering threads are not.
        first.iter().for_each(tokio::task::JoinHandle::abort);
        // A blocking task holds paused time still, so it is moved by hand.
        let third = tokio::spawn(turns.clone().run(|| unreachable!("there is no turn for it")));
        tokio::task::yield_now().await;
        tokio::time::advance(MAX_WAIT).await;
        assert_eq!(third.await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);

        drop(finish);
        let fourth = turns.run(|| plain_response(StatusCode::OK, "")).await;
        assert_eq!(fourth.status(), StatusCode::OK);
    }
}
