//! The thread that exports, with a runtime of its own: the service's may be busy, or blocked, for ever.

use std::{
    cell::Cell,
    io,
    pin::Pin,
    sync::{Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use tokio::{runtime::Builder, sync::oneshot};

/// How long the thread may take to end once its work is given up.
const LEAVE: Duration = Duration::from_millis(50);

thread_local! {
    static IS_EXPORTER: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is one that exports: what it logs and traces itself is not exported.
pub(crate) fn is_exporter() -> bool {
    IS_EXPORTER.try_with(Cell::get).unwrap_or_default()
}

/// A running thread. It ends when its work has, and at the latest when this is dropped.
#[derive(Debug)]
pub(super) struct ExporterThread {
    give_up: Mutex<Option<oneshot::Sender<()>>>,
    /// Nothing is ever sent: the thread's end closes it.
    ended: Mutex<mpsc::Receiver<()>>,
}

impl ExporterThread {
    /// Runs the future that `work` makes, on the new thread's runtime.
    ///
    /// # Errors
    /// When the thread or its runtime cannot be made.
    pub(super) fn spawn(
        work: impl FnOnce() -> Pin<Box<dyn Future<Output = ()>>> + Send + 'static,
    ) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .thread_name("rootcap-otlp-io")
            // For the names of hosts.
            .max_blocking_threads(2)
            .on_thread_start(|| IS_EXPORTER.set(true))
            .build()?;
        let (give_up, given_up) = oneshot::channel();
        let (running, ended) = mpsc::channel();
        let run = move || {
            let _running: mpsc::Sender<()> = running;
            IS_EXPORTER.set(true);
            runtime.block_on(async {
                tokio::select! {
                    () = async { work().await } => {}
                    _ = given_up => {}
                }
            });
            // A name that is being looked up is not waited for.
            runtime.shutdown_background();
        };
        thread::Builder::new().name("rootcap-otlp".to_owned()).spawn(run)?;
        Ok(Self { give_up: Mutex::new(Some(give_up)), ended: Mutex::new(ended) })
    }

    /// Waits until the work has ended, at most for `bound`, after which it is given up.
    pub(super) fn wait(&self, bound: Duration) {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.recv_timeout(bound) == Err(mpsc::RecvTimeoutError::Timeout) {
            drop(self.give_up.lock().unwrap_or_else(PoisonError::into_inner).take());
            // Only to read counters that do not change any more.
            let _ = ended.recv_timeout(LEAVE);
        }
    }
}
