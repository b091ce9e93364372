//! TLS without a server: files in a directory, and handshakes over an in-memory connection.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod handshake;
mod loading;
pub(crate) mod pki;
mod reload;
mod sessions;
mod writes;

use super::{Port, Tls};
use pki::Directory;

/// TLS of the service port, of the files in `directory`.
pub(crate) fn tls(directory: &Directory) -> Tls {
    Tls::load(&directory.settings(), Port::Service).unwrap().unwrap()
}
