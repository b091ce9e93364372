//! What the kernel knows of a connection over TCP: round trips, and what was sent again. Linux says; elsewhere nobody.
//!
//! One of the places of the crate with `unsafe`: neither socket2 nor rustix reads `TCP_INFO`.

use std::{os::fd::AsRawFd, time::Duration};

/// A socket, by its number and its cookie, which no other socket ever has. It does not keep the socket open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Socket {
    number: i32,
    cookie: [u32; 2],
}

/// What the kernel knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TcpInfo {
    /// How long a round trip takes, smoothed.
    pub(crate) rtt: Duration,
    /// Segments that were sent again, ever.
    pub(crate) retransmits: u64,
}

/// Where the numbers stand in the kernel's `struct tcp_info`, in words of 32 bits; what came first stays where it is.
const RTT_MICROS: usize = 17;
const TOTAL_RETRANS: usize = 25;

impl Socket {
    /// The socket that is open as `io`; `None` where it cannot be told from others.
    pub(crate) fn of(io: &impl AsRawFd) -> Option<Self> {
        let number = io.as_raw_fd();
        Some(Self { number, cookie: cookie(number)? })
    }

    /// What is known now; `None` if it is no socket of TCP, or is closed.
    pub(crate) fn tcp_info(&self) -> Option<TcpInfo> {
        let info = tcp_info(self.number)?;
        // It still is the socket that it was, so it was that when it was asked: a number that was given up does not
        // come back to the same socket.
        (cookie(self.number)? == self.cookie).then(|| TcpInfo {
            rtt: Duration::from_micros(info[RTT_MICROS].into()),
            retransmits: info[TOTAL_RETRANS].into(),
        })
    }
}

#[cfg(target_os = "linux")]
fn cookie(number: i32) -> Option<[u32; 2]> {
    option(number, libc::SOL_SOCKET, libc::SO_COOKIE)
}

#[cfg(target_os = "linux")]
fn tcp_info(number: i32) -> Option<[u32; TOTAL_RETRANS + 1]> {
    option(number, libc::IPPROTO_TCP, libc::TCP_INFO)
}

/// An option that is so many words long, or longer; then its beginning.
#[cfg(target_os = "linux")]
fn option<const WORDS: usize>(number: i32, level: i32, name: i32) -> Option<[u32; WORDS]> {
    let mut value = [0_u32; WORDS];
    let bytes = libc::socklen_t::try_from(size_of_val(&value)).ok()?;
    let mut len = bytes;
    #[expect(unsafe_code, reason = "no crate reads these options")]
    // SAFETY: the system writes at most `len` bytes to where `value` has as many, whose bytes may be anything, and the
    // length of what it wrote to `len`. It changes nothing of the descriptor, which may be of anything by now, or of
    // nothing: then it answers with an error, or about a socket with another cookie.
    let result =
        unsafe { libc::getsockopt(number, level, name, value.as_mut_ptr().cast(), &raw mut len) };
    (result == 0 && len == bytes).then_some(value)
}

#[cfg(not(target_os = "linux"))]
fn cookie(_: i32) -> Option<[u32; 2]> {
    None
}

#[cfg(not(target_os = "linux"))]
fn tcp_info(_: i32) -> Option<[u32; TOTAL_RETRANS + 1]> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::{
        io::{Read, Write},
        net::{TcpListener, TcpStream},
        os::unix::net::UnixStream,
    };

    use super::*;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (client, listener.accept().unwrap().0)
    }

    #[test]
    fn a_connection_has_a_round_trip() {
        let (mut client, mut server) = pair();
        client.write_all(b"ping").unwrap();
        server.read_exact(&mut [0; 4]).unwrap();
        let info = Socket::of(&server).unwrap().tcp_info().unwrap();
        assert!(info.rtt > Duration::ZERO && info.rtt < Duration::from_secs(10), "{info:?}");
        assert!(info.retransmits < 100, "{info:?}");
    }

    #[test]
    fn a_socket_of_another_kind_has_none() {
        let (unix, _other) = UnixStream::pair().unwrap();
        assert_eq!(Socket::of(&unix).and_then(|socket| socket.tcp_info()), None);
    }

    /// The number of a closed socket may be that of another by now: it is asked about as if it were.
    #[test]
    fn another_socket_with_the_number_of_a_closed_one_is_not_taken_for_it() {
        let ((_client, server), (_other_client, other)) = (pair(), pair());
        let (first, second) = (Socket::of(&server).unwrap(), Socket::of(&other).unwrap());
        assert_ne!(first.cookie, second.cookie);
        let mixed = Socket { number: second.number, cookie: first.cookie };
        assert_eq!(mixed.tcp_info(), None);
        assert!(second.tcp_info().is_some());
        assert_eq!(Socket { number: -1, cookie: first.cookie }.tcp_info(), None);
    }
}
