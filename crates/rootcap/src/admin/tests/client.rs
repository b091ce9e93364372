//! An HTTP/1 client that sends exactly what a test wrote, well formed or not.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// No test waits this long unless it fails.
const GIVE_UP: Duration = Duration::from_secs(20);

/// A response, read to the end of its connection.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// All values of a header.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    /// The value of a header that is there once.
    pub(super) fn header(&self, name: &str) -> &str {
        match self.all(name)[..] {
            [value] => value,
            ref values => panic!("{name}: {values:?} in {}", self.head),
        }
    }
}

pub(super) fn connect(address: SocketAddr) -> TcpStream {
    let io = TcpStream::connect(address).unwrap();
    io.set_read_timeout(Some(GIVE_UP)).unwrap();
    io
}

/// Sends `request` as it is, and reads until the server closes.
pub(super) fn raw(address: SocketAddr, request: &[u8]) -> Reply {
    let mut io = connect(address);
    unless_reset(io.write_all(request));
    read_to_end(&mut io)
}

pub(super) fn read_to_end(io: &mut TcpStream) -> Reply {
    let mut bytes = Vec::new();
    unless_reset(io.read_to_end(&mut bytes).map(drop));
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { status, head, body: bytes[end + 4..].to_vec() }
}

/// A server that refuses what is still being sent closes with bytes unread, which resets the
/// connection; its answer has arrived all the same.
fn unless_reset(done: io::Result<()>) {
    use io::ErrorKind::{BrokenPipe, ConnectionReset};
    match done {
        Err(error) if ![BrokenPipe, ConnectionReset].contains(&error.kind()) => panic!("{error}"),
        _ => {}
    }
}

/// Sends a request with these headers and no others but `Connection`.
pub(super) fn send(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
) -> Reply {
    let lines: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\n{lines}\r\n");
    raw(address, head.as_bytes())
}

/// What `curl` would send for a local page.
pub(super) fn get(address: SocketAddr, target: &str) -> Reply {
    send(address, "GET", target, &[("Host", "localhost"), ("Accept", "*/*")])
}
