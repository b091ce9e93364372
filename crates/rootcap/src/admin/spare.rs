//! Descriptors that the admin port keeps for the time when the process has none left.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::net::{TcpListener, TcpStream};

/// For a probe, a scrape, and two people who look for what went wrong.
const SPARE: usize = 4;

/// Descriptors of nothing. One that is let go makes room for a connection, which gives it back at its end.
#[derive(Debug)]
pub(super) struct Spare {
    /// What they are copies of; without it there are none.
    nothing: Option<File>,
    kept: Mutex<Vec<File>>,
}

impl Spare {
    /// Keeps as many as it can.
    pub(super) fn new() -> Self {
        let spare = Self { nothing: File::open("/dev/null").ok(), kept: Mutex::default() };
        spare.refill();
        spare
    }

    /// Accepts a connection, with a descriptor of these where the process is out of others.
    pub(super) async fn accept(
        &self,
        listener: &TcpListener,
    ) -> io::Result<(TcpStream, SocketAddr)> {
        loop {
            match listener.accept().await {
                // Another thread may be faster to take what was let go: then the next one goes.
                Err(error) if is_out_of_files(&error) && self.let_go() => {}
                accepted => return accepted,
            }
        }
    }

    fn let_go(&self) -> bool {
        self.kept().pop().is_some()
    }

    /// Takes back what there is room for: to be called when a connection has ended.
    pub(super) fn refill(&self) {
        let mut kept = self.kept();
        while kept.len() < SPARE {
            let Some(Ok(copy)) = self.nothing.as_ref().map(File::try_clone) else { return };
            kept.push(copy);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<File>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `ENFILE` and `EMFILE`, as Linux, the BSDs and macOS number them.
fn is_out_of_files(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_let_go_is_taken_back() {
        let spare = Spare::new();
        assert_eq!((0..10).filter(|_| spare.let_go()).count(), SPARE);
        spare.refill();
        spare.refill();
        assert_eq!(spare.kept().len(), SPARE);
    }

    #[test]
    fn want_of_files_is_known() {
        let of = |number| is_out_of_files(&io::Error::from_raw_os_error(number));
        assert!(of(23) && of(24) && !of(12));
    }
}
