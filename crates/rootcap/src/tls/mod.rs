//! TLS of a port: the files, the handshake, and the reload of what has changed.
//!
//! - **One crypto provider**, ring, named wherever one is needed: the process's default is never set.
//! - **Versions and cipher suites are rustls' defaults**: TLS 1.2 and 1.3.
//! - **The protocol** is agreed on by ALPN where the client offers one: `h2` on the service port. A client that offers
//!   none is taken to know it; one that offers only others is refused.
//! - **Files are compared by content**, every [`reload_interval`](crate::config::Tls::reload_interval): a directory that
//!   is swapped by a symlink, as Kubernetes does, changes no file that a watcher of files would see. A set of files takes
//!   effect only when all of it is good; until then the last good one stays. Connections that are open are left alone.
//! - **Sessions** are resumed only with the files under which they began, and not at all where clients have
//!   certificates: a resumed session does not show its certificate again, so that one that has expired meanwhile, or
//!   whose issuer is trusted no more, would still be let in.

mod certificate;
mod error;
mod expiry;
mod files;
mod handshake;
pub(crate) mod identity;
pub(crate) mod linger;
mod metrics;
mod opening;
mod reason;
mod server_config;
mod shared;
mod watch;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use error::TlsError;
pub(crate) use handshake::Refused;
pub(crate) use opening::{Opening, TlsStream};
pub(crate) use reason::{Reason, is_http, is_tls};
pub(crate) use shared::{Status, Tls};

/// The port whose TLS it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    Service,
    Admin,
}

impl Port {
    /// The value of the label `port`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Port::Service => "service",
            Port::Admin => "admin",
        }
    }

    /// The key of a setting of its TLS.
    fn key(self, name: &str) -> String {
        match self {
            Port::Service => format!("tls.{name}"),
            Port::Admin => format!("admin.tls.{name}"),
        }
    }

    /// What it speaks, as ALPN has it.
    fn protocols(self) -> Vec<Vec<u8>> {
        match self {
            Port::Service => vec![b"h2".to_vec()],
            Port::Admin => vec![b"http/1.1".to_vec()],
        }
    }
}
