//! Lists of tables: the rules of limits.

use super::*;
use crate::config::{Auto, Concurrency, RateLimit, Served, Source, print};

const FILE: &str = r#"
[[rate_limit]]
name   = "greetings"
match  = "/helloworld.Greeter/*"
per    = "metadata:x-tenant"
quota  = "100/s"
burst  = 200
mode   = "observe"

[[rate_limit]]
name = "all"
quota = "5/m"

[[concurrency]]
name = "busy"
limit = 3
queue = 8
"#;

fn greetings() -> RateLimit {
    RateLimit {
        name: "greetings".to_owned(),
        r#match: "/helloworld.Greeter/*".parse().unwrap(),
        per: "metadata:x-tenant".parse().unwrap(),
        quota: rate(100, 1),
        burst: Auto::Set(200.try_into().unwrap()),
        mode: "observe".parse().unwrap(),
        ..RateLimit::default()
    }
}

fn rate(count: u32, seconds: u64) -> crate::config::Rate {
    crate::config::Rate::new(count.try_into().unwrap(), std::time::Duration::from_secs(seconds))
        .unwrap()
}

#[test]
fn rules_are_tables_and_what_they_leave_out_has_a_default() {
    let loaded = from_file(FILE).unwrap();
    let all = RateLimit { name: "all".to_owned(), quota: rate(5, 60), ..RateLimit::default() };
    assert_eq!(loaded.config.rate_limit, [greetings(), all]);
    let busy = Concurrency {
        name: "busy".to_owned(),
        limit: 3.try_into().unwrap(),
        queue: 8,
        ..Concurrency::default()
    };
    assert_eq!(loaded.config.concurrency, [busy]);
    assert_eq!(loaded.sources.of("rate_limit[1].quota").to_string(), "rootcap.toml:12");
}

#[test]
fn what_is_printed_is_read_again() {
    let loaded = from_file(FILE).unwrap();
    let again = Config::load_from(Some(("printed.toml", &print(&loaded))), [("", ""); 0]).unwrap();
    assert_eq!(again.config, loaded.config);
}

#[test]
fn a_variable_holds_rules_as_toml_has_them_and_counts_more_than_a_file() {
    let rules = r#"[{ name = "a", quota = "1/s" }, { name = "b", quota = "2/s" }]"#;
    let loaded =
        Config::load_from(Some(("rootcap.toml", FILE)), [("ROOTCAP_RATE_LIMIT", rules)]).unwrap();
    let names: Vec<_> = loaded.config.rate_limit.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    let source = Source::Variable("ROOTCAP_RATE_LIMIT".to_owned());
    assert_eq!(loaded.sources.of("rate_limit[1].quota"), &source, "no longer that of the file");
    let wrong = Config::load_from(None, [("ROOTCAP_RATE_LIMIT", "a,b")]);
    assert!(errors(wrong)[0].contains("it is not TOML; expected a list of tables"));
}

