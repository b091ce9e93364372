//! Reads the lines of the log back, as a program that takes them would.

use std::fmt;

use rootcap_layers::excerpt::has_effect;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// The keys that a line of a call can have.
const KEYS: [&str; 22] = [
    "timestamp",
    "level",
    "message",
    "request_id",
    "trace_id",
    "span_id",
    "grpc.service",
    "grpc.method",
    "grpc.type",
    "grpc.code",
    "grpc.message",
    "grpc.time_ms",
    "grpc.deadline_ms",
    "grpc.recv_msgs",
    "grpc.sent_msgs",
    "grpc.recv_bytes",
    "grpc.sent_bytes",
    "peer.address",
    "peer.identity",
    "user_agent",
    "rejected_by",
    "metadata.x-logged",
];

/// Five strings of a caller's, each cut at 256 bytes, whose escapes take up to six for one; an id; and what is ours.
const MAX_LINE: usize = 5 * 6 * 256 + 128 + 1_024;

/// The fields of a line in JSON, in order, none of them twice.
///
/// # Panics
/// When it is not one line, not JSON, too long, or has other keys than those of a call.
pub fn json(line: &[u8]) -> Vec<(String, Value)> {
    let text = one_line(line);
    let Fields(fields) =
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    keys(fields.iter().map(|(key, _)| key.as_str()), text);
    fields
}

/// The fields of a line of text behind its message, in order, none of them twice; values as they are written.
///
/// # Panics
/// When it is not one line, too long, or has other keys than those of a call.
pub fn text(line: &[u8]) -> Vec<(String, Value)> {
    let text = one_line(line);
    let behind = text.split_once(" started call ").or_else(|| text.split_once(" finished call "));
    let (_, mut rest) = behind.unwrap_or_else(|| panic!("without a message: {text}"));
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let (key, value) = rest.split_once('=').unwrap_or_else(|| panic!("no field: {text}"));
        let (value, after) = value_of(value);
        fields.push((key.to_owned(), value));
        rest = after;
    }
    keys(fields.iter().map(|(key, _)| key.as_str()), text);
    fields
}

/// A value, in quotes or up to the next blank, and what follows that.
fn value_of(text: &str) -> (Value, &str) {
    if !text.starts_with('"') {
        let (value, after) = text.split_once(' ').unwrap_or((text, ""));
        return (value.into(), after);
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter();
    let value = values.next().expect("a value").expect("a string of JSON");
    let after = &text[values.byte_offset()..];
    assert!(after.is_empty() || after.starts_with(' '), "behind a value: {after}");
    (value, after.trim_start_matches(' '))
}

fn one_line(line: &[u8]) -> &str {
    let text = std::str::from_utf8(line).expect("UTF-8");
    let text = text.strip_suffix('\n').expect("a line");
    assert!(!text.contains(has_effect), "{text:?}");
    assert!(text.len() <= MAX_LINE, "{} bytes", text.len());
    text
}

fn keys<'a>(keys: impl Iterator<Item = &'a str>, line: &str) {
    let mut seen = Vec::new();
    for key in keys {
        assert!(KEYS.contains(&key), "{key:?} in {line}");
        assert!(!seen.contains(&key), "{key:?} twice in {line}");
        seen.push(key);
    }
}

/// An object with its fields in order, and those that are there twice.
struct Fields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Object)
    }
}
