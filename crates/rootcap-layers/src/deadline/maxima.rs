//! The configured maxima: which one applies to a path.

use std::{collections::HashMap, time::Duration};

use crate::method;

/// How long a call may take at most: the most specific maximum applies.
#[derive(Debug, Clone, Default)]
pub(super) struct Maxima {
    pub(super) all: Option<Duration>,
    /// By `package.Service`.
    pub(super) services: HashMap<Box<str>, Duration>,
    /// By `/package.Service/Method`.
    pub(super) methods: HashMap<Box<str>, Duration>,
}

impl Maxima {
    /// The maximum for a path, if there is one. Nothing is looked up where nothing is configured.
    pub(super) fn of(&self, path: &str) -> Option<Duration> {
        self.of_method(path).or_else(|| self.of_service(path)).or(self.all)
    }

    fn of_method(&self, path: &str) -> Option<Duration> {
        if self.methods.is_empty() { None } else { self.methods.get(path).copied() }
    }

    fn of_service(&self, path: &str) -> Option<Duration> {
        if self.services.is_empty() {
            return None;
        }
        let (service, _) = method::split(path)?;
        self.services.get(service).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Option<Duration> {
        Some(Duration::from_secs(secs))
    }

    #[test]
    fn the_most_specific_applies() {
        let maxima = Maxima {
            all: secs(1),
            services: [("a.B".into(), Duration::from_secs(2))].into(),
            methods: [("/a.B/C".into(), Duration::from_secs(3))].into(),
        };
        for (path, expected) in
            [("/a.B/C", 3), ("/a.B/D", 2), ("/a.B/", 2), ("/x.Y/C", 1), ("/", 1), ("", 1)]
        {
            assert_eq!(maxima.of(path), secs(expected), "{path}");
        }
    }

    #[test]
    fn without_any_there_is_none() {
        assert_eq!(Maxima::default().of("/a.B/C"), None);
    }
}
