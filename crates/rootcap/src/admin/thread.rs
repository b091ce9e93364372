//! The admin thread: a runtime of its own, which answers when the service's runtime cannot.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

use super::guard::Guard;
use super::process::{Controls, Process};
use super::routes::{self, Row};
use super::server::{Server, Settings};

/// Threads for heavy pages and for looks at the files of TLS; one ends after some idle seconds.
const MAX_BLOCKING_THREADS: usize = 8;
/// How long such a thread may hold up the end of the runtime.
const RUNTIME_END: Duration = Duration::from_millis(500);
/// How long stopping waits for the thread.
const THREAD_END: Duration = Duration::from_secs(1);

/// The running admin port. It stops when this is dropped.
#[derive(Debug)]
pub(crate) struct AdminThread {
    runtime: Handle,
    thread: Option<JoinHandle<()>>,
    stop: Option<oneshot::Sender<()>>,
    /// Closed by the thread's end: a join that can be given up.
    ended: mpsc::Receiver<()>,
}

impl AdminThread {
    /// Serves `process` on listeners that are bound already.
    ///
    /// The metrics recorder, if there is one, should be installed before.
    ///
    /// # Errors
    /// If the thread or its runtime cannot be made, or a listener cannot be registered with it.
    ///
    /// Nobody waits for the thread, which makes its pages when the first of them is asked for: that takes as long as the
    /// rest of a server's start, and would take a core from it.
    pub(crate) fn spawn(
        listeners: Vec<TcpListener>,
        settings: Settings,
        process: Arc<impl Process + Controls>,
    ) -> io::Result<Self> {
        Self::spawn_rows(routes::rows, listeners, settings, process)
    }

    /// [`spawn`](Self::spawn) with a table of routes.
    pub(super) fn spawn_rows(
        rows: impl FnOnce() -> Vec<Row> + Send + 'static,
        listeners: Vec<TcpListener>,
        settings: Settings,
        process: Arc<impl Process + Controls>,
    ) -> io::Result<Self> {
        let idle = Idle::new()?;
        let runtime = idle.runtime().handle().clone();
        let listeners = registered(&runtime, listeners)?;
        let (stop, stopped) = oneshot::channel();
        let (running, ended) = mpsc::channel();
        let run = move || {
            let _running = running;
            let runtime = idle.start();
            let guard = Guard::new(settings.token.clone());
            let server = Server::new(move || routes::router(rows(), process, guard), &settings);
            for listener in listeners {
                runtime.spawn(Arc::clone(&server).accept(listener));
            }
            // Told so by the other half being dropped.
            let _ = runtime.block_on(stopped);
            runtime.shutdown_timeout(RUNTIME_END);
        };
        let thread = thread::Builder::new().name("rootcap-admin".to_owned()).spawn(run)?;
        Ok(Self { runtime, thread: Some(thread), stop: Some(stop), ended })
    }

    /// The admin runtime: whatever must go on while the service's runtime is stuck runs here. It is
    /// one thread, so nothing on it may block.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Stops the port: the listeners and all connections are closed, and tasks that others spawned
    /// on its runtime are dropped. Waits for that, at most a second.
    pub(crate) fn stop(self) {
        drop(self);
    }
}

impl Drop for AdminThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        let Some(thread) = self.thread.take() else { return };
        // Dropped by a task on the admin runtime itself, it cannot wait for its own end.
        if thread.thread().id() == thread::current().id() {
            return;
        }
        // Nothing is ever sent: an error other than a timeout says that the thread has ended.
        if self.ended.recv_timeout(THREAD_END) == Err(mpsc::RecvTimeoutError::Disconnected) {
            // A panic of that thread was reported by the panic hook.
            let _ = thread.join();
        }
    }
}

/// The runtime until its thread has it: should there be none, it ends where nothing may wait for it.
struct Idle(Option<Runtime>);

impl Idle {
    fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .thread_name("rootcap-admin-aside")
            .max_blocking_threads(MAX_BLOCKING_THREADS)
            .build()?;
        Ok(Self(Some(runtime)))
    }

    fn runtime(&self) -> &Runtime {
        self.0.as_ref().expect("it is taken once, with all of this")
    }

    fn start(mut self) -> Runtime {
        self.0.take().expect("it is taken once, with all of this")
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

fn registered(
    runtime: &Handle,
    listeners: Vec<TcpListener>,
) -> io::Result<Vec<tokio::net::TcpListener>> {
    let _context = runtime.enter();
    let register = |listener: TcpListener| {
        listener.set_nonblocking(true)?;
        tokio::net::TcpListener::from_std(listener)
    };
    listeners.into_iter().map(register).collect()
}
