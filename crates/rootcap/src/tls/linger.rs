//! Hanging up so that the peer still hears the last word.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// How long a peer may go on talking.
const TIME: Duration = Duration::from_millis(500);
/// How much of that is read.
const MAX_BYTES: u64 = 64 * 1024;

/// Hangs up, once the peer has too, or has had its time.
///
/// A socket that is closed with bytes unread resets the connection (RFC 2525, 2.17), and the reset overtakes what was
/// sent before. In TLS 1.3 a client sends its first request together with its certificate: it would see a broken pipe,
/// and not the alert that says what is wrong with the certificate.
pub(crate) async fn linger<IO: AsyncRead + AsyncWrite + Unpin>(mut io: IO) {
    let hang_up = async {
        io.shutdown().await?;
        tokio::io::copy(&mut io.take(MAX_BYTES), &mut tokio::io::sink()).await
    };
    // Whatever happens, the connection is over.
    let _ = tokio::time::timeout(TIME, hang_up).await;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use tokio::{
        io::duplex,
        net::{TcpListener, TcpStream},
        time::Instant,
    };

    use super::*;

    /// A reset overtook the alert: `write: broken pipe` was all that a client was told.
    #[tokio::test]
    async fn a_peer_that_still_talks_hears_the_last_word() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut socket, _) = listener.accept().await.unwrap();
        peer.write_all(&[0; 16 * 1024]).await.unwrap();
        socket.read_exact(&mut [0; 1]).await.unwrap();
        socket.write_all(b"the last word").await.unwrap();
        let lingering = tokio::spawn(linger(socket));
        // It goes on talking before it listens.
        peer.write_all(&[0; 16 * 1024]).await.unwrap();
        let mut heard = String::new();
        peer.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "the last word");
        drop(peer);
        lingering.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_never_hangs_up_has_its_time() {
        let (near, _far) = duplex(8);
        let began = Instant::now();
        linger(near).await;
        assert_eq!(began.elapsed(), TIME);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_never_stops_talking_is_read_so_far() {
        let (near, mut far) = duplex(1024);
        let began = Instant::now();
        let talk = tokio::spawn(async move {
            let mut sent = 0;
            while far.write_all(&[0; 1024]).await.is_ok() {
                sent += 1024;
            }
            sent
        });
        linger(near).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert!((MAX_BYTES..=MAX_BYTES + 2 * 1024).contains(&talk.await.unwrap()));
    }
}
