//! What is counted of which method.

use super::*;
use crate::{DEFAULT_MAX_METHODS, MethodKind, Methods, Origin, contract::counted};

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
        assert_eq!(decisions.map(|(decision, reason)| series(method, decision, reason)), numbers);
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
    for method in ["grpc_service=a.B,grpc_method=C", "grpc_service=unknown,grpc_method=unknown"] {
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
    assert_eq!(counted.iter().filter(|(name, _)| allowed(name)).count(), DEFAULT_MAX_METHODS + 1);
    assert_eq!(
        counted
            .iter()
            .find(|(name, _)| allowed(name) && name.contains("unknown"))
            .map(|(_, count)| *count),
        Some(6)
    );
    assert_eq!(tally.counts().allowed, DEFAULT_MAX_METHODS as u64 + 6);
}
