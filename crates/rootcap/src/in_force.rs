//! What is in force: what was configured, or for a time something else. `held.rs` holds it and ends the time.

mod held;

use std::{fmt, time::SystemTime};

use tokio::time::Instant;

pub(crate) use held::Held;

/// Who set a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The settings; where the value came from.
    Settings(String),
    /// The program, by its handle of the server.
    Program,
    /// A peer of the admin port: its address, and whom its certificate names.
    Peer(Option<String>),
    /// A signal to the process.
    Signal,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(source) => write!(f, "settings: {source}"),
            Self::Program => f.write_str("the program"),
            Self::Peer(Some(peer)) => write!(f, "peer {peer}"),
            Self::Peer(None) => f.write_str("a peer of the admin port"),
            Self::Signal => f.write_str("SIGUSR1"),
        }
    }
}

/// A value, and how it came to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given<T> {
    pub(crate) value: T,
    pub(crate) by: Origin,
    pub(crate) at: SystemTime,
}

impl<T> Given<T> {
    /// `value`, given by `by` at this moment.
    pub(crate) fn new(value: T, by: Origin, at: SystemTime) -> Self {
        Self { value, by, at }
    }
}

/// A value that was replaced, and the one in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replaced<T> {
    pub(crate) old: T,
    pub(crate) new: T,
}

/// The configured value, and what stands in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InForce<T> {
    configured: Given<T>,
    /// In place of the configured one, until a time or until somebody says so.
    change: Option<(Given<T>, Option<Instant>)>,
}

impl<T: Clone> InForce<T> {
    pub(crate) fn configured(given: Given<T>) -> Self {
        Self { configured: given, change: None }
    }

    /// The value that is in force.
    pub(crate) fn current(&self) -> &Given<T> {
        self.change.as_ref().map_or(&self.configured, |(given, _)| given)
    }

    /// The value that comes back when a change ends.
    pub(crate) fn fallback(&self) -> &Given<T> {
        &self.configured
    }

    /// When the change ends by itself.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.change.as_ref().and_then(|(_, until)| *until)
    }

    /// With another value in place of the configured one, and of any change before.
    pub(crate) fn changed(&self, given: Given<T>, until: Option<Instant>) -> Self {
        Self { configured: self.configured.clone(), change: Some((given, until)) }
    }

    /// With the configured value; `None` if it is in force already.
    pub(crate) fn fallen_back(&self) -> Option<Self> {
        self.change.as_ref().map(|_| Self::configured(self.configured.clone()))
    }

    /// What follows at `now`, if the change is over then.
    fn at(&self, now: Instant) -> Option<Self> {
        let is_over = self.until().is_some_and(|until| until <= now);
        if is_over { self.fallen_back() } else { None }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::time::Duration;

    use super::*;

    fn given(text: &'static str, by: Origin) -> Given<&'static str> {
        Given::new(text, by, SystemTime::UNIX_EPOCH)
    }

    fn configured() -> InForce<&'static str> {
        InForce::configured(given("info", Origin::Settings("default".to_owned())))
    }

    #[test]
    fn a_change_stands_until_its_time_and_not_longer() {
        let now = Instant::now();
        let until = now + Duration::from_secs(60);
        let changed = configured().changed(given("debug", Origin::Signal), Some(until));
        assert_eq!((changed.current().value, changed.until()), ("debug", Some(until)));
        assert_eq!(changed.fallback().value, "info");
        assert_eq!(changed.at(until - Duration::from_nanos(1)), None);
        assert_eq!(changed.at(until), Some(configured()));
        assert_eq!(configured().at(until), None);
    }

    #[test]
    fn a_change_replaces_another_and_its_time() {
        let now = Instant::now();
        let first = configured().changed(given("debug", Origin::Signal), Some(now));
        let second = first.changed(given("trace", Origin::Peer(None)), None);
        assert_eq!((second.current().value, second.until()), ("trace", None));
        assert_eq!(second.at(now + Duration::from_secs(1 << 30)), None, "it has no end");
        assert_eq!(second.fallen_back(), Some(configured()), "and not the first change");
        assert_eq!(configured().fallen_back(), None);
    }
}
