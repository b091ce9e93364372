//! The wrapper under hyper's http2 server, with h2 as the client, in memory.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http2::{Builder, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::DuplexStream;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_test::task::Spawn;

use super::*;

type Server = Connection<TokioIo<Coalesce<DuplexStream>>, Calls, TokioExecutor>;

/// How a test's calls behave.
#[derive(Debug, Clone)]
struct Script {
    /// A call ends when it has got a permit.
    permits: Arc<Semaphore>,
    body: Bytes,
}

impl Script {
    /// Calls that end at once.
    fn at_once(body: &'static [u8]) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            body: Bytes::from_static(body),
        }
    }

    /// Calls that end when the test adds permits.
    fn on_permit(body: impl Into<Bytes>) -> Self {
        Self { permits: Arc::new(Semaphore::new(0)), body: body.into() }
    }

    fn service(&self, stats: &Arc<IoStats>) -> Calls {
        Calls { script: self.clone(), stats: Arc::clone(stats) }
    }
}

/// Counts a call as open from the moment that hyper accepts it, as the connection's driver does.
struct Calls {
    script: Script,
    stats: Arc<IoStats>,
}

impl hyper::service::Service<Request<Incoming>> for Calls {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, _: Request<Incoming>) -> Self::Future {
        let (Script { permits, body }, call) = (self.script.clone(), self.stats.open_call());
        Box::pin(async move {
            permits.acquire().await.unwrap().forget();
            drop(call);
            Ok(Response::new(Full::new(body)))
        })
    }
}

/// A server over one end of an in-memory connection, not polled yet; the other end.
fn serve(script: &Script, mode: CoalesceWrites) -> (Server, DuplexStream, Arc<IoStats>) {
    let stats = Arc::new(IoStats::default());
    let (near, far) = tokio::io::duplex(1 << 20);
    let io = TokioIo::new(Coalesce::new(near, Arc::clone(&stats), mode));
    let service = script.service(&stats);
    (Builder::new(TokioExecutor::new()).serve_connection(io, service), far, stats)
}

/// A client whose connection is driven by a task of its own.
async fn connect(far: DuplexStream) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
    let (client, connection) = h2::client::handshake(far).await.unwrap();
    (client, tokio::spawn(connection))
}

/// Sends a call now; its task ends with the length of the response.
async fn call(client: &SendRequest<Bytes>) -> JoinHandle<Result<usize, h2::Error>> {
    let mut client = client.clone().ready().await.unwrap();
    let request = Request::get("http://localhost/").body(()).unwrap();
    let (response, _) = client.send_request(request, true).unwrap();
    tokio::spawn(async move {
        let mut body = response.await?.into_body();
        let mut len = 0;
        while let Some(data) = body.data().await.transpose()? {
            len += data.len();
            body.flow_control().release_capacity(data.len())?;
        }
        Ok(len)
    })
}

/// Writes for each response, in rounds of ten calls at a time that end at once.
fn writes_per_response(runtime: &Runtime, mode: CoalesceWrites) -> f64 {
    const ROUNDS: usize = 50;
    const AT_A_TIME: usize = 10;
    let rounds = async move {
        let (server, far, stats) = serve(&Script::at_once(b"hello"), mode);
        let server = tokio::spawn(server);
        let (client, connection) = connect(far).await;
        let mut writes = 0;
        for _ in 0..ROUNDS {
            let before = stats.writes();
            let mut calls = Vec::new();
            for _ in 0..AT_A_TIME {
                calls.push(call(&client).await);
            }
            for call in calls {
                assert_eq!(call.await.unwrap().unwrap(), 5);
            }
            writes += stats.writes() - before;
        }
        drop(client);
        connection.await.unwrap().unwrap();
        server.await.unwrap().unwrap();
        assert_eq!(stats.open_calls(), 0);
        writes
    };
    // As a task: the future given to `block_on` runs outside of the workers and their queues.
    let writes = runtime.block_on(async { tokio::spawn(rounds).await.unwrap() });
    writes as f64 / (ROUNDS * AT_A_TIME) as f64
}

fn workers(count: usize) -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(count).build().unwrap()
}

#[test]
fn responses_that_finish_together_leave_in_one_write() {
    let runtime = workers(1);
    let off = writes_per_response(&runtime, CoalesceWrites::Off);
    let on = writes_per_response(&runtime, CoalesceWrites::On);
    println!("one worker: {off:.2} writes per response, coalesced {on:.2}");
    assert!(on * 2.0 < off, "coalesced {on}, not coalesced {off}");
}

#[test]
fn all_is_answered_with_several_workers_and_with_none() {
    let current_thread = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for (name, runtime) in [("two workers", workers(2)), ("current thread", current_thread)] {
        let off = writes_per_response(&runtime, CoalesceWrites::Off);
        let on = writes_per_response(&runtime, CoalesceWrites::On);
        println!("{name}: {off:.2} writes per response, coalesced {on:.2}");
    }
}

/// A server that the test polls by hand, as its waker asks for it; all else runs when the test yields.
struct ByHand {
    server: Spawn<Pin<Box<Server>>>,
    client: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
    stats: Arc<IoStats>,
    script: Script,
}

impl ByHand {
    async fn new(script: Script, mode: CoalesceWrites) -> Self {
        let (server, far, stats) = serve(&script, mode);
        let mut server = tokio_test::task::spawn(Box::pin(server));
        assert!(server.poll().is_pending());
        let (client, connection) = connect(far).await;
        let mut by_hand = Self { server, client, connection, stats, script };
        assert!(by_hand.run().await.is_none());
        by_hand
    }

