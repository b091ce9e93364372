//! Drives one connection: from its preface, through its calls, to the end of its age, its idleness or a drain.

mod failure;
mod notice;
mod phases;

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
    time::Duration,
};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    task::coop::unconstrained,
    time::Instant,
};
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};
use tower_service::Service;

use failure::last_word;
use notice::{Notice, Noticed};
pub(crate) use phases::{CloseReason, Limits};
use phases::{Facts, GREETING, Phases, Step};

use super::{
    begun::Begun,
    burst::Bursts,
    coalesce::{Coalesce, CoalesceWrites},
    connections::{Connection, Registered},
    executor::{AtOnce, Executor, Slot},
    io_stats::IoStats,
    polled::Polled,
    sending::{SendFuture, Sending},
    spoken::{HTTP1, Spoken, TLS_ALERT},
};
use crate::{
    bounds::App,
    config::{Config, Http2, Switch},
    lifecycle::Phase,
    stack::{Stack, StackBody, StackFuture},
};

/// What is the same for all connections of a server.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionSettings {
    pub(crate) http2: Http2,
    pub(crate) limits: Limits,
    pub(crate) keepalive: crate::config::Connection,
    pub(crate) coalesce: CoalesceWrites,
    pub(crate) at_once: AtOnce,
}

impl ConnectionSettings {
    pub(crate) fn new(config: &Config) -> Self {
        let connection = config.connection.clone();
        Self {
            http2: config.http2.clone(),
            limits: Limits {
                preface: connection.preface_timeout,
                max_age: connection.max_age,
                max_age_grace: connection.max_age_grace,
                idle: connection.idle_timeout,
                stall: connection.stall_timeout,
            },
            coalesce: match connection.coalesce_writes {
                Switch::On => CoalesceWrites::On,
                Switch::Off => CoalesceWrites::Off,
            },
            at_once: match (connection.short_calls_at_once, connection.coalesce_writes) {
                (Some(time), Switch::On) => AtOnce::Short(time),
                // Each would be a write of its own, on the connection's task.
                (None, _) | (_, Switch::Off) => AtOnce::Off,
            },
            keepalive: connection,
        }
    }

    /// Of connections beyond the cap: short, so that whoever floods cannot hold the places that are left for health.
    pub(crate) fn health_only(config: &Config) -> Self {
        let settings = Self::new(config);
        let preface = settings.limits.preface.min(Duration::from_secs(1));
        let limits = Limits {
            preface,
            max_age: Some(Duration::from_secs(10)),
            max_age_grace: Duration::from_secs(1),
            idle: Some(Duration::from_secs(3)),
            ..settings.limits
        };
        Self { limits, ..settings }
    }
}

/// The client's preface and the head of its first frame, SETTINGS (RFC 9113, 3.4).
const PREFACE_BYTES: u64 = 24 + 9;

/// What tonic's `Request` tells of a connection.
#[derive(Debug, Clone)]
pub(super) enum ConnectInfo {
    Tcp(TcpConnectInfo),
    Tls(TlsInfo),
}

pub(super) type TlsInfo = TlsConnectInfo<TcpConnectInfo>;

/// Serves one connection to its end; returns why it ended.
///
/// What it is made of lies in memory for as long as the connection does. Hence a block and not an `async fn`, which
/// keeps room for its arguments beside what they are moved into; and a box for each part that ends before another.
pub(super) fn drive<IO, A: App>(
    io: IO,
    stack: Stack<A>,
    info: Option<ConnectInfo>,
    registered: Registered,
    settings: Arc<ConnectionSettings>,
    mut life: watch::Receiver<Phase>,
) -> impl Future<Output = CloseReason> + Send
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (began, front) = (Instant::now(), Box::new(Front { stack: Mutex::new(stack), info }));
    async move {
        let deadline = began + settings.limits.preface;
        match Box::pin(begin(io, &registered.connection, deadline, &mut life)).await {
            Err(reason) => reason,
            Ok(io) => match io.spoken() {
                Spoken::Http1 => Box::pin(last_word(io, HTTP1, CloseReason::Http1, life)).await,
                Spoken::Tls => {
                    Box::pin(last_word(io, TLS_ALERT, CloseReason::TlsToPlaintext, life)).await
                }
                // What is no protocol at all is told so in HTTP/2.
                Spoken::Http2 | Spoken::Other => {
                    converse(io, front, registered, &settings, (began, life)).await
                }
            },
        }
    }
}

