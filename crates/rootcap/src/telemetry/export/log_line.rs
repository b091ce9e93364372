//! [`LogLine`]: a line of the log on its way out, and the record it becomes.
//!
//! The path of a call does not build records: it hands over the line, as JSON, and the exporter reads it. What leaves
//! has then the same keys as the log, by construction.

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value},
    logs::v1::{LogRecord, SeverityNumber},
};
use rootcap_layers::access_log::Output;
use serde_json::{Map, Number, Value};

use super::{
    queue::{Queue, Weigh},
    thread, timestamp,
};

/// A line of the log, as JSON.
#[derive(Debug)]
pub(crate) struct LogLine(Box<[u8]>);

impl Weigh for LogLine {
    fn weight(&self) -> usize {
        // The record of many short fields is larger than its line.
        2 * self.0.len() + size_of::<LogRecord>()
    }
}

impl Output for Queue<LogLine> {
    fn write(&self, line: &[u8]) {
        // What is said about exports would have to be exported.
        if !thread::is_exporter() {
            self.push(LogLine(line.into()));
        }
    }
}

impl LogLine {
    /// `None` for what is no line of the log.
    pub(super) fn to_record(&self) -> Option<LogRecord> {
        let mut line: Map<String, Value> = serde_json::from_slice(&self.0).ok()?;
        let text = |line: &mut Map<String, Value>, key| match line.remove(key) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        let level = text(&mut line, "level");
        let time = timestamp::nanos(&text(&mut line, "timestamp")).unwrap_or_default();
        Some(LogRecord {
            time_unix_nano: time,
            observed_time_unix_nano: time,
            severity_number: severity(&level) as i32,
            body: Some(value(Value::String(text(&mut line, "message")))),
            trace_id: id(&mut line, "trace_id", 16),
            span_id: id(&mut line, "span_id", 8),
            severity_text: level,
            attributes: line.into_iter().map(|(key, field)| attribute(key, field)).collect(),
            ..LogRecord::default()
        })
    }
}

fn severity(level: &str) -> SeverityNumber {
    match level {
        "ERROR" => SeverityNumber::Error,
        "WARN" => SeverityNumber::Warn,
        "INFO" => SeverityNumber::Info,
        "DEBUG" => SeverityNumber::Debug,
        "TRACE" => SeverityNumber::Trace,
        _ => SeverityNumber::Unspecified,
    }
}

/// Takes an id out of the line, where it is one: a handler may log anything under this name.
fn id(line: &mut Map<String, Value>, key: &str, bytes: usize) -> Vec<u8> {
    let Some(Value::String(digits)) = line.get(key) else { return Vec::new() };
    let id = match u128::from_str_radix(digits, 16) {
        Ok(id) if digits.len() == 2 * bytes => id.to_be_bytes()[16 - bytes..].to_vec(),
        _ => return Vec::new(),
    };
    line.remove(key);
    id
}

fn attribute(key: String, field: Value) -> KeyValue {
    KeyValue { key, value: Some(value(field)), ..KeyValue::default() }
}

/// Lines have no lists and no nested objects.
fn value(field: Value) -> AnyValue {
    let value = match field {
        Value::Bool(value) => Some(any_value::Value::BoolValue(value)),
        Value::Number(number) => Some(of_number(&number)),
        Value::String(text) => Some(any_value::Value::StringValue(text)),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    AnyValue { value }
}

fn of_number(number: &Number) -> any_value::Value {
    match number.as_i64() {
        Some(whole) => any_value::Value::IntValue(whole),
        None => any_value::Value::DoubleValue(number.as_f64().unwrap_or(f64::NAN)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_line_becomes_a_record_with_the_same_keys() {
        let line = br#"{"timestamp":"2026-11-20T14:51:03.848246Z","level":"WARN","message":"finished call","request_id":"r","trace_id":"cd3a9f877a2c49abef9e619ac5b20d7e","span_id":"31699bcfb181aace","grpc.time_ms":0.372,"grpc.recv_msgs":1,"big":18446744073709551615,"yes":true}"#;
        let record = LogLine(Box::from(&line[..])).to_record().unwrap();
        assert_eq!(record.time_unix_nano, 1_795_186_263_848_246_000);
        assert_eq!((record.severity_number, &*record.severity_text), (13, "WARN"));
        assert_eq!(record.body, Some(value("finished call".into())));
        assert_eq!(record.trace_id[..2], [0xcd, 0x3a]);
        assert_eq!(record.span_id, 0x3169_9bcf_b181_aace_u64.to_be_bytes());
        let expected = [
            ("big", any_value::Value::DoubleValue(18_446_744_073_709_551_615.0)),
            ("grpc.recv_msgs", any_value::Value::IntValue(1)),
            ("grpc.time_ms", any_value::Value::DoubleValue(0.372)),
            ("request_id", any_value::Value::StringValue("r".into())),
            ("yes", any_value::Value::BoolValue(true)),
        ];
        let mut attributes: Vec<_> = record
            .attributes
            .into_iter()
            .map(|attribute| (attribute.key, attribute.value.unwrap().value.unwrap()))
            .collect();
        attributes.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(attributes, expected.map(|(key, value)| (key.to_owned(), value)));
    }

    #[test]
    fn what_only_looks_like_an_id_stays_a_field() {
        let line =
            br#"{"level":"LOUD","trace_id":"+0000000000000000000000000000001","span_id":"zz"}"#;
        let record = LogLine(Box::from(&line[..])).to_record().unwrap();
        assert_eq!(record.severity_number, 0);
        assert!(record.span_id.is_empty());
        assert!(record.attributes.iter().any(|attribute| attribute.key == "span_id"));
        assert!(LogLine(Box::from(&b"no JSON"[..])).to_record().is_none());
    }
}
