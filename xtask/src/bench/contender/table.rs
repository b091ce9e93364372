//! The table of contenders.

use super::{Accounts, Contender, Group, Source};

/// Its lines for a call that succeeds, and what is left of them with `log.calls = "end"`.
const STARTED_AND_FINISHED: &[&str] = &["\"started call\"", "\"finished call\""];
const FINISHED: &[&str] = &["\"finished call\""];

const FILE: (&str, &str) = ("ROOTCAP_CONFIG", "xtask/bench/rootcap/bench.toml");
const UNLOGGED: (&str, &str) = ("ROOTCAP_LOG__CALLS", "off");
const END_LOGGED: (&str, &str) = ("ROOTCAP_LOG__CALLS", "end");
const UNSAMPLED: (&str, &str) = ("ROOTCAP_TRACE__RATIO", "0");
const UNLIMITED: (&str, &str) = ("ROOTCAP_LIMITS__RATE", "off");
const ENDLESS: (&str, &str) = ("ROOTCAP_DEADLINE__MAX", "off");
const UNWATCHED: (&str, &str) = ("ROOTCAP_CONNECTION__STALL_TIMEOUT", "off");
const QUEUED: (&str, &str) = ("ROOTCAP_CONNECTION__SHORT_CALLS_AT_ONCE", "off");
const UNJOINED: (&str, &str) = ("ROOTCAP_CONNECTION__COALESCE_WRITES", "off");

