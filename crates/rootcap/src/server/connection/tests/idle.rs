//! A connection without a call.

use super::*;

fn server() -> Server {
    Server::with(|config| config.connection.idle_timeout = Some(seconds(60)))
}

#[tokio::test(start_paused = true)]
async fn an_idle_peer_gets_a_goaway_and_goes() {
    let server = server();
    let began = Instant::now();
    let (mut peer, end) = server.accept();
    peer.greet(&[]).await;
    let (last_stream, error) = peer.next_of(Kind::GoAway).await.go_away();
    assert_eq!((last_stream, error, began.elapsed()), (u32::MAX >> 1, 0, seconds(60)));
    peer.answer_ping().await;
    assert_eq!(peer.next_of(Kind::GoAway).await.go_away(), (0, 0));
    assert!(peer.next().await.is_none());
    assert_eq!((end.await.unwrap(), began.elapsed()), (CloseReason::Idle, seconds(60) + NOTICE));
}

#[tokio::test(start_paused = true)]
async fn an_idle_peer_that_does_not_go_is_closed() {
    let server = server();
    let began = Instant::now();
    let (mut peer, end) = server.accept();
    peer.greet(&[]).await;
    assert_eq!((end.await.unwrap(), began.elapsed()), (CloseReason::Idle, seconds(65) + NOTICE));
}

#[tokio::test(start_paused = true)]
async fn idleness_is_counted_from_the_end_of_the_last_call() {
    let server = server();
    let began = Instant::now();
    let (mut peer, end) = server.accept();
    peer.greet(&[]).await;
    peer.call(1, "/test/Wait").await;
    tokio::time::sleep(seconds(100)).await;
    server.calls.release();
    peer.end_of(1).await;
    peer.next_of(Kind::GoAway).await;
    assert_eq!(began.elapsed(), seconds(160));
    end.abort();
}

/// Any byte that arrived used to count, so a peer with a keepalive of its own was never idle.
#[tokio::test(start_paused = true)]
async fn a_ping_is_no_call() {
    let server = server();
    let began = Instant::now();
    let (mut peer, end) = server.accept();
    peer.greet(&[]).await;
    let pings = async {
        loop {
            tokio::time::sleep(seconds(10)).await;
            peer.frame(Kind::Ping, 0, 0, &[0; 8]).await;
        }
    };
    let end = tokio::select! {
        end = end => end.unwrap(),
        () = pings => unreachable!("it pings for ever"),
        () = tokio::time::sleep(seconds(1000)) => panic!("the connection is never idle"),
    };
    assert_eq!((end, began.elapsed() <= seconds(90)), (CloseReason::Idle, true));
}
