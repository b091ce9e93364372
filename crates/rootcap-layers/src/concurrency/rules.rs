//! [`ConcurrencyRules`]: several rules, as one policy.

use std::{
    cmp::Reverse, collections::HashSet, error::Error, fmt, future::Future, pin::Pin, sync::Arc,
};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::{
    Bounds, ConcurrencyRule, ConcurrencyState, Permits,
    limit::{Asked, Asking, Limit},
    name::{Id, Name},
    waiting::Waiting,
};
use crate::{
    Call, Method,
    admission::{Arrival, Caller, Decision, Index, Policy, Refusal, ShedCode, TrustedProxies},
    deadline::{GRPC_TIMEOUT, grpc_timeout},
};

/// Rules of calls in flight, and who has how many. Clones are the same rules.
///
/// A call has to pass all rules that match it. Those that tell callers apart are asked first, then the others; among them
/// the most specific (a method's, a service's, that of all calls), then in their order; and the first that refuses gives the
/// answer. A call waits for one only with the permits of those before: so no calls wait for each other, and a caller whose
/// share is used up takes no permit, and no place in a queue, of what all share.
#[derive(Debug, Clone)]
pub struct ConcurrencyRules(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// In the order in which they are asked.
    limits: Vec<Arc<Limit>>,
    index: Index,
    proxies: TrustedProxies,
    code: ShedCode,
    /// Held while a rule is changed.
    changing: Mutex<()>,
}

/// Two rules have this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SameName(Arc<str>);

impl fmt::Display for SameName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "two rules have the name `{}`; each needs its own", self.0)
    }
}

impl Error for SameName {}

impl ConcurrencyRules {
    /// As many calls as all of these rules let through. `proxies` is whose word is taken about the address of a caller;
    /// calls that are refused end with `code`.
    ///
    /// # Errors
    /// When two rules have the same name.
    pub fn new(
        rules: impl IntoIterator<Item = ConcurrencyRule>,
        proxies: TrustedProxies,
        code: ShedCode,
    ) -> Result<Self, SameName> {
        let mut rules: Vec<_> = rules.into_iter().collect();
        let mut names = HashSet::new();
        if let Some(twice) = rules.iter().find(|rule| !names.insert(Arc::clone(&rule.name))) {
            return Err(SameName(Arc::clone(&twice.name)));
        }
        // Stable: what is equally specific stays in its order.
        rules.sort_by_key(|rule| Reverse((rule.per.is_keyed(), rule.matching.specificity())));
        let index = Index::new(&rules.iter().map(|rule| &rule.matching).collect::<Vec<_>>());
        let limits = rules.into_iter().map(|rule| Arc::new(Limit::new(rule))).collect();
        Ok(Self(Arc::new(Inner { limits, index, proxies, code, changing: Mutex::default() })))
    }

    /// Changes a rule while it is in use. Calls that wait, and are within the bounds then, are served at once; calls in
    /// flight that are beyond them go on, and hold their permits to their end. Returns how it was and how it is; `None` if
    /// no rule has that name.
    pub fn change(
        &self,
        name: &str,
        change: impl FnOnce(Bounds) -> Bounds,
    ) -> Option<(Bounds, Bounds)> {
        let limit = self.find(name)?;
        let _changing = self.0.changing.lock();
        let old = limit.bounds();
        let new = change(old);
        limit.change(new);
        Some((old, new))
    }

    /// All rules as they are now, in the order in which they are asked, each with at most `top` callers.
    pub fn states(&self, top: usize) -> Vec<ConcurrencyState> {
        let now = Instant::now();
        self.limits().iter().map(|limit| limit.state(now, top)).collect()
    }

    pub(super) fn find(&self, name: &str) -> Option<&Arc<Limit>> {
        self.limits().iter().find(|limit| &*limit.rule().name == name)
    }

    pub(super) fn limits(&self) -> &[Arc<Limit>] {
        &self.0.limits
    }
}

/// What waits for its turn.
pub type Turns = Pin<Box<dyn Future<Output = Result<Permits, Refusal>> + Send>>;

/// What a call that waits has yet to ask, and is asked.
struct Rest {
    limits: Vec<(Arc<Limit>, Id, Name)>,
    method: Option<Arc<Method>>,
    deadline: Option<Instant>,
    code: ShedCode,
}

impl Policy for ConcurrencyRules {
    type Permit = Permits;
    type Wait = Turns;

    #[inline]
    fn admit(&self, arrival: &Arrival<'_>, now: impl Fn() -> Instant) -> Decision<Permits, Turns> {
        let mut permits = Permits::new();
        let about = self.0.index.of(arrival);
        for (at, &place) in about.iter().enumerate() {
            let limit = &self.0.limits[place];
            let caller = limit.rule().per.caller(arrival, &self.0.proxies);
            let caller = (limit.id(caller), caller);
            match limit.take(caller, arrival.call.map(Call::method), &now) {
                Some(permit) => permits.push(permit),
                None => match self.ask(limit, caller, arrival, now()) {
                    Ok(Asked::Admitted(permit)) => permits.push(permit),
                    Ok(Asked::Waits(first)) => {
                        let rest = self.rest(&about[at + 1..], arrival);
                        return Decision::Wait(Box::pin(wait(permits, first, rest)));
                    }
                    Err(refusal) => return Decision::Refuse(refusal),
                },
            }
        }
        Decision::Admit(permits)
    }
}

impl ConcurrencyRules {
    /// Asks a limit that has no permit left.
    #[cold]
    fn ask(
        &self,
        limit: &Arc<Limit>,
        caller: (Id, Caller<'_>),
        arrival: &Arrival<'_>,
        now: Instant,
    ) -> Result<Asked, Refusal> {
        let method = arrival.call.map(Call::method);
        let asking = Asking { method, deadline: deadline(arrival, now), now };
        limit.ask(caller, asking).map_err(|over| limit.refusal(&over, self.0.code))
    }

    /// What a call that waits needs to ask these limits later.
    fn rest(&self, limits: &[usize], arrival: &Arrival<'_>) -> Rest {
        let limits = limits.iter().map(|&place| {
            let limit = &self.0.limits[place];
            let caller = limit.rule().per.caller(arrival, &self.0.proxies);
            (Arc::clone(limit), limit.id(caller), Name::of(caller))
        });
        Rest {
            limits: limits.collect(),
            method: arrival.call.map(|call| Arc::clone(call.method())),
            deadline: deadline(arrival, Instant::now()),
            code: self.0.code,
        }
    }
}

/// When the call must have ended.
fn deadline(arrival: &Arrival<'_>, now: Instant) -> Option<Instant> {
    if let Some(call) = arrival.call {
        return call.deadline();
    }
    let timeout = grpc_timeout::parse(arrival.headers.get(&GRPC_TIMEOUT)?.as_bytes());
    now.checked_add(timeout.ok()?)
}

/// Waits for a turn, and asks the limits that are left, with the permits that are there in hand.
async fn wait(mut permits: Permits, first: Waiting, rest: Rest) -> Result<Permits, Refusal> {
    let (method, code) = (rest.method.as_ref(), rest.code);
    permits.push(first.turn(method, code).await?);
    for (limit, id, name) in &rest.limits {
        let asking = Asking { method, deadline: rest.deadline, now: Instant::now() };
        let asked = limit.ask((*id, name.caller()), asking);
        permits.push(match asked.map_err(|over| limit.refusal(&over, code))? {
            Asked::Admitted(permit) => permit,
            Asked::Waits(waiting) => waiting.turn(method, code).await?,
        });
    }
    Ok(permits)
}
