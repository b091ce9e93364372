//! Where to listen: `"127.0.0.1:8081"`, `"[::1]:8081"`, `":8081"`, `"unix:/run/service.sock"`.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use super::{Problems, Value, deserialize};

/// A place to accept connections.
///
/// In settings it is written as its `Display` shows it. Names of hosts are not resolved, except `localhost`, which is
/// `127.0.0.1`.
///
/// ```
/// use rootcap::config::Listener;
///
/// assert_eq!(Listener::Port(8081).to_string(), ":8081");
/// assert_eq!(Listener::Unix("/run/greeter.sock".into()).to_string(), "unix:/run/greeter.sock");
/// let loopback: Listener = std::net::SocketAddr::from(([127, 0, 0, 1], 8081)).into();
/// assert_eq!(loopback.to_string(), "127.0.0.1:8081");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Listener {
    /// `":8081"`: this port on all interfaces, of IPv6 and IPv4; of IPv4 alone where there is no IPv6. Port 0 lets the
    /// system choose one.
    Port(u16),
    /// `"127.0.0.1:8081"`, `"[::1]:8081"`: this address.
    Address(SocketAddr),
    /// `"unix:/run/service.sock"`: a Unix socket at this path.
    ///
    /// Clients on gRPC's C core (Python, Ruby, C++) name the path as the authority of their calls, which the HTTP/2
    /// library refuses as malformed, with PROTOCOL_ERROR: give their channel the argument
    /// `grpc.default_authority=localhost`.
    Unix(PathBuf),
}

impl From<SocketAddr> for Listener {
    fn from(address: SocketAddr) -> Self {
        Self::Address(address)
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => write!(f, ":{port}"),
            Self::Address(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A port without a sign or a blank, which `u16::from_str` would let pass in part.
fn port(text: &str) -> Option<u16> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// What is wrong with a text that is no listener.
fn complaint(text: &str) -> Problems {
    match text.rsplit_once(':') {
        Some((_, digits)) if port(digits).is_none() => {
            Problems::because("after the last `:`, a port from 0 to 65535 is needed")
        }
        Some((host, _)) if host.parse::<Ipv6Addr>().is_ok() => {
            Problems::because("an IPv6 address needs brackets")
        }
        Some(_) => Problems::because("names of hosts are not resolved, an IP address is needed"),
        None => Problems::because("there is no `:` with a port"),
    }
}

impl Value for Listener {
    fn accepts() -> String {
        r#"an address such as "127.0.0.1:8081" or "[::1]:8081", ":8081" for all interfaces, or "unix:/path""#
            .to_owned()
    }

    fn from_text(text: &str) -> Result<Self, Problems> {
        if let Some(path) = text.strip_prefix("unix:") {
            return PathBuf::from_text(path)
                .map(Self::Unix)
                .map_err(|_| Problems::because("the path of the socket is missing"));
        }
        let found = match text.rsplit_once(':') {
            Some(("", digits)) => port(digits).map(Self::Port),
            Some(("localhost", digits)) => {
                port(digits).map(|port| Self::Address((Ipv4Addr::LOCALHOST, port).into()))
            }
            _ => text.parse().ok().map(Self::Address),
        };
        found.ok_or_else(|| complaint(text))
    }

    fn to_toml(&self) -> toml::Value {
        self.to_string().into()
    }
}

deserialize!(Listener);
