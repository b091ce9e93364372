//! The metrics of TLS.

use super::{Port, Reason, certificate::Certificate};
use crate::metrics::{
    tls_certificate_not_after_timestamp_seconds, tls_handshakes_failed_total, tls_reloads_total,
};

/// The series of a port's certificate and reloads are there from the start.
pub(super) fn register(port: Port) {
    for result in ["success", "failure"] {
        tls_reloads_total(port.as_str(), result).increment(0);
    }
}

pub(super) fn loaded(port: Port, certificate: &Certificate) {
    tls_certificate_not_after_timestamp_seconds(port.as_str()).set(certificate.not_after as f64);
}

pub(super) fn reloaded(port: Port, succeeded: bool) {
    let result = if succeeded { "success" } else { "failure" };
    tls_reloads_total(port.as_str(), result).increment(1);
}

pub(super) fn handshake_failed(port: Port, reason: Reason) {
    tls_handshakes_failed_total(port.as_str(), reason.as_str()).increment(1);
}
