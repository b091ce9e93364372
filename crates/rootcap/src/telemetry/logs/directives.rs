//! Directives of a filter, as in `RUST_LOG`: what is wrong with them, and what they are at the level `debug`.

use std::error::Error;

use rootcap_layers::excerpt::has_effect;
use tracing_subscriber::{
    EnvFilter,
    filter::{LevelFilter, ParseError},
};

use crate::config;

/// The longest filter, in bytes: it is logged when it changes, and its parts are looked at one by one.
const MAX_LEN: usize = 4096;

/// What is taken for a mistyped level when it stands alone.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Words for levels that others use.
const OTHER_WORDS: [(&str, &str); 6] = [
    ("all", "trace"),
    ("err", "error"),
    ("fatal", "error"),
    ("none", "off"),
    ("verbose", "debug"),
    ("warning", "warn"),
];

/// The crates of the transport, and of the export of telemetry: at `debug` they write several lines per frame,
/// or lines about the sending of lines. A directive is for all targets that begin with its own, so that `hyper`
/// is for `hyper_util` too.
const NOISY: [&str; 8] =
    ["h2", "hyper", "mio", "opentelemetry", "rustls", "tokio", "tonic", "tower"];

/// Tells what is wrong with a filter that somebody wrote, if there is something.
pub(crate) fn check(filter: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    if filter.len() > MAX_LEN {
        return Err(format!("it is longer than {MAX_LEN} bytes").into());
    }
    for directive in each(filter) {
        // What is between brackets is about spans and the texts in their fields.
        let target = directive.split('[').next().unwrap_or_default();
        if let Some(c) = target.chars().find(|&c| c.is_whitespace() || has_effect(c)) {
            return Err(format!("no target has a {c:?}").into());
        }
        if let Some(level) = mistyped_level(directive) {
            return Err(format!(
                "there is no level {directive:?}; did you mean {level:?}? \
                 (for a target of this name, write {:?})",
                format!("{directive}=trace")
            )
            .into());
        }
    }
    parse(filter).map(drop)
}

/// Parses directives; nothing at all is an error, since it would silence everything.
pub(super) fn parse(filter: &str) -> Result<EnvFilter, Box<dyn Error + Send + Sync>> {
    if each(filter).any(str::is_empty) {
        return Err("a directive is empty".into());
    }
    // The parser reckons with positions in the text before it trims, and panics where they cut a character in two.
    let mut kept: Vec<(Option<String>, &str)> = Vec::new();
    for directive in each(filter) {
        let of = value_of(directive)?;
        kept.retain(|(earlier, _)| earlier.is_none() || *earlier != of);
        kept.push((of, directive));
    }
    let mut trimmed: Vec<&str> = kept.into_iter().map(|(_, directive)| directive).collect();
    if leaves_h2_to_us(&trimmed) {
        trimmed.insert(0, "h2=error");
    }
    Ok(parse_trimmed(&trimmed.join(","))?)
}

/// Whether the warnings of the HTTP/2 library are left out: it warns of every frame of some floods, and the server tells
/// of peers that break the rules by itself, once in a while. Who asks for them, or for `debug`, gets them.
fn leaves_h2_to_us(directives: &[&str]) -> bool {
    let mut general = LevelFilter::OFF;
    for directive in directives {
        match Directive::read(directive) {
            Directive::General(level) => general = level,
            Directive::Of(target, _) if target.starts_with("h2") => return false,
            _ => {}
        }
    }
    matches!(general, LevelFilter::WARN | LevelFilter::INFO)
}

/// What a directive about the value of a field is about, without its level.
///
/// Of two about the same the later counts; the parser would take them for different ones, and, where debug assertions
/// are on, panic.
fn value_of(directive: &str) -> Result<Option<String>, ParseError> {
    if !directive.contains('{') {
        return Ok(None);
    }
    let read = parse_trimmed(directive)?.to_string();
    Ok(read.rsplit_once('=').map(|(of, _)| of.to_owned()))
}

fn parse_trimmed(directives: &str) -> Result<EnvFilter, ParseError> {
    // Patterns of values would be compiled, without a bound on their size.
    EnvFilter::builder().with_regex(false).parse(directives)
}

