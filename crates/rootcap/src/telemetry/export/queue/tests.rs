#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, timeout};

use super::*;

impl Weigh for usize {
    fn weight(&self) -> usize {
        *self
    }
}

const WINDOW: Duration = Duration::from_secs(5);

fn queue(limit: usize, batch: usize) -> Queue<usize> {
    Queue::new(limit, batch, ::metrics::Counter::noop())
}

#[tokio::test(start_paused = true)]
async fn a_whole_batch_leaves_at_once_and_the_rest_after_the_window() {
    let queue = queue(100, 3);
    (1..=7).for_each(|item| queue.push(item));
    let start = Instant::now();
    assert_eq!(queue.next(WINDOW).await.unwrap(), [1, 2, 3]);
    assert_eq!(queue.next(WINDOW).await.unwrap(), [4, 5, 6]);
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(queue.next(WINDOW).await.unwrap(), [7]);
    assert_eq!(start.elapsed(), WINDOW);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_becomes_whole_ends_the_wait() {
    let queue = Arc::new(queue(100, 2));
    let waiting = tokio::spawn({
        let queue = Arc::clone(&queue);
        async move { (queue.next(WINDOW).await, Instant::now()) }
    });
    let start = Instant::now();
    tokio::time::sleep(Duration::from_secs(1)).await;
    queue.push(1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    queue.push(2);
    let (batch, at) = waiting.await.unwrap();
    assert_eq!((batch.unwrap(), at - start), (vec![1, 2], Duration::from_secs(2)));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_drops_what_comes_counts_it_and_has_room_again() {
    let queue = queue(5, 2);
    (1..=8).for_each(|item| queue.push(item));
    assert_eq!((queue.pushed(), queue.dropped()), (5, 3));
    assert_eq!(queue.next(WINDOW).await.unwrap(), [1, 2]);
    (9..=12).for_each(|item| queue.push(item));
    assert_eq!((queue.pushed(), queue.dropped()), (7, 5));
    queue.close();
    let mut rest = Vec::new();
    while let Some(batch) = queue.next(WINDOW).await {
        assert!(batch.len() <= 2);
        rest.extend(batch);
    }
    assert_eq!(rest, [3, 4, 5, 9, 10]);
}

#[tokio::test(start_paused = true)]
async fn bytes_bound_batches_and_the_queue() {
    let queue = queue(1_000_000, 1_000_000);
    let large = WHOLE_BYTES / 2;
    (0..100).for_each(|_| queue.push(large));
    assert_eq!(queue.pushed() as usize, MOST_BYTES / large);
    assert_eq!(timeout(Duration::ZERO, queue.next(WINDOW)).await.unwrap().unwrap(), [large; 2]);
    queue.push(10 * WHOLE_BYTES);
    assert_eq!(queue.dropped() as usize, 100 - MOST_BYTES / large + 1);
}

#[tokio::test(start_paused = true)]
async fn a_closed_queue_takes_nothing_and_gives_what_it_has() {
    let queue = queue(100, 100);
    queue.push(1);
    queue.close();
    queue.push(2);
    assert_eq!((queue.pushed(), queue.dropped()), (1, 0));
    let start = Instant::now();
    queue.closed().await;
    assert_eq!(queue.next(WINDOW).await.unwrap(), [1]);
    assert_eq!(queue.next(WINDOW).await, None);
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[test]
fn producers_on_many_threads_lose_nothing_and_never_wait() {
    let queue = queue(100_000, 512);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let taken = std::thread::scope(|scope| {
        let exporter = scope.spawn(|| {
            runtime.block_on(async {
                let mut taken = 0;
                while let Some(batch) = queue.next(Duration::from_millis(1)).await {
                    taken += batch.len();
                }
                taken
            })
        });
        let producers: Vec<_> =
            (0..4).map(|_| scope.spawn(|| (0..10_000).for_each(|_| queue.push(1)))).collect();
        producers.into_iter().for_each(|producer| producer.join().unwrap());
        queue.close();
        exporter.join().unwrap()
    });
    assert_eq!(taken, 40_000);
    assert_eq!((queue.pushed(), queue.dropped()), (40_000, 0));
}
