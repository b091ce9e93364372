//! Why a handshake failed: a finite set, whatever the peer has sent.

use std::io;

use rustls::{CertificateError, Error};

/// Why a handshake failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It took too long.
    Timeout,
    /// The peer speaks HTTP without TLS.
    Plaintext,
    /// The peer hung up in the middle of it.
    Disconnected,
    NoClientCertificate,
    ClientCertificateExpired,
    ClientCertificateUnknownIssuer,
    ClientCertificateInvalid,
    /// The peer does not speak what is spoken here.
    NoApplicationProtocol,
    /// There is no version or cipher suite that both support.
    Incompatible,
    /// The peer ended it with an alert, for want of trust in the server's certificate for example.
    RefusedByPeer,
    /// What the peer sent is not TLS, or not as it has to be.
    Protocol,
}

impl Reason {
    /// The value of the label `reason`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Reason::Timeout => "timeout",
            Reason::Plaintext => "plaintext",
            Reason::Disconnected => "disconnected",
            Reason::NoClientCertificate => "no_client_certificate",
            Reason::ClientCertificateExpired => "client_certificate_expired",
            Reason::ClientCertificateUnknownIssuer => "client_certificate_unknown_issuer",
            Reason::ClientCertificateInvalid => "client_certificate_invalid",
            Reason::NoApplicationProtocol => "no_application_protocol",
            Reason::Incompatible => "incompatible",
            Reason::RefusedByPeer => "refused_by_peer",
            Reason::Protocol => "protocol",
        }
    }

    /// The reason behind an error, given how the peer's first bytes read.
    pub(crate) fn of(error: &io::Error, opening: &[u8]) -> Self {
        if is_http(opening) {
            return Reason::Plaintext;
        }
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        inner.map_or(Reason::Disconnected, of_rustls)
    }
}

fn of_rustls(error: &Error) -> Reason {
    match error {
        Error::NoCertificatesPresented => Reason::NoClientCertificate,
        Error::InvalidCertificate(error) => of_certificate(error),
        Error::NoApplicationProtocol => Reason::NoApplicationProtocol,
        Error::PeerIncompatible(_) => Reason::Incompatible,
        Error::AlertReceived(_) => Reason::RefusedByPeer,
        _ => Reason::Protocol,
    }
}

fn of_certificate(error: &CertificateError) -> Reason {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            Reason::ClientCertificateExpired
        }
        CertificateError::UnknownIssuer => Reason::ClientCertificateUnknownIssuer,
        _ => Reason::ClientCertificateInvalid,
    }
}

/// Whether a connection begins as one of HTTP/1 or HTTP/2 does: with a method, or with the preface's `PRI`.
pub(crate) fn is_http(opening: &[u8]) -> bool {
    let method = opening.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    (3..=7).contains(&method) && opening.get(method) == Some(&b' ')
}

/// Whether a connection begins as one of TLS does: with a handshake record of version 3 (RFC 8446, 5.1).
pub(crate) fn is_tls(opening: &[u8]) -> bool {
    opening.starts_with(&[0x16, 0x03])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_is_known_by_its_first_bytes() {
        for opening in ["PRI * HTTP/2.0\r\n", "GET / HTTP/1.1\r\n", "POST /", "OPTIONS * HTTP"] {
            assert!(is_http(opening.as_bytes()), "{opening}");
        }
        for opening in ["", "G", "GET", "get / HTTP/1.1", "\x16\x03\x01", "A /", "PROPFIND /", " "]
        {
            assert!(!is_http(opening.as_bytes()), "{opening}");
        }
    }

    #[test]
    fn an_error_that_is_not_of_tls_is_of_the_network() {
        let error = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(Reason::of(&error, b"\x16\x03\x01"), Reason::Disconnected);
        assert_eq!(Reason::of(&error, b"GET / HTTP/1.1"), Reason::Plaintext);
    }
}
