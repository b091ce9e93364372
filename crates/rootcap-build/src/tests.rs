//! The lines that Cargo reads.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

fn cargo(name: &str) -> Option<String> {
    let value = match name {
        "CARGO_PKG_VERSION_MAJOR" => "3",
        "CARGO_PKG_VERSION_MINOR" => "14",
        "TARGET" => "x86_64-unknown-linux-gnu",
        "PROFILE" => "release",
        "RUSTC" => "rustc",
        _ => return None,
    };
    Some(value.to_owned())
}

fn source() -> Source {
    Source {
        commits: 159,
        sha: "2653589".to_owned(),
        seconds: Some(1_700_000_000),
        watch: vec![PathBuf::from("repository/.git/HEAD")],
        warnings: vec!["take care".to_owned()],
    }
}

fn value<'a>(lines: &'a [String], name: &str) -> &'a str {
    let prefix = format!("cargo::rustc-env={name}=");
    lines.iter().find_map(|line| line.strip_prefix(&prefix)).unwrap()
}

#[test]
fn every_variable_and_input_has_its_line() {
    let lines = directives(&source(), None, cargo).unwrap();
    assert_eq!(value(&lines, "BUILD_INFO_ROOTCAP_VERSION"), "3.14.159-2653589-20231114.221320");
    assert_eq!(value(&lines, "BUILD_INFO_ROOTCAP_TARGET"), "x86_64-unknown-linux-gnu");
    assert_eq!(value(&lines, "BUILD_INFO_ROOTCAP_PROFILE"), "release");
    assert!(value(&lines, "BUILD_INFO_ROOTCAP_RUSTC").starts_with("rustc 1."));
    for line in [
        "cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH",
        "cargo::rerun-if-changed=repository/.git/HEAD",
        "cargo::warning=take care",
    ] {
        assert!(lines.iter().any(|known| known == line), "{line} is missing in {lines:?}");
    }
}

#[test]
fn the_epoch_replaces_the_time_only() {
    let lines = directives(&source(), Some("0"), cargo).unwrap();
    assert_eq!(value(&lines, "BUILD_INFO_ROOTCAP_VERSION"), "3.14.159-2653589-19700101.000000");
}

#[test]
fn a_bad_epoch_fails_the_build() {
    assert!(directives(&source(), Some("yesterday"), cargo).unwrap_err().contains("yesterday"));
}

#[test]
fn what_is_unknown_says_so() {
    let source = Source {
        commits: 0,
        sha: "unknown".to_owned(),
        seconds: None,
        watch: Vec::new(),
        warnings: Vec::new(),
    };
    let lines = directives(&source, None, |_| None).unwrap();
    assert_eq!(value(&lines, "BUILD_INFO_ROOTCAP_VERSION"), "0.0.0-unknown-19700101.000000");
    for name in ["RUSTC", "TARGET", "PROFILE"] {
        assert_eq!(value(&lines, &format!("BUILD_INFO_ROOTCAP_{name}")), "unknown");
    }
}
