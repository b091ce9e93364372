//! [`Running`]: the handle of a server that has started.

use std::{convert::Infallible, fmt, net::SocketAddr};

use tokio::sync::mpsc;

use super::listen::LocalAddr;
use crate::{Error, health::Health, lifecycle::Life};

/// A server that has started.
///
/// Dropping it asks for a drain, as [`stop`](Self::stop) does, and does not wait for it.
#[derive(Debug)]
pub struct Running {
    pub(super) local: Vec<LocalAddr>,
    pub(super) admin: Option<SocketAddr>,
    pub(super) life: Life,
    pub(super) health: Health,
    /// Closed when every accept loop, connection and call has gone.
    pub(super) alive: mpsc::Receiver<Infallible>,
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

    /// Begins a drain: not ready at once; after `drain.lame_duck` no new connections, open calls finish; at
    /// `drain.deadline` what is left is dropped. Asking again changes nothing.
    pub fn stop(&self) {
        self.life.stop();
    }

    /// Waits until the server has stopped: after [`stop`](Self::stop), or a signal where [`serve`] runs it.
    ///
    /// Cancel safe, in that dropping the future is dropping the handle.
    ///
    /// # Errors
    /// When the drain's deadline cut calls that were still running ([`Error::is_cut`]).
    ///
    /// [`serve`]: crate::Builder::serve
    pub async fn wait(mut self) -> Result<(), Error> {
        // Nothing is ever sent: this returns when all senders have gone.
        let None = self.alive.recv().await;
        match self.life.cut_calls() {
            0 => Ok(()),
            calls => Err(Error::cut(calls)),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.life.stop();
    }
}

/// `listening on <address>`, a line per listener, and `admin on <address>`.
impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.local.iter().map(|local| format!("listening on {local}")).collect::<Vec<_>>();
        lines.extend(self.admin.map(|admin| format!("admin on {admin}")));
        f.write_str(&lines.join("\n"))
    }
}
