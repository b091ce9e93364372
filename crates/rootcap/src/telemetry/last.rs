//! [`Last`]: what leaves the process last of all, within bounds.

use std::time::Duration;

use super::{export::Export, logs::Logs};
use crate::{lifecycle::DrainTimes, signals};

/// How long the last exports may take.
const EXPORT: Duration = Duration::from_secs(5);
/// The least that they have, when the drain took all its time.
const LEAST: Duration = Duration::from_millis(300);
/// How long the last log lines may take.
const LOG: Duration = Duration::from_millis(500);
/// How long before a process is ended by force it should be at its end.
const BEFORE: Duration = Duration::from_millis(250);

/// The export and the log, which have to hear of all else that ends. Both block while they are waited for.
#[derive(Debug, Clone)]
pub(crate) struct Last {
    pub(crate) logs: Logs,
    pub(crate) export: Option<Export>,
}

impl Last {
    /// Exports what there is, after a drain that took so long. What is lost is logged.
    pub(crate) fn stop_export(&self, drained_for: Duration, times: DrainTimes) {
        self.stop(time_to_export(drained_for, times.deadline));
    }

    pub(crate) fn flush_logs(&self) {
        self.logs.flush(LOG);
    }

    /// Ends both, within `each`: the process ends by force.
    pub(crate) fn leave(&self, each: Duration) {
        self.stop(each);
        self.logs.flush(each);
    }

    fn stop(&self, bound: Duration) {
        let Some(export) = &self.export else { return };
        if let Some(lines) = export.lines() {
            self.logs.export_no_events(&lines);
        }
        export.stop(bound);
    }
}

/// What is left until the process would be ended by force, but not for ever where a drain may take long.
fn time_to_export(drained_for: Duration, deadline: Duration) -> Duration {
    let forced = deadline + signals::LEAVE - BEFORE;
    forced.saturating_sub(drained_for).clamp(LEAST, EXPORT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_that_hangs_does_not_hold_a_process_until_it_is_ended_by_force() {
        let seconds = Duration::from_secs;
        assert_eq!(time_to_export(seconds(1), seconds(25)), EXPORT);
        assert_eq!(time_to_export(seconds(22), seconds(25)), Duration::from_millis(3500));
        assert_eq!(time_to_export(seconds(25), seconds(25)), Duration::from_millis(500));
        assert_eq!(time_to_export(seconds(26), seconds(25)), LEAST);
    }
}
