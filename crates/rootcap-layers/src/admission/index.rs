//! [`Index`]: which rules a call has to look at.

use std::collections::HashMap;

use super::Match;
use crate::method::split;

/// The rules by what they match, so that a call looks at those that are about it and at no others.
#[derive(Debug, Default)]
pub struct Index {
    methods: HashMap<Box<str>, Box<[usize]>>,
    services: HashMap<Box<str>, Box<[usize]>>,
    others: Box<[usize]>,
}

impl Index {
    /// An index of rules, each known by its place among `matches`.
    pub fn new(matches: &[&Match]) -> Self {
        let about = |path: &str| places(matches, |rule| rule.matches(path));
        let methods = matches.iter().filter_map(|rule| rule.method());
        // A path without a method is matched by what matches all methods of the service.
        let services = matches.iter().filter_map(|rule| rule.service());
        Self {
            methods: methods.map(|path| (path.into(), about(path))).collect(),
            services: services.map(|name| (name.into(), about(&format!("/{name}/")))).collect(),
            others: places(matches, |rule| **rule == Match::ALL),
        }
    }

    /// The places of the rules that match a call of this path, in their order.
    pub fn of(&self, path: &str) -> &[usize] {
        let by_service = || self.services.get(split(path)?.0);
        let of_method = || self.methods.get(path).or_else(by_service);
        // Without a rule about a service or a method the path is not even looked at.
        if self.services.is_empty() { &self.others } else { of_method().unwrap_or(&self.others) }
    }

    /// The most rules that match one call.
    pub fn most(&self) -> usize {
        let all = self.methods.values().chain(self.services.values()).chain([&self.others]);
        all.map(|rules| rules.len()).max().unwrap_or_default()
    }
}

fn places(matches: &[&Match], is_about: impl Fn(&&Match) -> bool) -> Box<[usize]> {
    matches.iter().enumerate().filter(|(_, rule)| is_about(rule)).map(|(place, _)| place).collect()
}

#[cfg(test)]
mod tests {
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
            prop_assert_eq!(index.of(&path), &*expected);
            prop_assert!(index.most() >= expected.len());
        }
    }
}
