//! The servers that are compared.

mod table;

pub(crate) use table::{CONTENDERS, LEAST, LIMITED_RATE, REFUSING, SCATTERED};

/// A server to measure.
#[derive(Debug, PartialEq)]
pub(crate) struct Contender {
    /// Its name in the tables.
    pub(crate) name: &'static str,
    pub(crate) group: Group,
    pub(crate) source: Source,
    pub(crate) binary: &'static str,
    /// A binary that is the same server and also tells its heap allocations, where those are of interest.
    pub(crate) counting: Option<&'static str>,
    /// The variable that holds the address to listen on.
    pub(crate) listen: &'static str,
    /// Other variables that it is started with; paths are seen from the root of the repository.
    pub(crate) settings: &'static [(&'static str, &'static str)],
    /// What it promises to tell of its calls, if it does.
    pub(crate) accounts: Option<Accounts>,
}

impl Contender {
    /// Whether its limits refuse calls of a load, which is then answered, and not served.
    pub(crate) fn refuses(&self) -> bool {
        self.group == Group::Overload || [REFUSING, LEAST].contains(&self.name)
    }
}

/// What a contender is measured for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// Takes part in everything.
    Headline,
    /// `rootcap` without one of its parts: the difference is the price of that part.
    Price,
    /// Built with all optimisations across crates, as is its base.
    Lto,
    /// Has a service of 1,000 methods, `/bench.Many/M0` and so on, for what it keeps of each in memory.
    Memory,
    /// Has 200 of them, for what a scrape of their metrics takes. A call with the metadata `bench-code` ends with the
    /// status of that number.
    Scrape,
    /// With limits that no call reaches, that refuse each, and without, which is the base.
    Limits,
    /// For what those take who look at it while it works.
    Debug,
    /// With a limit that is offered ten times as much.
    Overload,
}

/// Where a contender comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// A package of the workspace `xtask/bench`, in one of its profiles. It is built alone and once, whatever the number
    /// of contenders that start from it.
    Cargo { package: &'static str, profile: &'static str },
    /// The Go program in `xtask/bench/grpc-go`. It is left out where Debian's packages are not installed.
    Go,
}

impl Source {
    /// The package, of what Cargo builds.
    pub(crate) fn package(self) -> Option<&'static str> {
        match self {
            Self::Cargo { package, .. } => Some(package),
            Self::Go => None,
        }
    }
}

/// A promise that every run is held to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Accounts {
    /// The variable that holds the address of the port with `/metrics`.
    pub(crate) admin_listen: &'static str,
    /// What each of a call's log lines contains.
    pub(crate) lines: &'static [&'static str],
    /// Whether `/metrics` counts the lines that were written and dropped, for a log that may drop some.
    pub(crate) counts_lines: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = CONTENDERS.iter().map(|contender| contender.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CONTENDERS.len());
    }
}
