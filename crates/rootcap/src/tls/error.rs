//! What is wrong with a file of TLS: it names the setting and the path, and never shows what the file holds.

use std::{
    error::Error,
    fmt, io,
    path::{Path, PathBuf},
};

use super::{files::MAX_FILE_BYTES, server_config::MAX_CHAIN_BYTES};

/// Why a file of TLS is no good.
#[derive(Debug)]
pub(crate) struct TlsError {
    key: String,
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug)]
pub(super) enum Problem {
    Unreadable(io::Error),
    NotAFile,
    TooLong,
    /// The PEM is damaged. Its own error may quote the file.
    Damaged,
    NoCertificate,
    /// Too long for a handshake.
    LongChain,
    BadCertificate(Box<dyn Error + Send + Sync>),
    NoKey,
    EncryptedKey,
    BadKey(rustls::Error),
    /// The key is not that of the certificate in this file.
    OtherKey(PathBuf),
    NoClientCa,
    BadClientCa(Box<dyn Error + Send + Sync>),
    Config(rustls::Error),
}

impl TlsError {
    pub(super) fn new(key: String, path: &Path, problem: Problem) -> Self {
        Self { key, path: path.to_owned(), problem }
    }

    /// The error and its sources in one line.
    pub(super) fn line(&self) -> String {
        match self.source() {
            Some(source) => format!("{self}: {source}"),
            None => self.to_string(),
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, path, problem } = self;
        write!(f, "{key} = {path:?}: the file {problem}")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let certificates = "expected the server's certificate, then those of its issuers, in PEM";
        let key = "expected a private key of RSA, ECDSA (P-256, P-384) or Ed25519 as PKCS#8, SEC1 or PKCS#1, in PEM";
        match self {
            Problem::Unreadable(_) => f.write_str("cannot be read"),
            Problem::NotAFile => f.write_str("is not a regular file"),
            Problem::TooLong => write!(f, "is longer than {MAX_FILE_BYTES} bytes"),
            Problem::Damaged => f.write_str("is damaged; expected whole sections of PEM"),
            Problem::NoCertificate => write!(f, "holds no certificate; {certificates}"),
            Problem::BadCertificate(_) => {
                write!(f, "holds a certificate that cannot be used; {certificates}")
            }
            Problem::LongChain => write!(
                f,
                "holds more than {MAX_CHAIN_BYTES} bytes of certificates, which no client takes; {certificates}"
            ),
            Problem::NoKey => write!(f, "holds no private key; {key}"),
            Problem::EncryptedKey => {
                write!(f, "holds a private key that is encrypted; {key}, without a passphrase")
            }
            Problem::BadKey(_) => write!(f, "holds a private key that cannot be used; {key}"),
            Problem::OtherKey(cert) => write!(
                f,
                "holds another key than that of the certificate in {cert:?}; expected the key of that certificate"
            ),
            Problem::NoClientCa => {
                f.write_str("holds no certificate; expected those of the issuers of clients' certificates, in PEM")
            }
            Problem::BadClientCa(_) => {
                f.write_str("holds a certificate that cannot be trusted; expected those of issuers, in PEM")
            }
            Problem::Config(_) => f.write_str("cannot be used"),
        }
    }
}

impl Error for TlsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.problem {
            Problem::Unreadable(error) => Some(error),
            Problem::BadCertificate(error) | Problem::BadClientCa(error) => Some(error.as_ref()),
            Problem::BadKey(error) | Problem::Config(error) => Some(error),
            _ => None,
        }
    }
}
