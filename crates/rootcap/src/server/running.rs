//! [`Running`]: the handle of a server that has started.

#[cfg(test)]
mod tests;

use std::{fmt, net::SocketAddr};

use tokio::{runtime::Handle, sync::oneshot};

use super::{connections::Connections, listen::LocalAddr};
use crate::{
    Error,
    health::Health,
    lifecycle::{DrainTimes, Life},
    signals::{DebugSignal, Signals},
    telemetry::Last,
};

/// A server that has started.
///
/// Dropping it asks for a drain, as [`stop`](Self::stop) does, and does not wait for it: the drain goes on for as long as
/// the runtime does. Dropping the runtime ends all at once.
///
/// It is what [`Builder::start`](crate::Builder::start) returns, which shows it at work.
pub struct Running {
    pub(super) local: Vec<LocalAddr>,
    pub(super) admin: Option<SocketAddr>,
    pub(super) life: Life,
    pub(super) health: Health,
    pub(super) control: Control,
    /// Told when everything has gone; `None` only once that has been waited for.
    pub(super) stopped: Option<oneshot::Receiver<()>>,
}

/// What handling signals takes.
pub(super) struct Control {
    /// The admin thread's runtime.
    pub(super) runtime: Handle,
    pub(super) times: DrainTimes,
    pub(super) connections: Connections,
    pub(super) last: Last,
}

impl Running {
    /// The address of the first listener that has one; with port 0 in the settings, the port that was chosen.
    ///
    /// # Panics
    /// When all listeners are Unix sockets: see [`local_addrs`](Self::local_addrs).
    pub fn local_addr(&self) -> SocketAddr {
        let first = self.local.iter().find_map(LocalAddr::tcp);
        first.expect("one of the listeners has an internet address")
    }

    /// Where the server listens, in the order of the setting `listen`.
    pub fn local_addrs(&self) -> &[LocalAddr] {
        &self.local
    }

    /// Where the admin port listens; `None` when it is off.
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// The health of the server and its services.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// The filter of the log that is in force; `None` where the process's `tracing` subscriber is not the framework's.
    pub fn log_filter(&self) -> Option<String> {
        self.control.last.logs.in_force().map(|state| state.current().value.clone())
    }

    /// Replaces the filter of the log (the setting `log.filter`), for events and for the lines of calls. From now on
    /// it is the one to which a change through `/debug/log` or SIGUSR1 falls back; a change that is in force ends.
    ///
    /// ```
    /// # fn debug(running: &rootcap::Running) -> Result<(), rootcap::Error> {
    /// running.set_log_filter("info,my_service=debug")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the filter is not valid, which then stays as it was, or the process's `tracing` subscriber is not the
    /// framework's.
    pub fn set_log_filter(&self, filter: &str) -> Result<(), Error> {
        self.control.last.logs.set_filter(filter).map_err(Error::log)
    }

    /// Begins a drain: not ready at once; after `drain.lame_duck` no new connections, open calls finish; at
    /// `drain.deadline` what is left is dropped. Returns at once; [`wait`](Self::wait) says when it is over. Asking
    /// again changes nothing.
    ///
    /// Never ends the process: a handler that blocks its thread holds up `wait`, and with it the end of the runtime.
    pub fn stop(&self) {
        self.life.stop();
    }

    /// Waits until the server has stopped, and its last log lines are written: after [`stop`](Self::stop), a future
    /// that [`shutdown_on`] was given, or a signal where [`serve`] runs it. By itself it asks for nothing.
    ///
    /// Dropping the future drops the handle, and so asks for a drain.
    ///
    /// # Errors
    /// When the drain's deadline cut calls that were still running ([`Error::is_cut`]).
    ///
    /// [`serve`]: crate::Builder::serve
    /// [`shutdown_on`]: crate::Builder::shutdown_on
    pub async fn wait(mut self) -> Result<(), Error> {
        if let Some(stopped) = self.stopped.take() {
            // An error says that the runtime has dropped the task that would tell: it has gone too.
            let _ = stopped.await;
        }
        match self.life.cut_calls() {
            0 => Ok(()),
            calls => Err(Error::cut(calls)),
        }
    }

    /// Makes SIGTERM and SIGINT drain the server, and SIGUSR1 toggle the log's level.
    pub(super) fn handle_signals(&self) -> Result<(), Error> {
        let Control { runtime, times, connections, last } = &self.control;
        let _on_the_admin_thread = runtime.enter();
        let signals = Signals::install().map_err(Error::signals)?;
        let debug = DebugSignal::install().map_err(Error::signals)?;
        runtime.spawn(debug.handle(last.logs.clone()));
        runtime.spawn(signals.handle(self.life.clone(), *times, connections.clone(), last.clone()));
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.life.stop();
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("local", &self.local)
            .field("admin", &self.admin)
            .finish_non_exhaustive()
    }
}

/// `listening on <address>`, a line per listener, and `admin on <address>`.
impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines =
            self.local.iter().map(|local| format!("listening on {local}")).collect::<Vec<_>>();
        lines.extend(self.admin.map(|admin| format!("admin on {admin}")));
        f.write_str(&lines.join("\n"))
    }
}