/// Waits for the peer's first bytes; fails with the reason why there will be none.
async fn begin<IO: AsyncRead + Unpin>(
    io: IO,
    connection: &Connection,
    deadline: Instant,
    life: &mut watch::Receiver<Phase>,
) -> Result<Begun<IO>, CloseReason> {
    let close = |reason| {
        connection.close(reason);
        Err(reason)
    };
    tokio::select! {
        begun = Begun::wait(io) => match begun {
            Ok(begun) => begun.ok_or(CloseReason::Done),
            Err(_) => Err(CloseReason::Error),
        },
        () = tokio::time::sleep_until(deadline) => close(CloseReason::PrefaceTimeout),
        () = given_up(life) => close(CloseReason::Drain),
    }
}

/// Waits until a peer that has not greeted yet is not waited for any more.
pub(super) async fn given_up(life: &mut watch::Receiver<Phase>) {
    // An error says that the server is gone, without a word.
    if life.wait_for(|phase| *phase >= Phase::Draining).await.is_ok() {
        let _ = tokio::time::timeout(GREETING, life.wait_for(|phase| *phase == Phase::Cut)).await;
    }
}

/// Speaks HTTP/2 to the end of the connection; returns why it ended.
fn converse<IO, A: App>(
    io: IO,
    front: Box<Front<A>>,
    registered: Registered,
    settings: &ConnectionSettings,
    (began, mut life): (Instant, watch::Receiver<Phase>),
) -> impl Future<Output = CloseReason> + Send + use<IO, A>
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let connection = &registered.connection;
    let slot = Slot::default();
    let notice = Notice::default();
    let io = Coalesce::new(io, Arc::clone(&connection.io), settings.coalesce);
    let io = Noticed::new(io, notice.clone());
    let sending = connection.send_with(settings.http2.max_buffered.as_usize());
    let service = CallService { front, slot: slot.clone(), sending };
    let executor =
        Executor::new(Arc::clone(connection), slot, settings.limits.stall, settings.at_once);
    let io_stats = Arc::clone(&connection.io);
    let hyper =
        Box::pin(builder(settings, io_stats, executor).serve_connection(TokioIo::new(io), service));
    let mut bursts = Bursts::new(settings.at_once.burst());
    let limits = settings.limits.with_jitter(fastrand::f64());
    let mut phases = Phases::new(connection.accepted, began, limits);
    async move {
        // Dropped in the reverse order: the connection's place is given back when its socket is closed.
        let registered = registered;
        let mut hyper = hyper;
        let connection = &registered.connection;
        loop {
            let phase = *life.borrow_and_update();
            if phase == Phase::Cut {
                send_what_is_ready(hyper.as_mut(), &connection.io).await;
                connection.close(CloseReason::Drain);
                return CloseReason::Drain;
            }
            let (step, greeting) = {
                let facts = Facts {
                    now: Instant::now(),
                    preface_seen: connection.io.bytes_in() >= PREFACE_BYTES,
                    open_calls: connection.io.open_calls(),
                    last_call: connection.io.last_call(),
                    last_write: connection.io.last_write(),
                    unsent: connection.unsent(),
                    draining: phase >= Phase::Draining,
                };
                (phases.step(&facts), facts.draining && !facts.preface_seen)
            };
            match step {
                Step::Close(reason) => {
                    send_what_is_ready(hyper.as_mut(), &connection.io).await;
                    connection.close(reason);
                    return reason;
                }
                Step::Notice => notice.give(),
                Step::GoAway => hyper.as_mut().graceful_shutdown(),
                Step::WaitUntil(instant) => tokio::select! {
                    // In this order: what has come in is read first.
                    biased;
                    ended = poll_fn(|cx| {
                        connection.io.begin_poll();
                        bursts.poll(&connection.io.burst, hyper.as_mut(), cx)
                    }) => {
                        if let Err(error) = &ended {
                            connection.note_failure(error);
                        }
                        return phases.ended(ended.err().as_ref().map(CloseReason::of));
                    }
                    // A burst may use up the task's budget, again and again: these are seen all the same.
                    () = unconstrained(tokio::time::sleep_until(instant)) => {}
                    changed = unconstrained(life.changed()) => if changed.is_err() {
                        // The server is gone, without a word.
                        return CloseReason::Drain;
                    },
                    // A drain asks it to go as soon as it can be asked.
                    () = greeted(&connection.io), if greeting => {}
                },
            }
        }
    }
}

