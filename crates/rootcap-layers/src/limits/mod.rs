//! What operators are shown of the limits: who is being limited, what was decided last, and what another quota would
//! have done. Pure: given the time, as nanoseconds since an origin that the limits choose.
//!
//! | what | noted of | memory |
//! |---|---|---|
//! | [`Arrivals`] | each call that a rule decides about | 1 MiB a rule, as it fills |
//! | [`TopCallers`] | calls that a rule refuses, or would | [`top::KEYS`] keys |
//! | [`LastDecisions`] | calls that a rule refuses, or would | [`decisions::LAST`] decisions |
//!
//! ```
//! use rootcap_layers::limits::{Arrivals, TopCallers};
//!
//! const SECOND: u64 = 1_000_000_000;
//! let (arrivals, callers) = (Arrivals::new(), TopCallers::new());
//! for tenth in 0..100 {
//!     let now = tenth * SECOND / 10;
//!     arrivals.note(1, now);
//!     callers.note("tenant-1", now);
//! }
//!
//! // Ten calls a second came. Of these, a rule of one call a second for each caller would have refused nine.
//! let one_a_second = |free_at: &mut u64, now| {
//!     let admitted = *free_at <= now;
//!     if admitted {
//!         *free_at = now + SECOND;
//!     }
//!     admitted
//! };
//! assert_eq!(arrivals.replay(10 * SECOND, one_a_second).would_reject, 90);
//! let first = &callers.top(1, 10 * SECOND)[0];
//! assert_eq!((first.key.as_str(), first.rate.round()), ("tenant-1", 10.0));
//! ```

pub mod arrivals;
pub mod decisions;
pub mod top;

pub use arrivals::{Arrivals, WhatIf};
pub use decisions::{Decided, Inputs, LastDecision, LastDecisions, Verdict};
pub use top::{TopCaller, TopCallers};
