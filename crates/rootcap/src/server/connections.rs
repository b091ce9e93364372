//! The table of open connections.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    error::Error,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, Weak,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::Duration,
};

use rootcap_layers::{Call, Peer};
use tokio::{sync::mpsc, time::Instant};

use super::{
    caps::{Caps, Count, Place, Refusal, Taken},
    connection::CloseReason,
    io_stats::IoStats,
    open_calls::{CallId, OpenCall, OpenCalls},
    pace::Pace,
    sending::Sending,
    tcp_info::{Socket, TcpInfo},
};

/// How often it is looked at how fast bytes move.
const PACE: Duration = Duration::from_secs(5);

/// The open connections of a server. Cloning gives the same table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connections(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    next: u64,
    /// Calls of connections that have gone.
    past_calls: u64,
    count: Count,
    /// By number, hence in the order in which they were accepted.
    open: BTreeMap<u64, Arc<Connection>>,
    /// Those that have gone, while calls of theirs have not: a handler may not notice.
    left: BTreeMap<u64, Arc<Connection>>,
}

impl Table {
    fn with_calls(&self) -> impl Iterator<Item = &Arc<Connection>> {
        self.open.values().chain(self.left.values())
    }
}

/// One open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    number: u64,
    table: Weak<Mutex<Table>>,
    /// Whether only its calls are left.
    gone: AtomicBool,
    peer: Arc<Peer>,
    /// The peer with its identity, once it has proved one.
    proved: OnceLock<Arc<Peer>>,
    pub(crate) place: Place,
    pub(crate) accepted: Instant,
    pub(crate) io: Arc<IoStats>,
    pub(crate) total_calls: AtomicU64,
    pub(crate) calls: OpenCalls,
    pub(crate) pace: Pace,
    /// What the kernel can be asked about.
    socket: OnceLock<Socket>,
    /// What is held of its responses, once it speaks HTTP/2.
    sending: OnceLock<Arc<Sending>>,
    /// Why the server closes the connection while calls may be open on it.
    closed_by: OnceLock<CloseReason>,
    /// What it failed of, as the HTTP/2 library says it.
    failure: OnceLock<String>,
    _alive: Alive,
}

/// Held by all that serves: when every clone has gone, the server has stopped.
pub(crate) type Alive = mpsc::Sender<Infallible>;

/// Keeps a connection in the table; removes it when dropped.
#[derive(Debug)]
pub(crate) struct Registered {
    table: Connections,
    taken: Taken,
    pub(crate) connection: Arc<Connection>,
}

impl Connections {
    /// Takes a connection in, unless it is one too many.
    pub(crate) fn register(
        &self,
        peer: Arc<Peer>,
        alive: Alive,
        caps: Caps,
    ) -> Result<Registered, Refusal> {
        let mut table = self.lock();
        // Looked at and taken under one lock: the accept loops of several listeners share the caps.
        let taken = table.count.take(&peer, caps)?;
        let number = table.next;
        table.next += 1;
        let connection = Arc::new(Connection {
            number,
            table: Arc::downgrade(&self.0),
            gone: AtomicBool::new(false),
            peer,
            place: taken.place,
            proved: OnceLock::new(),
            accepted: Instant::now(),
            io: Arc::default(),
            total_calls: AtomicU64::new(0),
            calls: OpenCalls::default(),
            pace: Pace::default(),
            socket: OnceLock::new(),
            sending: OnceLock::new(),
            closed_by: OnceLock::new(),
            failure: OnceLock::new(),
            _alive: alive,
        });
        table.open.insert(number, Arc::clone(&connection));
        Ok(Registered { table: self.clone(), taken, connection })
    }

    /// What tells this server from others of the process.
    pub(crate) fn server(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// Calls open on all connections.
    pub(crate) fn open_calls(&self) -> usize {
        self.lock().with_calls().map(|connection| connection.io.open_calls()).sum()
    }

    /// Calls that a cut ends: the open ones, and for a connection without any, whose last answers its peer has not
    /// taken, one.
    pub(crate) fn unfinished_calls(&self) -> usize {
        let of = |connection: &Arc<Connection>| {
            connection.io.open_calls().max(usize::from(connection.unsent() > 0))
        };
        self.lock().with_calls().map(of).sum()
    }

    /// Calls that have ended, since the beginning.
    pub(crate) fn ended_calls(&self) -> u64 {
        let table = self.lock();
        table.past_calls
            + table.with_calls().map(|connection| connection.ended_calls()).sum::<u64>()
    }

    /// Looks at each open call.
    pub(crate) fn each_call(&self, mut look: impl FnMut(CallId, &Call)) {
        let connections: Vec<_> = self.lock().with_calls().cloned().collect();
        for Connection { number: connection, calls, .. } in connections.iter().map(|it| &**it) {
            let id = |number| CallId { connection: *connection, number };
            calls.each(|number, call| look(id(number), call));
        }
    }

    /// Looks for ever at how fast bytes move on the connections. For a runtime that is never blocked.
    pub(crate) async fn watch_pace(self) {
        let mut last = Instant::now();
        loop {
            tokio::time::sleep(PACE).await;
            let passed = last.elapsed();
            last = Instant::now();
            for connection in self.all() {
                let bytes = [connection.io.bytes_in(), connection.io.bytes_out()];
                connection.pace.look(bytes, passed.min(connection.accepted.elapsed()));
            }
        }
    }

    /// The open call of this id.
    pub(crate) fn find_call(&self, id: CallId) -> Option<Call> {
        let connection = {
            let table = self.lock();
            table.open.get(&id.connection).or_else(|| table.left.get(&id.connection)).cloned()
        };
        connection?.calls.find(id.number)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().open.len()
    }

    /// All connections, oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<Connection>> {
        self.lock().open.values().cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut table = self.table.lock();
        table.count.give_back(self.taken);
        let connection = table.open.remove(&self.connection.number);
        self.connection.gone.store(true, SeqCst);
        match connection.filter(|connection| connection.io.open_calls() > 0) {
            Some(connection) => drop(table.left.insert(connection.number, connection)),
            None => table.past_calls += self.connection.total_calls.load(Relaxed),
        }
    }
}

