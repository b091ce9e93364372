//! Tells of connections that are refused, or closed by force: a line per reason and pause, however many there are.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use super::{
    caps::{Caps, Refusal},
    connection::CloseReason,
    connections::Connection,
    refusals::Refusals,
};

/// What has been told by all accept loops of a server. Its reasons are fixed words, of which there are few.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<BTreeMap<&'static str, Refusals>>);

impl Told {
    /// If it is time for a line, how many there have been since the last one.
    fn due(&self, reason: &'static str) -> Option<u64> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.entry(reason).or_default().refused(Instant::now())
    }

    /// A connection was closed at once.
    pub(super) fn refused(&self, peer: &str, refusal: Refusal, caps: Caps) {
        let reason = refusal.as_str();
        let Some(refused) = self.due(reason) else { return };
        let max = match refusal {
            Refusal::MaxPerPeer => caps.per_peer,
            Refusal::MaxConnections => Some(caps.connections),
            Refusal::OpenFiles => None,
        };
        tracing::warn!(
            peer.address = peer,
            reason,
            refused,
            max,
            "too many connections: closing new ones at once"
        );
    }

    /// A connection was let in beyond the cap.
    pub(super) fn health_only(&self, peer: &str, caps: Caps) {
        let Some(accepted) = self.due("health_only") else { return };
        tracing::warn!(
            peer.address = peer,
            reason = "health_only",
            accepted,
            max = caps.connections,
            "too many connections: answering health on the last ones, and nothing else"
        );
    }

    /// A connection has ended; that is told if the server ended it, or the peer did what it should not.
    pub(super) fn closed(&self, connection: &Connection, reason: CloseReason) {
        let Some((level, why)) = line(reason, connection.closed_by().is_some()) else { return };
        let Some(closed) = self.due(reason.as_str()) else { return };
        let (peer, error) = (connection.peer().as_str(), connection.failure());
        macro_rules! tell {
            ($level:ident) => {
                tracing::$level!(
                    peer.address = peer,
                    reason = reason.as_str(),
                    closed,
                    error,
                    "{why}"
                )
            };
        }
        match level {
            Level::Warn => tell!(warn),
            Level::Info => tell!(info),
        }
    }
}

/// Whether somebody has to look, or this is how connections end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Warn,
    Info,
}

/// What is said of a connection that ended so; `forced` says that the server closed it before its peer did.
fn line(reason: CloseReason, forced: bool) -> Option<(Level, &'static str)> {
    Some(match reason {
        // Peers come and go; what failed of a handshake was told with it.
        CloseReason::Done | CloseReason::Error => return None,
        CloseReason::HandshakeTimeout if forced => {
            (Level::Warn, "closed a connection for health alone: its TLS handshake took too long")
        }
        CloseReason::HandshakeTimeout | CloseReason::HandshakeFailed => return None,
        CloseReason::Protocol => (
            Level::Warn,
            "closed a connection: what its peer sent is no HTTP/2, or breaks its rules",
        ),
        CloseReason::EnhanceYourCalm => {
            (Level::Warn, "closed a connection: its peer floods it, or resets too many calls")
        }
        CloseReason::Http1 => (
            Level::Warn,
            "a peer speaks HTTP/1, but this port has gRPC alone (pages: admin.listen)",
        ),
        CloseReason::TlsToPlaintext => {
            (Level::Warn, "a peer speaks TLS, but this port has none (setting tls.cert)")
        }
        CloseReason::PrefaceTimeout => (
            Level::Warn,
            "closed a connection: its peer sent no HTTP/2 preface in time (connection.preface_timeout)",
        ),
        CloseReason::Stalled => (
            Level::Warn,
            "cut a connection: its peer took nothing of what there was to send (connection.stall_timeout)",
        ),
        CloseReason::KeepaliveTimeout => (
            Level::Info,
            "closed a connection: its peer answered no ping in time (connection.keepalive_timeout)",
        ),
        // Without force, the peer went when it was asked to.
        CloseReason::MaxAge | CloseReason::Idle | CloseReason::Drain if !forced => return None,
        CloseReason::MaxAge => (
            Level::Info,
            "cut a connection: its peer was asked to go at connection.max_age, and stayed",
        ),
        CloseReason::Idle => (
            Level::Info,
            "cut a connection: its peer was asked to go for want of calls, and stayed",
        ),
        CloseReason::Drain => {
            (Level::Info, "cut a connection: the server stops, and its peer had not gone")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_line_of_its_own_and_each_pause() {
        let told = Told::default();
        assert_eq!([told.due("a"), told.due("a"), told.due("b")], [Some(1), None, Some(1)]);
    }

    #[test]
    fn who_goes_when_asked_to_is_not_told_of() {
        for reason in [CloseReason::MaxAge, CloseReason::Idle, CloseReason::Drain] {
            assert_eq!(line(reason, false), None);
            assert!(matches!(line(reason, true), Some((Level::Info, _))));
        }
        assert_eq!(line(CloseReason::Done, false), None);
    }
}