/// The filter `configured` at the level `debug`.
///
/// - The level of all targets that have none of their own becomes `debug`.
/// - So does that of a target of its own, unless it was to be quieter than the others: then it stays.
/// - The transport's crates keep the level that they have.
/// - What is more verbose than `debug` stays, and directives about spans and fields do.
pub(crate) fn at_debug(configured: &str) -> String {
    let directives: Vec<Directive<'_>> = each(configured).map(Directive::read).collect();
    let general = directives.iter().rev().find_map(|directive| match directive {
        Directive::General(level) => Some(*level),
        _ => None,
    });
    let general = general.unwrap_or(LevelFilter::OFF);
    let raised = general.max(LevelFilter::DEBUG);
    let mut texts = vec![raised.to_string()];
    if raised > general {
        texts.extend(NOISY.map(|name| format!("{name}={general}")));
    }
    // Of two directives for one target the later one counts.
    texts.extend(directives.iter().filter_map(|directive| match directive {
        Directive::General(_) => None,
        Directive::Of(target, level) if *level < general || is_noisy(target) => {
            Some(format!("{target}={level}"))
        }
        Directive::Of(target, level) => Some(format!("{target}={}", raised.max(*level))),
        Directive::Other(text) => Some((*text).to_owned()),
    }));
    texts.join(",")
}

fn is_noisy(target: &str) -> bool {
    NOISY.iter().any(|name| target.starts_with(name))
}

/// `tracing-subscriber` takes a comma for the end of a directive wherever it stands.
fn each(filter: &str) -> impl Iterator<Item = &str> {
    filter.split(',').map(str::trim)
}

/// The level that a word alone was meant to be. It would be taken for a target, and silence all others.
fn mistyped_level(directive: &str) -> Option<&'static str> {
    let is_level = directive.parse::<LevelFilter>().is_ok();
    if is_level || directive.contains(['=', '[']) {
        return None;
    }
    let other = OTHER_WORDS.iter().find(|(word, _)| directive.eq_ignore_ascii_case(word));
    other.map(|(_, level)| *level).or_else(|| config::within(1, directive, LEVELS))
}