impl Connection {
    /// What tells the connection's server from others of the process.
    pub(crate) fn server(&self) -> usize {
        self.table.as_ptr().addr()
    }

    /// The other end, with its identity once it has proved one.
    pub(crate) fn peer(&self) -> &Arc<Peer> {
        self.proved.get().unwrap_or(&self.peer)
    }

    /// Notes what identity the peer has proved, the first time; returns the peer with it.
    pub(crate) fn prove(&self, identity: String) -> Arc<Peer> {
        let proved = || Arc::new(Peer::clone(&self.peer).identity(identity));
        Arc::clone(self.proved.get_or_init(proved))
    }

    /// Counts and lists a call as open until the returned guard is dropped.
    pub(super) fn open_call(self: &Arc<Self>, call: Option<Call>) -> OpenCall {
        let number = self.total_calls.fetch_add(1, Relaxed);
        OpenCall::new(Arc::clone(self), call, number)
    }

    /// A call has ended: was it the last one of a connection that has gone, nothing is left of it.
    pub(super) fn call_ended(&self) {
        // In one order with the drop of `Registered`, or each could leave it to the other.
        if !self.gone.load(SeqCst) || self.io.open_calls() > 0 {
            return;
        }
        let Some(table) = self.table.upgrade() else { return };
        let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
        let left = table.left.remove(&self.number);
        table.past_calls += left.map_or(0, |connection| connection.total_calls.load(Relaxed));
    }

    fn ended_calls(&self) -> u64 {
        self.total_calls.load(Relaxed).saturating_sub(self.io.open_calls() as u64)
    }

    /// The connection is that of `socket`.
    pub(super) fn is_of(&self, socket: Option<Socket>) {
        if let Some(socket) = socket {
            let _ = self.socket.set(socket);
        }
    }

    /// What the kernel knows of it; `None` where it is not over TCP, or is closed.
    pub(crate) fn tcp_info(&self) -> Option<TcpInfo> {
        self.socket.get()?.tcp_info()
    }

    /// From now on it may hold `max` bytes of responses; to be called once.
    pub(super) fn send_with(&self, max: usize) -> Arc<Sending> {
        Arc::clone(self.sending.get_or_init(|| Arc::new(Sending::new(max))))
    }

    /// How many bytes of responses are held for the peer.
    pub(crate) fn unsent(&self) -> usize {
        self.sending.get().map_or(0, |sending| sending.held())
    }

    /// The server is about to close the connection, whatever is open on it.
    pub(crate) fn close(&self, reason: CloseReason) {
        let _ = self.closed_by.set(reason);
    }

    /// Why the server has closed the connection; `None` if it has not.
    pub(crate) fn closed_by(&self) -> Option<CloseReason> {
        self.closed_by.get().copied()
    }

    /// The connection has failed of `error`.
    pub(crate) fn note_failure(&self, error: &dyn Error) {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            text += ": ";
            text += &error.to_string();
            source = error.source();
        }
        let _ = self.failure.set(text);
    }

    /// What the connection has failed of; `None` if it has not.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// How long ago bytes last went in either direction.
    pub(crate) fn idle(&self) -> Duration {
        self.io.last_activity().elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_takes_as_many_as_it_may_and_again_one_when_one_has_gone() {
        let (table, (alive, _gone)) = (Connections::default(), mpsc::channel(1));
        let caps = Caps { connections: 2, per_peer: None };
        let register = || table.register(Arc::new(Peer::local("test")), Alive::clone(&alive), caps);
        let (first, second) = (register(), register());
        assert!(first.is_ok() && second.is_ok() && register().is_err());
        drop(first);
        assert!(register().is_ok());
    }
}
