//! The metrics of TLS.

use metrics::{counter, describe_counter, describe_gauge, gauge};

use super::{Port, Reason, certificate::Certificate};

const NOT_AFTER: &str = "rootcap_tls_certificate_not_after_timestamp_seconds";
const RELOADS: &str = "rootcap_tls_reloads_total";
const FAILED: &str = "rootcap_tls_handshakes_failed_total";

/// Describes them; to be called once there is a recorder.
pub(crate) fn describe() {
    describe_gauge!(
        NOT_AFTER,
        "When the certificate in use expires, in seconds since 1970, by port; the days that are left are (this - time()) / 86400."
    );
    describe_counter!(
        RELOADS,
        "Looks at TLS files that had changed, by port and result; a set of files that is no good fails at every look."
    );
    describe_counter!(FAILED, "TLS handshakes that failed, by port and reason.");
}

/// The series of a port's certificate and reloads are there from the start.
pub(super) fn register(port: Port) {
    for result in ["success", "failure"] {
        counter!(RELOADS, "port" => port.as_str(), "result" => result).increment(0);
    }
}

pub(super) fn loaded(port: Port, certificate: &Certificate) {
    gauge!(NOT_AFTER, "port" => port.as_str()).set(certificate.not_after as f64);
}

pub(super) fn reloaded(port: Port, succeeded: bool) {
    let result = if succeeded { "success" } else { "failure" };
    counter!(RELOADS, "port" => port.as_str(), "result" => result).increment(1);
}

pub(super) fn handshake_failed(port: Port, reason: Reason) {
    counter!(FAILED, "port" => port.as_str(), "reason" => reason.as_str()).increment(1);
}
