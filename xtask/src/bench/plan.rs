//! How thorough a run is.

/// How thorough a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Plan {
    /// For numbers that are written down: about an hour.
    #[default]
    Full,
    /// Under half an hour.
    Quick,
    /// Tells only that the benchmark works.
    Smoke,
}

impl Plan {
    pub(crate) fn name(self) -> &'static str {
        self.pick("full", "quick", "smoke")
    }

    /// What each plan takes of something: rounds, or calls.
    pub(crate) fn pick<T>(self, full: T, quick: T, smoke: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
            Self::Smoke => smoke,
        }
    }
}
