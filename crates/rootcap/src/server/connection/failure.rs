//! What a connection failed of, and the last word to a peer that speaks another protocol.

use std::error::Error;

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    sync::watch,
};

use super::phases::CloseReason;
use crate::{lifecycle::Phase, tls::linger::linger};

impl CloseReason {
    /// As far as the error says.
    pub(super) fn of(error: &hyper::Error) -> Self {
        if error.is_timeout() {
            return CloseReason::KeepaliveTimeout;
        }
        let h2 = error.source().and_then(|source| source.downcast_ref::<h2::Error>());
        match h2 {
            // The library's own judgement; a peer that says goodbye with an error has its own reasons.
            Some(error) if error.is_library() => match error.reason() {
                Some(h2::Reason::ENHANCE_YOUR_CALM) => CloseReason::EnhanceYourCalm,
                _ => CloseReason::Protocol,
            },
            _ => CloseReason::Error,
        }
    }
}

/// Ends a connection of another protocol with an answer in that one.
///
/// A drain does not wait for it.
pub(super) async fn last_word<IO>(
    mut io: IO,
    answer: &[u8],
    reason: CloseReason,
    mut life: watch::Receiver<Phase>,
) -> CloseReason
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let say = async {
        if io.write_all(answer).await.is_ok() {
            linger(io).await;
        }
    };
    tokio::select! {
        () = say => {}
        _ = life.wait_for(|phase| *phase >= Phase::Draining) => {}
    }
    reason
}
