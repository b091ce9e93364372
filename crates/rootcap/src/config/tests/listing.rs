//! What is shown of the settings.

use super::*;

#[test]
fn what_is_printed_loads_to_the_same() {
    let loaded = from_vars([
        ("ROOTCAP_ADMIN__LISTEN", "off"),
        ("ROOTCAP_DEADLINE__METHODS", "/a.B/C=1m30s"),
        ("ROOTCAP_LIMITS__RATE", "5/10s"),
        ("ROOTCAP_METRICS__BUCKETS", "0.5"),
        ("ROOTCAP_SERVICE__NAME", "a \"quoted\" \n name"),
    ])
    .unwrap();
    let text = print(&loaded);
    assert!(text.starts_with("listen = [\":8081\"] # default\ntrusted_proxies = [] # default\nrate_limit = [] # default\nconcurrency = [] # default\n\n[admin]\nlisten = \"off\" # environment variable ROOTCAP_ADMIN__LISTEN\n"), "{text}");
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

#[test]
fn what_auto_comes_to_is_listed() {
    let means = |loaded: &Loaded, key: &str| {
        let entries = loaded.effective();
        entries.into_iter().find(|entry| entry.key == key).unwrap().means
    };
    let loaded = Loaded::default();
    assert_eq!(means(&loaded, "trace.ratio").unwrap(), "0.0");
    assert_eq!(means(&loaded, "otlp.batch").unwrap(), "512");
    assert_eq!(means(&loaded, "limits.rate_burst"), None);
    let endpoint = ("ROOTCAP_OTLP__ENDPOINT", "http://collector:4317");
    let loaded = from_vars([endpoint, ("ROOTCAP_LIMITS__RATE", "7/s")]).unwrap();
    assert_eq!(means(&loaded, "trace.ratio").unwrap(), "1.0");
    assert_eq!(means(&loaded, "limits.rate_burst").unwrap(), "7");
    assert!(print(&loaded).contains("ratio = \"auto\" # default, here 1.0\n"));
    let loaded = from_vars([endpoint, ("ROOTCAP_TRACE__RATIO", "0.5")]).unwrap();
    assert_eq!((means(&loaded, "trace.ratio"), loaded.config.trace_ratio()), (None, 0.5));
}
