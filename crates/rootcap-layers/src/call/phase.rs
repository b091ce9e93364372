//! [`Phase`]: what a call does now, and [`PhaseTimes`]: how long it has done what.

use std::time::Duration;

/// What a call does, or waits for. It is in one phase at a time, and may be in each more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// The handler has not answered, and waits for more of the request.
    Body,
    /// It waits in a queue of the server's.
    Queue,
    /// It is in a layer or in its handler, which has not answered.
    Handler,
    /// The head of the answer is out, and the rest is made.
    Streaming,
    /// The answer waits for its reader, who takes no more: HTTP/2's flow control.
    Stalled,
}

impl Phase {
    /// All of them, in the order in which a call usually passes them.
    pub const ALL: [Self; 5] =
        [Self::Body, Self::Queue, Self::Handler, Self::Streaming, Self::Stalled];

    /// Its name in metrics and pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Queue => "queue",
            Self::Handler => "handler",
            Self::Streaming => "streaming",
            Self::Stalled => "stalled",
        }
    }

    /// The phase of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == name)
    }
}

/// How long a call was in each phase, all visits together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PhaseTimes(pub(crate) [u64; Phase::ALL.len()]);

impl PhaseTimes {
    /// The time in `phase`; zero for one that the call has not been in.
    pub fn of(&self, phase: Phase) -> Duration {
        Duration::from_nanos(self.0[phase as usize])
    }
}
