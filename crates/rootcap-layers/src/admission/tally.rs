//! [`Tally`]: what a rule has decided, by method.

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use metrics::{Counter, counter};

use super::{
    Reason,
    metrics::{DECISIONS, REJECTED},
};
use crate::{DEFAULT_MAX_METHODS, Method};

/// Counts what one rule decides: for metrics by method and reason, and in all for whoever asks.
///
/// The handles of the metrics are looked up when a method is first decided about, and then kept: a look-up by label costs
/// more than all else that a limit does.
pub struct Tally {
    policy: &'static str,
    rule: Arc<str>,
    reasons: &'static [Reason],
    /// By the number of the method. The first one is for methods that are not known.
    slots: OnceLock<Box<[OnceLock<Box<Slot>>]>>,
    allowed: AtomicU64,
    refused: AtomicU64,
    observed: AtomicU64,
}

/// What a [`Tally`] has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Calls that the rule let pass.
    pub allowed: u64,
    /// Calls that it refused.
    pub refused: u64,
    /// Calls that it let pass, and would have refused if it were not only observing.
    pub observed: u64,
}

/// The handles of one method.
struct Slot {
    /// `None` for the methods that are not known.
    method: Option<Arc<Method>>,
    allowed: Counter,
    /// By reason; both count nothing where the rule cannot have that reason.
    refused: [Counter; REASONS],
    observed: [Counter; REASONS],
    rejected: Counter,
}

const REASONS: usize = Reason::ALL.len();
/// With one for those that are not known. Methods beyond the usual number of them count as not known.
const SLOTS: usize = DEFAULT_MAX_METHODS + 1;

impl Tally {
    /// For the rule of this name. `policy` is how metrics and logs name what the rule belongs to; `reasons` are all that
    /// it refuses for: their counters start at zero, so that the first refusal is seen as one.
    pub fn new(policy: &'static str, rule: Arc<str>, reasons: &'static [Reason]) -> Self {
        let zero = || AtomicU64::new(0);
        let slots = OnceLock::new();
        Self { policy, rule, reasons, slots, allowed: zero(), refused: zero(), observed: zero() }
    }

    /// The rule lets a call of this method pass.
    pub fn allowed(&self, method: Option<&Arc<Method>>) {
        self.allowed.fetch_add(1, Relaxed);
        self.slot(method).allowed.increment(1);
    }

    /// The rule refuses a call of this method.
    pub fn refused(&self, method: Option<&Arc<Method>>, reason: Reason) {
        self.refused.fetch_add(1, Relaxed);
        let slot = self.slot(method);
        slot.refused[reason as usize].increment(1);
        slot.rejected.increment(1);
    }

    /// The rule lets a call of this method pass, and would have refused it if it were not only observing.
    pub fn observed(&self, method: Option<&Arc<Method>>, reason: Reason) {
        self.observed.fetch_add(1, Relaxed);
        self.slot(method).observed[reason as usize].increment(1);
    }

    /// What has been counted so far.
    pub fn counts(&self) -> Counts {
        let load = |count: &AtomicU64| count.load(Relaxed);
        Counts {
            allowed: load(&self.allowed),
            refused: load(&self.refused),
            observed: load(&self.observed),
        }
    }

    fn slot(&self, method: Option<&Arc<Method>>) -> &Slot {
        let slots = self.slots.get_or_init(|| (0..SLOTS).map(|_| OnceLock::new()).collect());
        if let Some(method) = method.filter(|method| (1..SLOTS).contains(&method.number())) {
            let slot = slots[method.number()].get_or_init(|| self.resolve(Some(method)));
            // Another table of methods may have given the number to another one.
            if slot.method.as_ref().is_some_and(|known| Arc::ptr_eq(known, method)) {
                return slot;
            }
        }
        slots[0].get_or_init(|| self.resolve(None))
    }

