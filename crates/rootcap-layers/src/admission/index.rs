//! [`Index`]: which rules a call has to look at.

use std::sync::Arc;

use super::{Arrival, Match, by_method::ByMethod};
use crate::method::{Method, split};

/// The rules by what they match, so that a call looks at those that are about it and at no others.
#[derive(Debug, Default)]
pub struct Index {
    methods: Table,
    services: Table,
    others: Box<[usize]>,
    /// What was found for methods that are known.
    known: ByMethod<Box<[usize]>>,
}

/// Places of rules by a name, sorted: to compare with few short names takes less than to hash one.
type Table = Vec<(Box<str>, Box<[usize]>)>;

impl Index {
    /// An index of rules, each known by its place among `matches`.
    pub fn new(matches: &[&Match]) -> Self {
        let about = |path: &str| places(matches, |rule| rule.matches(path));
        let methods = matches.iter().filter_map(|rule| rule.method());
        // A path without a method is matched by what matches all methods of the service.
        let services = matches.iter().filter_map(|rule| rule.service());
        Self {
            methods: table(methods, about),
            services: table(services, |name| about(&format!("/{name}/"))),
            others: places(matches, |rule| **rule == Match::ALL),
            known: ByMethod::default(),
        }
    }

    /// The places of the rules that match a call, in their order.
    #[inline]
    pub fn of(&self, arrival: &Arrival<'_>) -> &[usize] {
        // Without a rule about a service or a method nothing is looked at.
        if self.services.is_empty() {
            return &self.others;
        }
        let known = |method: &Arc<Method>| {
            Some(&**self.known.of(method, || self.of_path(method.path()).into())?)
        };
        let known = arrival.call.and_then(|call| known(call.method()));
        known.unwrap_or_else(|| self.of_path(arrival.path))
    }

    fn of_path(&self, path: &str) -> &[usize] {
        let by_service = || find(&self.services, split(path)?.0);
        find(&self.methods, path).or_else(by_service).unwrap_or(&self.others)
    }

    /// The most rules that match one call.
    pub fn most(&self) -> usize {
        let tables = self.methods.iter().chain(&self.services).map(|(_, places)| places);
        tables.chain([&self.others]).map(|places| places.len()).max().unwrap_or_default()
    }
}

fn table<'a>(names: impl Iterator<Item = &'a str>, about: impl Fn(&str) -> Box<[usize]>) -> Table {
    let mut table: Table = names.map(|name| (name.into(), about(name))).collect();
    table.sort();
    table.dedup();
    table
}

fn find<'a>(table: &'a Table, name: &str) -> Option<&'a [usize]> {
    let place = table.binary_search_by(|(known, _)| (**known).cmp(name)).ok()?;
    Some(&table[place].1)
}

fn places(matches: &[&Match], is_about: impl Fn(&&Match) -> bool) -> Box<[usize]> {
    matches.iter().enumerate().filter(|(_, rule)| is_about(rule)).map(|(place, _)| place).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use proptest::prelude::*;

    use super::*;

    /// Paths and rules of few names, so that they meet.
    fn path() -> impl Strategy<Value = String> {
        prop_oneof![Just(String::new()), Just("/".to_owned()), "/?[a-c](/[a-c]?){0,2}"]
    }

    fn rule() -> impl Strategy<Value = Match> {
        "(\\*|/[a-c]/(\\*|[a-c]))".prop_map(|rule| rule.parse().expect("a rule"))
    }

    proptest! {
        #[test]
        fn a_call_sees_the_rules_that_match_it(rules in prop::collection::vec(rule(), 0..12), path in path()) {
            let rules: Vec<_> = rules.iter().collect();
            let index = Index::new(&rules);
            let expected = places(&rules, |rule| rule.matches(&path));
            let headers = HeaderMap::new();
            let arrival = Arrival { call: None, path: &path, headers: &headers };
            prop_assert_eq!(index.of(&arrival), &*expected);
            prop_assert!(index.most() >= expected.len());
        }
    }
}
