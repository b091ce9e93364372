//! A bound listener: it accepts, and gives up those who still wait in it when it is closed.

use std::{io, net::SocketAddr, path::PathBuf};

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::{backoff, listen::LocalAddr};

/// The most that may wait in a listener that is closed: the longest queue that Linux gives by default.
const MOST_WAITING: usize = 4_096;

/// A bound listener.
#[derive(Debug)]
pub(crate) enum Bound {
    Tcp(TcpListener),
    // Dropped in this order: once nobody listens, the file may be that of another process. None of a socket that was
    // handed over: its file is its owner's.
    Unix(Option<SocketFile>, UnixListener),
}

/// The file of a Unix socket; removed when dropped.
#[derive(Debug)]
pub(crate) struct SocketFile(pub(super) PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A connection that was accepted.
#[derive(Debug)]
pub(crate) enum Incoming {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

impl Bound {
    pub(crate) fn local_addr(&self) -> io::Result<LocalAddr> {
        match self {
            Bound::Tcp(listener) => listener.local_addr().map(LocalAddr::Tcp),
            Bound::Unix(_, listener) => {
                listener.local_addr().map(|address| LocalAddr::Unix(path(address.into())))
            }
        }
    }

    /// Accepts a connection. Cancel safe.
    pub(crate) async fn accept(&self) -> io::Result<Incoming> {
        match self {
            Bound::Tcp(listener) => {
                listener.accept().await.map(|(stream, peer)| Incoming::Tcp(stream, peer))
            }
            Bound::Unix(_, listener) => {
                listener.accept().await.map(|(stream, _)| Incoming::Unix(stream))
            }
        }
    }

    /// Stops listening, and gives `take` those who had connected and were not accepted yet: the system would reset
    /// them. Does not wait.
    ///
    /// tokio's own `accept` would only know of those whom its driver has been told of.
    pub(crate) fn close(self, take: impl FnMut(Incoming)) -> io::Result<()> {
        match self {
            Bound::Tcp(listener) => {
                let listener = listener.into_std()?;
                let accept = || {
                    let (stream, peer) = listener.accept()?;
                    stream.set_nonblocking(true)?;
                    Ok(Incoming::Tcp(TcpStream::from_std(stream)?, peer))
                };
                take_waiting(accept, take);
            }
            Bound::Unix(file, listener) => {
                // First, so that no more of them come.
                drop(file);
                let listener = listener.into_std()?;
                let accept = || {
                    let (stream, _) = listener.accept()?;
                    stream.set_nonblocking(true)?;
                    Ok(Incoming::Unix(UnixStream::from_std(stream)?))
                };
                take_waiting(accept, take);
            }
        }
        Ok(())
    }
}

fn take_waiting(mut accept: impl FnMut() -> io::Result<Incoming>, mut take: impl FnMut(Incoming)) {
    for _ in 0..MOST_WAITING {
        match accept() {
            Ok(incoming) => take(incoming),
            Err(error) if backoff::concerns_one_connection(&error) => {}
            // Nobody waits any more, or nobody can be accepted.
            Err(_) => return,
        }
    }
}

/// The path of a Unix socket; of one without a file, its name, as tools print it.
fn path(address: std::os::unix::net::SocketAddr) -> PathBuf {
    if let Some(path) = address.as_pathname() {
        return path.to_owned();
    }
    let name = abstract_name(&address).unwrap_or_default();
    PathBuf::from(format!("@{}", name.escape_ascii()))
}

#[cfg(target_os = "linux")]
fn abstract_name(address: &std::os::unix::net::SocketAddr) -> Option<&[u8]> {
    std::os::linux::net::SocketAddrExt::as_abstract_name(address)
}

#[cfg(not(target_os = "linux"))]
fn abstract_name(_: &std::os::unix::net::SocketAddr) -> Option<&[u8]> {
    None
}