/// A directive that was parsed before.
enum Directive<'a> {
    /// A level for every target without one of its own.
    General(LevelFilter),
    /// A level for the targets that begin with this.
    Of(&'a str, LevelFilter),
    /// Something about spans or fields.
    Other(&'a str),
}

impl<'a> Directive<'a> {
    fn read(text: &'a str) -> Self {
        if text.contains('[') {
            return Self::Other(text);
        }
        match (text.split_once('='), text.parse()) {
            (Some((target, level)), _) => match level.parse() {
                Ok(level) => Self::Of(target, level),
                Err(_) => Self::Other(text),
            },
            (None, Ok(level)) => Self::General(level),
            (None, Err(_)) => Self::Of(text, LevelFilter::TRACE),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn warnings_of_h2_are_left_out_unless_somebody_asks_for_them() {
        for (filter, left_out) in [
            ("info", true),
            ("my_crate=trace,warn", true),
            ("info,h2=warn", false),
            ("h2::proto=trace,info", false),
            ("debug", false),
            ("error", false),
            ("off", false),
            ("my_crate", false),
        ] {
            let parsed = parse(filter).unwrap().to_string();
            assert_eq!(parsed.contains("h2=error"), left_out, "{filter}: {parsed}");
        }
    }

    #[test]
    fn a_mistyped_level_is_not_taken_for_a_target() {
        for (wrong, meant) in [
            ("inof", "info"),
            ("INOF", "info"),
            ("dbug", "debug"),
            ("my_crate=info,wran", "warn"),
            ("warning", "warn"),
            ("Err", "error"),
            ("none", "off"),
            ("tracee,h2=info", "trace"),
        ] {
            let error = check(wrong).unwrap_err().to_string();
            assert!(error.contains(&format!("did you mean {meant:?}?")), "{wrong}: {error}");
        }
        for right in [
            "INFO",
            "Debug",
            "3",
            "my_crate",
            "my_crate::warm",
            "inof=trace",
            "mirror",
            "[inof]",
            "tracing",
            "log",
            " info , h2=warn ",
        ] {
            check(right).unwrap_or_else(|error| panic!("{right}: {error}"));
        }
    }

    #[test]
    fn a_long_filter_is_refused() {
        let long = vec!["a=info"; 1 + MAX_LEN / 7].join(",");
        assert!(long.len() > MAX_LEN);
        assert!(check(&long).unwrap_err().to_string().contains("4096 bytes"));
        check(&long[..long.len() - 7]).unwrap();
    }

    /// `info\r\nX: y` was taken for a target of that name, at the level `trace`.
    #[test]
    fn what_can_be_no_target_is_not_taken_for_one() {
        for wrong in
            ["info\r\nX: y", "info debug", "my crate=info", "info; h2=warn", "my-\u{202e}crate"]
        {
            let error = check(wrong).unwrap_err().to_string();
            assert!(error.starts_with("no target has a "), "{wrong}: {error}");
        }
        for right in ["my-crate=info", "über::alles", "a.b/c", "[span name{field=some text}]=info"]
        {
            check(right).unwrap_or_else(|error| panic!("{right}: {error}"));
        }
    }

    #[test]
    fn a_pattern_is_not_compiled() {
        // As a regular expression, its automaton would have 2^40 states.
        check(&format!("[span{{name=.*a{}}}]=info", ".".repeat(39))).unwrap();
    }

    /// Found by fuzzing: in a debug build, `tracing-subscriber` panics when it is given two for the same value.
    #[test]
    fn of_two_directives_for_one_value_the_later_counts() {
        for (twice, counts) in [
            ("[a{b=x}]=info,[a{b=x}]=info", "[a{b=x}]=info"),
            ("[a{b=x}]=info,t[a{b=x}]=warn,[a{b=x}]=debug", "t[a{b=x}]=warn,[a{b=x}]=debug"),
            ("[a{b=x=1}]=info,[a{b=x=2}]=warn", "[a{b=x=2}]=warn"),
        ] {
            check(twice).unwrap();
            assert_eq!(parse(twice).unwrap().to_string(), parse(counts).unwrap().to_string());
        }
    }

    #[test]
    fn at_debug_the_transport_stays_as_it_is() {
        let quiet =
            |level: &str| NOISY.iter().map(|name| format!(",{name}={level}")).collect::<String>();
        for (configured, expected) in [
            ("info", format!("debug{}", quiet("info"))),
            ("off", format!("debug{}", quiet("off"))),
            ("debug", "debug".to_owned()),
            ("trace", "trace".to_owned()),
            // One that was to say more than the others does so still; one that was to say less, too.
            ("warn,my_crate=info", format!("debug{},my_crate=debug", quiet("warn"))),
            ("info,my_crate=trace", format!("debug{},my_crate=trace", quiet("info"))),
            ("info,my_crate", format!("debug{},my_crate=trace", quiet("info"))),
            ("info, chatty=warn", format!("debug{},chatty=warn", quiet("info"))),
            ("my_crate=info", format!("debug{},my_crate=debug", quiet("off"))),
            ("info,rootcap::call=off", format!("debug{},rootcap::call=off", quiet("info"))),
            // What is named is named.
            ("info,h2=error", format!("debug{},h2=error", quiet("info"))),
            ("info,h2::codec=trace", format!("debug{},h2::codec=trace", quiet("info"))),
            ("info,[span]=warn", format!("debug{},[span]=warn", quiet("info"))),
        ] {
            assert_eq!(at_debug(configured), expected, "{configured}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = check(&text);
        }

        #[test]
        fn no_directives_panic(text in "[ é\u{3000}a=\\[\\]{},:_.\"-]{0,12}") {
            let _ = check(&text);
        }

        #[test]
        fn every_filter_has_a_debug_form(
            parts in prop::collection::vec("(info|warn|a|h2|a::b|my_crate)(=(off|error|debug|trace|4)?)?", 1..6)
        ) {
            let filter = parts.join(",");
            if parse(&filter).is_ok() {
                let debug = at_debug(&filter);
                prop_assert!(parse(&debug).is_ok(), "{debug}");
                prop_assert_eq!(at_debug(&debug).len(), debug.len(), "at debug already");
            }
        }
    }
}
