//! A drain, and the cut at its end.

use tokio::{task::JoinHandle, time::timeout};

use super::{service::LARGE, *};
use crate::lifecycle::DrainTimes;

const TIMES: DrainTimes = DrainTimes { deadline: seconds(25), lame_duck: seconds(0) };

/// Drains in the background.
fn drain(server: &Server) -> JoinHandle<()> {
    let (life, connections) = (server.life.clone(), server.connections.clone());
    tokio::spawn(async move { life.drain(TIMES, &connections).await })
}

#[tokio::test(start_paused = true)]
async fn open_calls_finish_after_a_goaway() {
    let server = Server::new();
    let (mut peer, end) = server.accept();
    peer.greet(&[]).await;
    peer.call(1, "/test/Wait").await;
    server.calls.handlers_are(1).await;
    drain(&server);
    assert_eq!(peer.next_of(Kind::GoAway).await.go_away(), (u32::MAX >> 1, 0));
    peer.answer_ping().await;
    tokio::time::sleep(seconds(20)).await;
    server.calls.release();
    peer.end_of(1).await;
    assert!(peer.next().await.is_none());
    assert_eq!(end.await.unwrap(), CloseReason::Drain);
    server.all_gone().await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_holds_it_up_for_a_moment() {
    let server = Server::new();
    let (_peer, end) = server.accept();
    tokio::time::sleep(seconds(1)).await;
    let began = Instant::now();
    drain(&server);
    assert_eq!((end.await.unwrap(), began.elapsed()), (CloseReason::Drain, seconds(1)));
}

/// It was closed at once, and its client failed the calls that waited for the connection.
#[tokio::test(start_paused = true)]
async fn a_peer_that_has_just_connected_is_greeted_and_asked_to_go() {
    let server = Server::new();
    let (mut before, ended) = server.accept();
    tokio::time::sleep(seconds(1)).await;
    let began = Instant::now();
    drain(&server);
    tokio::time::sleep(seconds(0)).await;
    let (mut after, also_ended) = server.accept();
    for peer in [&mut before, &mut after] {
        peer.greet(&[]).await;
        assert_eq!(peer.next_of(Kind::GoAway).await.go_away(), (u32::MAX >> 1, 0));
        assert!(began.elapsed() <= NOTICE, "as soon as it can be asked");
        // One that had begun a call before it knew.
        peer.call(1, "/test/Now").await;
        peer.end_of(1).await;
        peer.answer_ping().await;
    }
    for end in [ended, also_ended] {
        assert_eq!(end.await.unwrap(), CloseReason::Drain);
    }
    assert_eq!(began.elapsed(), NOTICE * 2);
}

/// grpc-core answers the ping before it sends what it had begun when the GOAWAY came in; a WINDOW_UPDATE of such a call
/// was an error of the connection, and ended the calls that were to finish.
#[tokio::test(start_paused = true)]
async fn what_was_begun_when_the_notice_came_in_is_served() {
    let server = Server::new();
    let (mut peer, end) = server.accept();
    peer.greet(&[]).await;
    peer.call(1, "/test/Wait").await;
    server.calls.handlers_are(1).await;
    drain(&server);
    // Whatever has come in is answered first.
    while let Ok(frame) = timeout(seconds(1) / 40, peer.next()).await {
        let frame = frame.expect("the server hung up");
        if frame.kind == Kind::Ping {
            peer.frame(Kind::Ping, peer::ACK, 0, &frame.payload).await;
        }
    }
    peer.call(3, "/test/Now").await;
    peer.frame(Kind::WindowUpdate, 0, 3, &1_u32.to_be_bytes()).await;
    peer.end_of(3).await;
    peer.answer_ping().await;
    server.calls.release();
    peer.end_of(1).await;
    assert_eq!(end.await.unwrap(), CloseReason::Drain);
}

#[tokio::test(start_paused = true)]
async fn a_preface_is_not_waited_for_beyond_the_deadline() {
    let server = Server::new();
    let (_peer, end) = server.accept();
    let times = DrainTimes { deadline: seconds(1) / 2, ..TIMES };
    let began = Instant::now();
    let (life, connections) = (server.life.clone(), server.connections.clone());
    tokio::spawn(async move { life.drain(times, &connections).await });
    assert_eq!((end.await.unwrap(), began.elapsed()), (CloseReason::Drain, seconds(1) / 2));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_no_ping_does_not_hold_it_up() {
    let server = Server::new();
    let (mut peer, end) = server.accept();
    peer.greet(&[]).await;
    let began = Instant::now();
    drain(&server);
    assert_eq!((end.await.unwrap(), began.elapsed()), (CloseReason::Drain, seconds(5) + NOTICE));
}

/// Only bytes that arrived used to count as a sign of life; a peer whose window is large sends none.
#[tokio::test(start_paused = true)]
async fn a_slow_reader_gets_the_whole_answer() {
    let server = Server::new();
    let (mut peer, end) = server.accept_over(16 * 1024);
    peer.greet(&[(4, 1 << 30)]).await;
    peer.frame(Kind::WindowUpdate, 0, 0, &(1_u32 << 30).to_be_bytes()).await;
    peer.call(1, "/test/Large").await;
    server.calls.handlers_are(0).await;
    drain(&server);
    assert_eq!(peer.read_slowly(seconds(1)).await, LARGE);
    drop(peer);
    assert_eq!(end.await.unwrap(), CloseReason::Drain);
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_everything_is_dropped_and_counted() {
    let server = Server::new();
    let (mut waiting, first) = server.accept();
    waiting.greet(&[]).await;
    waiting.call(1, "/test/Wait").await;
    waiting.call(3, "/test/Wait").await;
    let (mut stalled, second) = server.accept();
    stalled.greet(&[]).await;
    stalled.call(1, "/test/Flood").await;
    server.calls.handlers_are(3).await;
    let began = Instant::now();
    drain(&server).await.unwrap();
    assert_eq!(began.elapsed(), TIMES.deadline);
    assert_eq!(
        (first.await.unwrap(), second.await.unwrap()),
        (CloseReason::Drain, CloseReason::Drain)
    );
    server.calls.handlers_are(0).await;
    assert_eq!((server.life.cut_calls(), began.elapsed()), (3, TIMES.deadline));
    // They used to count as cancelled, as if their clients had gone.
    assert_eq!(server.ended_as("Unavailable"), 3);
    server.all_gone().await;
}

#[tokio::test(start_paused = true)]
async fn a_second_drain_keeps_the_count_of_what_the_first_one_cut() {
    let server = Server::new();
    let (mut peer, _end) = server.accept();
    peer.greet(&[]).await;
    peer.call(1, "/test/Wait").await;
    server.calls.handlers_are(1).await;
    let (first, second) = (drain(&server), drain(&server));
    first.await.unwrap();
    server.calls.handlers_are(0).await;
    second.await.unwrap();
    server.life.drain(TIMES, &server.connections).await;
    assert_eq!(server.life.cut_calls(), 1);
}

/// A write that waits for others to join it used to be lost with the connection.
#[tokio::test(start_paused = true)]
async fn what_has_been_answered_before_the_cut_is_sent() {
    let server = Server::new();
    let (mut peer, end) = server.accept();
    peer.greet(&[]).await;
    for stream in [1, 3, 5] {
        peer.call(stream, "/test/Wait").await;
    }
    server.calls.handlers_are(3).await;
    let (calls, life) = (server.calls.clone(), server.life.clone());
    tokio::spawn(async move {
        calls.handlers_are(2).await;
        // A task of its own, because it then runs before the connection's, which the same call has woken.
        life.advance(Phase::Cut);
    });
    server.calls.release();
    assert_eq!(end.await.unwrap(), CloseReason::Drain);
    let frames = peer.rest().await;
    assert!(frames.iter().any(|frame| frame.stream == 1 && frame.ends_stream()), "{frames:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_does_not_outlive_its_server() {
    let server = Server::new();
    let (mut peer, end) = server.accept();
    peer.greet(&[]).await;
    drop(server);
    assert_eq!(end.await.unwrap(), CloseReason::Drain);
}