    /// Lets everything else run, and then the server if it is woken, until nothing is.
    async fn run(&mut self) -> Option<hyper::Result<()>> {
        loop {
            others_run().await;
            if !self.server.is_woken() {
                return None;
            }
            if let Poll::Ready(result) = self.server.poll() {
                return Some(result);
            }
        }
    }

    /// Opens `count` calls, and waits for the server to have begun them.
    async fn open(&mut self, count: usize) -> Vec<JoinHandle<Result<usize, h2::Error>>> {
        let mut calls = Vec::new();
        for _ in 0..count {
            calls.push(call(&self.client).await);
        }
        assert!(self.run().await.is_none());
        assert_eq!(self.stats.open_calls(), count);
        calls
    }

    /// Ends one call and polls the server once, which leaves the response's write held.
    async fn end_one_and_hold(&mut self) {
        let (held, writes) = (self.stats.held(), self.stats.writes());
        self.script.permits.add_permits(1);
        others_run().await;
        assert!(self.server.is_woken());
        assert!(self.server.poll().is_pending());
        assert_eq!((self.stats.held(), self.stats.writes()), (held + 1, writes));
        assert!(self.server.is_woken(), "held, and nothing will wake it");
    }
}

/// Every other task has run and sleeps again; on a current-thread runtime, far more turns than any of them takes.
async fn others_run() {
    for _ in 0..32 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_held_response_needs_no_help_to_leave() {
    let mut rig = ByHand::new(Script::on_permit("hello"), CoalesceWrites::On).await;
    let mut calls = rig.open(3).await;
    rig.end_one_and_hold().await;
    assert!(rig.run().await.is_none());
    assert_eq!(calls.remove(0).await.unwrap().unwrap(), 5);
}

#[tokio::test]
async fn responses_that_finish_while_one_is_held_leave_with_it() {
    for (mode, writes) in [(CoalesceWrites::On, 1), (CoalesceWrites::Off, 2)] {
        let mut rig = ByHand::new(Script::on_permit("hello"), mode).await;
        let calls = rig.open(4).await;
        let before = rig.stats.writes();
        rig.script.permits.add_permits(1);
        others_run().await;
        assert!(rig.server.poll().is_pending());
        rig.script.permits.add_permits(3);
        assert!(rig.run().await.is_none());
        assert_eq!(rig.stats.writes() - before, writes, "{mode:?}");
        for call in calls {
            assert_eq!(call.await.unwrap().unwrap(), 5);
        }
    }
}

#[tokio::test]
async fn a_goaway_asked_for_while_a_write_is_held_arrives() {
    let mut rig = ByHand::new(Script::on_permit("hello"), CoalesceWrites::On).await;
    let calls = rig.open(3).await;
    rig.end_one_and_hold().await;
    rig.server.as_mut().graceful_shutdown();
    assert!(rig.run().await.is_none());
    let refused = rig.client.clone().ready().await.err().unwrap();
    assert!(refused.is_go_away(), "{refused}");
    rig.script.permits.add_permits(2);
    rig.run().await.unwrap().unwrap();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), 5);
    }
    rig.connection.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_last_poll_of_a_connection_that_writes_through_writes() {
    let mut rig = ByHand::new(Script::on_permit("hello"), CoalesceWrites::On).await;
    let mut calls = rig.open(3).await;
    rig.script.permits.add_permits(1);
    others_run().await;
    rig.server.as_mut().graceful_shutdown();
    rig.stats.write_through();
    assert!(rig.server.poll().is_pending());
    drop(rig.server);
    assert_eq!(calls.remove(0).await.unwrap().unwrap(), 5);
    for cut in calls {
        assert!(cut.await.unwrap().is_err());
    }
}

#[tokio::test]
async fn a_connection_dropped_while_a_write_is_held_ends_all_its_calls() {
    let mut rig = ByHand::new(Script::on_permit("hello"), CoalesceWrites::On).await;
    let calls = rig.open(3).await;
    rig.end_one_and_hold().await;
    drop(rig.server);
    for cut in calls {
        assert!(cut.await.unwrap().is_err());
    }
    rig.script.permits.add_permits(2);
    others_run().await;
    assert_eq!(rig.stats.open_calls(), 0);
}

#[tokio::test]
async fn the_frames_of_a_large_response_are_not_held() {
    const LEN: usize = 1 << 20;
    let mut rig = ByHand::new(Script::on_permit(vec![0; LEN]), CoalesceWrites::On).await;
    let mut calls = rig.open(3).await;
    rig.script.permits.add_permits(1);
    let (writes, held) = (rig.stats.writes(), rig.stats.held());
    assert!(rig.run().await.is_none());
    assert_eq!(calls.remove(0).await.unwrap().unwrap(), LEN);
    assert!(rig.stats.writes() - writes >= (LEN / (16 * 1024)) as u64);
    // Its head is small, and may wait.
    assert!(rig.stats.held() - held <= 1, "held {} times", rig.stats.held() - held);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_holds_nothing_for_ever() {
    let script = Script::at_once(&[7; 4000]);
    let stats = Arc::new(IoStats::default());
    let (near, far) = tokio::io::duplex(256);
    let io = TokioIo::new(Coalesce::new(near, Arc::clone(&stats), CoalesceWrites::On));
    let service = script.service(&stats);
    let server = tokio::spawn(Builder::new(TokioExecutor::new()).serve_connection(io, service));
    let (client, _connection) = connect(far).await;
    let mut calls = Vec::new();
    for _ in 0..20 {
        calls.push(call(&client).await);
    }
    for call in calls {
        let len = tokio::time::timeout(Duration::from_secs(5), call).await.unwrap();
        assert_eq!(len.unwrap().unwrap(), 4000);
    }
    server.abort();
}
