//! A connection that makes unary calls, blocking or not, as its socket is set.

use std::collections::HashSet;
use std::io::{ErrorKind, Read, Write};
use std::mem;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::Result;
use crate::frames::{
    self, ACK, Ask, DATA, END_STREAM, Frame, GOAWAY, HEADERS, HELLO_WORLD, PING, RST_STREAM,
    SETTINGS,
};

/// How long a server may be silent while an answer is due.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With a reply.
    Answered,
    /// With a status and nothing else.
    Refused,
}

#[derive(Debug)]
pub(crate) struct Connection {
    socket: TcpStream,
    ask: Ask,
    /// The number of the next caller, where each call is another one's.
    next_key: Option<u64>,
    next_stream: u32,
    /// What is still to be sent: a socket that does not block may take a part only.
    outgoing: Vec<u8>,
    incoming: Vec<u8>,
    /// Calls that wait until there are fewer open than the server allows.
    waiting: u64,
    /// The most calls that the server allows at once.
    most: u64,
    /// Whether the server's SETTINGS have come: what it needs for a connection is then there.
    greeted: bool,
    /// Calls whose reply has begun, by the number of their stream.
    answering: HashSet<u32>,
    /// Calls that have ended, and those of them that were refused.
    ended: u64,
    refused: u64,
    /// Bytes in DATA frames.
    data: u64,
}

impl Connection {
    /// Connects, and says what every connection begins with.
    pub(crate) fn open(server: SocketAddr) -> Result<Self> {
        Self::asking(server, HELLO_WORLD)
    }

    /// The same, for calls of that kind.
    pub(crate) fn asking(server: SocketAddr, ask: Ask) -> Result<Self> {
        let socket = TcpStream::connect(server)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let outgoing = frames::HELLO.to_vec();
        let mut connection = Self {
            socket,
            ask,
            next_key: None,
            next_stream: 1,
            outgoing,
            incoming: Vec::new(),
            waiting: 0,
            most: u64::MAX,
            greeted: false,
            answering: HashSet::new(),
            ended: 0,
            refused: 0,
            data: 0,
        };
        connection.send()?;
        Ok(connection)
    }

    /// From here on, each call is another caller's, whose keys begin with this one.
    pub(crate) fn keys_from(&mut self, first: u64) {
        self.next_key = Some(first);
    }

    /// From here on, neither sending nor receiving waits.
    pub(crate) fn never_wait(&self) -> Result<()> {
        Ok(self.socket.set_nonblocking(true)?)
    }

    /// Begins a call, or lets it wait while the server allows no more: as with any client, it is then late, and not
    /// refused. Its stream's number is that of the call on this connection, from 0, times 2 plus 1. The server's window
    /// needs no look: what a call sends is tiny, and given back as soon as the server reads it.
    pub(crate) fn call(&mut self) -> Result<()> {
        self.waiting += 1;
        self.begin_allowed();
        self.send()
    }

    fn begin_allowed(&mut self) {
        while self.waiting > 0 && self.begun() - self.ended < self.most {
            let key = self.next_key.map(|key| format!("tenant-{key:09}"));
            let first = self.next_stream == 1;
            frames::request(&mut self.outgoing, self.ask, self.next_stream, first, key.as_deref());
            self.next_key = self.next_key.map(|key| key + 1);
            self.next_stream += 2;
            self.waiting -= 1;
        }
    }

    fn begun(&self) -> u64 {
        u64::from(self.next_stream / 2)
    }

    /// Makes a call, and waits for its answer.
    pub(crate) fn call_and_wait(&mut self) -> Result<()> {
        self.call()?;
        let calls = self.ended + 1;
        self.wait_for(calls)?;
        self.all_answered(calls)
    }

    /// Waits until so many calls have ended.
    pub(crate) fn wait_for(&mut self, calls: u64) -> Result<()> {
        while self.ended < calls {
            self.wait()?;
        }
        Ok(())
    }

    /// Waits until the server has answered what every connection begins with.
    pub(crate) fn wait_until_greeted(&mut self) -> Result<()> {
        while !self.greeted {
            self.wait()?;
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<()> {
        if self.receive(|_, _| ())? { Ok(()) } else { Err("the server does not answer".into()) }
    }

    /// Checks that so many calls have been answered with whole replies.
    pub(crate) fn all_answered(&self, calls: u64) -> Result<()> {
        match self.all_ended(calls)? {
            0 => Ok(()),
            refused => Err(format!("of {calls} calls {refused} were refused").into()),
        }
    }

    /// Checks that so many calls have ended, all that were not refused with whole replies; tells how many were.
    pub(crate) fn all_ended(&self, calls: u64) -> Result<u64> {
        let Self { ended, refused, data, .. } = self;
        let expected = (ended - refused) * self.ask.reply as u64;
        if *ended != calls || *data != expected {
            return Err(format!(
                "of {calls} calls {ended} ended, with {data} instead of {expected} bytes"
            )
            .into());
        }
        Ok(*refused)
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

    /// Reads what is there, and names the stream of each call that ends, and how. False if there was nothing: at once for a
    /// socket that never waits, else after [`PATIENCE`].
    pub(crate) fn receive(&mut self, ended: impl FnMut(u32, End)) -> Result<bool> {
        let mut buffer = [0; 16 * 1024];
        match self.socket.read(&mut buffer) {
            Ok(0) => return Err("the server closed the connection".into()),
            Ok(count) => self.incoming.extend(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        self.take_frames(ended)?;
        self.begin_allowed();
        self.send()?;
        Ok(true)
    }

    fn take_frames(&mut self, mut ended: impl FnMut(u32, End)) -> Result<()> {
        let incoming = mem::take(&mut self.incoming);
        let mut rest = &incoming[..];
        while let Some(frame) = frames::take(&mut rest) {
            if let Some(end) = self.take_frame(&frame)? {
                self.ended += 1;
                self.refused += u64::from(end == End::Refused);
                ended(frame.stream, end);
            }
        }
        self.incoming.extend(rest);
        Ok(())
    }

    /// How the call ended that this frame ends, if it ends one.
    fn take_frame(&mut self, frame: &Frame<'_>) -> Result<Option<End>> {
        match frame.kind {
            SETTINGS if frame.flags & ACK == 0 => {
                self.greeted = true;
                self.most = frames::max_concurrent_streams(frame.payload).unwrap_or(self.most);
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
        match (frame.kind, frame.flags & END_STREAM != 0) {
            (HEADERS, false) => {
                self.answering.insert(frame.stream);
                Ok(None)
            }
            (HEADERS | DATA, true) => match self.answering.remove(&frame.stream) {
                true => Ok(Some(End::Answered)),
                false => Ok(Some(End::Refused)),
            },
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests;
