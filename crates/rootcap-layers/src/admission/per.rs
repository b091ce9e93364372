//! [`Per`] and [`Mode`]: what a rule counts by, and what it does.

use std::{fmt, str::FromStr};

use http::HeaderName;

use super::Malformed;

/// What a rule counts by: each value has the whole of the limit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Per {
    /// All calls together.
    All,
    /// The caller's address, IPv6 by /64.
    Peer,
    /// The value of this metadata key. It is only as trustworthy as what authenticates it.
    Metadata(HeaderName),
    /// The identity that the caller has proved, by a certificate.
    TlsIdentity,
}

const METADATA: &str = "metadata:";

impl Per {
    /// Whether each caller has a limit of its own.
    #[inline]
    pub fn is_keyed(&self) -> bool {
        *self != Self::All
    }
}

impl FromStr for Per {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        const ACCEPTED: &str = "\"all\", \"peer\", \"metadata:<key>\" or \"tls-identity\"";
        match text {
            "all" => Ok(Self::All),
            "peer" => Ok(Self::Peer),
            "tls-identity" => Ok(Self::TlsIdentity),
            _ => match text.strip_prefix(METADATA) {
                Some(key) => metadata(text, key).map(Self::Metadata),
                None => Err(Malformed::new(text, "is nothing to count by", ACCEPTED)),
            },
        }
    }
}

/// A key that a caller sets, and whose values are text.
fn metadata(text: &str, key: &str) -> Result<HeaderName, Malformed> {
    const ACCEPTED: &str = "\"metadata:\" and a key of metadata, such as \"metadata:x-tenant\"";
    const RESERVED: [&str; 7] = [
        "connection",
        "content-length",
        "content-type",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
    ];
    let malformed = |wrong| Malformed::new(text, wrong, ACCEPTED);
    let key = HeaderName::try_from(key).map_err(|_| malformed("names no key"))?;
    match key.as_str() {
        name if name.starts_with("grpc-") || RESERVED.contains(&name) => {
            Err(malformed("names a key of gRPC's or HTTP's own"))
        }
        name if name.ends_with("-bin") => Err(malformed("names a key whose values are no text")),
        _ => Ok(key),
    }
}

impl fmt::Display for Per {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Peer => f.write_str("peer"),
            Self::Metadata(key) => write!(f, "{METADATA}{key}"),
            Self::TlsIdentity => f.write_str("tls-identity"),
        }
    }
}

/// What a rule does with a call that is over its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Refuses it.
    #[default]
    Enforce,
    /// Counts it, and lets it pass.
    Observe,
}

impl Mode {
    /// The word of settings and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Observe => "observe",
        }
    }
}

impl FromStr for Mode {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        match text {
            "enforce" => Ok(Self::Enforce),
            "observe" => Ok(Self::Observe),
            _ => Err(Malformed::new(text, "is no mode", "\"enforce\" or \"observe\"")),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn what_is_read_is_written_again() {
        for text in ["all", "peer", "metadata:x-tenant", "tls-identity"] {
            assert_eq!(text.parse::<Per>().unwrap().to_string(), text);
        }
        assert_eq!("metadata:X-Tenant".parse::<Per>().unwrap().to_string(), "metadata:x-tenant");
        for text in ["enforce", "observe"] {
            assert_eq!(text.parse::<Mode>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_cannot_be_counted_by_is_an_error_that_says_what_can() {
        let table = [
            ("", "accepted: \"all\", \"peer\""),
            ("Peer", "accepted: \"all\", \"peer\""),
            ("metadata", "accepted: \"all\", \"peer\""),
            ("metadata:", "names no key"),
            ("metadata:a b", "names no key"),
            ("metadata:grpc-timeout", "gRPC's or HTTP's own"),
            ("metadata:Content-Type", "gRPC's or HTTP's own"),
            ("metadata:x-bin", "no text"),
        ];
        for (text, said) in table {
            let error = text.parse::<Per>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}` ")) && error.contains(said), "{error}");
        }
        let error = "observed".parse::<Mode>().unwrap_err().to_string();
        assert_eq!(error, "`observed` is no mode; accepted: \"enforce\" or \"observe\"");
    }
}