    fn resolve(&self, method: Option<&Arc<Method>>) -> Box<Slot> {
        let (service, name) = match method {
            Some(method) => (method.service(), method.name()),
            None => (Method::UNKNOWN, Method::UNKNOWN),
        };
        let handle = |decision: &'static str, reason: &'static str| {
            counter!(DECISIONS.name, "rule" => Arc::clone(&self.rule), "grpc_service" => service.to_owned(),
                "grpc_method" => name.to_owned(), "decision" => decision, "reason" => reason)
        };
        let by_reason = |observed| {
            Reason::ALL.map(|reason| match self.reasons.contains(&reason) {
                true => {
                    handle(if observed { "observed" } else { reason.decision() }, reason.as_str())
                }
                false => Counter::noop(),
            })
        };
        Box::new(Slot {
            method: method.cloned(),
            allowed: handle("allowed", ""),
            refused: by_reason(false),
            observed: by_reason(true),
            rejected: counter!(REJECTED.name, "policy" => self.policy),
        })
    }
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tally").field("rule", &self.rule).field("counts", &self.counts()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MethodKind, Methods, Origin, contract::counted};

    fn methods() -> Methods {
        let method = |methods: crate::MethodsBuilder, name| {
            methods.method("a.B", name, MethodKind::Unary, Origin::User)
        };
        method(method(Methods::builder(), "C"), "D").build()
    }

    fn tally() -> Tally {
        Tally::new("rate_limit", "greetings".into(), &[Reason::RateLimitExceeded])
    }

    #[test]
    fn by_method_and_reason() {
        let (tally, methods) = (tally(), methods());
        let counted = counted(async || {
            let method = |path| methods.get(path);
            tally.allowed(method("/a.B/C").as_ref());
            tally.allowed(method("/a.B/C").as_ref());
            tally.refused(method("/a.B/D").as_ref(), Reason::RateLimitExceeded);
            tally.observed(method("/a.B/D").as_ref(), Reason::RateLimitExceeded);
            tally.allowed(Some(methods.unknown()));
            tally.refused(None, Reason::RateLimitExceeded);
        });
        assert_eq!(tally.counts(), Counts { allowed: 3, refused: 2, observed: 1 });
        let series = |method, decision, reason| {
            let service = if method == "unknown" { method } else { "a.B" };
            counted[&format!(
                "rootcap_limit_decisions_total{{rule=greetings,grpc_service={service},grpc_method={method},decision={decision},reason={reason}}}"
            )]
        };
        for (method, numbers) in [("C", [2, 0, 0]), ("D", [0, 1, 1]), ("unknown", [1, 1, 0])] {
            let decisions = [
                ("allowed", ""),
                ("rejected", "RATE_LIMIT_EXCEEDED"),
                ("observed", "RATE_LIMIT_EXCEEDED"),
            ];
            assert_eq!(
                decisions.map(|(decision, reason)| series(method, decision, reason)),
                numbers
            );
        }
        assert_eq!(counted["rootcap_rejected_total{policy=rate_limit}"], 2);
        assert_eq!(counted.len(), 10, "and there are no others: {counted:#?}");
    }

    #[test]
    fn a_method_of_another_table_does_not_count_as_the_one_with_its_number() {
        let of_one =
            |name| Methods::builder().method("a.B", name, MethodKind::Unary, Origin::User).build();
        let (tally, one, other) = (tally(), of_one("C"), of_one("D"));
        let counted = counted(async || {
            tally.allowed(one.get("/a.B/C").as_ref());
            tally.allowed(other.get("/a.B/D").as_ref());
        });
        for method in ["grpc_service=a.B,grpc_method=C", "grpc_service=unknown,grpc_method=unknown"]
        {
            let series = format!(
                "rootcap_limit_decisions_total{{rule=greetings,{method},decision=allowed,reason=}}"
            );
            assert_eq!(counted[&series], 1);
        }
    }

    #[test]
    fn methods_beyond_the_usual_number_are_not_told_apart() {
        let mut methods = Methods::builder();
        for name in 0..DEFAULT_MAX_METHODS + 5 {
            methods = methods.method("a.B", &name.to_string(), MethodKind::Unary, Origin::User);
        }
        let (tally, methods) = (tally(), methods.build());
        let counted = counted(async || {
            for method in methods.all() {
                tally.allowed(Some(&method));
            }
        });
        let allowed = |name: &str| name.contains("allowed");
        assert_eq!(counted.iter().filter(|(name, _)| allowed(name)).count(), SLOTS);
        assert_eq!(
            counted
                .iter()
                .find(|(name, _)| allowed(name) && name.contains("unknown"))
                .map(|(_, count)| *count),
            Some(6)
        );
        assert_eq!(tally.counts().allowed, DEFAULT_MAX_METHODS as u64 + 6);
    }
}
