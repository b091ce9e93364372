//! A connection that makes unary calls, blocking or not, as its socket is set.

use std::io::{ErrorKind, Read, Write};
use std::mem;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::Result;
use crate::frames::{
    self, ACK, DATA, END_STREAM, Frame, GOAWAY, HEADERS, PING, REPLY, RST_STREAM, SETTINGS,
};

/// How long a server may be silent while an answer is due.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Connection {
    socket: TcpStream,
    next_stream: u32,
    /// What is still to be sent: a socket that does not block may take a part only.
    outgoing: Vec<u8>,
    incoming: Vec<u8>,
    /// Whether the server's SETTINGS have come: what it needs for a connection is then there.
    greeted: bool,
    /// Calls that have ended.
    ended: u64,
    /// Bytes in DATA frames.
    data: u64,
}

impl Connection {
    /// Connects, and says what every connection begins with.
    pub(crate) fn open(server: SocketAddr) -> Result<Self> {
        let socket = TcpStream::connect(server)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let outgoing = frames::HELLO.to_vec();
        let mut connection = Self {
            socket,
            next_stream: 1,
            outgoing,
            incoming: Vec::new(),
            greeted: false,
            ended: 0,
            data: 0,
        };
        connection.send()?;
        Ok(connection)
    }

    /// From here on, neither sending nor receiving waits.
    pub(crate) fn never_wait(&self) -> Result<()> {
        Ok(self.socket.set_nonblocking(true)?)
    }

    /// Begins a call; its stream's number is that of the call on this connection, from 0, times 2 plus 1. The server's
    /// window needs no look: what a call sends is tiny, and given back as soon as the server reads it.
    pub(crate) fn call(&mut self) -> Result<()> {
        frames::request(&mut self.outgoing, self.next_stream, self.next_stream == 1);
        self.next_stream += 2;
        self.send()
    }

    /// Makes a call, and waits for its answer.
    pub(crate) fn call_and_wait(&mut self) -> Result<()> {
        self.call()?;
        let calls = self.ended + 1;
        while self.ended < calls {
            self.wait()?;
        }
        self.all_answered(calls)
    }

    /// Waits until the server has answered what every connection begins with.
    pub(crate) fn wait_until_greeted(&mut self) -> Result<()> {
        while !self.greeted {
            self.wait()?;
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<()> {
        if self.receive(|_| ())? { Ok(()) } else { Err("the server does not answer".into()) }
    }

    /// Checks that so many calls have been answered with whole replies: a call that fails has none.
    pub(crate) fn all_answered(&self, calls: u64) -> Result<()> {
        let expected = calls * REPLY as u64;
        if self.ended != calls || self.data != expected {
            let (ended, data) = (self.ended, self.data);
            return Err(format!(
                "of {calls} calls {ended} ended, with {data} instead of {expected} bytes"
            )
            .into());
        }
        Ok(())
    }

    /// Sends what the socket takes of what is left to be sent.
    fn send(&mut self) -> Result<()> {
        while !self.outgoing.is_empty() {
            match self.socket.write(&self.outgoing) {
                Ok(sent) => drop(self.outgoing.drain(..sent)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads what is there, and names the stream of each call that ends. False if there was nothing: at once for a
    /// socket that never waits, else after [`PATIENCE`].
    pub(crate) fn receive(&mut self, ended: impl FnMut(u32)) -> Result<bool> {
        let mut buffer = [0; 16 * 1024];
        match self.socket.read(&mut buffer) {
            Ok(0) => return Err("the server closed the connection".into()),
            Ok(count) => self.incoming.extend(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        self.take_frames(ended)?;
        self.send()?;
        Ok(true)
    }

    fn take_frames(&mut self, mut ended: impl FnMut(u32)) -> Result<()> {
        let incoming = mem::take(&mut self.incoming);
        let mut rest = &incoming[..];
        while let Some(frame) = frames::take(&mut rest) {
            if self.take_frame(&frame)? {
                self.ended += 1;
                ended(frame.stream);
            }
        }
        self.incoming.extend(rest);
        Ok(())
    }

    /// Whether this frame ends a call.
    fn take_frame(&mut self, frame: &Frame<'_>) -> Result<bool> {
        match frame.kind {
            SETTINGS if frame.flags & ACK == 0 => {
                self.greeted = true;
                frames::frame(&mut self.outgoing, SETTINGS, ACK, 0, &[]);
            }
            PING if frame.flags & ACK == 0 => {
                frames::frame(&mut self.outgoing, PING, ACK, 0, frame.payload);
            }
            RST_STREAM => return Err(format!("the server reset stream {}", frame.stream).into()),
            GOAWAY => return Err("the server asked to go".into()),
            DATA => self.data += frame.payload.len() as u64,
            _ => {}
        }
        Ok(matches!(frame.kind, DATA | HEADERS) && frame.flags & END_STREAM != 0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// A call to a server that says this and nothing else.
    fn call(answer: Vec<u8>) -> Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut connection = Connection::open(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        let server = thread::spawn(move || {
            peer.write_all(&answer).unwrap();
            // Until the client is gone: closed with unread bytes, the answer could be lost.
            drop(peer.shutdown(std::net::Shutdown::Write));
            drop(peer.read_to_end(&mut Vec::new()));
        });
        let result = connection.call_and_wait();
        drop(connection);
        server.join().unwrap();
        result
    }

    fn answer(data: usize, trailers: u8) -> Vec<u8> {
        let mut answer = Vec::new();
        frames::frame(&mut answer, SETTINGS, 0, 0, &[]);
        frames::frame(&mut answer, HEADERS, 4, 1, &[0x88]);
        frames::frame(&mut answer, DATA, 0, 1, &vec![0; data]);
        frames::frame(&mut answer, HEADERS, trailers, 1, &[]);
        answer
    }

    #[test]
    fn a_call_is_answered_by_a_whole_reply() {
        assert!(call(answer(REPLY, 4 | END_STREAM)).is_ok());
    }

    #[test]
    fn anything_less_is_an_error() {
        let said = |answer| call(answer).unwrap_err().to_string();
        assert!(said(answer(0, 4 | END_STREAM)).contains("0 instead of 18"));
        assert!(said(answer(REPLY, 4)).contains("closed"));
        for (kind, expected) in [(RST_STREAM, "reset stream 1"), (GOAWAY, "go")] {
            let mut answer = Vec::new();
            frames::frame(&mut answer, kind, 0, 1, &[0; 8]);
            assert!(said(answer).contains(expected));
        }
    }
}