const UNBOUNDED: (&str, &str) = ("ROOTCAP_LIMITS__REQUEST_BYTES", "off");
/// Rules that are never reached: of callers, and of what each has in flight.
const RATES: (&str, &str) = (
    "ROOTCAP_RATE_LIMIT",
    r#"[{ name = "tenants", match = "/helloworld.Greeter/*", per = "metadata:x-tenant", quota = "10000000/s" }]"#,
);
const SHARES: (&str, &str) =
    ("ROOTCAP_CONCURRENCY", r#"[{ name = "shares", per = "peer", limit = 100000 }]"#);
/// A rule that lets each caller in once.
const ONCE: (&str, &str) = (
    "ROOTCAP_RATE_LIMIT",
    r#"[{ name = "tenants", match = "/helloworld.Greeter/*", per = "metadata:x-tenant", quota = "1/24h" }]"#,
);
/// Calls per second that the contender of [`Group::Overload`] lets in.
pub(crate) const LIMITED_RATE: u64 = 500;
const LIMITED: (&str, &str) = ("ROOTCAP_LIMITS__RATE", "500/s");
/// Writes each answer by itself.
pub(crate) const SCATTERED: &str = "rootcap without coalesced writes";
/// Refuses every call but the first.
pub(crate) const REFUSING: &str = "rootcap, refusing";
/// Refuses every call, and does nothing else: the least that it takes.
pub(crate) const LEAST: &str = "hyper, refusing";

/// All contenders, those that ratios are to before the others of their group.
pub(crate) const CONTENDERS: &[Contender] = &[
    BARE,
    ASSEMBLED,
    ROOTCAP,
    GRPC_GO,
    // Nothing is added to the server unless it is told where to serve its metrics.
    Contender {
        name: "grpc-go with interceptors",
        accounts: Some(Accounts {
            admin_listen: "BENCH_ADMIN_LISTEN",
            lines: &["\"finished unary call with code OK\""],
            counts_lines: false,
        }),
        ..GRPC_GO
    },
    // What no setting takes away has no line here: metrics, panic guard, request ids, the reading of trace context, the
    // line of the end without that of the start.
    without("rootcap without its line at the start", &[FILE, END_LOGGED], FINISHED),
    without("rootcap without lines of calls", &[FILE, UNLOGGED], &[]),
    without("rootcap without sampling", &[FILE, UNSAMPLED], STARTED_AND_FINISHED),
    without("rootcap without the rate limit", &[FILE, UNLIMITED], STARTED_AND_FINISHED),
    without("rootcap without the maximal deadline", &[FILE, ENDLESS], STARTED_AND_FINISHED),
    without("rootcap without the stall timeout", &[FILE, UNWATCHED], STARTED_AND_FINISHED),
    without(
        "rootcap without all of these",
        &[FILE, UNLOGGED, UNSAMPLED, UNLIMITED, ENDLESS, UNWATCHED],
        &[],
    ),
    without("rootcap without calls at once", &[FILE, QUEUED], STARTED_AND_FINISHED),
    // Then no call runs at once either.
    without(SCATTERED, &[FILE, UNJOINED], STARTED_AND_FINISHED),
    limited("rootcap without limits", &[FILE, UNLIMITED, UNBOUNDED]),
    limited("rootcap, limited by caller", &[FILE, UNLIMITED, RATES, SHARES]),
    limited(REFUSING, &[FILE, UNLIMITED, ONCE, SHARES]),
    Contender {
        name: LEAST,
        group: Group::Limits,
        source: Source::Cargo { package: "contender-hyper", profile: "release" },
        binary: "hyper-refusing",
        counting: Some("hyper-refusing-counting"),
        ..BARE
    },
    Contender { group: Group::Overload, ..limited("rootcap, 500 calls/s", &[FILE, LIMITED]) },
    // A call may go on for as long as it is looked at.
    Contender { group: Group::Debug, ..limited("rootcap, looked at", &[FILE, ENDLESS]) },
    Contender { name: "bare, lto", ..lto(BARE) },
    Contender { name: "rootcap, lto", ..lto(ROOTCAP) },
    Contender {
        name: "bare, 1000 methods",
        group: Group::Memory,
        binary: "bare-many",
        counting: None,
        ..BARE
    },
    Contender {
        name: "rootcap, 1000 methods",
        group: Group::Memory,
        counting: None,
        settings: &[FILE, ("BENCH_METHODS", "1000")],
        ..ROOTCAP_MANY
    },
    Contender {
        name: "rootcap, 200 methods",
        group: Group::Scrape,
        settings: &[FILE, ("BENCH_METHODS", "200")],
        ..ROOTCAP_MANY
    },
];

const BARE: Contender = Contender {
    name: "bare",
    group: Group::Headline,
    source: Source::Cargo { package: "contender-bare", profile: "release" },
    binary: "bare",
    counting: Some("bare-counting"),
    listen: "BENCH_LISTEN",
    settings: &[],
    accounts: None,
};

const ASSEMBLED: Contender = Contender {
    name: "assembled",
    source: Source::Cargo { package: "contender-assembled", profile: "release" },
    binary: "assembled",
    counting: Some("assembled-counting"),
    accounts: Some(Accounts {
        admin_listen: "BENCH_ADMIN_LISTEN",
        lines: &["\"started processing request\"", "\"finished processing request\""],
        counts_lines: false,
    }),
    ..BARE
};

const GRPC_GO: Contender = Contender {
    name: "grpc-go",
    source: Source::Go,
    binary: "grpc-go",
    // Go's runtime counts anyway.
    counting: Some("grpc-go"),
    ..BARE
};

const ROOTCAP: Contender = Contender {
    name: "rootcap",
    group: Group::Headline,
    source: Source::Cargo { package: "contender-rootcap", profile: "release" },
    binary: "rootcap-greeter",
    counting: Some("rootcap-greeter-counting"),
    listen: "ROOTCAP_LISTEN",
    settings: &[FILE],
    accounts: Some(accounts(STARTED_AND_FINISHED)),
};

const ROOTCAP_MANY: Contender =
    Contender { binary: "rootcap-many", counting: Some("rootcap-many-counting"), ..ROOTCAP };

const fn accounts(lines: &'static [&'static str]) -> Accounts {
    Accounts { admin_listen: "ROOTCAP_ADMIN__LISTEN", lines, counts_lines: true }
}

/// `rootcap` with settings that leave something out.
const fn without(
    name: &'static str,
    settings: &'static [(&'static str, &'static str)],
    lines: &'static [&'static str],
) -> Contender {
    let accounts = Some(accounts(lines));
    Contender { name, group: Group::Price, counting: None, settings, accounts, ..ROOTCAP }
}

/// `rootcap` with settings of limits.
const fn limited(
    name: &'static str,
    settings: &'static [(&'static str, &'static str)],
) -> Contender {
    Contender { name, group: Group::Limits, settings, ..ROOTCAP }
}

/// A contender of Cargo's, in the profile `lto`.
const fn lto(contender: Contender) -> Contender {
    let Source::Cargo { package, .. } = contender.source else { panic!("Cargo does not build it") };
    let source = Source::Cargo { package, profile: "lto" };
    Contender { group: Group::Lto, source, counting: None, ..contender }
}
