//! Binding the addresses of the settings.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4},
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
};

use tokio::net::{TcpListener, TcpSocket, UnixListener};

use super::bound::{Bound, SocketFile};
use crate::{
    Error,
    config::{Listener, Switch},
};

/// Connections that wait to be accepted, per listener; the kernel's own maximum may be lower.
const BACKLOG: u32 = 1_024;

/// An address of IPv4 as such, where it came through a listener of IPv6.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddrV4::new(v4, v6.port()).into(),
            // With its scope.
            None => address,
        },
        SocketAddr::V4(_) => address,
    }
}

/// Where a server listens, as it is printed: the address, or the path of a Unix socket.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LocalAddr {
    /// An internet address.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl LocalAddr {
    /// The internet address; `None` for a Unix socket.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            LocalAddr::Tcp(address) => Some(*address),
            LocalAddr::Unix(_) => None,
        }
    }
}

impl fmt::Display for LocalAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LocalAddr::Tcp(address) => address.fmt(f),
            LocalAddr::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Binds `listener`; `key` is the setting that it comes from. `reuse_port` is for addresses of the internet.
///
/// # Errors
/// When the address is in use, not permitted or not of this machine; the error names it and the setting.
pub(crate) fn bind(key: &str, listener: &Listener, reuse_port: Switch) -> Result<Bound, Error> {
    let bound = match listener {
        Listener::Port(port) => all_interfaces(*port, reuse_port).map(Bound::Tcp),
        Listener::Address(address) => tcp(*address, reuse_port).map(Bound::Tcp),
        Listener::Unix(path) => unix(path),
    };
    bound.map_err(|error| Error::bind(format_args!("{listener} (setting `{key}`)"), error))
}

/// IPv6 and, through it, IPv4; IPv4 alone where there is no IPv6.
fn all_interfaces(port: u16, reuse_port: Switch) -> io::Result<TcpListener> {
    match tcp((IpAddr::V6(Ipv6Addr::UNSPECIFIED), port).into(), reuse_port) {
        Err(error)
            if error.kind() != io::ErrorKind::AddrInUse
                && error.kind() != io::ErrorKind::PermissionDenied =>
        {
            tcp((IpAddr::V4(Ipv4Addr::UNSPECIFIED), port).into(), reuse_port)
        }
        result => result,
    }
}

fn tcp(address: SocketAddr, reuse_port: Switch) -> io::Result<TcpListener> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }?;
    // A port whose old connections are in TIME_WAIT can be bound; one with a living listener cannot.
    socket.set_reuseaddr(true)?;
    if reuse_port == Switch::On {
        socket2::SockRef::from(&socket).set_reuse_port(true)?;
    }
    if address.is_ipv6() && address.ip().is_unspecified() {
        // All interfaces are those of IPv4 too, whatever the system's default (`net.ipv6.bindv6only`).
        socket2::SockRef::from(&socket).set_only_v6(false)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn unix(path: &Path) -> io::Result<Bound> {
    remove_stale(path)?;
    let listener = UnixListener::bind(path)?;
    Ok(Bound::Unix(Some(SocketFile(path.to_owned())), listener))
}

/// A socket file on which nobody listens is left from a process that has gone.
fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return Ok(()) };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "a file that is no socket is there",
        ));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}
