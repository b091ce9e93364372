//! The thread that exports, with a runtime of its own: the service's may be busy, or blocked, for ever.

use std::{
    cell::Cell,
    io,
    pin::Pin,
    sync::{Arc, Condvar, Mutex, PoisonError},
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
    end: Arc<End>,
}

/// The end of the thread, for as many as wait for it, each as long as it can.
#[derive(Debug, Default)]
struct End {
    ended: Mutex<bool>,
    told: Condvar,
}

impl End {
    /// Tells whether the thread has ended.
    fn wait(&self, bound: Duration) -> bool {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.told.wait_timeout_while(ended, bound, |ended| !*ended);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Tells of the end, also of one by a panic.
struct TellsEnd(Arc<End>);

impl Drop for TellsEnd {
    fn drop(&mut self) {
        *self.0.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.told.notify_all();
    }
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
        let end = Arc::<End>::default();
        let tells_end = TellsEnd(Arc::clone(&end));
        let run = move || {
            let _tells_end = tells_end;
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
        Ok(Self { give_up: Mutex::new(Some(give_up)), end })
    }

    /// Waits until the work has ended, at most for `bound`, after which it is given up. Several may wait: whoever can
    /// wait the least decides.
    pub(super) fn wait(&self, bound: Duration) {
        if !self.end.wait(bound) {
            drop(self.give_up.lock().unwrap_or_else(PoisonError::into_inner).take());
            // Only to read counters that do not change any more.
            self.end.wait(LEAVE);
        }
    }
}
