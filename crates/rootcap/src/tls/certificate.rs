//! What is shown of a certificate, and what its files hold.

use std::time::{Duration, SystemTime};

use rootcap_layers::access_log::rfc3339;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject};
use x509_parser::{error::X509Error, prelude::parse_x509_certificate};

use super::error::Problem;

/// What is shown of the server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certificate {
    pub(crate) subject: String,
    /// In hexadecimal, as `openssl x509 -serial` has it, with colons.
    pub(crate) serial: String,
    /// Seconds since 1970.
    pub(crate) not_after: i64,
}

impl Certificate {
    pub(super) fn read(der: &CertificateDer<'_>) -> Result<Self, X509Error> {
        let (_, certificate) = parse_x509_certificate(der).map_err(|error| match error {
            x509_parser::nom::Err::Error(error) | x509_parser::nom::Err::Failure(error) => error,
            x509_parser::nom::Err::Incomplete(_) => X509Error::InvalidCertificate,
        })?;
        Ok(Self {
            subject: certificate.subject().to_string(),
            serial: certificate.raw_serial_as_string(),
            not_after: certificate.validity().not_after.timestamp(),
        })
    }

    /// How many seconds are left; negative when it has expired.
    pub(crate) fn seconds_left(&self, now: SystemTime) -> i64 {
        self.not_after.saturating_sub(epoch_seconds(now))
    }

    /// Until when it is valid, as RFC 3339 has it.
    pub(crate) fn expires(&self) -> String {
        rfc3339(SystemTime::UNIX_EPOCH + Duration::from_secs(self.not_after.max(0).unsigned_abs()))
    }
}

/// The certificates of a PEM file, whatever else is in it.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Problem> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|_| Problem::Damaged)
}

/// The first private key of a PEM file, whatever else is in it.
pub(super) fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, Problem> {
    // PKCS#8 says so in its label, and the older formats in a header (RFC 1421).
    let encrypted =
        ["BEGIN ENCRYPTED PRIVATE KEY", "Proc-Type: 4,ENCRYPTED"].map(|mark| contains(pem, mark));
    match PrivateKeyDer::from_pem_slice(pem) {
        _ if encrypted.contains(&true) => Err(Problem::EncryptedKey),
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) => Err(Problem::NoKey),
        Err(_) => Err(Problem::Damaged),
    }
}

fn contains(content: &[u8], mark: &str) -> bool {
    content.windows(mark.len()).any(|window| window == mark.as_bytes())
}

fn epoch_seconds(time: SystemTime) -> i64 {
    let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => seconds(after),
        Err(before) => -seconds(before.duration()),
    }
}
