//! What is promised of the commented example file.

use super::*;

/// The example with every setting in effect.
fn uncommented() -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting.to_owned(),
        _ => line.to_owned(),
    };
    example().lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn as_it_is_it_changes_nothing() {
    assert_eq!(from_file(&example()).unwrap(), Loaded::default());
}

#[test]
fn uncommented_it_sets_every_setting_to_its_default() {
    let loaded = from_file(&uncommented()).unwrap();
    assert_eq!(loaded.config, Config::default());
    for entry in loaded.effective() {
        assert!(entry.source.contains("rootcap.toml"), "{} is not in the example", entry.key);
    }
}

#[test]
fn a_setting_stands_under_what_a_reader_needs() {
    let text = example();
    let end = "\n# The service as a whole.\n[service]\n\n\
               # Whether the reflection service answers callers who ask for the descriptors given to the builder.\n\
               # Accepted: one of \"on\", \"off\".\n\
               # Variable: ROOTCAP_SERVICE__REFLECTION\n#reflection = \"on\"\n";
    assert!(text.contains(end), "{text}");
    let longest = text.lines().map(str::len).max();
    assert!(longest <= Some(120), "{longest:?}");
}
