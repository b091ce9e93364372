//! What is measured, and how often.

/// How thorough a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// For numbers that are written down.
    Full,
    /// Under two minutes, without building.
    Quick,
    /// Tells only that the benchmark works.
    Smoke,
}

/// A load: so many connections, with so many calls in flight on each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Case {
    pub(crate) connections: u64,
    pub(crate) streams: u64,
    /// Calls in a run.
    pub(crate) calls: u64,
    /// How often all contenders take their turn.
    pub(crate) rounds: usize,
}

impl Case {
    const fn new(connections: u64, streams: u64, calls: u64, rounds: usize) -> Self {
        Self { connections, streams, calls, rounds }
    }

    /// Its name in the table: connections x streams.
    pub(crate) fn name(&self) -> String {
        format!("{}x{}", self.connections, self.streams)
    }
}

impl Plan {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Quick => "quick",
            Self::Smoke => "smoke",
        }
    }

    /// The cases that are timed.
    pub(crate) fn cases(self) -> [Case; 3] {
        match self {
            Self::Full => [
                Case::new(1, 1, 50_000, 11),
                Case::new(10, 10, 200_000, 15),
                Case::new(50, 100, 200_000, 11),
            ],
            Self::Quick => [
                Case::new(1, 1, 15_000, 5),
                Case::new(10, 10, 100_000, 9),
                Case::new(50, 100, 100_000, 5),
            ],
            Self::Smoke => {
                [Case::new(1, 1, 200, 1), Case::new(10, 10, 2_000, 1), Case::new(50, 100, 5_000, 1)]
            }
        }
    }

    /// The load that warms a server up before it is timed, and whose difference to [`Self::counted`] shows what a
    /// call allocates: what a start and a connection cost is in both.
    pub(crate) fn warm_up(self) -> Case {
        let calls = if self == Self::Smoke { 500 } else { 2_000 };
        Case::new(10, 10, calls, 1)
    }

    /// The longer of the two loads whose allocations are counted; also the one whose log lines are.
    pub(crate) fn counted(self) -> Case {
        let warm_up = self.warm_up();
        Case { calls: warm_up.calls * 6, ..warm_up }
    }
}