/// Waits for a whole preface. What reads it has to be polled by the same task, before this.
async fn greeted(io: &IoStats) {
    let seen = || io.bytes_in() >= PREFACE_BYTES;
    poll_fn(|_| if seen() { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// Polls a connection for the last time, so that answers which wait for others to join them are not lost.
async fn send_what_is_ready(mut hyper: Pin<&mut impl Future>, io: &IoStats) {
    io.write_through();
    poll_fn(|cx| {
        let _ = hyper.as_mut().poll(cx);
        Poll::Ready(())
    })
    .await;
}

/// Every limit is set, and finite: leaving one out would remove hyper's own default.
fn builder(
    settings: &ConnectionSettings,
    io: Arc<IoStats>,
    executor: Executor,
) -> hyper::server::conn::http2::Builder<Executor> {
    let (http2, connection) = (&settings.http2, &settings.keepalive);
    let mut builder = hyper::server::conn::http2::Builder::new(executor);
    builder
        .timer(Polled::new(io))
        // No gRPC client reads it: rendering and compressing it for each answer is work for nothing.
        .auto_date_header(false)
        .max_concurrent_streams(http2.max_concurrent_streams)
        .max_pending_accept_reset_streams(http2.max_pending_accept_reset_streams)
        .max_local_error_reset_streams(http2.max_local_error_reset_streams)
        .max_header_list_size(http2.max_header_list_size.as_u32())
        .max_frame_size(http2.max_frame_size.as_u32())
        .max_send_buf_size(http2.max_send_buffer_size.as_usize())
        .initial_stream_window_size(http2.stream_window.as_u32())
        .initial_connection_window_size(http2.connection_window.as_u32())
        .keep_alive_interval(connection.keepalive_interval)
        .keep_alive_timeout(connection.keepalive_timeout);
    builder
}

/// What a connection's calls come to first.
struct Front<A: App> {
    /// hyper calls with `&self`, always from the connection's own task: never contended.
    stack: Mutex<Stack<A>>,
    info: Option<ConnectInfo>,
}

/// Passes the calls of one connection to its stack.
struct CallService<A: App> {
    front: Box<Front<A>>,
    slot: Slot,
    sending: Arc<Sending>,
}

impl<A: App> hyper::service::Service<Request<Incoming>> for CallService<A> {
    type Response = Response<StackBody<A>>;
    type Error = Infallible;
    type Future = StackFuture<A>;

    #[inline]
    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        // What tonic's `Request::remote_addr`, `local_addr` and `peer_certs` read.
        match &self.front.info {
            Some(ConnectInfo::Tcp(info)) => {
                request.extensions_mut().insert(info.clone());
            }
            Some(ConnectInfo::Tls(info)) => {
                request.extensions_mut().insert(info.clone());
            }
            None => {}
        }
        let mut stack = self.front.stack.lock().unwrap_or_else(PoisonError::into_inner);
        let future = SendFuture::new(stack.call(request), Arc::clone(&self.sending));
        if let Some(call) = future.observed() {
            self.slot.put(call.clone());
        }
        future
    }
}

#[cfg(test)]
pub(super) mod tests;

/// The same tests, with calls that run at once.
#[cfg(test)]
#[path = "connection/tests/mod.rs"]
#[allow(clippy::duplicate_mod, reason = "what is documented of a connection holds either way")]
mod tests_at_once;
