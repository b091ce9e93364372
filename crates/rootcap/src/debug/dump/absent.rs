//! Where tokio has no dump.

use tokio::runtime::Handle;

use super::{NoDump, Waits};

/// There is none.
///
/// # Errors
/// Always.
pub(crate) fn of(_: &Handle) -> Result<Vec<Waits>, NoDump> {
    Err(NoDump::Absent)
}