#[test]
fn all_that_is_wrong_is_told_with_its_line() {
    let file = r#"[[rate_limit]]
name = "one two"
match = "helloworld.Greeter"
per = "tenant"
quota = "0/s"
burst = 0
mode = "off"

[[rate_limit]]
nam = "x"
quota = "100/fortnight"

[[concurrency]]
name = "no-limit"
queue = -1
"#;
    let expected = [
        r#"rate_limit = "one two" (rootcap.toml:2): entry "name": expected a name of"#,
        r#"rate_limit = "helloworld.Greeter" (rootcap.toml:3): entry "match": is not of that form; expected "*","#,
        r#"rate_limit = "tenant" (rootcap.toml:4): entry "per": is nothing to count by; expected "all","#,
        r#"rate_limit = "0/s" (rootcap.toml:5): entry "quota": expected a rate such as"#,
        r#"rate_limit = 0 (rootcap.toml:6): entry "burst": expected "auto" or a whole number, at least 1"#,
        r#"rate_limit = "off" (rootcap.toml:7): entry "mode": is no mode; expected "enforce" or "observe""#,
        r#"rate_limit = [[rate_limit]] (rootcap.toml:9): element 2: "name" is missing; expected name, quota"#,
        r#"rate_limit = "x" (rootcap.toml:10): entry "nam": there is no such setting; did you mean name?; expected name, match, per, quota, burst, mode, max_keys"#,
        r#"rate_limit = "100/fortnight" (rootcap.toml:11): entry "quota": expected a rate such as"#,
        r#"concurrency = [[concurrency]] (rootcap.toml:13): element 1: "limit" is missing; expected name, limit"#,
        r#"concurrency = -1 (rootcap.toml:15): entry "queue": expected a whole number, from 0 to 1000000"#,
    ];
    let mut errors = errors(from_file(file));
    errors.sort_by_key(|error| line(error));
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
    for (error, expected) in errors.iter().zip(expected) {
        assert!(error.starts_with(expected), "{error}\n{expected}");
    }
}

fn line(error: &str) -> usize {
    let (_, rest) = error.split_once("rootcap.toml:").unwrap();
    rest.split(')').next().unwrap().parse().unwrap()
}

#[test]
fn two_rules_of_one_name_are_told_with_both_lines() {
    let file = "[[rate_limit]]\nname = 'a'\nquota = '1/s'\n[[concurrency]]\nname = 'a'\nlimit = 1";
    assert_eq!(
        errors(from_file(file)),
        [
            "concurrency[0].name = \"a\" (rootcap.toml:5): another rule has this name (rootcap.toml:2); expected one of its own"
        ]
    );
}

#[test]
fn a_match_of_nothing_that_is_served_is_told() {
    let file = "[[rate_limit]]\nname = 'a'\nquota = '1/s'\nmatch = '/a.B/D'\n[[concurrency]]\nname = 'b'\nlimit = 1\nmatch = '/a.C/*'\n[[rate_limit]]\nname = 'c'\nquota = '1/s'\nmatch = '/a.B/C'";
    let mut served = Served::default();
    served.service("a.B");
    served.method("a.B", "C");
    let told = from_file(file).unwrap().check_names(&served).unwrap_err();
    let told: Vec<_> = told.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "rate_limit[0].match = \"/a.B/D\" (rootcap.toml:4): a.B has no such method; did you mean C?",
            "concurrency[0].match = \"/a.C/*\" (rootcap.toml:8): there is no such service here; did you mean a.B?",
        ]
    );
}

#[test]
fn rules_set_by_code_are_tested_as_well() {
    let mut loaded = from_file(FILE).unwrap();
    let nameless = RateLimit { name: String::new(), ..greetings() };
    let told = loaded.update(|config| config.rate_limit = vec![greetings(), nameless]).unwrap_err();
    assert!(told.to_string().contains("(builder): entry \"name\": expected a name of"), "{told}");
    loaded.update(|config| config.rate_limit.truncate(1)).unwrap();
    assert_eq!(loaded.sources.of("rate_limit[0].name"), &Source::Builder);
}

/// Else all callers would have one limit, and be told that each identity has its own.
#[test]
fn a_rule_by_identities_that_nobody_can_prove_is_an_error() {
    let file = "[[rate_limit]]\nname = 'a'\nquota = '1/s'\nper = 'tls-identity'\n\
        [[concurrency]]\nname = 'b'\nlimit = 1\nper = 'tls-identity'";
    let told = errors(from_file(file));
    let problem = r#"all callers are one while tls.client_ca is "off"; expected both"#;
    assert_eq!(
        told,
        [
            format!(r#"rate_limit[0].per = "tls-identity" (rootcap.toml:4): {problem}"#),
            format!(r#"concurrency[0].per = "tls-identity" (rootcap.toml:8): {problem}"#),
        ]
    );
}
