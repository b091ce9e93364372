//! The maximum age of a connection.

use super::*;

fn server() -> Server {
    Server::with(|config| {
        config.connection.max_age = Some(seconds(100));
        config.connection.max_age_grace = seconds(30);
    })
}

/// The age with its spread of a tenth.
fn is_the_age(time: std::time::Duration) -> bool {
    (seconds(90)..=seconds(110)).contains(&time)
}

#[tokio::test(start_paused = true)]
async fn at_the_age_a_call_in_flight_finishes_after_a_goaway() {
    let server = server();
    let began = Instant::now();
    let (mut peer, end) = server.accept();
    peer.greet(&[]).await;
    peer.call(1, "/test/Wait").await;
    peer.next_of(Kind::GoAway).await;
    assert!(is_the_age(began.elapsed()), "{:?}", began.elapsed());
    peer.answer_ping().await;
    tokio::time::sleep(seconds(20)).await;
    server.calls.release();
    peer.end_of(1).await;
    assert!(peer.next().await.is_none());
    assert_eq!(end.await.unwrap(), CloseReason::MaxAge);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_outlives_the_grace_is_cut_and_its_handler_dropped() {
    let server = server();
    let (mut peer, end) = server.accept();
    peer.greet(&[]).await;
    peer.call(1, "/test/Wait").await;
    peer.next_of(Kind::GoAway).await;
    let asked = Instant::now();
    peer.answer_ping().await;
    assert_eq!(end.await.unwrap(), CloseReason::MaxAge);
    assert_eq!(asked.elapsed(), seconds(30));
    server.calls.handlers_are(0).await;
    assert_eq!(asked.elapsed(), seconds(30));
    assert_eq!(server.ended_as("Unavailable"), 1);
    server.all_gone().await;
}

#[tokio::test(start_paused = true)]
async fn connections_made_together_do_not_end_together() {
    let server = server();
    let began = Instant::now();
    let ages = (0..8).map(|_| async {
        let (mut peer, _) = server.accept();
        peer.greet(&[]).await;
        peer.next_of(Kind::GoAway).await;
        began.elapsed()
    });
    let mut ages = futures_util::future::join_all(ages).await;
    assert!(ages.iter().copied().all(is_the_age), "{ages:?}");
    ages.dedup();
    assert!(ages.len() > 1, "{ages:?}");
}

/// The age used to be looked at only when the time for the preface was over.
#[tokio::test(start_paused = true)]
async fn an_age_below_the_time_for_the_preface_counts() {
    let server = Server::with(|config| config.connection.max_age = Some(seconds(2)));
    let began = Instant::now();
    let (mut peer, _end) = server.accept();
    peer.greet(&[]).await;
    peer.next_of(Kind::GoAway).await;
    assert!(began.elapsed() < seconds(3), "{:?}", began.elapsed());
}
