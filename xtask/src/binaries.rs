//! What Cargo has built.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

/// The binaries, by name, that Cargo's messages tell of.
pub(crate) fn binaries(messages: &str) -> BTreeMap<String, PathBuf> {
    let message = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        let path = message["executable"].as_str()?;
        Some((message["target"]["name"].as_str()?.to_owned(), PathBuf::from(path)))
    };
    messages.lines().filter_map(message).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binaries_are_read_from_the_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"bytes"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"bare"},"executable":"/target/release/bare"}
{"reason":"build-finished","success":true}
not JSON at all"#;
        let expected = [("bare".to_owned(), PathBuf::from("/target/release/bare"))];
        assert_eq!(binaries(messages), BTreeMap::from(expected));
    }
}
