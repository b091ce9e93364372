//! [`RateRules`]: several rules, as one policy.

use std::{
    cmp::Reverse, collections::HashSet, error::Error, fmt, future::Pending, sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::{
    RateChange, RateRule, RateSettings, RateState,
    standing::{Rule, Taken},
};
use crate::{
    admission::{Arrival, Decision, Index, Mode, Policy, Reason, Refusal, TrustedProxies},
    limits::{LastDecisions, Verdict},
    nanos::nanos,
};

/// Rules of rates, and what has been used of each. Clones are the same rules.
///
/// A call has to pass all rules that match it. They are asked from the most specific to the least (a method's, a
/// service's, that of all calls; then those that tell callers apart before those that do not; then in their order), and
/// the first that refuses gives the answer. What a call that is refused has taken from the others it gives back.
#[derive(Debug, Clone)]
pub struct RateRules(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    /// The most specific first.
    pub(super) rules: Vec<Rule>,
    index: Index,
    proxies: TrustedProxies,
    /// The zero of all times.
    origin: Instant,
    /// Held while a rule is changed.
    changing: Mutex<()>,
    pub(super) decisions: LastDecisions,
}

/// So many rules may match one call.
pub const MOST_RULES: usize = u64::BITS as usize;

impl RateRules {
    /// All of what these rules give. `proxies` is whose word is taken about the address of a caller.
    ///
    /// # Errors
    /// When two rules have the same name, or more than [`MOST_RULES`] match one call.
    pub fn new(
        rules: impl IntoIterator<Item = RateRule>,
        proxies: TrustedProxies,
    ) -> Result<Self, RateRulesError> {
        let mut rules: Vec<_> = rules.into_iter().collect();
        let mut names = HashSet::new();
        if let Some(twice) = rules.iter().find(|rule| !names.insert(Arc::clone(&rule.name))) {
            return Err(RateRulesError::SameName(Arc::clone(&twice.name)));
        }
        // Stable: what is equally specific stays in its order.
        rules.sort_by_key(|rule| Reverse((rule.matching.specificity(), rule.per.is_keyed())));
        let index = Index::new(&rules.iter().map(|rule| &rule.matching).collect::<Vec<_>>());
        if index.most() > MOST_RULES {
            return Err(RateRulesError::TooMany(index.most()));
        }
        let rules = rules.into_iter().map(Rule::new).collect();
        let (origin, changing) = (Instant::now(), Mutex::default());
        let decisions = LastDecisions::new();
        Ok(Self(Arc::new(Inner { rules, index, proxies, origin, changing, decisions })))
    }

    /// Changes a rule while it is in use, and keeps what has been used of it. Returns how it was and how it is;
    /// `None` if no rule has that name.
    pub fn change(&self, name: &str, change: RateChange) -> Option<(RateSettings, RateSettings)> {
        let rule = self.find(name)?;
        let _changing = self.0.changing.lock();
        let old = rule.settings();
        let (quota, mode) = change.apply(old.quota, old.mode);
        rule.set(quota, mode, self.0.nanos(Instant::now()));
        Some((old, RateSettings { quota, mode }))
    }

    /// A rule as it is now; `None` if none has that name.
    pub fn state(&self, name: &str) -> Option<RateState> {
        self.find(name).map(|rule| rule.state(self.0.nanos(Instant::now())))
    }

    pub(super) fn find(&self, name: &str) -> Option<&Rule> {
        self.0.rules.iter().find(|rule| &*rule.name == name)
    }

    /// All rules as they are now, in the order in which they are asked.
    pub fn states(&self) -> Vec<RateState> {
        let now = self.0.nanos(Instant::now());
        self.0.rules.iter().map(|rule| rule.state(now)).collect()
    }
}

impl Inner {
    #[inline]
    pub(super) fn nanos(&self, at: Instant) -> u64 {
        nanos(at.saturating_duration_since(self.origin))
    }

    /// Asks the rules at these places, one after the other.
    ///
    /// # Errors
    /// When one refuses the call; then none has been used up.
    #[inline]
    fn ask(&self, places: &[usize], call: &Taken<'_>) -> Result<(), Refusal> {
        let method = call.arrival.call.map(|call| call.method());
        // A bit for each rule that would have refused the call, and only observes.
        let mut over = 0u64;
        for (asked, &place) in places.iter().enumerate() {
            let rule = &self.rules[place];
            let Err(retry_after) = rule.take(call) else { continue };
            match rule.settings.load().mode {
                Mode::Observe => {
                    rule.note(&self.decisions, call, Verdict::Observed, retry_after);
                    over |= 1 << asked;
                }
                Mode::Enforce => {
                    self.each(&places[..asked], over, |rule, was_over| {
                        if !was_over {
                            rule.give_back(call);
                        }
                    });
                    return Err(self.refuse(rule, call, retry_after));
                }
            }
        }
        self.each(places, over, |rule, was_over| match was_over {
            true => rule.tally.observed(method, Reason::RateLimitExceeded),
            false => rule.tally.allowed(method),
        });
        Ok(())
    }

    fn refuse(&self, rule: &Rule, call: &Taken<'_>, retry_after: Duration) -> Refusal {
        let method = call.arrival.call.map(|call| call.method());
        rule.note(&self.decisions, call, Verdict::Rejected, retry_after);
        rule.tally.refused(method, Reason::RateLimitExceeded);
        rule.refusal(&rule.settings.load(), retry_after)
    }

    #[inline]
    fn each(&self, places: &[usize], over: u64, f: impl Fn(&Rule, bool)) {
        for (asked, &place) in places.iter().enumerate() {
            f(&self.rules[place], over & (1 << asked) != 0);
        }
    }
}

impl Policy for RateRules {
    type Permit = ();
    type Wait = Pending<Result<(), Refusal>>;

    fn refuses(&self, arrival: &Arrival<'_>, now: impl Fn() -> Instant) -> Option<Refusal> {
        let call = Taken { arrival, proxies: &self.0.proxies, now: self.0.nanos(now()) };
        let enforced = |rule: &&Rule| rule.settings.load().mode == Mode::Enforce;
        let rules = self.0.index.of(arrival).iter().map(|&place| &self.0.rules[place]);
        rules.filter(enforced).find_map(|rule| {
            let retry_after = rule.look(&call).err()?;
            Some(self.0.refuse(rule, &call, retry_after))
        })
    }

    #[inline]
    fn admit(&self, arrival: &Arrival<'_>, now: impl Fn() -> Instant) -> Decision<(), Self::Wait> {
        let places = self.0.index.of(arrival);
        if places.is_empty() {
            return Decision::Admit(());
        }
        let call = Taken { arrival, proxies: &self.0.proxies, now: self.0.nanos(now()) };
        match self.0.ask(places, &call) {
            Ok(()) => Decision::Admit(()),
            Err(refusal) => Decision::Refuse(refusal),
        }
    }
}

/// Why rules cannot stand together.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateRulesError {
    /// Two have this name.
    SameName(Arc<str>),
    /// So many match one call.
    TooMany(usize),
}

impl fmt::Display for RateRulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameName(name) => {
                write!(f, "two rules have the name `{name}`; each needs its own")
            }
            Self::TooMany(rules) => {
                write!(f, "{rules} rules match one call, of which at most {MOST_RULES} may")
            }
        }
    }
}

impl Error for RateRulesError {}
