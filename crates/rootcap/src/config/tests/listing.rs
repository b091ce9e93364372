//! What is shown of the settings.

use super::*;

#[test]
fn what_is_printed_loads_to_the_same() {
    let loaded = from_vars([
        ("ROOTCAP_ADMIN__LISTEN", "off"),
        ("ROOTCAP_DEADLINE__METHODS", "/a.B/C=1m30s"),
        ("ROOTCAP_LIMITS__RATE", "5/10s"),
        ("ROOTCAP_METRICS__BUCKETS", "0.5"),
        ("ROOTCAP_LOG__FILTER", "a \"quoted\" \n name"),
    ])
    .unwrap();
    let text = print(&loaded);
    assert!(text.starts_with("listen = [\":8081\"] # default\n\n[admin]\nlisten = \"off\" # environment variable ROOTCAP_ADMIN__LISTEN\n"), "{text}");
    assert_eq!(from_file(&text).unwrap().config, loaded.config);
}

#[test]
fn every_setting_is_listed_with_what_a_reader_needs() {
    let entries = Loaded::default().effective();
    for entry in &entries {
        assert!(!entry.doc.is_empty() && !entry.accepts.is_empty(), "{}", entry.key);
        assert_eq!(entry.value, entry.default);
        assert_eq!(entry.source, "default");
        // The default is accepted, and the variable is the one that sets the key.
        let value = format!("{} = {}", entry.key, entry.default);
        assert_eq!(from_file(&value).unwrap().config, Config::default(), "{value}");
    }
    let rate = entries.iter().find(|entry| entry.key == "limits.rate").unwrap();
    assert_eq!(rate.variable, "ROOTCAP_LIMITS__RATE");
}
