//! What of a rule can be changed while the process runs.

use std::{fmt, num::NonZeroU32};

use rootcap_layers::admission::Mode;

use crate::config::{Auto, Rate, Size};

/// How much a rule lets pass, and what it does with the rest. `Display` is what a `PUT` of the same would say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LimitSetting {
    pub(crate) amount: Amount,
    pub(crate) mode: Mode,
}

/// How much a rule lets pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Amount {
    /// Calls in a time, and at once after a pause; "auto" is as many as in that time.
    Quota { quota: Rate, burst: Auto<NonZeroU32> },
    /// Calls in flight.
    Calls(NonZeroU32),
    /// Bytes of requests in flight.
    Bytes(Size),
}

impl LimitSetting {
    /// How much may be in flight, where that is what is limited.
    pub(crate) fn most_in_flight(&self) -> Option<u64> {
        match &self.amount {
            Amount::Quota { .. } => None,
            Amount::Calls(calls) => Some(calls.get().into()),
            Amount::Bytes(bytes) => Some(bytes.as_u64()),
        }
    }

    /// How many calls may come at once, after a pause.
    pub(crate) fn burst(&self) -> Option<NonZeroU32> {
        match &self.amount {
            Amount::Quota { quota, burst } => Some(*burst.as_set().unwrap_or(&quota.count())),
            Amount::Calls(_) | Amount::Bytes(_) => None,
        }
    }
}

impl fmt::Display for LimitSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.amount {
            Amount::Quota { quota, burst: Auto::Auto } => write!(f, "quota={quota}&burst=auto")?,
            Amount::Quota { quota, burst: Auto::Set(burst) } => {
                write!(f, "quota={quota}&burst={burst}")?;
            }
            Amount::Calls(calls) => write!(f, "limit={calls}")?,
            Amount::Bytes(bytes) => write!(f, "limit={bytes}")?,
        }
        write!(f, "&mode={}", self.mode)
    }
}
