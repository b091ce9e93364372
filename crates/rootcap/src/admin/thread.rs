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
    pub(crate) fn spawn(
        listeners: Vec<TcpListener>,
        settings: Settings,
        process: Arc<impl Process + Controls>,
    ) -> io::Result<Self> {
        Self::spawn_rows(routes::rows(), listeners, settings, process)
    }

    /// [`spawn`](Self::spawn) with a table of routes.
    pub(super) fn spawn_rows(
        rows: Vec<Row>,
        listeners: Vec<TcpListener>,
        settings: Settings,
        process: Arc<impl Process + Controls>,
    ) -> io::Result<Self> {
        let router = routes::router(rows, process, Guard::new(settings.token.clone()));
        let server = Server::new(router, &settings);
        let (started, start) = mpsc::sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        let (running, ended) = mpsc::channel();
        let run = move || {
            let _running = running;
            run(&server, listeners, &started, stopped);
        };
        let thread = thread::Builder::new().name("rootcap-admin".to_owned()).spawn(run)?;
        let runtime = start.recv().map_err(|_| io::Error::other("the admin thread panicked"))??;
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

/// The thread's life: make the runtime, report, serve until told to stop.
fn run(
    server: &Arc<Server>,
    listeners: Vec<TcpListener>,
    started: &mpsc::SyncSender<io::Result<Handle>>,
    stopped: oneshot::Receiver<()>,
) {
    let made = runtime().and_then(|runtime| {
        listen(&runtime, server, listeners)?;
        Ok(runtime)
    });
    let (runtime, report) = match made {
        Ok(runtime) => {
            let handle = runtime.handle().clone();
            (Some(runtime), Ok(handle))
        }
        Err(error) => (None, Err(error)),
    };
    // Who started this waits for the report, so it is there to take it.
    let _ = started.send(report);
    if let Some(runtime) = runtime {
        // Told so by the other half being dropped.
        let _ = runtime.block_on(stopped);
        runtime.shutdown_timeout(RUNTIME_END);
    }
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread()
        .enable_all()
        .thread_name("rootcap-admin-aside")
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .build()
}

fn listen(runtime: &Runtime, server: &Arc<Server>, listeners: Vec<TcpListener>) -> io::Result<()> {
    let _context = runtime.enter();
    for listener in listeners {
        listener.set_nonblocking(true)?;
        runtime.spawn(server.clone().accept(tokio::net::TcpListener::from_std(listener)?));
    }
    Ok(())
}
